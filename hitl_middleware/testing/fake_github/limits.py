"""The primary rate limit (docs.github.com, "Rate limits for the REST API"): a number of requests an hour for each token."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github.records import Token
from hitl_middleware.testing.fake_github.refusals import Refusal
from hitl_middleware.testing.fake_github.state import Budget, Hub

AN_HOUR: Final = 3600
WITH_TOKEN: Final = 5000
WITHOUT: Final = 60


def budget(hub: Hub, token: Token | None) -> Budget:
    """What this token may still do within its hour; a new hour begins with the first request after the last."""
    key = token.value if token else ""
    found = hub.budgets.get(key)
    if found is None or found.reset <= hub.now():
        limit = found.limit if found else WITH_TOKEN if token else WITHOUT
        found = hub.budgets[key] = Budget(limit=limit, reset=hub.seconds() + AN_HOUR)
    return found


def spend(hub: Hub, token: Token | None) -> Budget:
    """One request more, or 403 where there are no more."""
    found = budget(hub, token)
    if found.used >= found.limit:
        who = f"user ID {hub.world.accounts[token.login.lower()].id}" if token else "127.0.0.1"
        raise Refusal(
            403,
            f"API rate limit exceeded for {who}. If you reach out to GitHub Support for help, please include the request ID F4CE:0.",
        )
    found.used += 1
    return found


def headers(found: Budget) -> dict[str, str]:
    """What every answer says about it."""
    return {
        "X-RateLimit-Limit": str(found.limit),
        "X-RateLimit-Remaining": str(found.limit - found.used),
        "X-RateLimit-Reset": str(found.reset),
        "X-RateLimit-Used": str(found.used),
        "X-RateLimit-Resource": "core",
    }


def overview(hub: Hub, token: Token | None) -> dict[str, Any]:
    """`GET /rate_limit`."""
    found = budget(hub, token)
    core = {
        "limit": found.limit,
        "remaining": found.limit - found.used,
        "reset": found.reset,
        "used": found.used,
        "resource": "core",
    }
    search = {"limit": 30, "remaining": 30, "reset": found.reset, "used": 0, "resource": "search"}
    graphql = {"limit": 5000, "remaining": 5000, "reset": found.reset, "used": 0, "resource": "graphql"}
    return {"resources": {"core": core, "search": search, "graphql": graphql}, "rate": core}
