"""What a modal or a home tab may hold. Pure.

Limits: docs.slack.dev, "Reference: Views" (modals, home tab) and "views.open".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hitl_middleware.testing.fake_slack import blocks as block_kit
from hitl_middleware.testing.fake_slack.elements import plain_text
from hitl_middleware.testing.fake_slack.schema import boolean, kind, problem, string, tagged

LARGEST: Final = 250_000
MOST_STACKED: Final = 3


def _blocks(value: Any, pointer: str) -> Iterator[str]:
    yield from block_kit.in_view(value, pointer)


def _submit(view: Mapping[str, Any]) -> Iterator[str]:
    if "submit" not in view and any(block["type"] == "input" for block in view["blocks"]):
        yield "missing required field: submit (the view has input blocks)"


_COMMON = {
    "private_metadata": string(3000, least=0),
    "callback_id": string(255, least=0),
    "external_id": string(255, least=0),
}
_VIEW = tagged(
    {
        "modal": kind(
            "modal",
            {"title": plain_text(24), "blocks": _blocks},
            {
                **_COMMON,
                "submit": plain_text(24),
                "close": plain_text(24),
                "clear_on_close": boolean,
                "notify_on_close": boolean,
                "submit_disabled": boolean,
            },
            _submit,
        ),
        "home": kind("home", {"blocks": _blocks}, _COMMON),
    }
)


def problems(view: Any, surface: str) -> list[str]:
    """What is wrong with a view for this surface (`modal` or `home`); empty: nothing."""
    found = [*_VIEW(view, "/view")]
    if not found and view["type"] != surface:
        found.append(problem(f"must be a {surface}", "/view/type"))
    return found


def too_large(view: Any) -> bool:
    """More bytes than Slack takes."""
    return len(json.dumps(view)) > LARGEST
