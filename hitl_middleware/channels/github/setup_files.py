"""What ``hitl connect github`` adds to ``hitl.toml`` besides a setting: how a run would begin. Pure: text in, text out."""

from __future__ import annotations

EXAMPLE = """\
# A run begins when somebody puts this label on an issue. To have it so, take the "# " away:
# [[triggers]]
# event = "issues.labeled"
# label = "bug"
# graph = "sdlc-bugfix"
# repositories = ["{repository}"]
# requester = "author"          # who does not approve their own wish; or "labeller"
"""


def with_example(text: str, repository: str) -> str:
    """``hitl.toml`` with an example trigger that begins nothing yet; unchanged where triggers are spoken of already."""
    if "[[triggers]]" in text:
        return text
    return f"{text.rstrip()}\n\n{EXAMPLE.format(repository=repository)}".lstrip()
