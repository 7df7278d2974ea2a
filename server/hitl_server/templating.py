"""What holds for every page of ours, whoever draws it: no text that somebody else wrote becomes anything but text."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Undefined
from markupsafe import Markup, escape

from hitl_middleware.display import visible


def environment(folder: str, undefined: type[Undefined] = StrictUndefined) -> Environment:
    """The templates in a folder of this package."""
    made = Environment(
        loader=PackageLoader("hitl_server", folder),
        autoescape=True,
        undefined=undefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # it would look at the template's file for every card of a list
    )
    made.filters["raw"] = _raw
    return made


def _shown(value: Any) -> Any:
    """Everything a template writes comes by here: text is made visible, whoever wrote it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value


def _raw(value: str) -> Markup:
    """Text that comes back from an input as it was put there: escaped, and nothing else done to it."""
    return escape(value.encode("utf-8", "replace").decode())
