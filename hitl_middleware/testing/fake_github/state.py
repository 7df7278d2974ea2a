"""All that is on this GitHub, and all that happened. In memory, for many threads."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hitl_middleware.testing.fake_github.faults import Script
from hitl_middleware.testing.fake_github.postoffice import PostOffice
from hitl_middleware.testing.fake_github.records import (
    Account,
    App,
    Comment,
    CustomRole,
    GitObject,
    Hook,
    Installation,
    Issue,
    IssueEvent,
    Pull,
    Reaction,
    Repository,
    Review,
    Status,
    Team,
    Token,
)
from hitl_middleware.testing.fake_github.signing_in import OAuth
from hitl_middleware.testing.fake_github.traffic import Call, Delivery, Reply
from hitl_middleware.testing.watched import Watched


@dataclass(slots=True)
class World:
    """What stays when the process goes. Names are keys in lower case; `acme/shop#12` is an issue's and a pull request's."""

    numbered: int = 0
    webhook_secret: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)
    custom_roles: dict[str, list[CustomRole]] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    former_names: dict[str, int] = field(
        default_factory=dict
    )  # ids of repositories, by names they had before
    teams: dict[str, Team] = field(default_factory=dict)
    issues: dict[str, Issue] = field(default_factory=dict)
    deleted_issues: list[str] = field(default_factory=list)
    transferred: dict[str, str] = field(default_factory=dict)  # where issues are now, by where they were
    events: list[IssueEvent] = field(default_factory=list)
    comments: dict[int, Comment] = field(default_factory=dict)
    reactions: dict[int, Reaction] = field(default_factory=dict)
    pulls: dict[str, Pull] = field(default_factory=dict)
    reviews: dict[int, Review] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    objects: dict[str, GitObject] = field(default_factory=dict)
    refs: dict[str, dict[str, str]] = field(default_factory=dict)  # by repository: "refs/heads/main" → sha
    hooks: dict[int, Hook] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)


@dataclass(slots=True)
class Budget:
    """How many requests a token may make until `reset`."""

    limit: int
    reset: int
    used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Whoever does something: a login, and the app that they do it with, if any."""

    login: str
    app: int | None = None


class Hub(Watched):
    """The world, its clock, its traffic."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.now = now
        self.world = World()
        self.web = ""  # where people look
        self.api = ""  # where programs ask
        self.script = Script()
        self.down = False
        self.calls: list[Call] = []
        self.deliveries: list[Delivery] = []
        self.replies: list[Reply] = []
        self.deleted: list[Comment] = []
        self.budgets: dict[str, Budget] = {}
        self.post = PostOffice()
        self.oauth = OAuth()
        self.worked_out: dict[
            str, tuple[str, str]
        ] = {}  # the head and base whose merge was tried, by pull request
        self._made: list[list[Delivery]] = []

    # -------------------------------------------------------------------------------------------------------- changing

    @contextlib.contextmanager
    def doing(self) -> Iterator[list[Delivery]]:
        """`changing`, and the deliveries that what is done inside gives rise to. They are still to be sent."""
        with self.changing():
            made: list[Delivery] = []
            self._made.append(made)
            try:
                yield made
            finally:
                self._made.pop()

    def made(self, delivery: Delivery) -> None:
        """Hand a delivery to whoever is `doing`."""
        self.deliveries.append(delivery)
        self._made[-1].append(delivery)

    def _listed(self) -> Mapping[str, Sequence[str]]:
        world = self.world
        return {
            "issues": [f"{each.url} ({each.state}): {each.title!r}" for each in world.issues.values()],
            "comments": [
                f"{each.id} on {each.repository}#{each.number} by {each.user}: {each.body[:200]!r}"
                for each in world.comments.values()
            ],
            "last calls": [str(each) for each in self.calls[-20:]],
            "last deliveries": [
                f"{each.event} {each.action} to {each.url}" for each in self.deliveries[-10:]
            ],
            "last replies": [f"{each.status} {each.trouble}" for each in self.replies[-10:]],
        }

    # ------------------------------------------------------------------------------------------------- numbers and times

    def new_id(self) -> int:
        """A number that is larger than any before: GitHub's ids tell the order in which things came to be."""
        with self._changed:
            self.world.numbered += 1
            return 2_000_000_000 + self.world.numbered

    def seconds(self) -> int:
        """The time as GitHub keeps it."""
        return int(self.now())

    @staticmethod
    def node(kind: str, number: int) -> str:
        """The name that GraphQL would have for a thing."""
        return f"{kind}_kwDO{number:x}"

    @staticmethod
    def new_secret(prefix: str, size: int = 18) -> str:
        """A credential that looks like GitHub's."""
        return prefix + secrets.token_hex(size)


def stamp(seconds: float | None) -> str | None:
    """A time as GitHub writes it."""
    if seconds is None:
        return None
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
