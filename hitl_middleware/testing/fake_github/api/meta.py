"""Who asks, and how often they may."""

from __future__ import annotations

from typing import Any

from hitl_middleware.testing.fake_github.limits import overview
from hitl_middleware.testing.fake_github.refusals import not_found
from hitl_middleware.testing.fake_github.rest import Asking, route
from hitl_middleware.testing.fake_github.shapes import people


@route("GET", "/user")
def me(asking: Asking) -> Any:
    """The account whose token this is."""
    return people.full_user(asking.hub, asking.account)


@route("GET", "/users/{login}", whose="anybody")
def somebody(asking: Asking) -> Any:
    """Any account."""
    found = asking.hub.world.accounts.get(asking.path["login"].lower())
    return people.full_user(asking.hub, found) if found else not_found()


@route("GET", "/rate_limit", whose="anybody")
def rate_limit(asking: Asking) -> Any:
    """What is left; asking for it costs nothing."""
    return overview(asking.hub, asking.token)


@route("GET", "/meta", whose="anybody")
def meta(_asking: Asking) -> Any:
    """What everybody may know."""
    return {
        "verifiable_password_authentication": False,
        "hooks": ["127.0.0.0/8"],
        "installed_version": "fake",
    }


@route("GET", "/zen", whose="anybody")
def zen(_asking: Asking) -> Any:
    """A sentence, to see whether somebody is there."""
    return "Keep it logically awesome."
