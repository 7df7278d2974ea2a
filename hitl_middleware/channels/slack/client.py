"""slack_sdk's client as we use it, and what its failures mean.

No retry handler of the SDK: it would post a card twice when a reply is lost. A retry comes from what is stored, later, and looks for
the card first. The SDK opens a connection per call, so the client belongs to no event loop and needs no closing.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.errors import DeliveryFailed

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

PATIENCE_SECONDS: Final = 10
"""How long a call may take; Slack answers in well under a second."""

DEFAULT_RETRY_AFTER: Final = 30.0
"""Where Slack limits us without saying for how long."""

PERMANENT: Final = frozenset(
    {
        # The message itself is not acceptable: it would be refused tomorrow, too.
        "invalid_arg_name", "invalid_arguments", "invalid_array_arg", "invalid_blocks", "invalid_blocks_format", "invalid_form_data",
        "invalid_json", "invalid_metadata_format", "invalid_metadata_schema", "invalid_post_type", "json_not_object",
        "metadata_must_be_sent_from_app", "metadata_too_large", "msg_blocks_too_long", "msg_too_long", "no_text",
        # The message can never be changed again: somebody deleted it, or it is not ours.
        "cant_delete_message", "cant_update_message", "edit_window_closed", "message_not_found",
        # Nobody will ever see a note that is only for them.
        "cannot_dm_bot", "user_not_in_channel",
    }
)  # fmt: skip
"""Errors that no later attempt can mend. Everything else may: what is wrong with a token, a scope, a channel or a membership
(``invalid_auth``, ``missing_scope``, ``channel_not_found``, ``not_in_channel``, ``is_archived`` …) is mended by a person within minutes or
hours, and the cards must then appear by themselves. Lists: docs.slack.dev, the "Errors" of each method."""

OPEN: Final = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "update_failed"}
)
"""Errors after which the message may be there all the same: Slack says of the first two that "some aspect of the operation" may have
succeeded. Lists: as above."""

_REASON: Final = {
    "message_not_found": "the message was deleted in Slack",
    "is_archived": "the channel is archived; bring it back, or name another one (is_archived)",
    "is_inactive": "the message stands in a channel that is archived; bring it back (is_inactive)",
    "not_in_channel": "the app is not a member of the channel; invite it there (not_in_channel)",
    "channel_not_found": "there is no such channel, or the app may not see it (channel_not_found)",
    "invalid_auth": "Slack does not accept {variable} (invalid_auth)",
    "token_revoked": "{variable} was revoked; install the app again (token_revoked)",
    "account_inactive": "the app was removed from the workspace; install it again (account_inactive)",
    "not_allowed_token_type": "{variable} is a token of another kind (not_allowed_token_type)",
}


def web_client(
    settings: SlackSettings, *, token: bool = True, timeout: int = PATIENCE_SECONDS
) -> AsyncWebClient:
    """A client for these settings; without ``token`` for Bolt, which is given the token with every request."""
    from slack_sdk.web.async_client import AsyncWebClient

    client = AsyncWebClient(
        token=settings.bot_token.get_secret_value() if token else None,
        base_url=settings.api_url,
        timeout=timeout,
        retry_handlers=[],
    )
    host = urlsplit(settings.api_url).hostname or ""
    if _is_loopback(host) or proxy_bypass(host):
        client.proxy = None  # the SDK takes HTTPS_PROXY from the environment and knows nothing of NO_PROXY
    return client


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def failure(error: Exception, *, variable: str = "SLACK_BOT_TOKEN") -> DeliveryFailed:
    """What a failed call means for whoever tries again. Says nothing of what was sent, and nothing secret.

    ``variable``: the one that holds what the call was made with.
    """
    from slack_sdk.errors import SlackApiError

    if not isinstance(error, SlackApiError):
        # A time-out or a lost connection: Slack may have done it all the same.
        kind = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
        return DeliveryFailed(f"Slack could not be reached or gave no usable answer ({kind})", unheard=True)
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", 200)
    data = getattr(response, "data", None)
    name = data.get("error") if isinstance(data, dict) else None
    if status == 429 or name in {"ratelimited", "rate_limited"}:
        headers = getattr(response, "headers", {})
        return DeliveryFailed("Slack asks us to slow down", retry_after=_seconds(headers.get("Retry-After")))
    if not isinstance(name, str):
        return DeliveryFailed(f"Slack gave no usable answer (HTTP {status})", unheard=True)
    reason = _REASON[name].format(variable=variable) if name in _REASON else f"Slack says {name[:80]}"
    if name == "missing_scope" and isinstance(data, dict):
        reason = f"the app lacks the scope {str(data.get('needed'))[:80]} (missing_scope)"
    return DeliveryFailed(reason, permanent=name in PERMANENT, unheard=name in OPEN)


def _seconds(text: object) -> float:
    """``Retry-After`` is whole seconds (docs.slack.dev, "Rate limits")."""
    return (
        float(text) if isinstance(text, str) and text.isdecimal() and len(text) < 6 else DEFAULT_RETRY_AFTER
    )
