"""Hostile text in every field of a card: the comment's structure does not change, nobody is mentioned, nothing is hidden."""

import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl_middleware.actions import Decision
from hitl_middleware.channels.github import markdown, replies
from hitl_middleware.channels.github.render import complete, confirmation, content
from hitl_middleware.display import shown_args, visible
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import CardView, Submission
from hitl_middleware.review import ActionStatus, RequestStatus
from hitl_middleware.testing.channel_contract import HOSTILE

from tests.kit.github_cards import ANY_TEXT, NASTY, NOW, assert_quiet, read, step_view, view_of
from tests.kit.reader import seen, structure


def everywhere(one: str, other: str, **changes: Any) -> CardView:
    """A card in which every text is somebody else's."""
    fields: dict[str, Any] = {
        "args": {other: one, "more": [one, {"deep": other}]},
        "title": one,
        "description": other,
        "tool": one,
        "graph": other,
        "requester": one,
        "notes": (one, other),
        "plan": ReviewPlan(
            verdict="ask",
            approvers=(one, f"group:{other}", f"github:{one}"),
            reason=other,
            risk=one,
            required_approvals=2,
        ),
        "labels": {"repository": one, "issue": "12", "pull_request": "13", "head_sha": other or "x"},
        "decided_by": other or None,
        "decided_by_name": one,
        "decided_via": other or None,
        "decided_at": NOW,
        "deadline_at": NOW,
    }
    view = view_of(**{**fields, **changes})
    answer = Submission(
        id="s",
        request_id="r",
        person=one or "x",
        name=other,
        via="x",
        decision=Decision(type="approve"),
        created_at=NOW,
    )
    return replace(view, submissions=(answer,), url=None if markdown.link(one, "x") else one)


def decision(text: str) -> Decision:
    """A rejection with these words. It cannot hold half a surrogate pair: pydantic refuses it at the door."""
    return Decision(type="reject", message=text[:20_000].encode(errors="replace").decode())


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    one=ANY_TEXT,
    other=ANY_TEXT,
    request_status=st.sampled_from(get_args(RequestStatus)),
    action_status=st.none() | st.sampled_from(get_args(ActionStatus)),
    kind=st.sampled_from(["tool_call", "step", "question", "breakpoint"]),
    edited=st.booleans(),
)
def test_any_card_is_quiet(one, other, request_status, action_status, kind, edited):
    """For any words of models, users and tools, in any state: it fits, hides nothing, and makes nothing of what they wrote."""
    view = everywhere(
        one, other, status=request_status, kind=kind, step=other, round=2, decision=decision(other),
        edited_from={one: other} if edited else None,
    )  # fmt: skip
    assert view.action is not None
    act = (
        replace(view.action, status=action_status, result_text=one, error=other or None)
        if action_status
        else None
    )
    view = replace(view, action=act)
    shown = content(view)
    assert_quiet(shown.text, mark=f"hitl:card:{view.card.id}", ours="#13")
    assert shown.complete or ("CUT" in shown.text and "/approve" not in shown.text)
    assert_quiet(confirmation(view.request))
    for reply in (
        replies.listing([view.request, view.request]),
        replies.help_text([view.request]),
        replies.status_text([view.request]),
        replies.unknown_code(one, [view.request]),
        replies.nothing_pending(view.request),
        replies.not_allowed(view.request, other),
        replies.already_decided(view.request),
    ):
        assert_quiet(reply)


def made_of(view: CardView) -> list[tuple[str, str, str]]:
    """The pieces of a comment, but for its mark and the sizes and labels of what is folded."""
    size = re.compile(r" – [\d,]+ (?:lines|characters)")
    return [
        (kind, tag, re.sub(r"<code>.*</code>", "<code>", size.sub("", own)))
        for kind, tag, own in structure(content(view).text)[1:]
    ]


@settings(max_examples=80)
@given(one=NASTY, other=NASTY)
def test_the_structure_stays(one, other):
    """Whatever stands in titles, names, reasons, arguments: the comment is made of the same pieces in the same order."""
    calm = everywhere("*x", "*y", decision=decision("*y"), status="rejected")
    hostile = everywhere(f"*{one}", f"*{other}", decision=decision(f"*{other}"), status="rejected")
    assert made_of(hostile) == made_of(calm)


@settings(max_examples=50)
@given(text=NASTY)
def test_what_is_complete_shows_everything(text):
    """Every character of a plan is in the comment, made visible, in one block of code."""
    view = step_view(args={"plan": text})
    assert complete(view)
    blocks = [piece.text for piece in seen(content(view).text).pieces if "pre" in piece.inside]
    flowing = "".join(blocks).replace("\n" + markdown.CONTINUED, "").strip("\n")
    assert flowing.strip() == visible(text).replace("↳", "⟦U+21B3⟧").strip("\n").strip()


@pytest.mark.parametrize("filler", ["x", "<", "`", "😀", "\u200b", "\n", "\t", "@", "\u4e2d", "x ", "` "])
def test_the_longest_card_fits(filler):
    """Everything at its longest at once, in the characters that cost most: cut loudly, within what GitHub takes, and not to be approved."""
    much = filler * 30_000
    view = everywhere(much, much, step=much, round=3, edited_from={much: much}, decision=decision(much))
    view = replace(
        view,
        request=replace(
            view.request,
            notes=(much,) * 20,
            plan=view.request.plan.model_copy(update={"approvers": (much,) * 20}),
        ),
    )
    for status in ("pending", "approved"):
        request = replace(view.request, status=status)
        assert view.action is not None
        shown = content(
            replace(
                view,
                request=request,
                action=replace(view.action, status="unknown", error=much, settled_by=f"local:{much}"),
            )
        )
        assert_quiet(shown.text, mark=f"hitl:card:{view.card.id}", ours="#13")
        assert not shown.complete
        assert "CUT" in shown.text
        assert "/approve" not in shown.text
    assert_quiet(confirmation(view.request))
    assert_quiet(replies.listing([view.request] * 50))
    assert_quiet(replies.status_text([view.request] * 50))


@pytest.mark.parametrize(
    "evil",
    [
        "@ann", "#12", "GH-12", "deadbeef1", "https://evil.example", "www.evil.example", ":tada:", "<!-- x", "x -->", "<b",
        "<script>x</script>",
        "</summary></details>", "&lt;b&gt;", "`", "```", "a ``` b", "[x](https://evil.example)",
        "$x$", "\\", "|", "*x*", "# x", "- x", "1. x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", ["pending", "rejected"])
def test_each_kind_of_evil_is_read_to_the_letter(evil, status):
    """In a title, a name, a label that is folded, a reason: seen as it was written, and nothing more than seen."""
    fields = {
        "title": evil,
        "step": evil,
        "args": {evil: "x\n" * 40, "more": evil},
        "round": 2,
        "notes": (evil,),
    }
    plan = step_view().request.plan.model_copy(update={"approvers": (evil,), "risk": evil})
    view = step_view(
        **fields,
        plan=plan,
        status=status,
        requester=evil,
        decision=decision(evil),
        decided_by=evil,
        decided_via=evil,
    )
    assert_quiet(content(view).text, mark=f"hitl:card:{view.card.id}")
    shown = read(view)
    for part in (
        f"{evil}\n",
        f"Step: {evil}, round 2",
        f"{evil} – 40 lines\n",
        f"Risk: {evil}",
        f"Asked for by: {evil}",
    ):
        assert part in shown


def test_hostile_text_is_read_to_the_letter():
    """Nothing is swallowed: what others wrote stands there, with the invisible made visible."""
    shown = read(everywhere(HOSTILE, HOSTILE))
    assert (
        "EVIL <!channel> <@U0EVIL> @everyone *b* `c` ```d``` </pre> [x](https://evil.example) :tada:" in shown
    )
    assert "⟦U+202E⟧EVIL⟦U+200B⟧" in shown


class TestPlain:
    @pytest.mark.parametrize(
        "text",
        [
            "Review the plan",
            "Refund order A1001: 120.00",
            "Änderung prüfen",
            "the rule for process_refund asks",
            "Really? (yes/no)",
            "計画を見る",
        ],
    )
    def test_quiet_words_stay_words(self, text):
        """Ordinary titles need no code."""
        assert markdown.plain(text) == text

    @pytest.mark.parametrize(
        "text",
        [
            "@ann", "a@b", "#12", "GH-12", "GHSA-abcd-efgh-ijkl",
            "TICKET-7", "see a5c3785", "www.evil.example", "http://x", "x:y", ":tada:", "*a*", "_a_",
            "a_", "__a__", "`a`",
            "<b>", "a|b", "[a]", "~a~", "a\\b", "$a$", "&amp;", "a\u200bb", "a\u202eb", "\u05d0\u05d1", "e\u0301", "a -- b", "",
        ],
    )  # fmt: skip
    def test_what_could_become_something_is_code(self, text):
        """A mention, a reference, a link, an emoji, markup, what is invisible or runs the other way."""
        assert "`" in markdown.plain(text)
        assert_quiet(f"x {markdown.plain(text)} y")

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("Merge pull request #2 at 8447c4f?", "Merge pull request `#2` at `8447c4f`?"),
            ("Ask @ann (see acme/shop#1): 2026-03-01", "Ask `@ann` (see `acme/shop#1`): `2026-03-01`"),
            ("Ask @ann *now*", "`Ask @ann *now*`"),
            ("x GH-1 :tada:", "`x GH-1 :tada:`"),
        ],
    )
    def test_names_and_numbers_alone_are_code(self, text, shown):
        """Where nothing else is suspicious, the rest can be read as words."""
        assert markdown.plain(text) == shown

    @pytest.mark.parametrize("text", ["`", "``", "a`b", "`a", "a`", "` `", "```a``b`", "\\`", " ` "])
    def test_a_code_span_cannot_be_left(self, text):
        """Back-ticks inside are shown as they are."""
        pieces = [piece for piece in seen(f"x {markdown.code(text)} y").pieces if piece.is_code]
        assert [piece.text for piece in pieces] == [" ".join(text.split())]

    def test_long_lines_are_wrapped(self):
        """GitHub scrolls code sideways, so what stands far to the right would be hidden: nothing is wider than a screen."""
        line = "rm -rf build" + " " * 200 + "and production too " + "x" * 300 + "\u4e2d" * 80
        parts = markdown.wrapped(line).split("\n")
        assert len(parts) > 5
        assert all(markdown._columns(part) <= markdown.WIDTH for part in parts)
        assert "".join(part.removeprefix(markdown.CONTINUED) for part in parts) == line

    def test_no_line_passes_for_the_rest_of_another(self):
        """The arrow is written out where the text has one."""
        assert markdown.wrapped("a\n↳ b") == "a\n⟦U+21B3⟧ b"

    @pytest.mark.parametrize(
        "url",
        [
            None,
            "",
            "javascript:alert(1)",
            "https://x|y>",
            "https://x y",
            "/requests/1",
            "https://x)y",
            "https://x\n",
            "https://x/`",
            "https://a@b",
        ],
    )
    def test_only_real_addresses_are_linked(self, url):
        """What could leave the link, or is none, is left out."""
        assert markdown.link(url, "request") is None


def test_arguments_are_shown_as_everywhere():
    """The same words as on the page and in Slack, hidden values marked."""
    args = {"iban": "⟦redacted⟧", "text": "a\nb"}
    view = view_of(args=args, plan=ReviewPlan(verdict="ask", redact=("iban",)))
    assert shown_args(args, 10_000, redact=("iban",)).text in content(view).text
    assert "hidden by the policy (iban)" in read(view)


@pytest.mark.parametrize("label", ["Ask @ann", "- @ann", "`@ann`", "see #12 <b>"])
def test_a_folded_label_mentions_nobody(label: str):
    """G-04: a label inside HTML is as quiet as any other where only a part of it is a name: Markdown's code would be none there."""
    view = step_view(args={label: "line\n" * 99})
    assert_quiet(content(view).text, mark=f"hitl:card:{view.card.id}", ours="#13")
    assert label in read(view)
