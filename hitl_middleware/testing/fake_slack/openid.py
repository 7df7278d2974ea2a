"""What "Sign in with Slack" keeps: apps, codes, and the key that signs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SignInApp:
    """What its owner knows of it."""

    client_id: str
    client_secret: str
    callback: str


@dataclass(frozen=True, slots=True)
class Code:
    """Good once."""

    app: SignInApp
    user: str
    redirect_uri: str
    nonce: str
    expires_at: float


@dataclass(slots=True)
class OpenId:
    """Apps, codes, and the key that signs. ``claims``: what the next tokens say in place of the truth."""

    apps: dict[str, SignInApp] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = None
    forger: Any = None
    numbered: int = 0

    def keys(self) -> dict[str, Any]:
        """What ``/openid/connect/keys`` answers."""
        return {"keys": [self._signing().as_dict(private=False)]}

    def sign(self, claims: dict[str, Any]) -> str:
        """An ID token; by ``forger``'s key where there is one."""
        from joserfc import jwt

        key = self._signing()
        header = {"alg": "RS256", "typ": "JWT", "kid": key.kid}
        return jwt.encode(header, {**claims, **self.claims}, self.forger or key)

    def _signing(self) -> Any:
        from joserfc.jwk import RSAKey

        if self.key is None:
            self.key = RSAKey.generate_key(2048, parameters={"kid": "fake-slack"})
        return self.key
