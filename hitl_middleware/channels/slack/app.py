"""The Bolt app: our handlers, and Bolt kept from asking Slack anything before it calls them."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Final

import structlog

from hitl_middleware.channels.slack import events
from hitl_middleware.channels.slack.client import web_client
from hitl_middleware.channels.slack.desk import SlackDesk
from hitl_middleware.channels.slack.handlers import Handlers
from hitl_middleware.channels.slack.press import BUTTONS, FORMS
from hitl_middleware.channels.slack.settings import SlackSettings

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.response import BoltResponse

log = structlog.get_logger("hitl.slack")

_BOLT_LOG: Final = "hitl_middleware.channels.slack.bolt"


def build_app(settings: SlackSettings, desk: SlackDesk) -> AsyncApp:
    """A Bolt app with our handlers, for requests whose signature was checked. It asks Slack nothing before it calls a handler."""
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.authorization import AuthorizeResult
    from slack_bolt.response import BoltResponse

    token = settings.bot_token.get_secret_value()

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        # Given here, or Bolt would call auth.test before the first click of every process, and fail that click when Slack is slow.
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    async def broken(error: Exception) -> BoltResponse:
        # Not a handler of ours (they answer for themselves): Bolt could not make sense of the request.
        log.warning("slack.not_understood", why=type(error).__name__)
        return BoltResponse(status=400, body="")

    app = AsyncApp(
        # Bolt sets the level of the logger with this name at every request; called "hitl" it would silence all of ours.
        name=_BOLT_LOG,
        logger=_bolt_logger(),
        process_before_response=True,
        # The route has done it, over the raw bytes and by the injected clock; Bolt would read the machine's.
        request_verification_enabled=False,
        # Without a secret (Socket Mode) no request by HTTP can be genuine.
        signing_secret=settings.signing_secret.get_secret_value()
        if settings.signing_secret
        else secrets.token_hex(32),
        client=web_client(settings, token=False),
        authorize=authorize,
    )
    handlers = Handlers(settings, desk)
    for button in BUTTONS:
        app.action(button)(handlers.clicked)
    for form in FORMS:
        app.view(form)(handlers.form_sent)
    for event in events.HEARD:
        app.event(event)(handlers.heard)
    app.error(broken)
    return app


def _bolt_logger() -> logging.Logger:
    """Bolt warns about what it does not know by logging the whole body; ours go by what has happened, without bodies."""
    logger = logging.getLogger(_BOLT_LOG)
    logger.setLevel(logging.ERROR)
    return logger
