import datetime as dt
import json
import unicodedata
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl_middleware.actions import Decision
from hitl_middleware.channels.slack import words
from hitl_middleware.channels.slack.render import blocks, content
from hitl_middleware.errors import AlreadyDecided, DigestMismatch, DoesNotFit, NotAllowed, NotFound
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Submission
from hitl_middleware.review import ActionStatus, RequestStatus
from hitl_middleware.testing.channel_contract import approved

from tests.kit.slack_cards import (
    ANN,
    ANY_TEXT,
    JSON,
    LONG_TEXT,
    NOW,
    assert_slack_takes,
    labels,
    read,
    strings,
    view_of,
)


class TestAnyCard:
    @settings(
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        max_examples=150,
        deadline=None,
    )
    @given(
        args=st.none() | st.dictionaries(ANY_TEXT, JSON, max_size=5),
        edited_from=st.none() | st.dictionaries(ANY_TEXT, JSON, max_size=5),
        one=LONG_TEXT,
        other=LONG_TEXT,
        request_status=st.sampled_from(get_args(RequestStatus)),
        action_status=st.none() | st.sampled_from(get_args(ActionStatus)),
        people=st.lists(st.one_of(ANY_TEXT, st.just(ANN)), min_size=1, max_size=9),
    )
    def test_is_valid_complete_and_parses_nothing(
        self, args, edited_from, one, other, request_status, action_status, people
    ):
        """For any words of models, users and tools, in any state: valid blocks, nothing hidden, nothing of theirs as markup."""
        marker = "EVIL"
        view = view_of(
            args=args,
            status=request_status,
            title=marker + one,
            description=other,
            tool=f"<{marker}>{one}",
            requester=people[0],
            notes=(one, other, marker),
            plan=ReviewPlan(
                verdict="ask", approvers=tuple(people), reason=marker + other, risk=one, required_approvals=2
            ),
            # An answer cannot hold half a surrogate pair: pydantic refuses it at the door.
            decision=Decision(
                type="reject", message=(marker + other)[:20_000].encode(errors="replace").decode()
            ),
            decided_by=people[-1],
            decided_by_name=other,
            decided_at=NOW,
            deadline_at=NOW,
            edited_from=edited_from,
        )
        assert view.action is not None
        action = (
            replace(view.action, status=action_status, result_text=one, error=other or None)
            if action_status
            else None
        )
        given_by = tuple(
            Submission(
                id="s",
                request_id="r",
                person=who,
                name=one,
                via="x",
                decision=Decision(type="approve"),
                created_at=NOW,
            )
            for who in people
        )
        view = replace(
            view, action=action, submissions=given_by, url=one, run=replace(view.run, labels={one: other})
        )
        assert_slack_takes(view)
        shown = content(view)
        parsed = "\n".join([*strings(shown.blocks, "mrkdwn"), shown.text])
        assert marker not in parsed
        hidden = {
            c
            for text in strings(shown.blocks)
            for c in text
            if unicodedata.category(c) in {"Cf", "Cc", "Cs", "Co"}
        }
        assert hidden <= {"\n", "\t"}

    def test_slack_makes_no_links_of_what_merely_looks_like_one(self):
        """Rule 9: our own words hold names (a graph, a role). Else Slack makes links of addresses, channels and people in them."""
        view = view_of(status="pending", deadline_at=NOW, plan=ReviewPlan(verdict="ask", approvers=(ANN,)))

        def markup(part: object) -> list[dict[str, object]]:
            if isinstance(part, list):
                return [found for inner in part for found in markup(inner)]
            if not isinstance(part, dict):
                return []
            return [part] * (part.get("type") == "mrkdwn") + markup([*part.values()])

        found = markup(content(view).blocks)
        assert len(found) > 3
        assert {each["verbatim"] for each in found} == {True}

    @pytest.mark.parametrize("filler", ["x", "&", "<", "😀", "\u200b", "\n", '"', "\x00"])
    def test_the_longest_card_fits(self, filler):
        """Everything at its longest at once, in the characters that cost most, stays within what Slack takes."""
        much = filler * 30_000
        view = view_of(
            args={"text": much},
            title=much,
            description=much,
            requester=much,
            notes=(much,) * 20,
            plan=ReviewPlan(
                verdict="ask", approvers=(much,) * 20, reason=much, risk=much, required_approvals=3
            ),
            deadline_at=NOW,
        )
        assert_slack_takes(view)
        done = approved(view, status="unknown", result_text=much, error=much, settled_by="local:" + much)
        request = replace(
            done.request, decision=Decision(type="approve", message=much[:20_000]), decided_by_name=much
        )
        assert_slack_takes(replace(done, request=request))


class TestStory:
    def test_a_mention_or_a_name(self):
        """Slack's people are mentioned; anybody else is plain text, whatever their name is."""
        done = approved(view_of())
        by_ann = replace(done, request=replace(done.request, decided_by=ANN, decided_by_name="ann"))
        assert blocks(by_ann)[1]["text"]["type"] == "mrkdwn"
        assert "Approved by <@U024BE7LH>" in blocks(by_ann)[1]["text"]["text"]
        odd = replace(
            done, request=replace(done.request, decided_by="slack:U1> <!channel", decided_by_name=None)
        )
        assert blocks(odd)[1]["text"]["type"] == "plain_text"
        assert "<!channel" not in blocks(odd)[1]["text"]["text"]

    @pytest.mark.parametrize(
        ("status", "facts", "seen"),
        [
            ("executing", {}, "Executing"),
            ("succeeded", {"result_text": "re_1"}, "re_1"),
            ("failed", {"error": "card_declined"}, "card_declined"),
        ],
    )
    def test_decision_and_outcome_stand_side_by_side(self, status, facts, seen):
        """S-09: what was approved stays approved, and the card says what came of it and why."""
        shown = read(approved(view_of(), status=status, **facts))
        assert "Approved by ann" in shown
        assert seen in shown

    def test_an_unknown_outcome_says_how_to_settle_it(self):
        """The command with the action's id, as code."""
        view = approved(view_of(), status="unknown", error="timed out")
        assert view.action is not None
        assert f"`hitl actions settle {view.action.id}`" in read(view)

    def test_who_asked_why_how_many_and_until_when(self):
        """P-02: reason, risk, requester, approvers, agreed so far, who is still needed, deadline, code, notes, conversation."""
        view = view_of(
            plan=ReviewPlan(
                verdict="ask",
                approvers=(ANN, "group:finance"),
                reason="over 50",
                risk="high",
                required_approvals=2,
                required_from=("slack:S0SEC12345", "group:`legal"),
            ),
            requester=ANN,
            deadline_at=NOW,
            notes=("Customer wrote again",),
        )
        one = Submission(
            id="s",
            request_id="r",
            person="local:bob",
            name="bob",
            via="cli",
            decision=Decision(type="approve"),
            created_at=NOW,
        )
        view = replace(view, submissions=(one, one), run=replace(view.run, labels={"conversation": "cnv_1"}))
        shown = read(view)
        for words_ in (
            "over 50",
            "high",
            "@ann",
            "finance",
            "1 of 2",
            "S0SEC12345 and `'legal`",
            "bob",
            "Customer wrote again",
            "cnv_1",
            view.request.code,
        ):
            assert words_ in shown
        assert f"<!date^{int(NOW.timestamp())}^" in json.dumps(blocks(view))

    def test_a_question_of_somebody_elses_graph(self):
        """No tool, any value: shown as data under its own label."""
        view = replace(
            view_of(kind="question", tool=None, description="Really?", args={"value": [1, 2]}), action=None
        )
        assert "Really?" in read(view)
        assert content(view).text == "Waiting for a decision: a question"
        assert "handed back to the run" in read(approved(view))

    def test_an_edit_is_called_one(self):
        """The arguments that run are said to be the reviewer's, and what changed stands below: old → new, as data."""
        before = {"order_id": "A-1001", "amount_cents": 12_000, "note": "a\nb"}
        after = {"order_id": "A-1001", "amount_cents": 10_000, "note": "a\nc"}
        done = approved(view_of(args=after, edited_from=before))
        edit = {"type": "edit", "edited_action": {"name": "process_refund", "args": after}}
        shown = read(replace(done, request=replace(done.request, decision=Decision.model_validate(edit))))
        assert "Arguments, as edited by the reviewer" in shown
        assert "What the reviewer changed\namount_cents: 12000 → 10000\nnote:\n  - b\n  + c" in shown

    def test_those_who_are_asked_again_see_the_edit(self):
        """S-11: a pending card about an edited call says what it was."""
        view = view_of(args={"amount_cents": 60_000}, edited_from={"amount_cents": 12_000})
        assert "What the reviewer changed\namount_cents: 12000 → 60000" in read(view)
        assert labels(view)[0] == "Approve"

    @pytest.mark.parametrize(
        "url", [None, "javascript:alert(1)", "https://x|y>", "https://x y", "/requests/1"]
    )
    def test_only_real_addresses_are_linked(self, url):
        """What could leave the link, or is none, is left out."""
        assert "Open the request" not in read(replace(view_of(), url=url))


class TestRefusals:
    def test_says_who_and_when(self):
        """S-10: the loser is told who decided, with a mention and the reader's own time."""
        request = replace(
            view_of().request,
            status="rejected",
            decided_by=ANN,
            decided_at=dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC),
        )
        said = words.refusal(AlreadyDecided(status="rejected", by="x", at="y"), request)
        assert said.startswith("This was already rejected by <@U024BE7LH> (<!date^1772357400^")
        assert "2026-03-01 09:30 UTC" in said

    def test_nobody_else_can_write_the_sentence(self):
        """A name is in a code span that it cannot leave; nothing of it is markup."""
        request = replace(
            view_of().request, status="approved", decided_by="local:x", decided_by_name="`<!channel>` *x*"
        )
        said = words.decided(request)
        assert "<!channel>" not in said
        assert "`'&lt;!channel&gt;' *x*`" in said

    @pytest.mark.parametrize(
        ("error", "part"),
        [
            (NotFound(kind="request", key="r"), words.GONE),
            (DigestMismatch(digest="d"), words.CHANGED),
            (
                NotAllowed(who=ANN, why="it is for slack:U0BOB12345 or group:<!here> to decide."),
                "<@U0BOB12345>",
            ),
            (DoesNotFit(field="type", why="<!here> no"), "&lt;!here&gt; no"),
        ],
    )
    def test_each_refusal_has_a_sentence(self, error, part):
        """Who may, what changed, what does not fit; escaped."""
        said = words.refusal(error, None)
        assert part in said
        assert "<!here>" not in said
