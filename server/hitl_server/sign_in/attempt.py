"""One attempt to sign in with a service: from one secret, that a cookie keeps in the browser that began it.

``state``, ``nonce`` and PKCE's verifier are derived from it and from the service's name. So a browser that did not begin it has not the
state, an answer of one service is none of another's, and once the cookie is taken – at the first answer – the same answer says nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final, Self

from hitl_server.session import Cookie, same
from hitl_server.sign_in.coming_back import local_path

COOKIE: Final = "hitl_sign_in"
SECONDS: Final = 600.0
MOST: Final = 3_000
"""Characters of the cookie: the secret, and where to go then."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """``back``: where somebody wants to go once they are signed in."""

    provider: str
    secret: str
    back: str

    @classmethod
    def begun(cls, provider: str, back: str | None) -> Self:
        """A new one."""
        return cls(provider, secrets.token_urlsafe(32), local_path(back))

    @classmethod
    def read(cls, provider: str, cookie: str | None) -> Self | None:
        """The one that a browser has begun with this service; ``None``: none, or not in our form."""
        secret, _, back = (cookie or "").partition(".")
        if len(secret) < 40:
            return None
        try:
            return cls(
                provider, secret, local_path(base64.urlsafe_b64decode(back + "=" * (-len(back) % 4)).decode())
            )
        except (binascii.Error, ValueError):
            return None

    @property
    def cookie(self) -> str:
        """What the browser keeps: only characters that stand in a cookie as they are (no ``=``, for which it would be put in quotes)."""
        back = base64.urlsafe_b64encode(self.back.encode()).decode().rstrip("=")
        return f"{self.secret}.{back}"

    @property
    def state(self) -> str:
        """Proof that the answer is to what this browser asked."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """Stands in the ID token."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's (RFC 7636, 4.1): 64 unreserved characters."""
        return self._derived("verifier")

    def answers(self, state: str | None) -> bool:
        """Whether an answer is to this attempt; in constant time."""
        return same(state, self.state)

    def _derived(self, what: str) -> str:
        return hmac.new(self.secret.encode(), f"{what} {self.provider}".encode(), hashlib.sha256).hexdigest()


def attempt_cookie(*, secure: bool) -> Cookie:
    """Where it is kept."""
    return Cookie(COOKIE, secure=secure, most=MOST)
