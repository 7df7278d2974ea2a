"""Sessions of browsers: a cookie that holds a random secret, and its hash in the database.

So they outlive a restart, every server of the same database knows them, and one that was ended is over everywhere at once, also for
whoever copied its cookie: a signed cookie would stay good until it ran out. No key has to be kept.

Every sign-in makes a new secret, and ends the session that the browser had: whoever knew the old one knows nothing (session fixation).
Who a session's person is and what they may is looked up at each request, so somebody taken out of ``hitl.toml`` is out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from hitl_middleware.hitl import Hitl
from hitl_middleware.ids import new_id
from hitl_middleware.ports import Session, UnitOfWork
from hitl_middleware.records import AuditEvent

TICKET_SECONDS: Final = 600.0
"""How long a one-time link is good for."""

_SECRET_BYTES: Final = 32
"""256 bits: more than the 64 that OWASP's session management cheat sheet asks for."""

_MOST_COOKIE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """How somebody came or went. ``via``: the way (``github``, ``slack``, ``link``, ``sign-out``); ``address``: from where, as the server
    sees it: behind a proxy that is the proxy's.
    """

    via: str
    address: str | None = None


SESSION_EVENTS: Final = "session."
"""What the kinds of events begin with that tell who signed in and out. They are about people, so they are for who oversees the audit."""


class Sessions:
    """Begins, finds and ends them. With a ``Passage``, the audit has it, in the same transaction: who, how, from where; never a secret."""

    def __init__(self, hitl: Hitl) -> None:
        self._hitl = hitl
        self._seconds = hitl.config.sign_in.hours * 3600

    @property
    def seconds(self) -> float:
        """How long one lasts, whatever is done in it."""
        return self._seconds

    async def begin(
        self,
        identity: str,
        name: str | None = None,
        *,
        asked: bool = False,
        passage: Passage | None = None,
        role: str | None = None,
    ) -> str:
        """A new session; the secret that its browser keeps."""
        return await self._added(
            "session", self._seconds, identity, name, asked=asked, passage=passage, role=role
        )

    async def find(self, secret: str) -> Session | None:
        """The session of this secret, unless it has ended or run out."""
        return await self._hitl.portal.run(self._found, _key("session", secret))

    async def end(self, secret: str, *, passage: Passage | None = None) -> None:
        """From now on it is nobody's."""
        await self._hitl.portal.run(self._taken, _key("session", secret), passage)

    async def ticket(self, identity: str) -> str:
        """A code that begins one session of ``identity``, once, within ``TICKET_SECONDS``."""
        return await self._added("ticket", TICKET_SECONDS, identity, None)

    async def redeem(self, code: str) -> str | None:
        """Whose ticket it is; from now on it is none."""
        found = await self._hitl.portal.run(self._taken, _key("ticket", code))
        return found.identity if found else None

    async def _added(
        self,
        kind: str,
        seconds: float,
        identity: str,
        name: str | None,
        *,
        asked: bool = False,
        passage: Passage | None = None,
        role: str | None = None,
    ) -> str:
        secret = secrets.token_urlsafe(_SECRET_BYTES)

        async def add() -> None:
            async with self._hitl.store.begin() as uow:
                now = await uow.now()
                await uow.add_session(
                    Session(
                        id=_key(kind, secret),
                        identity=identity,
                        name=name,
                        asked=asked,
                        created_at=now,
                        expires_at=now + dt.timedelta(seconds=seconds),
                    )
                )
                if passage is not None:
                    await _remember(uow, "session.begun", identity, passage, name=name, role=role)

        await self._hitl.portal.run(add)
        return secret

    async def _found(self, key: str) -> Session | None:
        async with self._hitl.store.read() as uow:
            return await uow.session(key)

    async def _taken(self, key: str, passage: Passage | None = None) -> Session | None:
        async with self._hitl.store.begin() as uow:
            ended = await uow.end_session(key)
            if ended is not None and passage is not None:
                await _remember(uow, "session.ended", ended.identity, passage, name=ended.name)
            return ended


async def _remember(uow: UnitOfWork, kind: str, identity: str, passage: Passage, **data: Any) -> None:
    facts = {**data, "from": passage.address}
    await uow.append(
        AuditEvent(
            id=new_id(),
            at=await uow.now(),
            kind=kind,
            actor=identity,
            via=passage.via,
            data={key: value for key, value in facts.items() if value is not None},
        )
    )


class Cookie:
    """Where a browser keeps a secret: out of reach of scripts, of other sites' requests and, behind TLS, of the wire.

    ``__Host-``: a browser takes it from this host alone, not from a neighbour under the same domain (RFC 6265bis, 4.1.3.2).
    """

    def __init__(self, name: str, *, secure: bool, most: int = _MOST_COOKIE) -> None:
        self.name = f"__Host-{name}" if secure else name
        self._secure = secure
        self._most = most

    def read(self, headers: Headers) -> str | None:
        """What the browser sent; ``None``: nothing, or not one of ours."""
        found: list[str] = []
        for header in headers.getlist("cookie"):
            for pair in header.split(";"):
                name, _, value = pair.strip().partition("=")
                if name == self.name:
                    found.append(value)
        # Two of one name: one of them was planted, and nobody can tell which.
        return found[0] if len(set(found)) == 1 and 0 < len(found[0]) <= self._most else None

    def give(self, response: Response, value: str, seconds: float) -> None:
        """Have the browser keep it."""
        response.set_cookie(
            self.name,
            value,
            max_age=int(seconds),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def take(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name, path="/", secure=self._secure, httponly=True, samesite="lax")


def session_cookie(hitl: Hitl) -> Cookie:
    """The one of sessions."""
    return Cookie("hitl_session", secure=behind_tls(hitl))


def behind_tls(hitl: Hitl) -> bool:
    """Whether people reach this server by https."""
    return (hitl.public_url or "").lower().startswith("https://")


def csrf_token(secret: str) -> str:
    """What a page of this session sends with a change; another origin's pages cannot read it. Says nothing about ``secret``."""
    return hmac.new(secret.encode(), b"hitl csrf", hashlib.sha256).hexdigest()


def same(given: str | None, wanted: str) -> bool:
    """Whether a token is the right one, in a time that does not tell how much of it is."""
    return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def csrf_of(request: Request) -> str:
    """The token that this caller's forms carry (field ``csrf``, or header ``X-CSRF-Token``). Empty: an API token's need none."""
    token: str = getattr(request.state, "csrf", "")
    return token


def _key(kind: str, secret: str) -> str:
    """A session's or a ticket's id. Kinds do not meet: a ticket is no session."""
    return hashlib.sha256(f"{kind}:{secret}".encode("utf-8", "replace")).hexdigest()


__all__: Sequence[str] = (
    "SESSION_EVENTS", "Cookie", "Passage", "Sessions", "behind_tls", "csrf_of", "csrf_token", "same", "session_cookie",
)  # fmt: skip
