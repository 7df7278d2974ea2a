"""``hitl connect slack``: is everything there that Slack and we need of each other?

Looks at one thing after the other, posts one test card, and says of what is wrong how to mend it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from hitl_middleware.channels.finding import Finding
from hitl_middleware.channels.slack import scopes
from hitl_middleware.channels.slack.client import failure, web_client
from hitl_middleware.channels.slack.manifest import manifest_path
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.channels.slack.words import Json, markup
from hitl_middleware.display import one_line

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

PAGE: Final = 200
MOST_PAGES: Final = 50

APPS: Final = "https://api.slack.com/apps"
TOKEN_MEND: Final = (
    f"Take the Bot User OAuth Token (xoxb-…) from OAuth & Permissions of your app at {APPS} and set it."
)
REACH_MEND: Final = "Try again. If it stays so: does this machine reach Slack (a proxy: HTTPS_PROXY), and is SLACK_API_URL right or unset?"
SECRET_MEND: Final = (
    f"Take the Signing Secret from Basic Information of your app at {APPS}: 32 characters of 0-9 and a-f."
)
SOCKET_MEND: Final = (
    "Make an app-level token with the scope connections:write under Basic Information of your app, switch Socket Mode on, and set "
    "SLACK_APP_TOKEN (xapp-…)."
)


async def findings(settings: SlackSettings, *, test_card: bool = True) -> AsyncIterator[Finding]:
    """Look at one thing after the other. Nothing secret is in what comes out; without a valid token there is nothing more to look at."""
    client = web_client(settings)
    token = settings.bot_token.get_secret_value()
    if not token.startswith("xoxb-"):
        kind = "an app-level token" if token.startswith("xapp-") else "no bot token"
        yield Finding(
            "token",
            ok=False,
            says=f"SLACK_BOT_TOKEN is {kind}: it does not begin with xoxb-.",
            mend=TOKEN_MEND,
        )
        return
    try:
        answer = await client.auth_test()
    except Exception as error:  # noqa: BLE001 – whatever the SDK or its HTTP client raises is told
        yield Finding("token", ok=False, says=_sentence(error), mend=_mend(error, TOKEN_MEND))
        return
    about: Mapping[str, Any] = answer.data if isinstance(answer.data, dict) else {}
    yield Finding(
        "token",
        ok=True,
        says=f"The app is {_name(about.get('user'))} in the workspace {_name(about.get('team'))}.",
    )
    yield _scopes(settings, _header(answer.headers))
    if settings.signing_secret is not None:
        yield _signing_secret(settings.signing_secret.get_secret_value())
    if settings.app_token is not None:
        yield await _app_token(settings)
    usable: list[str] = []
    for channel in dict.fromkeys(filter(None, (settings.channel, *settings.routes.values()))):
        finding, found = await _channel(client, channel, _name(about.get("user")))
        usable += [found] if found else []
        yield finding
    if settings.channel is None:
        yield Finding(
            "channel",
            ok=True,
            says="No common channel is set: what has no route is asked of each approver by direct message.",
        )
    if test_card and usable:
        yield await _test_card(client, usable[0])


def _scopes(settings: SlackSettings, granted: frozenset[str] | None) -> Finding:
    if granted is None:
        return Finding("scopes", ok=True, says="Slack did not say which scopes the token has.")
    if missing := scopes.needed(settings) - granted:
        return Finding("scopes", ok=False, says=f"The app lacks {_listed(missing)}.", mend=_scopes_mend())
    unused = scopes.ALL - granted
    also = f" Not granted, and not needed by these settings: {_listed(unused)}." if unused else ""
    return Finding("scopes", ok=True, says=f"The app has every scope it needs.{also}")


def _signing_secret(secret: str) -> Finding:
    if not re.fullmatch(r"[0-9a-f]{32}", secret):
        return Finding(
            "signing secret", ok=False, says="SLACK_SIGNING_SECRET does not look like one.", mend=SECRET_MEND
        )
    says = "SLACK_SIGNING_SECRET has the right form; whether it is this app's shows with the first click."
    return Finding("signing secret", ok=True, says=says)


async def _app_token(settings: SlackSettings) -> Finding:
    token = settings.app_token.get_secret_value() if settings.app_token else ""
    try:
        await web_client(settings, token=False).apps_connections_open(app_token=token)
    except Exception as error:  # noqa: BLE001 – as above
        says, mend = _sentence(error, "SLACK_APP_TOKEN"), _mend(error, SOCKET_MEND)
        return Finding("app token", ok=False, says=says, mend=mend)
    return Finding("app token", ok=True, says="SLACK_APP_TOKEN opens a Socket Mode connection.")


async def _channel(client: AsyncWebClient, channel: str, bot: str) -> tuple[Finding, str | None]:
    """What is to be said of a channel, and its id where cards can be posted there."""
    try:
        found = await _looked_up(client, channel)
    except Exception as error:  # noqa: BLE001 – as above
        return Finding(
            "channel", ok=False, says=f"{channel}: {_sentence(error)}", mend=_invite(bot, channel)
        ), None
    if found is None:
        mend = f"Use the channel's id (View channel details, at the bottom), and in the channel say /invite @{bot}."
        return Finding(
            "channel", ok=False, says=f"There is no channel {channel}, or the app may not see it.", mend=mend
        ), None
    name = f"#{_name(found.get('name'))} ({found.get('id')})"
    if found.get("is_archived"):
        return Finding(
            "channel",
            ok=False,
            says=f"{name} is archived.",
            mend="Name another channel, or restore it in Slack.",
        ), None
    if not found.get("is_member"):
        says = f"The app is not a member of {name}: it cannot post there."
        return Finding("channel", ok=False, says=says, mend=_invite(bot, name)), None
    return Finding("channel", ok=True, says=f"The app is a member of {name}."), str(found.get("id"))


async def _looked_up(client: AsyncWebClient, channel: str) -> Mapping[str, Any] | None:
    if re.fullmatch(r"[CG][A-Z0-9]{2,}", channel):
        answer = (await client.conversations_info(channel=channel)).get("channel")
        return answer if isinstance(answer, dict) else None
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.conversations_list(
            types="public_channel,private_channel", exclude_archived=True, limit=PAGE, cursor=cursor
        )
        for each in page.get("channels") or []:
            if each.get("name") == channel.removeprefix("#"):
                found: Mapping[str, Any] = each
                return found
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or None
        if cursor is None:
            break
    return None


async def _test_card(client: AsyncWebClient, channel: str) -> Finding:
    mend = "Run hitl connect slack again once that is mended."
    try:
        posted = await client.chat_postMessage(
            channel=channel, text="hitl: test card", blocks=_card("⏳ *A test card.* Can it be changed?")
        )
        await client.chat_update(
            channel=str(posted.get("channel")),
            ts=str(posted.get("ts")),
            text="hitl: test card",
            blocks=_card("✅ *A test card.* hitl can post here, and change what it has posted."),
        )
    except Exception as error:  # noqa: BLE001 – as above
        return Finding("test card", ok=False, says=f"The test card: {_sentence(error)}", mend=mend)
    return Finding("test card", ok=True, says=f"A test card stands in {channel}, and was changed there.")


def _card(text: str) -> list[Json]:
    return [{"type": "section", "text": markup(text)}]


def _invite(bot: str, channel: str) -> str:
    return f"In {channel} say /invite @{bot}; check that the name or id is right."


def _header(headers: Mapping[str, str]) -> frozenset[str] | None:
    """``X-OAuth-Scopes``: what Slack says with every answer that the token may do."""
    found = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), None)
    return None if found is None else frozenset(part.strip() for part in found.split(",") if part.strip())


def _sentence(error: Exception, variable: str = "SLACK_BOT_TOKEN") -> str:
    reason = str(failure(error, variable=variable).facts["reason"])
    return f"{reason[:1].upper()}{reason[1:]}."


def _mend(error: Exception, otherwise: str) -> str:
    """What to do: nothing about a token of which Slack has not said anything."""
    failed = failure(error)
    return REACH_MEND if failed.unheard or failed.retry_after is not None else otherwise


def _scopes_mend() -> str:
    return (
        f"Paste {manifest_path()} into App Manifest of your app, or add them by hand, and install it again."
    )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _name(value: object) -> str:
    """A name of Slack's, on one line: it is printed in a terminal."""
    return one_line(str(value or "?"), 80)
