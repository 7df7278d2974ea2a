"""``langgraph.json``: which graphs there are. LangGraph's own manifest; of it only ``graphs`` is read."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from hitl_middleware.errors import ConfigurationError, HitlError
from hitl_middleware.settings import unreadable

EXAMPLES: Mapping[str, str] = {
    "support": "hitl_graphs.support:graph",
    "human-approval": "hitl_graphs.human_approval:graph",
    "sdlc-standard": "hitl_graphs.delivery:sdlc_standard",
    "sdlc-bugfix": "hitl_graphs.delivery:sdlc_bugfix",
    "sdlc-feature": "hitl_graphs.delivery:sdlc_feature",
    "coding-pipeline": "hitl_graphs.delivery:coding_pipeline",
    "coding-pipeline-internal": "hitl_graphs.delivery:coding_pipeline_internal",
}
"""What is served where there is no manifest: the shipped examples, so that a first look needs no file."""


@dataclass(frozen=True, slots=True)
class LoadedGraph:
    """A graph and the module it came from (which may bring more, a router for example)."""

    name: str
    graph: Pregel[Any, Any, Any, Any]
    module: ModuleType


def read_manifest(path: Path) -> Mapping[str, str]:
    """Graph name → ``module:attribute`` or ``./file.py:attribute``. Raises ``ConfigurationError``."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return EXAMPLES
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(unreadable(path, error)) from None
    except ValueError as error:
        msg = f"{path}: not JSON ({error})"
        raise ConfigurationError(msg) from None
    graphs = raw.get("graphs") if isinstance(raw, dict) else None
    if not isinstance(graphs, dict):
        msg = f'{path}: "graphs" must map names to module:attribute'
        raise ConfigurationError(msg)
    return {name: _place(path, name, spec) for name, spec in graphs.items()}


def _place(path: Path, name: str, spec: Any) -> str:
    """Where a graph is; LangGraph's longer form says it under ``path``."""
    place = spec.get("path") if isinstance(spec, dict) else spec
    if not isinstance(place, str):
        msg = f'{path}: graph {name!r} must be "module:attribute", or an object with that as its "path"'
        raise ConfigurationError(msg)
    return place


def load_graph(name: str, spec: str, base: Path) -> LoadedGraph:
    """Import one graph: compiled, a builder, or a function without arguments that makes either. Raises ``ConfigurationError``."""
    place, _, attribute = spec.rpartition(":")
    if not place or not attribute:
        msg = f"graph {name!r}: {spec!r} is not module:attribute"
        raise ConfigurationError(msg)
    try:
        module = _import(place, base)
        found = getattr(module, attribute)
        if inspect.isfunction(found):
            found = found()
    except ConfigurationError as error:
        # A rule is made before its tool is known, so only here it can be said where it stands.
        msg = f"graph {name!r} ({spec}): {error}"
        raise type(error)(msg, **error.facts) from error
    except HitlError:
        raise
    except (ImportError, AttributeError, FileNotFoundError) as error:
        msg = f"graph {name!r} ({spec}) cannot be loaded: {error}"
        raise ConfigurationError(msg) from error
    except Exception as error:
        # The user's module may raise anything while it is imported; the cause keeps its place in their code.
        msg = f"graph {name!r} ({spec}) cannot be loaded: {type(error).__name__}: {error}"
        raise ConfigurationError(msg) from error
    if isinstance(found, StateGraph):
        found = found.compile()
    if not isinstance(found, Pregel):
        msg = f"graph {name!r} ({spec}) is not a graph: its type is {type(found).__name__}"
        raise ConfigurationError(msg)
    return LoadedGraph(name, found, module)


def _import(place: str, base: Path) -> ModuleType:
    if not place.endswith(".py"):
        if str(base) not in sys.path:
            sys.path.insert(0, str(base))  # as LangGraph's own server does for "dependencies": ["."]
        return importlib.import_module(place)
    path = (base / place).resolve()
    spec = importlib.util.spec_from_file_location(f"hitl_graph_{path.stem}", path)
    if spec is None or spec.loader is None or not path.exists():
        msg = f"{path} does not exist"
        raise FileNotFoundError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
