"""``--set NAME=VALUE``: a form filled in on the command line, with every error at its field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_middleware.cli.context import fail

if TYPE_CHECKING:
    from hitl_middleware.actions import DecisionType
    from hitl_middleware.forms import Entered, FormSpec
    from hitl_middleware.records import ReviewRequest

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="One field; may be repeated. What is not named stays.", metavar="NAME=VALUE"),
]


def filled(request: ReviewRequest, answer: DecisionType, sets: Sequence[str]) -> Any:
    """The values of the answer's form; a name of several choices may be given several times. Fails with one line per field."""
    from hitl_middleware.desk.form import form_of

    spec = form_of(request, answer)
    if spec is None:
        fail(f"--set: to {answer} this takes no form")
    found = spec.fill(_entered(spec, sets))
    if found.errors:
        fail("\n".join(f"{key}: {why}" if key else why for key, why in found.errors.items()))
    return found.value


def _entered(spec: FormSpec, sets: Sequence[str]) -> dict[str, Entered]:
    given: dict[str, list[str]] = {}
    for each in sets:
        name, equals, value = each.partition("=")
        if not equals:
            fail(f"--set: give NAME=VALUE, not {each!r}")
        given.setdefault(name, []).append(value)
    many = {field.key for field in spec.fields if field.kind == "choices"}
    if twice := [name for name, values in given.items() if name not in many and len(values) > 1]:
        fail(f"--set: {twice[0]} is given {len(given[twice[0]])} times")
    return {
        name: [value for value in values if value] if name in many else values[0]
        for name, values in given.items()
    }
