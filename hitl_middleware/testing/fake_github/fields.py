"""The body of a request, read as GitHub reads it: an object with fields of known names and types, or a refusal naming the mistake."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from hitl_middleware.testing.fake_github.refusals import Refusal, malformed

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "array": (list,),
    "object": (dict,),
}


def parse(content: bytes) -> Any:
    """The JSON of a body, None for an empty one; 400 for anything else."""
    if not content.strip():
        return None
    try:
        found = json.loads(content)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no character
        return found
    except (ValueError, RecursionError):
        raise Refusal(400, "Problems parsing JSON") from None


def read(body: Any, known: Mapping[str, str], required: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of a body. `known`: types by name, "?" for one that may be null, "strings" for a list of texts, "any"."""
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise Refusal(400, "Body should be a JSON object")
    for name in required:
        if name not in body:
            malformed(f'"{name}" wasn\'t supplied.')
    for name, value in body.items():
        if name not in known:
            malformed(f'"{name}" is not a permitted key.')
        _check(name, value, known[name])
    return body


def _check(name: str, value: Any, kind: str) -> None:
    if kind == "any" or (value is None and kind.endswith("?")):
        return
    kind = kind.rstrip("?")
    shown = json.dumps(value)[:100]
    if value is None:
        malformed(f"For 'properties/{name}', nil is not {_a(kind)}.")
    if kind == "strings":
        _check(name, value, "array")
        for index, each in enumerate(value):
            if not isinstance(each, str):
                malformed(f"For 'items/{index}', {json.dumps(each)[:100]} is not a string.")
        return
    if not isinstance(value, _TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
        malformed(f"For 'properties/{name}', {shown} is not {_a(kind)}.")


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"
