"""Sign in with Slack (OpenID Connect): people allow an app to know who they are, and it gets a signed ID token.

docs.slack.dev, "Sign in with Slack". A code is good once, for ten minutes, for the app and the address it was made for.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from hitl_middleware.testing.fake_slack.errors import CannotHappen
from hitl_middleware.testing.fake_slack.openid import Code, SignInApp
from hitl_middleware.testing.fake_slack.refusals import Error, Refusal
from hitl_middleware.testing.fake_slack.web_api import Arguments, method

if TYPE_CHECKING:
    from hitl_middleware.testing.fake_slack.state import Workspace

CODE_SECONDS: Final = 600
TOKEN_SECONDS: Final = 300


class SigningIn:
    """People with a browser."""

    _workspace: Workspace

    def add_sign_in(self, callback: str) -> SignInApp:
        """An app whose people come back to ``callback``."""
        with self._workspace.changing():
            openid = self._workspace.openid
            openid.numbered += 1
            app = SignInApp(f"111.{openid.numbered}", f"secret-of-app-{openid.numbered}", callback)
            openid.apps[app.client_id] = app
        return app

    def lie(self, **claims: Any) -> None:
        """From now on ID tokens say this in place of the truth (``lie()``: the truth again); ``key=…``: signed by somebody else."""
        with self._workspace.changing():
            self._workspace.openid.forger = claims.pop("key", None)
            self._workspace.openid.claims = claims

    def allow(self, user: str, url: str, *, deny: bool = False) -> str:
        """Somebody opens the page to which an app sent them and allows it (or not); where their browser is sent then.

        Raises ``CannotHappen`` where Slack would show an error page and send nobody back.
        """
        workspace, parts = self._workspace, urlsplit(url)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        app = workspace.openid.apps.get(asked.get("client_id", ""))
        scopes = set(asked.get("scope", "").split())
        if (
            f"{parts.scheme}://{parts.netloc}{parts.path}" != f"{workspace.base_url}/openid/connect/authorize"
            or app is None
            or asked.get("redirect_uri") != app.callback
            or asked.get("response_type") != "code"
            or not {"openid"} <= scopes <= {"openid", "profile", "email"}
            or asked.get("team", workspace.app.team_id) != workspace.app.team_id
        ):
            msg = f"Slack shows an error page for {url}."
            raise CannotHappen(msg)
        state = {"state": asked["state"]} if "state" in asked else {}
        if deny:
            return f"{app.callback}?{urlencode({'error': 'access_denied', **state})}"
        with workspace.changing():
            openid = workspace.openid
            openid.numbered += 1
            code = f"code-{openid.numbered}-{hmac.new(app.client_secret.encode(), str(openid.numbered).encode(), 'sha256').hexdigest()}"
            until = workspace.now() + CODE_SECONDS
            openid.codes[code] = Code(
                app, workspace.users[user].id, app.callback, asked.get("nonce", ""), until
            )
        return f"{app.callback}?{urlencode({'code': code, **state})}"


@method("openid.connect.token", whose="nobody")
def openid_connect_token(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """A code for an ID token."""
    openid = workspace.openid
    app = openid.apps.get(arguments.need("client_id"))
    if app is None:
        raise Refusal(Error.INVALID_CLIENT_ID)
    if not hmac.compare_digest(app.client_secret, arguments.need("client_secret")):
        raise Refusal(Error.BAD_CLIENT_SECRET)
    if arguments.text("grant_type", "authorization_code") != "authorization_code":
        raise Refusal(Error.INVALID_GRANT_TYPE)
    code = openid.codes.pop(arguments.need("code"), None)
    if code is None or code.app != app or code.expires_at <= workspace.now():
        raise Refusal(Error.INVALID_CODE)
    if arguments.text("redirect_uri", code.redirect_uri) != code.redirect_uri:
        raise Refusal(Error.BAD_REDIRECT_URI)
    user, now = workspace.users[code.user], int(workspace.now())
    claims = {
        "iss": workspace.base_url,
        "sub": user.id,
        "aud": app.client_id,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "auth_time": now,
        "nonce": code.nonce,
        "https://slack.com/team_id": workspace.app.team_id,
        "https://slack.com/user_id": user.id,
        "name": user.name,
    }
    return {"access_token": f"xoxp-of-{user.id}", "token_type": "Bearer", "id_token": openid.sign(claims)}
