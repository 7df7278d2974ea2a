"""``/preview/github``: the routes. Each act is one of ``FakeGitHub``'s, and leads back to the page, which shows what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from hitl_middleware.testing.fake_github import CannotHappen
from hitl_middleware.testing.fake_github.coding import Verdict
from hitl_server.pages.answers import one
from hitl_server.pages.drawing import answer
from hitl_server.pages.sending import sent_by
from hitl_server.preview.drawing import why
from hitl_server.preview.github_page import GitHubSeen, issue_page, list_page
from hitl_server.preview.news import news
from hitl_server.roles import OPERATING
from hitl_server.session import csrf_of

Login = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$")]
Number = Annotated[int, Path(ge=1, le=1_000_000_000)]


def github_routes(router: APIRouter, seen: GitHubSeen) -> None:
    """All of them."""

    def there(login: Login, number: Number) -> None:
        seen.account(login)
        seen.issue(number)

    def somebody(login: Login) -> None:
        seen.account(login)

    _listing(router, seen, [Depends(somebody)])
    _looking(router, seen, [Depends(there)])
    _acting(router, seen, [Depends(there)])


def _listing(router: APIRouter, seen: GitHubSeen, checks: list[Any]) -> None:
    @router.get("/github")
    async def begin() -> Response:
        """The newest issue, where there is one."""
        newest = [str(issue.number) for issue in seen.issues() if not issue.pull][:1]
        return _to(next(iter(seen.accounts())), *newest)

    @router.get("/github/{login}", dependencies=checks)
    async def list_issues(request: Request, login: Login) -> HTMLResponse:
        return answer(list_page(seen, login, csrf=csrf_of(request)))

    @router.get("/github/{login}/events", response_class=EventSourceResponse, dependencies=checks)
    async def list_events(request: Request, login: Login) -> AsyncIterable[ServerSentEvent]:
        def draw() -> str:
            return list_page(seen, login, csrf=csrf_of(request))

        async for event in news(request, lambda: seen.fake.changes, draw):
            yield event


def _looking(router: APIRouter, seen: GitHubSeen, checks: list[Any]) -> None:
    @router.get("/github/{login}/{number}", dependencies=checks)
    async def look(request: Request, login: Login, number: Number) -> HTMLResponse:
        return answer(issue_page(seen, login, number, csrf=csrf_of(request)))

    @router.get("/github/{login}/{number}/events", response_class=EventSourceResponse, dependencies=checks)
    async def events(request: Request, login: Login, number: Number) -> AsyncIterable[ServerSentEvent]:
        def draw() -> str:
            return issue_page(seen, login, number, csrf=csrf_of(request))

        async for event in news(request, lambda: seen.fake.changes, draw):
            yield event


def _acting(router: APIRouter, seen: GitHubSeen, checks: list[Any]) -> None:
    fake, repository = seen.fake, seen.repository

    async def done(request: Request, login: str, number: int, act: Awaitable[Any], typed: str) -> Response:
        """Do it, and lead back; what GitHub would not let happen is said on the page, beside what was typed."""
        try:
            await act
        except CannotHappen as refusal:
            page = issue_page(seen, login, number, csrf=csrf_of(request), note=why(refusal), typed=typed)
            return answer(page, 409)
        return _to(login, str(number))

    @router.post("/github/{login}/{number}/comment", openapi_extra=OPERATING, dependencies=checks)
    async def comment(request: Request, login: Login, number: Number) -> Response:
        body = _lines(one(await sent_by(request), "body"))
        return await done(request, login, number, fake.acomment(repository, number, login, body), body)

    @router.post("/github/{login}/{number}/review", openapi_extra=OPERATING, dependencies=checks)
    async def review(request: Request, login: Login, number: Number) -> Response:
        sent = await sent_by(request)
        body = _lines(one(sent, "body"))
        verdict: Verdict = "approve" if one(sent, "verdict") == "approve" else "request_changes"
        return await done(
            request, login, number, fake.areview(repository, number, login, verdict, body), body
        )


def _lines(text: str) -> str:
    """As GitHub has it: browsers send line ends as CRLF."""
    return text.replace("\r\n", "\n")


def _to(*path: str) -> RedirectResponse:
    return RedirectResponse("/".join(("/preview/github", *path)), status_code=303)
