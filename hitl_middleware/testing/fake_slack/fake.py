"""`FakeSlack`: the workspace, its server and its people in one object."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hitl_middleware.testing.fake_slack.errors import CannotHappen
from hitl_middleware.testing.fake_slack.faults import Fault
from hitl_middleware.testing.fake_slack.forging import Forging
from hitl_middleware.testing.fake_slack.keeping import keep
from hitl_middleware.testing.fake_slack.people import People
from hitl_middleware.testing.fake_slack.records import (
    Channel,
    Installation,
    Message,
    User,
    UserGroup,
)
from hitl_middleware.testing.fake_slack.server import create_app
from hitl_middleware.testing.fake_slack.signing_in import SigningIn
from hitl_middleware.testing.fake_slack.sockets import Sockets
from hitl_middleware.testing.fake_slack.state import Workspace
from hitl_middleware.testing.fake_slack.watching import Watching
from hitl_middleware.testing.loopback import Loopback

SCOPES: Final = frozenset(
    {
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "reactions:read",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)


def _utc() -> float:
    return dt.datetime.now(dt.UTC).timestamp()  # noqa: TID251  # only where nobody injects a clock


class FakeSlack(People, Forging, SigningIn, Watching):
    """A Slack workspace with one app installed, as strict as the real one.

    `now` gives the time in seconds since 1970: for time stamps, triggers, response_urls and signatures.
    `give_up_after`: how long a delivery waits for the app before it raises `httpx.TimeoutException`.
    `kept_in`: a file in which people, conversations and messages are kept; a fake made on the same file goes on from there.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = _utc,
        scopes: Iterable[str] = SCOPES,
        bot_token: str | None = None,
        signing_secret: str | None = None,
        team_name: str = "Fake Workspace",
        port: int = 0,
        give_up_after: float = 30.0,
        kept_in: Path | None = None,
    ) -> None:
        app = Installation(
            bot_token=bot_token or f"xoxb-fake-{secrets.token_hex(12)}",
            signing_secret=signing_secret or secrets.token_hex(16),
            app_token=f"xapp-1-fake-{secrets.token_hex(12)}",
            scopes=frozenset(scopes),
            team_name=team_name,
        )
        super().__init__(Workspace(app, now), give_up_after=give_up_after)
        if kept_in is not None:
            keep(self._workspace, kept_in)
        self.add_user(app.bot_user_id, name=app.bot_name, is_bot=True)
        self._server = Loopback(create_app(self._workspace), port=port)
        self.base_url = self._workspace.base_url = self._server.url

    # ------------------------------------------------------------------------------------------------------- lifecycle

    def start(self) -> Self:
        """Answer requests from now on."""
        self._server.start()
        return self

    def close(self) -> None:
        """Stop answering; requests that hang are dropped."""
        self._server.stop()
        self._client.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ----------------------------------------------------------------------------------------- what the app has to know

    @property
    def url(self) -> str:
        """The Web API's base address, for `SLACK_API_URL` or an SDK's `base_url`."""
        return f"{self.base_url}/api/"

    @property
    def app(self) -> Installation:
        """The ids, names, secrets and scopes of the installed app."""
        return self._workspace.app

    @property
    def bot_token(self) -> str:
        """The one token that is right."""
        return self.app.bot_token

    @property
    def signing_secret(self) -> str:
        """What deliveries are signed with."""
        return self.app.signing_secret

    @property
    def app_token(self) -> str:
        """The app-level token, which opens connections and nothing else."""
        return self.app.app_token

    @property
    def sockets(self) -> Sockets:
        """The app's connections in Socket Mode: how many there are, refreshing and cutting them."""
        return self._workspace.sockets

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which an app talks to this workspace."""
        by_socket, by_http = (
            {"SLACK_APP_TOKEN": self.app_token},
            {"SLACK_SIGNING_SECRET": self.signing_secret},
        )
        way_in = by_socket if self.sockets.on else by_http
        return {"SLACK_API_URL": self.url, "SLACK_BOT_TOKEN": self.bot_token, **way_in}

    def use_socket_mode(self) -> Self:
        """Deliver over the WebSockets that the app opens with its app-level token, and no more to a request URL."""
        self.sockets.on = True
        return self

    def connect(self, url: str) -> None:
        """Tell Slack the app's request URL: interactions, events and commands all go there, over plain HTTP."""
        if not url.startswith("http://"):
            msg = f"This Slack delivers to http:// addresses only, not to {url!r}."
            raise CannotHappen(msg)
        self.request_url = url

    # ------------------------------------------------------------------------------------------------ who and what is

    def add_user(
        self,
        user_id: str,
        *,
        name: str,
        real_name: str = "",
        email: str = "",
        is_bot: bool = False,
        deleted: bool = False,
    ) -> User:
        """Add a person, or change one; `name` is what mentions show."""
        user = User(
            id=user_id,
            name=name,
            real_name=real_name or name.title(),
            email=email or f"{name}@example.com",
            is_bot=is_bot,
            deleted=deleted,
        )
        return self._workspace.add_user(user)

    def add_channel(
        self,
        channel_id: str,
        name: str,
        *,
        private: bool = False,
        archived: bool = False,
        bot_is_member: bool = True,
        members: Iterable[str] | None = None,
    ) -> Channel:
        """Add a channel, or change one; without `members` everybody is in it."""
        channel = Channel(
            id=channel_id,
            name=name,
            kind="group" if private else "channel",
            archived=archived,
            bot_is_member=bot_is_member,
            members=None if members is None else frozenset(members),
        )
        return self._workspace.add_channel(channel)

    def add_usergroup(self, usergroup_id: str, handle: str, *, users: Iterable[str]) -> UserGroup:
        """Add a user group, or change one."""
        return self._workspace.add_usergroup(UserGroup(id=usergroup_id, handle=handle, users=tuple(users)))

    def post_as(self, user: str, channel: str, text: str, *, thread_ts: str | None = None) -> Message:
        """A message that stands there without the app having heard of it; `say` tells the app."""
        self._channel(channel, self._person(user))
        return self._workspace.post(channel, text, user=user, thread_ts=thread_ts)

    def remove(self, message: Message | tuple[str, str]) -> None:
        """Take a message away behind the app's back, as an administrator can."""
        with self._workspace.changing():
            self._workspace.delete(self._message(message))

    # ------------------------------------------------------------------------------------------------------------ faults

    def fail(self, method: str, *faults: Fault, times: int = 1) -> None:
        """Let the next calls of a method (`*`: any; `response_url`: answers to interactions) suffer these faults.

        Each fault hits `times` calls, then the next one its own; after that all is well again.
        """
        with self._workspace.changing():
            for fault in faults:
                self._workspace.script.add(method, fault, times)

    def limit_posts(self, at_once: int = 25) -> None:
        """Take so many messages in a channel at once and then one a second, as Slack does; the others are `ratelimited`, for a second.

        docs.slack.dev, "Rate limits"; how many at once, its users have measured (RamblingCookieMonster/PSSlack, issue 52).
        """
        with self._workspace.changing():
            self._workspace.posts_at_once = at_once

    @property
    def faults(self) -> list[tuple[str, Fault]]:
        """The scripted faults that no call has met yet."""
        return self._workspace.read(lambda: self._workspace.script.left)

    def recover(self) -> None:
        """Forget the faults that no call has met yet."""
        with self._workspace.changing():
            self._workspace.script.clear()
