"""OAuth apps: people allow one to know who they are, and it exchanges the code for a token of theirs.

docs.github.com, "Authorizing OAuth apps": errors of the exchange are answered with 200, as there; a code is good once, for ten minutes,
for the app and the address it was made for, and with PKCE only for who knows the verifier.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from hitl_middleware.testing.fake_github.errors import CannotHappen
from hitl_middleware.testing.fake_github.records import Token

if TYPE_CHECKING:
    from hitl_middleware.testing.fake_github.state import Hub

CODE_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """What its owner knows of it."""

    client_id: str
    client_secret: str
    callback: str


@dataclass(frozen=True, slots=True)
class _Code:
    app: OAuthApp
    login: str
    redirect_uri: str
    challenge: str
    expires_at: float


@dataclass(slots=True)
class OAuth:
    """Apps and codes. ``told``: what was asked at the exchange, without secrets."""

    apps: dict[str, OAuthApp] = field(default_factory=dict)
    codes: dict[str, _Code] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


class SigningIn:
    """People with a browser."""

    _hub: Hub

    def add_oauth_app(self, callback: str) -> OAuthApp:
        """An app whose people come back to ``callback``, or below it."""
        app = OAuthApp(self._hub.new_secret("Ov23"), self._hub.new_secret(""), callback)
        with self._hub.changing():
            self._hub.oauth.apps[app.client_id] = app
        return app

    def allow(self, login: str, url: str, *, deny: bool = False) -> str:
        """Somebody opens the page to which an app sent them and allows it (or not); where their browser is sent then.

        Raises ``CannotHappen`` where GitHub would show an error page and send nobody back.
        """
        parts = urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if f"{parts.scheme}://{parts.netloc}{parts.path}" != f"{self._hub.web}/login/oauth/authorize":
            msg = f"{url} is not the page where apps are allowed."
            raise CannotHappen(msg)
        app = self._hub.oauth.apps.get(asked.get("client_id", ""))
        if app is None or not asked.get("redirect_uri", "").startswith(app.callback):
            msg = "The client_id is not known, or the redirect_uri MUST match the registered callback URL for this application."
            raise CannotHappen(msg)
        state = {"state": asked["state"]} if "state" in asked else {}
        if deny:
            return f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', **state})}"
        if asked.get("code_challenge_method", "S256") != "S256":
            msg = "GitHub knows the code_challenge_method S256 alone."
            raise CannotHappen(msg)
        with self._hub.changing():
            account = self._hub.world.accounts[login.lower()]
            code = self._hub.new_secret("")
            self._hub.oauth.codes[code] = _Code(
                app,
                account.login,
                asked["redirect_uri"],
                asked.get("code_challenge", ""),
                self._hub.now() + CODE_SECONDS,
            )
        return f"{asked['redirect_uri']}?{urlencode({'code': code, **state})}"


def exchange(hub: Hub, content: bytes) -> dict[str, Any]:
    """The answer to ``POST /login/oauth/access_token``."""
    given = dict(parse_qsl(content.decode(errors="replace")))
    oauth = hub.oauth
    app = oauth.apps.get(given.get("client_id", ""))
    if app is None or not hmac.compare_digest(app.client_secret, given.get("client_secret", "")):
        return _error("incorrect_client_credentials")
    code = oauth.codes.pop(given.get("code", ""), None)
    if code is None or code.app != app or code.expires_at <= hub.now():
        return _error("bad_verification_code")
    if given.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
        return _error("redirect_uri_mismatch")
    digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
    if code.challenge and code.challenge != base64.urlsafe_b64encode(digest).decode().rstrip("="):
        return _error("bad_verification_code")
    token = Token(value=hub.new_secret("gho_"), kind="classic", login=code.login, scopes=(), permissions={})
    hub.world.tokens[token.value] = token
    return {"access_token": token.value, "scope": "", "token_type": "bearer"}


def _error(error: str) -> dict[str, Any]:
    return {
        "error": error,
        "error_description": "The exchange was refused.",
        "error_uri": "https://docs.github.com",
    }
