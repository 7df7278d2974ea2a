"""A policy's ``when`` as text: an expression of the Common Expression Language (CEL). Pure.

Text can stand in a file, be read by people who write no Python, and be shown to whoever is asked. CEL always ends, and does nothing but
answer: no clock, no network, no loops but over what it was given. Its home is ``cel-expr-python`` (extra ``cel``), the CEL team's own
binding of their C++ implementation.

What an expression may read:

==============  ===================================================================================================
``args``        the call's arguments, a map: ``args.amount_cents > 5000``, ``has(args.note)``
``tool``        the tool's name
``requester``   who asked for the run (``"slack:U…"``), ``""`` where that is not known
``state``       the graph's state where it is a map, of it what is JSON (no messages, no objects); ``{}`` otherwise
==============  ===================================================================================================

Bounds, so that nothing a model writes into its arguments can hold up or bring down the process: 4,000 characters of text; 32 levels of
nesting and 10,000 rounds of loops per answer (both CEL's own), regular expressions that need no backtracking (RE2), 64 levels of data.
Integers have 64 bits. Beyond any of these the rule fails, and a rule that fails asks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from hitl_middleware.actions import ActionRequest
from hitl_middleware.errors import ConfigurationError

MOST_TEXT: Final = 4_000
DEEPEST: Final = 64

_PLACE: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")


class RuleFailed(Exception):
    """An expression gave no yes or no. The message is ours: it repeats nothing of the call."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An expression that parses and may give a yes or no."""

    text: str
    _program: Any
    _reads_state: bool

    def asks(self, call: ActionRequest) -> bool:
        """What it says of a call. Raises ``RuleFailed``."""
        from cel_expr_python import cel

        data = {
            "args": _plain(call.args),
            "tool": call.name,
            "requester": call.requester or "",
            "state": _json_of(call.state) if self._reads_state else {},
        }
        try:
            answer = self._program.eval(data=data)
        except RuntimeError as error:
            raise RuleFailed(_why(str(error))) from None
        if answer.type() == cel.Type.ERROR:
            raise RuleFailed(_why(str(answer.value())))
        if answer.type() != cel.Type.BOOL:
            msg = "it gave no yes or no"
            raise RuleFailed(msg)
        return bool(answer.value())


@lru_cache(maxsize=1024)
def compiled(text: str) -> Rule:
    """The rule that ``text`` says.

    Raises ``ConfigurationError``: where it does not parse (with the place), reads a name it cannot know, could never give a yes or no,
    or where CEL is not installed.
    """
    try:
        from cel_expr_python import cel
    except ModuleNotFoundError as error:
        msg = "when: a rule in words needs CEL, which is not installed. Install: pip install 'hitl-middleware[cel]'"
        raise ConfigurationError(msg) from error
    if len(text) > MOST_TEXT:
        msg = f"when: {len(text):,} characters; a rule may have {MOST_TEXT:,}"
        raise ConfigurationError(msg)
    try:
        program = _environment().compile(text)
    except RuntimeError as error:
        raise ConfigurationError(_misread(text, str(error))) from None
    if program.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        msg = f"when: a rule says yes or no, this one gives {program.return_type().name()}: {text}"
        raise ConfigurationError(msg)
    return Rule(text, program, _reads_state=re.search(r"\bstate\b", text) is not None)


@lru_cache(maxsize=1)
def _environment() -> Any:
    from cel_expr_python import cel

    data = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    return cel.NewEnv(
        variables={"args": data, "tool": cel.Type.STRING, "requester": cel.Type.STRING, "state": data}
    )


def _misread(text: str, said: str) -> str:
    """CEL's complaint with its place, and the line it is about with a mark under it."""
    found = _PLACE.search(said)
    if found is None:
        return f"when: cannot be read: {said.split(': ', 1)[-1].splitlines()[0] if said else text}"
    why = found[3].split(" expecting {", 1)[0].removesuffix(" (in container '')")
    row, column = int(found[1]), int(found[2])
    lines = text.splitlines() or [""]
    if not 1 <= row <= len(lines):
        return f"when: {why}"
    return f"when: line {row}, column {column}: {why}\n  {lines[row - 1]}\n  {' ' * (column - 1)}^"


def _why(said: str) -> str:
    """Why a rule failed, in our words: CEL's own may repeat what a model wrote."""
    if "Key not found" in said or "NOT_FOUND" in said:
        return "it reads something that is not there"
    if "No matching overloads" in said:
        return "it compares or combines things of different types"
    if "budget" in said or "recursion" in said:
        return "it takes too long"
    if "overflow" in said or "out of range" in said or "divide" in said:
        return "its arithmetic fails"
    return "it cannot be worked out"


def _plain(value: Any, depth: int = 0) -> Any:
    """JSON as CEL takes it: dictionaries and lists, not anything that only behaves like one. Raises ``RuleFailed``."""
    if depth > DEEPEST:
        msg = "the arguments are nested too deeply"
        raise RuleFailed(msg)
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, depth + 1) for item in value]
    msg = "the arguments are no JSON"
    raise RuleFailed(msg)


def _json_of(state: Any) -> dict[str, Any]:
    """What of a graph's state is JSON."""
    found = {}
    for key, value in state.items() if isinstance(state, Mapping) else ():
        try:
            found[str(key)] = _plain(value)
        except RuleFailed:
            continue
    return found
