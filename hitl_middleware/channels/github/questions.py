"""Questions to GitHub whose "no" is an answer, too: for looking whether all is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.rest import Answer, ask
from hitl_middleware.errors import DeliveryFailed

if TYPE_CHECKING:
    from github.Requester import Requester


@dataclass(frozen=True, slots=True)
class Refusal:
    """GitHub said no, and not for a moment only."""

    status: int
    says: str


async def got(clients: GitHubClients, place: str, path: str) -> Answer | Refusal:
    """What GitHub answers to a GET. Raises ``DeliveryFailed`` where it could not be asked, or asks us to wait."""
    return await put(clients, place, "GET", path)


async def put(
    clients: GitHubClients, place: str, verb: str, path: str, body: Mapping[str, Any] | None = None
) -> Answer | Refusal:
    """The same for any request."""
    return await clients.call(place, _asking(clients, verb, path, body))


async def of_app(
    clients: GitHubClients, verb: str, path: str, body: Mapping[str, Any] | None = None
) -> Answer | Refusal:
    """The same, asked by the App itself."""
    return await clients.call_as_app(_asking(clients, verb, path, body))


def sentence(error: DeliveryFailed) -> str:
    """Why it failed, as a sentence."""
    reason = str(error.facts["reason"])
    return f"{reason[:1].upper()}{reason[1:]}."


def _asking(
    clients: GitHubClients, verb: str, path: str, body: Mapping[str, Any] | None
) -> Callable[[Requester], Answer | Refusal]:
    def work(requester: Requester) -> Answer | Refusal:
        try:
            return ask(requester, verb, path, body=body)
        except Exception as error:
            status, failure = getattr(error, "status", None), clients.failure(error)
            if status in {401, 403, 404, 410, 422} and failure.retry_after is None:
                return Refusal(status, sentence(failure))
            raise

    return work
