"""What every command needs: the process's Hitl, who is deciding, and errors as one sentence with exit code 2."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

from hitl_middleware.errors import HitlError
from hitl_middleware.ids import ID_FORM

if TYPE_CHECKING:
    from hitl_middleware.hitl import Hitl

P = ParamSpec("P")
T = TypeVar("T")

USAGE = 2
"""Exit code of every "no": unknown name, refused answer, wrong set-up."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
As = Annotated[
    str | None, typer.Option("--as", help="Decide as this person, e.g. slack:U024BE7LH.", metavar="WHO")
]
Limit = Annotated[int, typer.Option(min=1, max=500)]


def _an_id(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(ID_FORM, value):
        fail("--cursor: it is what the page before gives as next, with --json")
    return value


Cursor = Annotated[
    str | None,
    typer.Option(help="Where the page before ended (its --json says next).", callback=_an_id),
]


def fail(sentence: str) -> NoReturn:
    """Say why on stderr, and end."""
    from hitl_middleware.display import visible

    typer.echo(visible(sentence), err=True)  # it may repeat what somebody else wrote
    raise typer.Exit(USAGE)


def speaks(command: Callable[P, T]) -> Callable[P, T]:
    """Turn our errors into their sentence and exit code 2. Anything else is a bug and keeps its traceback."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except HitlError as error:
            fail(str(error))
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("hitl_"):
                raise
            fail(f"{error.name} is not installed. Install: pip install 'hitl-middleware[all]'")
        except ValueError as error:
            fail(_misfit(error))

    return told


def _misfit(error: ValueError) -> str:
    """What pydantic minds, as ``field: why``; any other ``ValueError`` is a bug."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        raise error
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    why = first["msg"].removeprefix("Value error, ")
    return f"{where}: {why}" if where else why


@contextmanager
def opened() -> Iterator[Hitl]:
    """The Hitl of the environment, closed afterwards. Nothing runs in the background."""
    from hitl_middleware.hitl import Hitl
    from hitl_server.logs import configure_logs

    configure_logs()  # to stderr: stdout is the answer
    hitl = Hitl.from_env()
    try:
        yield hitl
    finally:
        hitl.stop()


def ask(hitl: Hitl, do: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
    """Run something on the store's loop and wait."""
    return hitl.portal.call(do, *args, **kwargs)


def local_identity() -> str:
    """Whoever sits here."""
    from hitl_middleware import people

    return people.local_identity()


def voucher(as_: str | None) -> str | None:
    """Who says that the decision is somebody else's; the audit names both."""
    from hitl_middleware.people import login

    return f"cli:{login()}" if as_ else None
