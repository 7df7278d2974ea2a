"""``/preview/slack`` and ``/preview/github``: what the shipped fakes hold, drawn as Slack and GitHub would draw it, to be acted on.

For ``hitl demo`` alone: whoever has such a fake hands it over (``preview_router``), and a server that nobody gave one has no such routes.
Nothing is played here. A press, a form, a comment are acts of ``FakeSlack`` and ``FakeGitHub``: they sign what the real service would sign
and send it to this server's real ``/slack/events`` and ``/github/webhooks``, which know nothing of these pages. What is drawn is what the
server answered and wrote through the real APIs. Whoever looks chooses whom they are; so the guard's rule for a server without sign-in –
only this machine, changes only with the page's token – is all that stands before it, as before everything of a demo.

What stands in cards and comments is data: every text is escaped on its way through ``slack_text`` or ``markdown``.

    slack_text  Slack's markup and rich text as HTML        pure
    fields      the elements of a form, and what was sent   pure
    markdown    a comment as HTML                           pure
    slack_page · github_page   what a page tells    slack · github   the routes
    drawing     the templates                       news   what changes, as it changes
"""

from __future__ import annotations

from fastapi import APIRouter

from hitl_server.preview.drawing import style_route
from hitl_server.preview.github import github_routes
from hitl_server.preview.github_page import GitHubSeen
from hitl_server.preview.slack import slack_routes
from hitl_server.preview.slack_page import SlackSeen

__all__ = ["GitHubSeen", "SlackSeen", "preview_router"]


def preview_router(*, slack: SlackSeen | None = None, github: GitHubSeen | None = None) -> APIRouter:
    """The routes of what is given."""
    # Not in the document: they belong to the demo's stage, and nobody programs against them.
    router = APIRouter(prefix="/preview", include_in_schema=False)
    style_route(router)
    if slack is not None:
        slack_routes(router, slack)
    if github is not None:
        github_routes(router, github)
    return router
