"""How GitHub says no: a status, a message, and for 422 a list of what is wrong (docs.github.com, "Troubleshooting the REST API")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

DOCUMENTATION: Final = "https://docs.github.com/rest"


class Refusal(Exception):
    """The answer to something that cannot be done."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Any] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @property
    def answer(self) -> dict[str, Any]:
        """The body of the answer."""
        errors = {"errors": list(self.errors)} if self.errors else {}
        return {
            "message": self.message,
            **errors,
            "documentation_url": DOCUMENTATION,
            "status": str(self.status),
        }

    def __str__(self) -> str:
        details = [
            str(each.get("message") or each) if isinstance(each, dict) else each for each in self.errors
        ]
        return " ".join([f"{self.status} {self.message}", *details])


def not_found() -> NoReturn:
    """404: it is not there, or not for this token; GitHub does not say which."""
    raise Refusal(404, "Not Found")


def invalid(resource: str, field: str, code: str, message: str = "") -> NoReturn:
    """422 with one error of GitHub's kinds: missing, missing_field, invalid, already_exists, unprocessable, custom."""
    error = {"resource": resource, "field": field, "code": code}
    if message:
        error["message"] = message
    raise Refusal(422, "Validation Failed", errors=[error])


def malformed(problem: str) -> NoReturn:
    """422 for a body that does not fit what the endpoint takes."""
    raise Refusal(422, f"Invalid request.\n\n{problem}")
