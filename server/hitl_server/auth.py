"""Who calls: a token's name, whoever is signed in, or – while neither is set up – whoever sits at this machine.

Pure, and refusing where in doubt.

Without tokens and sign-in the server answers loopback clients that address it by a loopback name, so a page on the web that a browser on
this machine shows can neither read it (DNS rebinding changes the name, not the ``Host``) nor write to it (wrong origin, or not JSON).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.datastructures import Headers
from starlette.requests import Request

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.people import LOCAL
from hitl_middleware.settings import ConfigFile, Settings
from hitl_server.body import ONLY_JSON, says_form, says_json
from hitl_server.inputs import IDENTITY
from hitl_server.problems import Problem
from hitl_server.sign_in.configured import configured_providers

API: Final = "api"
"""Identity of ``HITL_API_TOKEN``, and of loopback callers while no token is set."""

LOOPBACK: Final = "loopback"
"""Who vouches for a reviewer whom a loopback caller without a token names: nobody but the address."""

ANYBODY: Final = "*"

Role = Literal["viewer", "reviewer", "operator"]
"""What somebody may see and do here (``roles``)."""

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NOT_PEOPLE: Final = ("group:", "token:")
_BEARER: Final = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_IDENTITY: Final = re.compile(IDENTITY)

NO_CREDENTIALS: Final = "Send a token: Authorization: Bearer … (in a browser: sign in at /sign-in)."
NOT_KNOWN: Final = "This token is not known here."
NOT_LOOPBACK: Final = (
    "No token is set, so only this machine may ask, as localhost or a loopback address and without a proxy between. "
    "Set HITL_API_TOKEN, or sign-in with GitHub or Slack, to serve others."
)
OTHER_ORIGIN: Final = (
    "This was sent by a page of another origin; without a token only pages of this server may write."
)


@dataclass(frozen=True, slots=True)
class Token:
    """An API token: whose it is, and whom it may name as reviewer. Only its hash is kept."""

    identity: str
    sha256: bytes
    acts_for: frozenset[str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request. ``at_machine``: from a loopback address, by a loopback name, with no proxy between.

    ``role``: what pages show and offer. A token sees everything on them, as a viewer does; what it may decide over the API is for
    plans to say. ``name``: what people call them, where that is known. ``by_session``: signed in with a browser.
    """

    identity: str
    by_token: bool
    at_machine: bool
    acts_for: frozenset[str] = frozenset()
    role: Role = "viewer"
    name: str | None = None
    by_session: bool = False

    def speaks_as(self, reviewer: str | None) -> tuple[str, str | None]:
        """Under which identity an answer is given, and who vouches for it.

        Raises ``Problem``: 422 where ``reviewer`` is nobody's identity, 403 where this caller may not name them.
        """
        if reviewer is None:
            return self.identity, None
        if self.by_session:
            raise Problem(403, f"{self.identity} is signed in and answers as nobody else.")
        if reviewer.lower().startswith(LOCAL):
            why = f"{LOCAL}… is whoever sits at the machine; over HTTP nobody can be named so."
            raise Problem(403, f"The API does not decide as {reviewer}: {why}")
        if not _IDENTITY.fullmatch(reviewer) or reviewer.startswith(_NOT_PEOPLE):
            why = 'name one person as a channel knows them, e.g. "slack:U024BE7LH"'
            raise Problem(422, f"reviewer: {why}", field="reviewer")
        if not self.at_machine and not self.acts_for & {reviewer, ANYBODY}:
            place = "api_acts_for" if self.identity == API else f"acts_for of [{_table(self.identity)}]"
            raise Problem(
                403,
                f"{self.identity} may not decide as {reviewer}. {place} in hitl.toml lists whom it may name.",
            )
        return reviewer, self.identity if self.by_token else LOOPBACK


class Door:
    """Lets a request in, or says why not."""

    def __init__(self, tokens: Sequence[Token], *, sign_in: bool = False) -> None:
        self._tokens = tuple(tokens)
        self._sign_in = sign_in

    @classmethod
    def of(cls, settings: Settings, config: ConfigFile, environ: Mapping[str, str] = os.environ) -> Self:
        """From the settings.

        Raises ``ConfigurationError`` for a token whose variable is empty, or that two names share; for sign-in configured in part.
        """
        tokens: list[Token] = []
        if settings.api_token is not None:
            secret = settings.api_token.get_secret_value()
            tokens.append(Token(API, _hash("HITL_API_TOKEN", secret), frozenset(config.api_acts_for)))
        for name, listed in config.tokens.items():
            secret = environ.get(listed.token_env, "")
            if not secret:
                msg = f"[tokens.{name}] names {listed.token_env}, which is not set. Set it, or take the table out of hitl.toml."
                raise ConfigurationError(msg)
            hashed = _hash(listed.token_env, secret)
            tokens.append(Token(f"token:{name}", hashed, frozenset(listed.acts_for)))
        if len({token.sha256 for token in tokens}) < len(tokens):
            msg = "Two API tokens have the same value, so nobody could tell who calls. Give each its own."
            raise ConfigurationError(msg)
        return cls(tokens, sign_in=bool(configured_providers(config, environ)))

    @property
    def locked(self) -> bool:
        """Whether credentials are asked for."""
        return bool(self._tokens) or self._sign_in

    def admit(self, method: str, headers: Headers, client: str | None) -> Caller:
        """Who this is, by a token or by where they sit. Raises ``Problem``: 401 where credentials are asked for, else 403 or 415."""
        here = self.at_machine(headers, client)
        if self.locked:
            token = self._token(headers)
            return Caller(token.identity, by_token=True, at_machine=here, acts_for=token.acts_for)
        if method not in READS:
            if not _same_origin(headers):
                raise Problem(403, OTHER_ORIGIN)
            if not says_json(headers.get("content-type")) and not says_form(headers.get("content-type")):
                raise Problem(415, ONLY_JSON)
        return Caller(API, by_token=False, at_machine=True, role="operator")

    def at_machine(self, headers: Headers, client: str | None) -> bool:
        """Whether somebody sits at this machine. Raises ``Problem`` 403 for all others, where credentials are not asked for."""
        found = at_machine(headers, client)
        if not found and not self.locked:
            raise Problem(403, NOT_LOOPBACK)
        return found

    def _token(self, headers: Headers) -> Token:
        given = headers.getlist("authorization")
        bearer = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if bearer is None:
            raise Problem(401, NO_CREDENTIALS, headers={"WWW-Authenticate": 'Bearer realm="hitl"'})
        # Hashes have one length and every one is compared, so the time taken says nothing about any token.
        asked = hashlib.sha256(bearer[1].encode("latin-1")).digest()
        found = [token for token in self._tokens if hmac.compare_digest(token.sha256, asked)]
        if not found:
            challenge = 'Bearer realm="hitl", error="invalid_token"'
            raise Problem(401, NOT_KNOWN, headers={"WWW-Authenticate": challenge})
        return found[0]


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own and nobody else's."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def at_machine(headers: Headers, client: str | None) -> bool:
    """From a loopback address, by a loopback name, with no proxy between."""
    hosts = headers.getlist("host")
    return (
        client is not None
        and is_loopback(client)
        and len(hosts) == 1
        and is_loopback(_name_of(hosts[0]))
        and not any(name in headers for name in _FORWARDED)
    )


def _name_of(host: str) -> str:
    """A ``Host`` header without its port; empty where it has not the form of one."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:@/\\\s\[\]]+))(?::[0-9]{1,5})?", host)
    return (found[1] or found[2]) if found else ""


def _same_origin(headers: Headers) -> bool:
    origins = headers.getlist("origin")
    return not origins or [origin.lower() for origin in origins] == [f"http://{headers['host'].lower()}"]


def own_origin(headers: Headers, public_url: str | None) -> bool:
    """Whether a page of this server sent it, by any of its addresses. A browser that does not say is not believed to be elsewhere."""
    origins = [origin.lower() for origin in headers.getlist("origin")]
    if not origins:
        return True
    host = headers.get("host", "").lower()
    ours = {f"http://{host}", f"https://{host}"}
    if public_url is not None:
        parts = urlsplit(public_url.lower())
        ours.add(f"{parts.scheme}://{parts.netloc}")
    return len(origins) == 1 and origins[0] in ours


def _hash(variable: str, secret: str) -> bytes:
    if not re.fullmatch(r"\S+", secret):
        msg = f"{variable} has blanks or line ends in it, so no request could carry it."
        raise ConfigurationError(msg)
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _table(identity: str) -> str:
    return identity.replace("token:", "tokens.", 1)


async def _caller(request: Request) -> Caller:
    caller = request.state.caller
    assert isinstance(caller, Caller)  # noqa: S101 – the guard in front put it there
    return caller


Who = Annotated[Caller, Depends(_caller)]
"""A route's parameter: who calls. On a public route there is nobody."""
