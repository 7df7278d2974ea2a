"""``/preview/slack``: the routes. Each act is one of ``FakeSlack``'s, and leads back to the page, which shows what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from hitl_middleware.testing.fake_slack import CannotHappen, FakeSlack, Reply, View
from hitl_middleware.testing.fake_slack.words import interactive
from hitl_server.pages.answers import one
from hitl_server.pages.drawing import answer
from hitl_server.pages.fields import Sent
from hitl_server.pages.sending import sent_by
from hitl_server.preview.drawing import why
from hitl_server.preview.fields import name_of, values_of
from hitl_server.preview.news import news
from hitl_server.preview.slack_page import HOME, SlackSeen, slack_page
from hitl_server.roles import OPERATING
from hitl_server.session import csrf_of

Id = Annotated[str, Path(pattern=r"^[A-Z0-9]{2,40}$")]
Place = Annotated[str, Path(pattern=r"^(home|[A-Z0-9]{2,40})$")]


def slack_routes(router: APIRouter, seen: SlackSeen) -> None:
    """All of them."""
    _looking(router, seen)
    _acting(router, seen)


def _looking(router: APIRouter, seen: SlackSeen) -> None:
    @router.get("/slack")
    async def begin() -> Response:
        return _to(seen.listed()[0].id)

    @router.get("/slack/{user}")
    async def channel_first(user: Id) -> Response:
        return _to(user, seen.places(user)[0].id)

    @router.get("/slack/{user}/{place}")
    async def look(request: Request, user: Id, place: Place) -> HTMLResponse:
        return answer(slack_page(seen, user, place, csrf=csrf_of(request)))

    def there(user: Id, place: Place) -> None:
        seen.channel(user, place)

    @router.get(
        "/slack/{user}/{place}/events", response_class=EventSourceResponse, dependencies=[Depends(there)]
    )
    async def events(request: Request, user: Id, place: Place) -> AsyncIterable[ServerSentEvent]:
        def draw() -> str:
            return slack_page(seen, user, place, csrf=csrf_of(request))

        async for event in news(request, lambda: seen.fake.changes, draw):
            yield event


def _acting(router: APIRouter, seen: SlackSeen) -> None:
    fake = seen.fake

    async def done(
        request: Request, user: str, place: str, act: Awaitable[Any], typed: Sent | None = None
    ) -> Response:
        """Do it, and lead back; what Slack's own client would not let happen is said on the page, beside what was typed."""
        try:
            await act
        except CannotHappen as refusal:
            page = slack_page(seen, user, place, csrf=csrf_of(request), note=why(refusal), typed=typed)
            return answer(page, 409)
        return _to(user, place)

    @router.post("/slack/{user}/{place}/press", openapi_extra=OPERATING)
    async def press(request: Request, user: Id, place: Place) -> Response:
        return await done(request, user, place, _pressed(fake, user, await sent_by(request)))

    @router.post("/slack/{user}/{place}/react", openapi_extra=OPERATING)
    async def react(request: Request, user: Id, place: Place) -> Response:
        return await done(request, user, place, _reacted(fake, user, await sent_by(request)))

    @router.post("/slack/{user}/{place}/say", openapi_extra=OPERATING)
    async def say(request: Request, user: Id, place: Place) -> Response:
        text = _typed(one(await sent_by(request), "text"))
        return await done(request, user, place, fake.asay(user, place, text)) if text else _to(user, place)

    @router.post("/slack/{user}/{place}/open-home", openapi_extra=OPERATING)
    async def open_home(request: Request, user: Id, place: Place) -> Response:  # noqa: ARG001 – it leads home from anywhere
        return await done(request, user, HOME, fake.aopen_home(user))

    @router.post("/slack/{user}/{place}/views/{view}/submit", openapi_extra=OPERATING)
    async def submit(request: Request, user: Id, place: Place, view: Id) -> Response:
        sent = await sent_by(request)
        return await done(request, user, place, _submitted(fake, user, view, sent), sent)

    @router.post("/slack/{user}/{place}/views/{view}/close", openapi_extra=OPERATING)
    async def close(request: Request, user: Id, place: Place, view: Id) -> Response:
        return await done(request, user, place, _closed(fake, user, view))


# ---------------------------------------------------------------------------------------------------------------- acts


async def _pressed(fake: FakeSlack, user: str, sent: Sent) -> Reply:
    """Press a button of a message as it stood on the page: who looks at an old card presses an old button, as in Slack."""
    if view_id := one(sent, "view"):
        view = _view(fake, view_id)
        action_id, value = _button(view.blocks, sent)
        return await fake.aclick(user, view, action_id=action_id, value=value)
    now = fake.message(one(sent, "channel"), one(sent, "ts"))
    states = [*now.versions, now]
    number = one(sent, "version")
    shown = states[int(number)] if number in map(str, range(len(states))) else now
    action_id, value = _button(shown.blocks, sent)
    stale = None if shown is now else shown
    return await fake.aclick(user, now, action_id=action_id, value=value, stale=stale)


def _button(blocks: Sequence[Mapping[str, Any]], sent: Sent) -> tuple[str, str | None]:
    """The action id and the value of the button that was pressed."""
    wanted = one(sent, "button")
    for block, element in interactive(blocks):
        if element["type"] == "button" and name_of(block, element) == wanted:
            return element["action_id"], element.get("value")
    msg = "This button is not there any more."
    raise CannotHappen(msg)


async def _reacted(fake: FakeSlack, user: str, sent: Sent) -> Reply:
    """React to a message, or take the reaction back."""
    message, name = fake.message(one(sent, "channel"), one(sent, "ts")), one(sent, "name")
    if (name, user) in message.reactions:
        return await fake.aunreact(user, message, name)
    if name not in {"+1", "x", *(each for each, _ in message.reactions)}:
        msg = "There is no such reaction here."
        raise CannotHappen(msg)
    return await fake.areact(user, message, name)


async def _submitted(fake: FakeSlack, user: str, view_id: str, sent: Sent) -> Reply:
    view = _view(fake, view_id)
    return await fake.asubmit_view(user, view, values_of(view.blocks, sent))


async def _closed(fake: FakeSlack, user: str, view_id: str) -> Reply | None:
    return await fake.aclose_view(user, _view(fake, view_id))


def _view(fake: FakeSlack, view_id: str) -> View:
    found = next((each for each in fake.views if each.id == view_id), None)
    if found is None:
        msg = "This form is not there any more."
        raise CannotHappen(msg)
    return found


def _typed(text: str) -> str:
    """What Slack makes of typed text: the three characters that mean something are escaped."""
    text = text.replace("\r\n", "\n").strip()
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _to(*path: str) -> RedirectResponse:
    return RedirectResponse("/".join(("/preview/slack", *path)), status_code=303)
