"""A card as GitHub gets it and as a person reads it."""

import re
import unicodedata
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.render import content
from hitl_middleware.clock import ManualClock
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import CardView, Target
from hitl_middleware.testing.channel_contract import sample_view

from tests.kit.reader import seen, text

NOW = ManualClock().now()
TARGET = Target(channel="github", address="acme/shop#12")
LABELS = {"repository": "acme/shop", "issue": "12"}
URL = "https://hitl.example"

NASTY = st.lists(
    st.sampled_from(
        [
            "`", "``", "```", "````", "```\n", "\n```\n", "~~~", "\n~~~\n", "\n", "\n\n", "\r", "\r\n", "    ", "\t", "> ", "\n> ", "\n- ",
            "\n1. ",
            "\n# ", "\n===\n", "\n---\n", "***", "<!--", "-->", "<!-- hitl:card:1 -->", "</details>", "<details>", "<script>",
            "</code></pre>",
            "<b>",
            "<img src=x>", "@ann", "@acme/team", "#12", "acme/shop#1", "GH-12", "a5c3785ed8d6a35868bc169f07e40e889087fd2e", "deadbeef",
            "https://evil.example/x", "www.evil.example", "mailto:a@evil.example", "a@evil.example", "[x](https://evil.example)", "![x](https://evil.example)",
            "[x]: https://evil.example\n", "[x]", ":tada:", "$x$", "$`x`$", "$$", "|", "\n| a |\n|---|\n", "\\", "&lt;",
            "&#64;ann", "*a*", "_a_", "~~a~~",
            "\u202e", "\u200b", "\u2066", "\ufeff", "\u2028", "\x00", "\x1b[31m", "\ud800", "\U000e0041", "\u3164",
            "\u05d0", "↳ ", "⟦CUT⟧", "words ", "x" * 150,
        ]
    )
    | st.characters(exclude_categories=()),
    max_size=8,
).map("".join)  # fmt: skip
ANY_TEXT = NASTY | st.builds(lambda each, times: each * times, NASTY, st.integers(1, 3_000))

TAGS = {"h3", "p", "strong", "code", "pre", "ul", "li", "sub", "details", "summary", "b", "br", "a"}


def view_of(**changes: Any) -> CardView:
    """A card whose request differs from the sample in these fields."""
    return sample_view(TARGET, NOW, **{"labels": LABELS, **changes})


def step_view(**changes: Any) -> CardView:
    """A card of a workflow step."""
    plan = ReviewPlan(
        verdict="ask",
        allowed_decisions=("approve", "reject", "feedback"),
        approvers=("github:role:write",),
        reason="The workflow waits at this step",
    )
    fields = {
        "kind": "step",
        "tool": None,
        "step": "plan-review",
        "round": 1,
        "title": "Review the plan",
        "plan": plan,
    }
    view = replace(view_of(**{**fields, "args": {"plan": "1. Look\n2. Leap"}, **changes}), action=None)
    return replace(view, url=f"{URL}/requests/{view.request.id}")


def read(view: CardView) -> str:
    """What a person reads."""
    return text(content(view).text)


def commands(view: CardView) -> list[str]:
    """The commands that the comment offers."""
    return re.findall(r"^`(/\w+ [^`]*)` – ", content(view).text.replace("- `/", "`/"), re.MULTILINE)


def assert_quiet(body: str, *, mark: str | None = None, ours: str = "") -> None:
    """Fits GitHub, hides nothing, and nothing that others wrote is anything but text.

    ``mark``: the hidden one, which is the only comment. ``ours``: references that we make ourselves.
    """
    body.encode()
    assert 0 < len(body.encode("utf-16-le")) // 2 <= words.MOST_BODY
    assert not [
        char
        for char in body
        if unicodedata.category(char) in {"Cf", "Cc", "Cs", "Co", "Cn", "Zl", "Zp"} and char not in "\n\t"
    ]
    reader = seen(body)
    assert set(reader.tags) <= TAGS
    assert [comment.strip() for comment in reader.comments] == ([mark] if mark else [])
    assert all(link.startswith(f"{URL}/") for link in reader.links)
    outside = "\n".join(piece.text for piece in reader.pieces if not piece.is_code).replace(ours, "")
    outside = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", outside)
    assert not re.search(
        r"[@#|<>`$\[\]\\]|www\.|://|:\w+:|\b[0-9a-f]{7,}\b|\b\w+-\d", outside, re.IGNORECASE
    ), outside
