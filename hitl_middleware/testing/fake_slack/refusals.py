"""How Slack says no."""

from __future__ import annotations

import enum
from typing import Any


class Error(enum.StrEnum):
    """The names under which Slack refuses (docs.slack.dev, the error table on each method's page)."""

    ALREADY_REACTED = enum.auto()
    BAD_CLIENT_SECRET = enum.auto()
    BAD_REDIRECT_URI = enum.auto()
    BAD_TIMESTAMP = enum.auto()
    CANT_DELETE_MESSAGE = enum.auto()
    CANT_UPDATE_MESSAGE = enum.auto()
    CHANNEL_NOT_FOUND = enum.auto()
    DUPLICATE_EXTERNAL_ID = enum.auto()
    EXCHANGED_TRIGGER_ID = enum.auto()
    EXPIRED_TRIGGER_ID = enum.auto()
    EXPIRED_URL = enum.auto()
    HASH_CONFLICT = enum.auto()
    INVALID_ARGUMENTS = enum.auto()
    INVALID_ATTACHMENTS = enum.auto()
    INVALID_AUTH = enum.auto()
    INVALID_BLOCKS = enum.auto()
    INVALID_BLOCKS_FORMAT = enum.auto()
    INVALID_CLIENT_ID = enum.auto()
    INVALID_CODE = enum.auto()
    INVALID_CURSOR = enum.auto()
    INVALID_FORM_DATA = enum.auto()
    INVALID_GRANT_TYPE = enum.auto()
    INVALID_JSON = enum.auto()
    INVALID_LIMIT = enum.auto()
    INVALID_METADATA_FORMAT = enum.auto()
    INVALID_NAME = enum.auto()
    INVALID_POST_TYPE = enum.auto()
    INVALID_RESPONSE_TYPE = enum.auto()
    INVALID_THREAD_TS = enum.auto()
    INVALID_TRIGGER_ID = enum.auto()
    INVALID_TS_LATEST = enum.auto()
    INVALID_TS_OLDEST = enum.auto()
    INVALID_TYPES = enum.auto()
    IS_ARCHIVED = enum.auto()
    IS_INACTIVE = enum.auto()
    JSON_NOT_OBJECT = enum.auto()
    MESSAGE_NOT_FOUND = enum.auto()
    METADATA_TOO_LARGE = enum.auto()
    METHOD_NOT_SUPPORTED_FOR_CHANNEL_TYPE = enum.auto()
    MISSING_SCOPE = enum.auto()
    MSG_BLOCKS_TOO_LONG = enum.auto()
    MSG_TOO_LONG = enum.auto()
    NOT_ALLOWED_TOKEN_TYPE = enum.auto()
    NOT_AUTHED = enum.auto()
    NOT_FOUND = enum.auto()
    NOT_IN_CHANNEL = enum.auto()
    NO_REACTION = enum.auto()
    NO_SERVICE = enum.auto()
    NO_SUCH_SUBTEAM = enum.auto()
    NO_TEXT = enum.auto()
    PUSH_LIMIT_REACHED = enum.auto()
    TEAM_NOT_FOUND = enum.auto()
    THREAD_NOT_FOUND = enum.auto()
    TOO_MANY_USERS = enum.auto()
    UNKNOWN_METHOD = enum.auto()
    USED_URL = enum.auto()
    USER_DISABLED = enum.auto()
    USERS_LIST_NOT_SUPPLIED = enum.auto()
    USER_NOT_FOUND = enum.auto()
    USER_NOT_IN_CHANNEL = enum.auto()
    VIEW_TOO_LARGE = enum.auto()


class Refusal(Exception):
    """`{"ok": false, "error": …}`, with the sentences and details that Slack adds for people."""

    def __init__(self, error: str, *messages: str, **details: Any) -> None:
        super().__init__(error)
        self.error = str(error)
        self.answer: dict[str, Any] = {"ok": False, "error": self.error, **details}
        if messages:
            self.answer["response_metadata"] = {"messages": [f"[ERROR] {each}" for each in messages]}
