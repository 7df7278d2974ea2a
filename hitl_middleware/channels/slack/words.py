"""Our own sentences in Slack's markup, and the only ways by which anything else may get into them. Pure.

Slack parses ``mrkdwn`` and the top-level ``text``: mentions, links, dates (docs.slack.dev, "Formatting message text"). So nothing that a
model or a user wrote goes there. It goes into rich text, where Slack parses nothing, or into ``plain_text`` with the three escapes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from hitl_middleware.display import one_line
from hitl_middleware.errors import (
    AlreadyDecided,
    ApprovalNotNeeded,
    DigestMismatch,
    HitlError,
    NotAllowed,
    NotFound,
)
from hitl_middleware.quorum import role_words
from hitl_middleware.records import ReviewRequest
from hitl_middleware.wording import person, status_words

Json = dict[str, Any]

PREFIX: Final = "slack:"
_USER: Final = re.compile(r"[UW][A-Z0-9]{1,30}")  # user ids start with U or W (docs.slack.dev, "User type")
_GROUP: Final = re.compile(r"slack:(S[A-Z0-9]{1,30})")  # and those of user groups with S
_OUR_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,128}")


def user_of(identity: str | None) -> str | None:
    """The Slack user id in ``slack:U…``; ``None`` for any other identity, and for anything that only looks like one."""
    if identity is None or not identity.startswith(PREFIX):
        return None
    user = identity.removeprefix(PREFIX)
    return user if _USER.fullmatch(user) else None


def escape(text: str) -> str:
    """The three escapes that Slack's text objects ask for; without them ``<!channel>`` would call everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def weight(text: str) -> int:
    """The room a text takes, counted so that no way in which Slack may count comes to more: escaped, in UTF-16 units."""
    return len(escape(text).encode("utf-16-le", "surrogatepass")) // 2


def date(at: dt.datetime) -> str:
    """A moment in the reader's own time zone (docs.slack.dev, "Date formatting"); the fallback is UTC."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC>"


def code(text: str, limit: int = 200) -> str:
    """Somebody else's words inside our markup: an inline code span that they cannot leave."""
    inside = one_line(text, limit).replace("`", "'")
    return f"`{escape(inside) or ' '}`"


def mention(identity: str | None, name: str | None = None) -> str | None:
    """Who, in our markup: a mention where Slack knows the person, else the name in a code span."""
    if known := reference(identity):
        return known
    shown = person(identity, name)
    return None if shown is None else code(shown, 80)


def role(name: str) -> str:
    """A required role in our markup: a mention where Slack knows it."""
    return reference(name) or code(role_words(name), 80)


def reference(identity: str | None) -> str | None:
    """A mention, where Slack knows the person or the user group; else ``None``."""
    if user := user_of(identity):
        return f"<@{user}>"
    group = _GROUP.fullmatch(identity or "")
    return f"<!subteam^{group[1]}>" if group else None


def tool_name(request: ReviewRequest) -> str:
    """What the card is about, fit for the top-level ``text``: a tool's name if it is an ordinary one."""
    if request.tool and _OUR_NAME.fullmatch(request.tool):
        return request.tool
    if request.step and _OUR_NAME.fullmatch(request.step):
        return request.step
    return {
        "tool_call": "a tool call",
        "step": "a step",
        "question": "a question",
        "breakpoint": "a breakpoint",
        "outcome": "an outcome",
    }[request.kind]


def link(url: str | None, label: str) -> str | None:
    """A link of ours; ``None`` where the address is none, or could not be written without leaving the link."""
    if not url or re.search(r"[<>|\s]", url) or urlsplit(url).scheme not in {"http", "https"}:
        return None
    return f"<{url.replace('&', '&amp;')}|{label}>"


# ------------------------------------------------------------------------------------------------- text and rich text


def markup(text: str) -> Json:
    """A text object with our own words. ``verbatim``: Slack makes no links or mentions of what merely looks like one."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str, limit: int) -> Json:
    """A text object with anybody's words on one line; Slack makes neither markup nor emoji of them."""
    return {
        "type": "plain_text",
        "text": escape(one_line(text, limit, measure=weight)) or " ",
        "emoji": False,
    }


def box(label: str, text: str) -> Json:
    """Anybody's words to the letter under a label of ours: rich text is the one place where Slack parses nothing at all."""
    title = {"type": "text", "text": label, "style": {"bold": True}}
    return {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [title]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text or " "}]},
        ],
    }


# ----------------------------------------------------------------------------------------------------------- refusals

CHANGED: Final = "The request has changed since this button was posted. Nothing was decided; please look at the card again."
GONE: Final = "This request is not known here any more. Nothing was decided."
NOT_OPENED: Final = "Slack did not open the form. Nothing was decided; please click again."


def no_form(why: str, request: ReviewRequest) -> str:
    """Why there is no form for this in Slack, and where there is one. ``why`` is markup."""
    return f"This cannot be done in Slack. {why} In a terminal: `hitl requests show {escape(request.code)}`"


def refusal(error: HitlError, request: ReviewRequest | None) -> str:
    """What somebody is told whose answer did not count: who decided and when, who may, or what has changed."""
    if isinstance(error, NotFound):
        return GONE
    if isinstance(error, AlreadyDecided) and request is not None:
        return decided(request)
    if isinstance(error, DigestMismatch):
        return CHANGED
    if isinstance(error, NotAllowed):
        return f"This is not yours to decide: {_safe(str(error.facts.get('why', '')))}"
    if isinstance(error, ApprovalNotNeeded):
        said = one_line(str(error.facts.get("progress", "")), 300)
        return f"Your approval would change nothing: {_safe(said)}. If it should not happen, you can still reject it."
    return f"Nothing was decided. {code(str(error), 300)}"


def decided(request: ReviewRequest) -> str:
    """Who decided a request and when."""
    words = "sent back" if request.status == "revised" else status_words(request, None).decision.lower()
    who = mention(request.decided_by, request.decided_by_name)
    by = f" by {who}" if who else ""
    return f"This was already {words}{by} ({date(request.decided_at or request.updated_at)}). Nothing was changed."


_IDENTITY: Final = re.compile(r"slack:([UW][A-Z0-9]{1,30})\b")


def _safe(sentence: str) -> str:
    """A sentence of the desk with identities in it, as markup: escaped, people of this workspace by mention."""
    people = _IDENTITY.sub(r"<@\1>", escape(one_line(sentence, 500)))
    return re.sub(rf"\b{_GROUP.pattern}\b", r"<!subteam^\1>", people)


def metadata(request: ReviewRequest, card_id: str) -> Mapping[str, Any]:
    """What every card of ours carries, unseen; a lost reply is made good by looking for it (docs.slack.dev, "Message metadata")."""
    payload = {"request_id": request.id, "card_id": card_id, "version": request.version}
    return {"event_type": EVENT_TYPE, "event_payload": payload}


EVENT_TYPE: Final = "hitl_request"
NOTICE_TYPE: Final = "hitl_notice"
