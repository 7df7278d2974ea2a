"""Pages for people: what waits, one request, one run – looked at, kept true while they are open, and decided on.

They are HTML from the first answer: lists are complete and forms work before any script. htmx sends a form and draws only what it
changed; a script of our own (``static/hitl.js``) has the keys, and draws anew what others changed. Nothing is loaded from elsewhere, no
script or style stands in a page, and nothing is changed by GET. What models and users wrote is data: escaped by the templates, and
written out where it draws nothing or turns the text around.

    drawing   the templates, and what everything written by them goes through
    seen      the arguments of a call, or the data of a step, in full or cut loudly
    told      who was asked and why: the plan in sentences                             pure
    fields    the fields of a form as inputs                                           pure
    offered   which answers whoever looks is offered
    answers   what was sent by a form as a decision, or what is wrong with it          pure
    story     what happened in a run, and when people were waited for                  pure
    course    the course of a run: its graph, its time line, its state step by step
    inbox · request · run · analytics · audit · static   the routes
"""

from __future__ import annotations

from fastapi import APIRouter

from hitl_middleware.hitl import Hitl
from hitl_server.metrics import Meter
from hitl_server.pages.analytics import analytics_page_router
from hitl_server.pages.audit import audit_page_router
from hitl_server.pages.inbox import inbox_router
from hitl_server.pages.request import request_router
from hitl_server.pages.run import run_router
from hitl_server.pages.static import static_router


def page_routers(hitl: Hitl, meter: Meter) -> tuple[APIRouter, ...]:
    """``/`` (and ``/inbox``), ``/requests/{id}``, ``/runs/{id}``, ``/analytics``, ``/audit``, and what they load."""
    return (
        inbox_router(hitl),
        request_router(hitl, meter),
        run_router(hitl, meter),
        analytics_page_router(hitl),
        audit_page_router(hitl),
        static_router(),
    )
