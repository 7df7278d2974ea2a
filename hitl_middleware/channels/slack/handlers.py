"""What our buttons and forms do: the decision is committed before Slack is answered, and everything slow comes after.

Slack waits three seconds and does not send a click again (docs.slack.dev, "Handling user interaction"). Before the answer there is only
our own database and, for a button that opens a form, one short call that opens it. The graph is never resumed in here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import structlog

from hitl_middleware.actions import Decision
from hitl_middleware.channels.slack import answers, events, modals, words
from hitl_middleware.channels.slack.client import failure, web_client
from hitl_middleware.channels.slack.desk import SlackDesk
from hitl_middleware.channels.slack.inbound import Click, FormSent, Ignored, read
from hitl_middleware.channels.slack.press import FormContext, FormKind
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.errors import AlreadyDecided, DigestMismatch, DoesNotFit, HitlError, NotFound, Refused
from hitl_middleware.records import ReviewRequest

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncAck
    from slack_bolt.response import BoltResponse

log = structlog.get_logger("hitl.slack")

FORM_SECONDS: Final = 2
"""How long Slack may take to open a form; its trigger is void after three (docs.slack.dev, "Opening a modal")."""

Said = Click | FormSent


class Handlers:
    """What our buttons and forms do."""

    def __init__(self, settings: SlackSettings, desk: SlackDesk) -> None:
        self._settings = settings
        self._desk = desk

    async def clicked(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """A button was pressed: Approve decides, every other one opens a form."""
        return await self._handled(ack, body, Click, self._clicked)

    async def form_sent(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """A form was sent."""
        return await self._handled(ack, body, FormSent, self._form_sent)

    async def heard(self, ack: AsyncAck, body: dict[str, Any]) -> BoltResponse:
        """An event: stored under its own id, and acted on from there (``Heed``)."""
        try:
            what = events.read(body)
            if isinstance(what, events.Reacted) and self._settings.reactions is False:
                what = Ignored("reactions do not count here")
            if isinstance(what, Ignored):
                log.info("slack.ignored", why=what.reason)
            elif not await self._desk.keep("slack", f"event:{what.id}", events.kept(what)):
                log.info("slack.repeated_delivery", key=what.id)
            return await ack()
        except Exception:
            log.exception("slack.event_failed")
            return _unavailable()

    async def _handled(
        self,
        ack: AsyncAck,
        body: dict[str, Any],
        wanted: type[Click | FormSent],
        handle: Callable[[Any], Awaitable[answers.Errors]],
    ) -> BoltResponse:
        said = read(body)
        if not isinstance(said, wanted):
            log.info("slack.ignored", why=said.reason if isinstance(said, Ignored) else type(said).__name__)
            return await ack()
        try:
            try:
                errors = await handle(said)
            except (Refused, NotFound) as error:
                await self._refuse(said, error)
                errors = {}
        except Exception:
            log.exception("slack.failed", what=said.kind)
            return _unavailable()
        return await (ack(response_action="errors", errors=dict(errors)) if errors else ack())

    # clicks ----------------------------------------------------------------------------------------------------------

    async def _clicked(self, click: Click) -> answers.Errors:
        if click.kind == "approve":
            await self._answer(click, Decision(type="approve"))
        else:
            await self._open(click, click.kind)
        return {}

    async def _open(self, click: Click, kind: FormKind) -> None:
        """Open the form, unless the answer could not count anyway. The desk judges again when the form is sent."""
        key, who, name = click.press.request_id, click.identity, click.user_name
        attempt = None
        if kind == "settle":
            request, attempt = await self._desk.unsettled(key, identity=who, name=name)
        else:
            request = await self._desk.look(key, identity=who, name=name, if_match=click.press.digest)
        context = FormContext(
            press=click.press.value, channel=click.channel_id, ts=click.message_ts, attempt=attempt
        )
        try:
            view = modals.opened(kind, context, request)
        except modals.NoForm as why:
            await self._tell(click, words.no_form(str(why), request))
            return
        try:
            client = web_client(self._settings, timeout=FORM_SECONDS)
            await client.views_open(trigger_id=click.trigger_id, view=view)
        except Exception as error:  # noqa: BLE001 – however Slack fails here, the click is answered and the person is told
            log.warning(
                "slack.form_not_opened", request=request.id, person=click.identity, why=str(failure(error))
            )
            await self._tell(click, words.NOT_OPENED)

    # forms -----------------------------------------------------------------------------------------------------------

    async def _form_sent(self, sent: FormSent) -> answers.Errors:
        if sent.kind == "settle":
            return await self._settle(sent)
        request = await self._desk.request(sent.press.request_id)
        if request is None:
            raise NotFound(kind="request", key=sent.press.request_id)
        if request.status != "pending":
            raise AlreadyDecided(status=request.status, by=request.decided_by, at=request.decided_at)
        if request.digest != sent.press.digest:
            # The form was made for another call than this one: its fields mean nothing here.
            raise DigestMismatch(digest=request.digest)
        said = answers.decision_of(sent, request)
        if not isinstance(said, Decision):
            return self._misfit(sent, said)
        try:
            await self._answer(sent, said)
        except DoesNotFit as error:
            return self._misfit(sent, answers.misfit(error, sent.kind, request))
        return {}

    async def _settle(self, sent: FormSent) -> answers.Errors:
        said = answers.outcome_of(sent)
        if not isinstance(said, answers.Settlement):
            return self._misfit(sent, said)
        action = await self._desk.settle(
            sent.press.request_id,
            said.what,
            identity=sent.identity,
            name=sent.user_name,
            via="slack",
            message=said.message,
            attempt=sent.attempt,
        )
        log.info("slack.settled", action=action.id, run=action.run_id, person=sent.identity, said=said.what)
        return {}

    def _misfit(self, sent: FormSent, errors: answers.Errors) -> answers.Errors:
        log.info("slack.misfit", request=sent.press.request_id, person=sent.identity, form=sent.kind)
        return errors

    # both ------------------------------------------------------------------------------------------------------------

    async def _answer(self, said: Said, decision: Decision) -> None:
        request = await self._desk.submit(
            said.press.request_id,
            decision,
            identity=said.identity,
            name=said.user_name,
            via="slack",
            # Of a question that has no digest the empty one is compared: nothing is waved through unseen.
            if_match=said.press.digest,
        )
        log.info(
            "slack.decided",
            request=request.id,
            run=request.run_id,
            person=said.identity,
            decision=decision.type,
            status=request.status,
        )

    async def _refuse(self, said: Said, error: HitlError) -> None:
        """Tell the one whose answer did not count; stored now, delivered a moment later."""
        log.info(
            "slack.refused", request=said.press.request_id, person=said.identity, why=type(error).__name__
        )
        request: ReviewRequest | None = None
        if isinstance(error, AlreadyDecided):
            request = await self._desk.request(said.press.request_id)
        await self._tell(said, words.refusal(error, request))

    async def _tell(self, said: Said, text: str) -> None:
        await self._desk.tell(
            key=f"slack:{said.key}",
            channel="slack",
            address=said.channel_id,
            body={"user": said.user_id, "text": text},
        )


def _unavailable() -> BoltResponse:
    """Our own trouble, not the sender's: Slack marks the button as failed, and the person clicks again."""
    from slack_bolt.response import BoltResponse

    return BoltResponse(status=503, body="")
