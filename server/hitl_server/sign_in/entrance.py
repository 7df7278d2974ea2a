"""The one place where a session begins and ends, whichever way somebody came."""

from __future__ import annotations

import structlog
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from hitl_middleware.hitl import Hitl
from hitl_server.roles import Visitors
from hitl_server.session import Passage, Sessions, session_cookie
from hitl_server.sign_in.coming_back import local_path
from hitl_server.sign_in.sent_away import not_in

log = structlog.get_logger("hitl.sign_in")


class Entrance:
    """Lets people in whose identity was proven, and out."""

    def __init__(self, hitl: Hitl, visitors: Visitors) -> None:
        self._hitl = hitl
        self._visitors = visitors
        self.sessions = Sessions(hitl)

    async def enter(
        self, request: Request, identity: str, name: str | None, back: str | None, *, via: str
    ) -> Response:
        """A new session, and back to the page ``back``; or a sentence to somebody who is nobody here. ``via``: how it was proven.

        The session that the browser had ends, so nobody who knew its secret comes in with it.
        """
        admitted = await self._hitl.portal.run(self._visitors.admit, identity)
        if admitted is None:
            log.info("sign_in.nobody", person=identity)
            words = (
                f"You are {identity}, and nothing here is for you: neither hitl.toml nor anything that waits names you. Whoever "
                "operates this server can list you there: in [people], as an operator, or as one of the viewers of [sign_in]."
            )
            return not_in(request, 403, words)
        role, asked = admitted
        await self._end(request, via)
        passage = Passage(via=via, address=_address(request))
        secret = await self.sessions.begin(identity, name, asked=asked, passage=passage, role=role)
        log.info("sign_in.begun", person=identity, role=role)
        answer = RedirectResponse(local_path(back), status_code=303)
        session_cookie(self._hitl).give(answer, secret, self.sessions.seconds)
        return answer

    async def leave(self, request: Request) -> Response:
        """The session is over, for whoever has its cookie."""
        await self._end(request, "sign-out")
        log.info("sign_in.ended", person=request.state.caller.identity)
        answer = RedirectResponse("/sign-in", status_code=303)
        session_cookie(self._hitl).take(answer)
        return answer

    async def _end(self, request: Request, via: str) -> None:
        if (secret := session_cookie(self._hitl).read(request.headers)) is not None:
            await self.sessions.end(secret, passage=Passage(via=via, address=_address(request)))


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None
