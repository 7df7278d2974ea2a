"""The page of an issue, for a person with a browser: everything there, rendered as a reader gets it."""

from __future__ import annotations

import html

from starlette.responses import HTMLResponse

from hitl_middleware.testing.fake_github.markdown import seen
from hitl_middleware.testing.fake_github.state import Hub, stamp

_STYLE = (
    "body{font:15px/1.5 system-ui;max-width:52rem;margin:2rem auto;padding:0 1rem}article{border:1px solid #d0d7de;border-radius:6px;"
    "margin:1rem 0;padding:.5rem 1rem}header{color:#59636e}code,pre{background:#f6f8fa}pre{padding:.5rem;overflow:auto}"
    "table{border-collapse:collapse}td,th{border:1px solid #d0d7de;padding:.2rem .6rem}"
)


def issue_page(hub: Hub, repository: str, number: int) -> HTMLResponse:
    """An issue or a pull request with its comments; 404 for what is not there."""
    with hub.changing():
        issue = hub.world.issues.get(f"{repository}#{number}".lower())
        if issue is None:
            return HTMLResponse("<h1>404</h1>This is not the page you are looking for.", 404)
        place = (issue.repository, issue.number)
        comments = [each for each in hub.world.comments.values() if (each.repository, each.number) == place]
        entries = [("", issue.user, issue.created_at, issue.created_at, issue.body or "", "")]
        for each in comments:
            reactions = " ".join(
                reaction.content
                for reaction in hub.world.reactions.values()
                if reaction.subject == ("comment", each.id)
            )
            entries.append(
                (f"issuecomment-{each.id}", each.user, each.created_at, each.updated_at, each.body, reactions)
            )
    labels = " ".join(f"<code>{html.escape(name)}</code>" for name in issue.labels)
    parts = [
        f"<!doctype html><meta charset=utf-8><title>{html.escape(issue.title)}</title><style>{_STYLE}</style>",
        f"<h1>{html.escape(issue.title)} #{issue.number}</h1><p>{html.escape(issue.repository)} · {issue.state} {labels}</p>",
    ]
    for anchor, user, at, changed, body, reactions in entries:
        edited = " · edited" if changed != at else ""
        parts.append(
            f'<article id="{anchor}"><header><b>{html.escape(user)}</b> {stamp(at)}{edited}</header>'
            f"{seen(body).html}<footer>{html.escape(reactions)}</footer></article>"
        )
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse("\n".join(parts), headers=policy)
