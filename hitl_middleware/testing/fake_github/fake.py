"""`FakeGitHub`: the service, its server and its people in one object."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hitl_middleware.testing.fake_github.coding import Coding
from hitl_middleware.testing.fake_github.delivering import ANSWER_SECONDS
from hitl_middleware.testing.fake_github.faults import Fault
from hitl_middleware.testing.fake_github.forging import Forging
from hitl_middleware.testing.fake_github.keeping import keep
from hitl_middleware.testing.fake_github.limits import budget
from hitl_middleware.testing.fake_github.server import API, create_app
from hitl_middleware.testing.fake_github.signing_in import SigningIn
from hitl_middleware.testing.fake_github.state import Hub
from hitl_middleware.testing.fake_github.watching import Watching
from hitl_middleware.testing.loopback import Loopback

SCOPES: Final = ("repo", "admin:repo_hook", "read:org")


def _utc() -> float:
    return dt.datetime.now(dt.UTC).timestamp()  # noqa: TID251  # only where nobody injects a clock


class FakeGitHub(Coding, Forging, SigningIn, Watching):
    """A GitHub with one machine user, `bot_login`, whose classic token `token` may do everything in every repository.

    `now` gives the time in seconds since 1970. `give_up_after`: how many real seconds a delivery waits for the app.
    `kept_in`: a file in which all there is is kept; a fake made on the same file goes on from there, with the same secrets.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = _utc,
        bot_login: str = "hitl-bot",
        scopes: Sequence[str] = SCOPES,
        webhook_secret: str | None = None,
        port: int = 0,
        give_up_after: float = ANSWER_SECONDS,
        kept_in: Path | None = None,
    ) -> None:
        super().__init__(Hub(now), give_up_after=give_up_after)
        if kept_in is not None:
            keep(self._hub, kept_in)
        world = self._hub.world
        self.bot_login = bot_login
        self.webhook_secret = webhook_secret or world.webhook_secret or self._hub.new_secret("")
        world.webhook_secret = self.webhook_secret
        self.person(bot_login, permission="admin")
        known = (
            each.value for each in world.tokens.values() if each.login == bot_login and each.kind == "classic"
        )
        self.token = next(known, None) or self.add_token(bot_login, scopes=scopes)
        self._server = Loopback(create_app(self._hub, self._courier.take), port=port)
        self._hub.web = self._server.url
        self._hub.api = self._server.url + API

    # ------------------------------------------------------------------------------------------------------- lifecycle

    def start(self) -> Self:
        """Answer requests from now on."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop answering; requests that hang are dropped, deliveries under way come to their end."""
        self._server.stop()
        self._courier.stop()
        self._client.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ----------------------------------------------------------------------------------------- what the app has to know

    @property
    def url(self) -> str:
        """The API's base address, for `GITHUB_API_URL` or PyGithub's `base_url`."""
        return self._hub.api

    @property
    def web_url(self) -> str:
        """Where people look: `{web_url}/acme/shop/issues/12` is the page of an issue."""
        return self._hub.web

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which an app talks to this GitHub as `bot_login`."""
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_TOKEN": self.token,
            "GITHUB_WEBHOOK_SECRET": self.webhook_secret,
        }

    # ------------------------------------------------------------------------------------------------------------ faults

    def fail(self, method: str, path: str, *faults: Fault, times: int = 1) -> None:
        """Let the next calls suffer these faults: `fail("POST", "*/issues/12/comments", LostReply())`.

        `path` begins behind `url`; `*` in it stands for any text, `*` as a method for any. Each fault hits `times` calls, then the
        next one its own; after that all is well again.
        """
        with self._hub.changing():
            for fault in faults:
                self._hub.script.add(method, path, fault, times)

    @property
    def faults(self) -> list[tuple[str, str, Fault]]:
        """The scripted faults that no call has met yet."""
        return self._hub.read(lambda: self._hub.script.left)

    def recover(self) -> None:
        """Forget the faults that no call has met yet, and be reachable."""
        with self._hub.changing():
            self._hub.script.clear()
            self._hub.down = False

    def go_down(self) -> None:
        """Close every connection without a byte, and do nothing, until `recover`."""
        with self._hub.changing():
            self._hub.down = True

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        """Down inside the block."""
        self.go_down()
        try:
            yield
        finally:
            with self._hub.changing():
                self._hub.down = False

    def limit_requests(self, remaining: int, *, token: str | None = None) -> int:
        """Leave a token (by default `token`) that many requests until its hour is over; when that is, in seconds since 1970."""
        with self._hub.changing():
            found = budget(self._hub, self._hub.world.tokens[token or self.token])
            found.used = max(0, found.limit - remaining)
            return found.reset
