"""A run in one file, to be opened where its database is not. The format has a number; what a newer version wrote is refused."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from hitl_middleware.notebook.errors import BundleNewer, NotABundle
from hitl_middleware.notebook.facts import Facts

FORMAT: Final = "hitl-run"
VERSION: Final = 1
MOST_BYTES: Final = 200_000_000
"""Of a bundle that is opened. Five hundred states with long messages stay below a quarter of it."""

_FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)


def dump(facts: Facts) -> str:
    """The text of a bundle. What policies hide is not in ``facts``, so it is not in here."""
    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "by": _own_version(),
            "run": _FACTS.dump_python(facts, mode="json"),
        },
        ensure_ascii=False,
        indent=1,
    )


def save(facts: Facts, path: Path) -> Path:
    """Write it, whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(dump(facts), encoding="utf-8")
    return beside.replace(path)


def load(path: Path) -> Facts:
    """Read it. Raises ``NotABundle`` with what is wrong, ``BundleNewer``."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise NotABundle(path=path, why=f"it is larger than {MOST_BYTES:,} bytes")
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotABundle(path=path, why=error.strerror or "it cannot be read") from None
    except (ValueError, RecursionError):
        raise NotABundle(path=path, why="it is not JSON") from None
    if (
        not isinstance(found, dict)
        or found.get("format") != FORMAT
        or not isinstance(found.get("version"), int)
    ):
        raise NotABundle(path=path, why=f'it does not say "format": "{FORMAT}" and a version')
    if found["version"] > VERSION:
        raise BundleNewer(
            path=path, theirs=found["version"], by=found.get("by", "a newer version"), ours=VERSION
        )
    try:
        return _FACTS.validate_python(found.get("run"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotABundle(path=path, why=f"run.{where}: {first['msg']}") from None


def _own_version() -> str:
    try:
        return version("hitl-middleware")
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"
