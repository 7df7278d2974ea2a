"""Clicks and forms, handled with Bolt: the decision is committed before Slack is answered, and everything slow comes after.

Slack waits three seconds and does not send a click again (docs.slack.dev, "Handling user interaction"). Before the answer there is only
our own database and, for the reject button, one short call that opens the form. The graph is never resumed in here.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

import structlog

from hitl_middleware.actions import Decision
from hitl_middleware.channels.slack import events, forms, words
from hitl_middleware.channels.slack.client import failure, web_client
from hitl_middleware.channels.slack.desk import SlackDesk
from hitl_middleware.channels.slack.inbound import Click, Ignored, ReasonGiven, read
from hitl_middleware.channels.slack.press import APPROVE, REASON, REJECT, REJECTION, FormContext
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.errors import (
    AlreadyDecided,
    DigestMismatch,
    DoesNotFit,
    HitlError,
    NotFound,
    Refused,
)
from hitl_middleware.records import ReviewRequest

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncAck, AsyncApp
    from slack_bolt.response import BoltResponse

log = structlog.get_logger("hitl.slack")

FORM_SECONDS: Final = 2
"""How long Slack may take to open a form; its trigger is void after three (docs.slack.dev, "Opening a modal")."""

Said = Click | ReasonGiven | Ignored

_BOLT_LOG: Final = "hitl_middleware.channels.slack.bolt"


class Handlers:
    """What our buttons and forms do."""

    def __init__(self, settings: SlackSettings, desk: SlackDesk) -> None:
        self._settings = settings
        self._desk = desk

    async def clicked(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """Approve or Reject was pressed."""
        try:
            return await self._clicked(ack, read(body))
        except Exception:
            log.exception("slack.click_failed")
            return _unavailable()

    async def reason_given(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """The rejection form was sent."""
        try:
            return await self._reason_given(ack, read(body))
        except Exception:
            log.exception("slack.form_failed")
            return _unavailable()

    async def heard(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """An event: stored under its own id, and acted on from there (``Heed``)."""
        try:
            what = events.read(body)
            if isinstance(what, events.Reacted) and self._settings.reactions is False:
                what = Ignored("reactions do not count here")
            if isinstance(what, Ignored):
                return await _ignored(ack, what)
            if not await self._desk.keep("slack", f"event:{what.id}", events.kept(what)):
                log.info("slack.repeated_delivery", key=what.id)
            return await ack()
        except Exception:
            log.exception("slack.event_failed")
            return _unavailable()

    async def _clicked(self, ack: AsyncAck, click: Said) -> BoltResponse:
        if not isinstance(click, Click):
            return await _ignored(ack, click)
        try:
            if click.kind == "approve":
                await self._answer(click, Decision(type="approve"))
            else:
                await self._ask_why(click)
        except (Refused, NotFound) as error:
            await self._refuse(click, error)
        return await ack()

    async def _reason_given(self, ack: AsyncAck, given: Said) -> BoltResponse:
        if not isinstance(given, ReasonGiven):
            return await _ignored(ack, given)
        try:
            await self._answer(given, Decision(type="reject", message=given.reason))
        except DoesNotFit as error:
            log.info(
                "slack.refused",
                request=given.press.request_id,
                person=given.identity,
                why=type(error).__name__,
            )
            return await ack(response_action="errors", errors={REASON: str(error)[:300]})
        except (Refused, NotFound) as error:
            await self._refuse(given, error)
        return await ack()

    async def _answer(self, said: Click | ReasonGiven, decision: Decision) -> None:
        request = await self._desk.submit(
            said.press.request_id,
            decision,
            identity=said.identity,
            name=said.user_name,
            via="slack",
            if_match=said.press.digest or None,
        )
        log.info(
            "slack.decided",
            request=request.id,
            run=request.run_id,
            person=said.identity,
            decision=decision.type,
            status=request.status,
        )

    async def _ask_why(self, click: Click) -> None:
        """Open the form, unless the answer could not count anyway. The desk judges again when the form is sent."""
        request = await self._desk.request(click.press.request_id)
        if request is None:
            raise NotFound(kind="request", key=click.press.request_id)
        if request.status != "pending":
            raise AlreadyDecided(status=request.status, by=request.decided_by, at=request.decided_at)
        if click.press.digest != request.digest:
            raise DigestMismatch(digest=request.digest)
        context = FormContext(press=click.press.value, channel=click.channel_id, ts=click.message_ts)
        try:
            client = web_client(self._settings, timeout=FORM_SECONDS)
            await client.views_open(trigger_id=click.trigger_id, view=forms.rejection(context, request))
        except Exception as error:  # noqa: BLE001 – however Slack fails here, the click is answered and the person is told
            log.warning(
                "slack.form_not_opened", request=request.id, person=click.identity, why=str(failure(error))
            )
            await self._tell(click, words.NO_FORM)

    async def _refuse(self, said: Click | ReasonGiven, error: HitlError) -> None:
        """Tell the one whose answer did not count; stored now, delivered a moment later."""
        log.info(
            "slack.refused", request=said.press.request_id, person=said.identity, why=type(error).__name__
        )
        request: ReviewRequest | None = None
        if isinstance(error, AlreadyDecided):
            request = await self._desk.request(said.press.request_id)
        await self._tell(said, words.refusal(error, request))

    async def _tell(self, said: Click | ReasonGiven, text: str) -> None:
        await self._desk.tell(
            key=f"slack:{said.key}",
            channel="slack",
            address=said.channel_id,
            body={"user": said.user_id, "text": text},
        )


async def _ignored(ack: AsyncAck, what: Said) -> BoltResponse:
    log.info("slack.ignored", why=what.reason if isinstance(what, Ignored) else type(what).__name__)
    return await ack()


def _unavailable() -> BoltResponse:
    """Our own trouble, not the sender's: Slack marks the button as failed, and the person clicks again."""
    from slack_bolt.response import BoltResponse

    return BoltResponse(status=503, body="")


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
    app.action(APPROVE)(handlers.clicked)
    app.action(REJECT)(handlers.clicked)
    app.view(REJECTION)(handlers.reason_given)
    for event in events.HEARD:
        app.event(event)(handlers.heard)
    app.error(broken)
    return app


def _bolt_logger() -> logging.Logger:
    """Bolt warns about what it does not know by logging the whole body; ours go by what has happened, without bodies."""
    logger = logging.getLogger(_BOLT_LOG)
    logger.setLevel(logging.ERROR)
    return logger
