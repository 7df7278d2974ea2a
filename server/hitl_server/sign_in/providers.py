"""Asking GitHub (OAuth 2.0) or Slack (OpenID Connect) who somebody is, by authlib.

GitHub: docs.github.com, "Authorizing OAuth apps" (with PKCE). Slack: docs.slack.dev, "Sign in with Slack". What comes back is proven
before it is believed: the state and the code's verifier are this browser's own, Slack's ID token is signed, for us, of now, for this
attempt (``nonce``) and of our workspace. The access token is used once and kept nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from hitl_middleware.ports import Clock
from hitl_server.problems import Problem
from hitl_server.sign_in.attempt import Attempt
from hitl_server.sign_in.configured import Provider

log = structlog.get_logger("hitl.sign_in")

SECONDS: Final = 10.0
"""How long a service may take to answer."""

SCOPE: Final = {"github": None, "slack": "openid profile"}
"""None at all: what everybody may know of an account is enough."""

_LOGIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})")
_SLACK_ID: Final = re.compile(r"[UW][A-Z0-9]{1,30}")
_LEEWAY: Final = 120


@dataclass(frozen=True, slots=True)
class Proven:
    """Who somebody is, by the word of a service."""

    identity: str
    name: str | None


def way_to(provider: Provider, attempt: Attempt, redirect_uri: str) -> str:
    """Where the browser is sent, to be asked whether we may know who they are."""
    client = _client(provider, redirect_uri)
    if provider.name == "github":
        asked = {"code_verifier": attempt.verifier, "allow_signup": "false"}
        address = f"{provider.web}/login/oauth/authorize"
    else:
        asked = {"nonce": attempt.nonce, "team": provider.team or ""}
        address = f"{provider.web}/openid/connect/authorize"
    url, _ = client.create_authorization_url(address, state=attempt.state, **asked)
    return str(url)


async def who(provider: Provider, attempt: Attempt, redirect_uri: str, code: str, clock: Clock) -> Proven:
    """Whom the service says it is. Raises ``Problem``: 401 where it says no or its word does not hold, 503 where it does not answer."""
    import httpx2
    from authlib.integrations.base_client import OAuthError
    from joserfc.errors import JoseError

    try:
        async with _client(provider, redirect_uri) as client:
            if provider.name == "github":
                return await _github(provider, client, attempt, code)
            return await _slack(provider, client, attempt, code, clock)
    except httpx2.HTTPError as error:
        log.warning("sign_in.no_answer", provider=provider.name, error=type(error).__name__)
        raise Problem(
            503, f"{provider.title} does not answer. Try again.", headers={"Retry-After": "5"}
        ) from None
    except (OAuthError, JoseError, LookupError, TypeError, ValueError) as error:
        # Only its kind: what a service says may hold the code.
        log.warning("sign_in.not_proven", provider=provider.name, error=type(error).__name__)
        raise Problem(401, f"{provider.title} did not say who you are. Sign in again.") from None


def _client(provider: Provider, redirect_uri: str) -> Any:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

    pkce = {"code_challenge_method": "S256"} if provider.name == "github" else {}
    return AsyncOAuth2Client(
        client_id=provider.client_id,
        client_secret=provider.client_secret.get_secret_value(),
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 – the name of a way, no password
        scope=SCOPE[provider.name],
        redirect_uri=redirect_uri,
        timeout=SECONDS,
        **pkce,
    )


async def _github(provider: Provider, client: Any, attempt: Attempt, code: str) -> Proven:
    address = f"{provider.web}/login/oauth/access_token"
    await client.fetch_token(
        address, grant_type="authorization_code", code=code, code_verifier=attempt.verifier
    )
    answer = await client.get(f"{provider.api}/user", headers={"Accept": "application/vnd.github+json"})
    answer.raise_for_status()
    account = _object(answer.json())
    login = account["login"]
    if account.get("type") != "User" or not isinstance(login, str) or not _LOGIN.fullmatch(login):
        raise ValueError(account.get("type"))
    return Proven(f"github:{login}", _name(account))


async def _slack(provider: Provider, client: Any, attempt: Attempt, code: str, clock: Clock) -> Proven:
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.jwk import KeySet

    token = await client.fetch_token(
        f"{provider.api}/openid.connect.token", grant_type="authorization_code", code=code
    )
    keys = await client.get(f"{provider.web}/openid/connect/keys")
    keys.raise_for_status()
    signed = jwt.decode(token["id_token"], KeySet.import_key_set(keys.json()), algorithms=["RS256"])
    claims = CodeIDToken(
        signed.claims,
        signed.header,
        {
            "iss": {"essential": True, "value": provider.web},
            "aud": {"essential": True, "value": provider.client_id},
        },
        {"nonce": attempt.nonce, "client_id": provider.client_id, "access_token": token["access_token"]},
    )
    claims.validate(now=int(clock.now().timestamp()), leeway=_LEEWAY)
    user, team = claims["https://slack.com/user_id"], claims["https://slack.com/team_id"]
    if team != provider.team or not isinstance(user, str) or not _SLACK_ID.fullmatch(user):
        raise ValueError(team)
    return Proven(f"slack:{user}", _name(claims))


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(type(value).__name__)
    return value


def _name(facts: Mapping[str, Any]) -> str | None:
    name = facts.get("name")
    return name.strip()[:200] or None if isinstance(name, str) else None
