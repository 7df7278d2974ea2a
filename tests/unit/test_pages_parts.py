"""What pages are made of, without a server: inputs, sentences of a plan, the story of a run."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware.actions import Decision
from hitl_middleware.forms import FormSpec
from hitl_middleware.policy import PlannedEscalation
from hitl_middleware.records import ReviewRequest
from hitl_middleware.telling import span, told
from hitl_middleware.testing.store_contract.case import a_request, a_run, an_action
from hitl_middleware.views import RunDetail
from hitl_server.pages.answers import Draft, decision_of
from hitl_server.pages.fields import HIDDEN, InputView, entries, inputs
from hitl_server.pages.story import links, plain, story_of

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "many": {"type": "integer"},
        "sure": {"type": "boolean"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "rest": {},
    },
    "required": ["text", "many", "sure", "tags"],
}


def browser(views: list[InputView]) -> dict[str, list[str]]:
    """What a browser sends of inputs that nobody touched: line ends as CR LF, of one-line inputs none."""
    sent: dict[str, list[str]] = {}
    for view in views:
        match view.kind:
            case "kept":
                continue
            case "boxes":
                sent[view.name] = ["", *view.chosen]
            case "menu":
                sent[view.name] = [view.chosen[0] if view.chosen else ""]
            case "lines":
                sent[view.name] = [view.text.replace("\n", "\r\n")]
            case _:
                sent[view.name] = [view.text.replace("\n", "").replace("\r", "")]
    return sent


@given(st.text(st.characters(), max_size=30), st.booleans(), st.lists(st.sampled_from("ab"), unique=True))
def test_what_nobody_touched_stays_to_the_letter(text: str, sure: bool, tags: list[str]):
    """S-11, rule 3: whatever a model wrote, a form that was opened and sent changes nothing."""
    args = {"text": text, "many": 3, "sure": sure, "tags": tags, "rest": {"x": [1.0, None]}}
    spec = FormSpec.of(SCHEMA, args)
    filled = spec.fill(entries(spec, browser(inputs(spec))))
    assert filled.errors == {}
    assert filled.value == args


def test_an_error_stands_at_its_field_and_keeps_what_was_typed():
    """Bad input: what is wrong is said where it is, and nothing has to be typed again."""
    spec = FormSpec.of(SCHEMA, {"text": "t", "many": 3, "sure": True, "tags": []})
    sent = {"field-0": ["new"], "field-1": ["some"], "field-2": ["No"], "field-3": ["", "b"]}
    errors = spec.fill(entries(spec, sent)).errors
    text, many, sure, tags, _rest = inputs(spec, sent, errors)
    assert many.error == "A whole number, for example 12000."
    assert [each.error for each in (text, sure, tags)] == [None] * 3
    assert (text.text, many.text, sure.chosen, tags.chosen) == ("new", "some", ("No",), ("b",))


def test_hidden_characters_are_said():
    """Rule 9: what cannot be seen in a field is said beside it; what no field could hold is not put into one."""
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    (seen,), (kept,) = (inputs(FormSpec.of(schema, {"x": text})) for text in ("a\u200bb", "a\x00b"))
    assert (seen.kind, HIDDEN in seen.hint) == ("text", True)
    assert kept.kind == "kept"


def test_an_answer_of_several_fields():
    """A step's form is filled in by approving."""
    schema = {"type": "object", "properties": {"branch": {"enum": ["main", "next"]}}, "required": ["branch"]}
    request = replace(asked(), kind="step", tool=None, args={"plan": "p"}, response_schema=schema)
    decision = decision_of({"type": ["approve"], "field-0": ["next"], "message": [" ok "]}, request)
    assert decision == Decision(type="approve", message="ok", answer={"branch": "next"})
    draft = decision_of({"type": ["approve"], "field-0": [""]}, request)
    assert isinstance(draft, Draft)
    assert draft.errors == {"branch": "This is required."}


class TestThePlan:
    def test_who_and_why(self):
        """O-05: who was asked and why, in sentences; what happens when nobody answers."""
        plan = asked().plan.model_copy(
            update={
                "reason": "pay always needs a decision",
                "risk": "high",
                "approvers": ("slack:U1", "group:finance"),
                "required_approvals": 2,
                "on_expiry": "escalate",
                "remind": (3_600.0, 600.0),
                "escalate_to": (PlannedEscalation(approvers=("group:heads",), expires_in=7_200),),
                "redact": ("pin",),
            }
        )
        facts = dict(told(replace(asked(), plan=plan, requester="slack:U9", deadline_at=NOON)))
        assert facts["Why"] == "pay always needs a decision"
        assert facts["Who decides"] == "2 of slack:U1 and group:finance"
        assert facts["Asked for by"] == "slack:U9 – and does not decide it"
        assert facts["Until"] == "2026-01-01 12:00 UTC"
        assert facts["And then"] == "group:heads is asked, too, for 2 h"
        assert facts["Reminded"] == "1 h and 10 min before"
        assert facts["Hidden"] == "the policy shows nobody pin"

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "0 s"),
            (59.6, "1 min"),
            (90, "1 min 30 s"),
            (3_605, "1 h"),
            (90_000, "1 day 1 h"),
            (172_800, "2 days"),
        ],
    )
    def test_lengths_of_time(self, seconds: float, words: str):
        """In two units at most, that stand beside each other."""
        assert span(seconds) == words


class TestTheStory:
    def test_the_wait_for_people_is_set_apart(self):
        """Waits that overlap count once; what is open counts until now; before and after, the graph worked."""
        run = replace(a_run(), status="suspended", created_at=NOON)
        requests = [waited(run.id, 60, 160), waited(run.id, 100, 200), waited(run.id, 900, None)]
        story = story_of(
            RunDetail(run=run, requests=tuple(requests), actions=(), approvals={}),
            NOON + dt.timedelta(seconds=1_000),
        )
        assert (story.whole, story.waited) == (1_000, 240)
        assert [moment.kind for moment in story.moments] == ["run", "wait", "wait", "wait"]

    def test_a_run_that_ended_stands_still(self):
        """Its time ends with it; what it did without asking is told, too."""
        run = replace(
            a_run(), status="succeeded", created_at=NOON, updated_at=NOON + dt.timedelta(seconds=10)
        )
        action = replace(an_action(), attempts=1, settled_at=NOON + dt.timedelta(seconds=5))
        story = story_of(
            RunDetail(run=run, requests=(), actions=(action,), approvals={}), NOON + dt.timedelta(days=1)
        )
        assert (story.whole, story.waited) == (10, 0)
        assert [moment.kind for moment in story.moments] == ["run", "act", "run"]

    def test_labels_lead_elsewhere(self):
        """Only addresses that a browser opens as pages become links."""
        labels = {
            "issue": "12",
            "issue_url": "https://github.com/a/b/issues/12",
            "odd_url": "javascript:alert(1)",
            "quote": "https://x/'><script>",
            "conversation": "cnv_1",
        }
        assert links(labels) == (("issue", "12", "https://github.com/a/b/issues/12"),)
        assert plain(labels) == (
            ("odd url", "javascript:alert(1)"),
            ("quote", "https://x/'><script>"),
            ("conversation", "cnv_1"),
        )


def asked() -> ReviewRequest:
    """Something asked."""
    return a_request("run")


def waited(run_id: str, since: float, to: float | None) -> ReviewRequest:
    """A request that waited from second to second."""
    request = replace(a_request(run_id), created_at=NOON + dt.timedelta(seconds=since))
    if to is None:
        return request
    return replace(request, status="approved", decided_at=NOON + dt.timedelta(seconds=to))
