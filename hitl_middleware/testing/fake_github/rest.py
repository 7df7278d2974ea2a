"""The REST API's frame: which routes there are, who asks, what they may, and how lists are cut into pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlencode

from hitl_middleware.testing.fake_github import access, fields, moving
from hitl_middleware.testing.fake_github.records import Account, Repository, Token
from hitl_middleware.testing.fake_github.refusals import Refusal, not_found
from hitl_middleware.testing.fake_github.state import Hub, Who

PER_PAGE: Final = 30
MOST_PER_PAGE: Final = 100

Json = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """What a handler answers: a JSON body (None: no body at all) and further headers."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Asking:
    """One request: what was asked, and by whom."""

    hub: Hub
    method: str
    address: str  # behind the API's base address, as it came: quoted, without the query
    query: Mapping[str, str]
    body: Any
    token: Token | None
    app: int | None = None  # where a JSON web token of an app came
    route: Route | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    accept: str = ""

    @property
    def who(self) -> Who:
        """The account that asks."""
        if self.token is None:
            raise Refusal(401, "Requires authentication")
        installed = self.hub.world.installations.get(self.token.installation or 0)
        return Who(login=self.token.login, app=installed.app if installed else None)

    @property
    def account(self) -> Account:
        """The account that asks, for what only people and machine users have."""
        found = self.hub.world.accounts[self.who.login.lower()]
        if self.who.app is not None:
            raise Refusal(403, "Resource not accessible by integration")
        return found

    def number(self, name: str) -> int:
        """A number in the path; what is none does not exist."""
        text = self.path[name]
        return int(text) if text.isdecimal() and len(text) < 19 else not_found()

    def repository(self) -> Repository:
        """The repository in the path, once its visibility and the route's rights are checked."""
        name = f"{self.path['owner']}/{self.path['repo']}"
        found = self.hub.world.repositories.get(name.lower())
        if found is None:
            there = moving.former(self.hub, name)
            if there is None:
                not_found()
            access.check_visible(self.hub, self.token, there)
            raise moving.sent_on(self.hub, there, self.method, self.address, self.query)
        route = self.route
        if route is None:
            access.check_visible(self.hub, self.token, found)
        else:
            access.check_may(self.hub, self.token, found, route.needs, route.role)
        return found

    def read(self, required: Iterable[str] = (), **known: str) -> Json:
        """The fields of the body (`fields.read`)."""
        return fields.read(self.body, known, required)

    def has_role(self, repository: Repository, least: str) -> bool:
        """Whether the one who asks has this role there; an installation has every role that its permissions stand for."""
        return self.who.app is not None or access.has_role(self.hub, repository, self.who.login, least)

    def page(self, items: Sequence[Any], shape: Callable[[Any], Any], **envelope: Any) -> Answer:
        """One page of a list, with links to the others; `envelope` makes it an object with the items under `items_under`."""
        size = min(self._whole("per_page", PER_PAGE), MOST_PER_PAGE)
        number = self._whole("page", 1)
        last = max(1, -(-len(items) // size))
        links: dict[str, int] = {}
        if number > 1:
            links |= {"prev": min(number - 1, last), "first": 1}
        if number < last:
            links |= {"next": number + 1, "last": last}
        shown = [shape(each) for each in items[(number - 1) * size : number * size]]
        address = f"{self.hub.api}{self.address}"
        link = ", ".join(
            f'<{address}?{urlencode({**self.query, "page": page})}>; rel="{rel}"'
            for rel, page in links.items()
        )
        body: Any = shown
        if envelope:
            body = {"total_count": len(items), envelope.pop("items_under"): shown, **envelope}
        return Answer(body, headers={"Link": link} if link else {})

    def _whole(self, name: str, default: int) -> int:
        """A whole number from 1 on; GitHub ignores what is none."""
        text = self.query.get(name, "")
        return int(text) if text.isdecimal() and 0 < int(text) < 10**9 else default


Handler = Callable[[Asking], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One route: what it needs of a token ("issues:write|pull_requests:write") and of its owner's role, and what it does."""

    method: str
    pattern: str
    needs: str
    role: str
    whose: str  # "token", "app" (a JSON web token) or "anybody"
    handler: Handler
    regex: re.Pattern[str]


ROUTES: Final[list[Route]] = []


def route(
    method: str, pattern: str, *, needs: str = "metadata:read", role: str = "read", whose: str = "token"
) -> Callable[[Handler], Handler]:
    """Register a handler. `{name}` in a pattern is one segment, `{name*}` is the rest."""

    def register(handler: Handler) -> Handler:
        spelled = "".join(_spelled(part) for part in re.split(r"(\{\w+\*?\})", pattern))
        ROUTES.append(Route(method, pattern, needs, role, whose, handler, re.compile(spelled)))
        # What is spelled out comes before what is open.
        ROUTES.sort(key=lambda each: (each.pattern.count("*"), each.pattern.count("{")))
        return handler

    return register


def _spelled(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part.strip("{*}")
    return f"(?P<{name}>.+)" if part.endswith("*}") else f"(?P<{name}>[^/]+)"


def perform(asking: Asking) -> Answer:
    """Do what was asked, or raise `Refusal`."""
    address = moving.by_name(asking.hub, asking.address)
    for each in ROUTES:
        if each.method == asking.method and (found := each.regex.fullmatch(address)):
            asking.route = each
            asking.path = {name: unquote(part) for name, part in found.groupdict().items()}
            if each.whose == "app" and asking.app is None:
                raise Refusal(401, "A JSON web token could not be decoded")
            if each.whose == "token" and asking.app is not None:
                raise Refusal(403, "Resource not accessible by integration")
            answer = each.handler(asking)
            return answer if isinstance(answer, Answer) else Answer(answer)
    return not_found()
