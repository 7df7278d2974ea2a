"""Who asks: personal access tokens, installation tokens, and the JSON web tokens of apps."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from hitl_middleware.testing.fake_github.records import App, Token
from hitl_middleware.testing.fake_github.refusals import Refusal
from hitl_middleware.testing.fake_github.state import Hub

MOST_JWT_SECONDS: Final = 600  # docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App"


def identify(hub: Hub, authorization: str) -> tuple[Token | None, int | None]:
    """The token, or the id of the app whose JSON web token it is; neither without the header. 401 for a wrong one."""
    if not authorization:
        return None, None
    kind, _, value = authorization.partition(" ")
    value = value.strip()
    if kind.lower() == "basic":
        value = _password(value)
    elif kind.lower() not in {"token", "bearer"}:
        raise Refusal(401, "Bad credentials")
    if value.count(".") == 2:
        return None, _app(hub, value).id
    token = hub.world.tokens.get(value)
    if token is None or token.revoked or (token.expires_at is not None and token.expires_at <= hub.now()):
        raise Refusal(401, "Bad credentials")
    return token, None


def _password(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        raise Refusal(401, "Bad credentials") from None


def _app(hub: Hub, value: str) -> App:
    """The app that signed this, by its own clock's time."""
    import jwt

    try:
        claims = jwt.decode(value, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Refusal(401, "A JSON web token could not be decoded") from None
    issuer = str(claims.get("iss", ""))
    app = next((each for each in hub.world.apps.values() if issuer in {str(each.id), each.client_id}), None)
    if app is None:
        raise Refusal(404, "Integration not found")
    try:
        jwt.decode(
            value,
            app.public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        raise Refusal(401, "A JSON web token could not be decoded") from None
    now, issued, expires = hub.now(), claims.get("iat"), claims.get("exp")
    if not isinstance(expires, int | float):
        raise Refusal(401, "Missing 'Expiration time' claim ('exp')")
    if not isinstance(issued, int | float) or issued > now:
        raise Refusal(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )
    if expires <= now:
        raise Refusal(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    if expires > now + MOST_JWT_SECONDS:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    return app
