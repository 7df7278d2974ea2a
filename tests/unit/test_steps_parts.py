"""The parts of workflow steps: parameters, shapes, words on the wire, edges, and the graph they stand in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, ConfigDict, field_validator
from typing_extensions import TypedDict

from hitl_middleware import Review, ask, dialects, human_step, route
from hitl_middleware.actions import Decision, Place
from hitl_middleware.dialects import Question
from hitl_middleware.display import shown_data
from hitl_middleware.errors import ConfigurationError, DoesNotFit
from hitl_middleware.gate.human_step import shown_value
from hitl_middleware.gate.shape import shape_of
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.stores.saver import strict_serializer

from tests.kit.effects import Effects
from tests.kit.flows import planning
from tests.kit.world import World, on


class Day(BaseModel):
    """A form with a date, a choice, and a rule that JSON Schema cannot say."""

    model_config = ConfigDict(strict=True)

    on: dt.date
    size: Literal["small", "large"] = "small"

    @field_validator("on")
    @classmethod
    def _no_sunday(cls, value: dt.date) -> dt.date:
        if value.isoweekday() == 7:
            msg = "not on a Sunday"
            raise ValueError(msg)
        return value


class Typed(TypedDict):
    days: int


@dataclass
class Point:
    x: int


# parameters ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (
            {"decisions": ["approve", "edit"]},
            r"decisions: \['edit'\]; a workflow step takes approve, reject, feedback",
        ),
        ({"decisions": []}, "none given"),
        ({"decisions": ["feedback"]}, "would never end"),
        ({"show": "plan"}, "show: give a list of keys"),
        ({"approvers": "slack:U1"}, "approvers: give a list"),
        ({"approvers": []}, "nobody could ever decide"),
        ({"max_rounds": 0}, "max_rounds: 0; at least 1"),
        ({"form": Typed, "decisions": ["reject"]}, "does not take approve"),
        ({"form": {"type": "nonsense"}}, "form: this is no JSON Schema"),
        ({"form": pytest}, "form: give a pydantic model"),
        ({"form": Day, "required_approvals": 2}, "form: it is filled in by one person"),
        ({"form": Day, "required_from": ["a", "b"]}, "form: it is filled in by one person"),
        ({"required_from": "group:security"}, "required_from: give a list of roles"),
    ],
    ids=range(13),
)
def test_parameters_that_could_never_work(rules: dict[str, Any], sentence: str) -> None:
    """E-04: they are refused where the graph is built, with what to mend."""
    with pytest.raises(ConfigurationError, match=sentence):
        human_step("Fine?", **rules)


def test_edges_that_could_never_work() -> None:
    """E-04: a route without a target, and a state without a review."""
    with pytest.raises(ConfigurationError, match="at least one decision"):
        route("review")
    edge = route("review", approve="go")
    for state in ({}, {"review": None}, {"review": {"decision": "maybe"}}, object()):
        with pytest.raises(ConfigurationError, match="holds no review there yet"):
            edge(state)
    with pytest.raises(ConfigurationError, match="decided 'reject', and no node is named"):
        edge({"review": {"decision": "reject"}})


def test_an_edge_reads_any_kind_of_state() -> None:
    """``route`` works with a TypedDict, a dataclass and a pydantic model as state, and tells LangGraph its ends."""

    class Model(BaseModel):
        review: Any

    edge = route("review", approve="go", reject=END)
    review = {"decision": "approve"}
    assert [edge(state) for state in ({"review": review}, Model(review=review))] == ["go", "go"]
    assert edge.__annotations__["return"] == Literal["go", "__end__"]


def test_a_review_that_the_state_has_no_place_for(quick: World) -> None:
    """E-04: LangGraph would drop it silently; serving and attaching refuse the graph."""
    builder = planning(Effects(), into=None)
    sentence = "The step 'check' writes 'check', which the state of the graph does not have"
    with pytest.raises(ConfigurationError, match=sentence):
        quick.serve("g", builder.compile())
    with pytest.raises(ConfigurationError, match=sentence):
        quick.attach(builder.compile(checkpointer=InMemorySaver()), "g")


def test_what_is_shown_must_be_there(quick: World) -> None:
    """E-04: a key of ``show`` that the state does not have would be empty on every card."""
    with pytest.raises(ConfigurationError, match="shows 'plna', which the state"):
        quick.serve("g", planning(Effects(), show=["plna"]).compile())


def test_a_decision_that_leads_nowhere_is_found_also_in_a_subgraph(quick: World) -> None:
    """E-04: the step takes feedback, and its edge names no node for it."""

    class State(TypedDict, total=False):
        review: Review

    inner = StateGraph(State)
    inner.add_node("check", human_step("Fine?", into="review"))
    inner.add_edge(START, "check")
    inner.add_conditional_edges("check", route("review", approve=END, reject=END))
    outer = StateGraph(State)
    outer.add_node("inner", inner.compile())
    outer.add_edge(START, "inner")
    with pytest.raises(ConfigurationError, match=r"takes 'feedback'.*route\('review', …, feedback=<node>\)"):
        quick.serve("g", outer.compile())


def test_outside_a_graph() -> None:
    """E-04: a sentence, not a traceback of LangGraph's."""
    with pytest.raises(ConfigurationError, match="works inside a node"):
        ask("Fine?")
    with pytest.raises(ConfigurationError, match=r"'human_step' asks people.*checkpointer"):
        human_step("Fine?").invoke({})


# shapes -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "answer", "value"),
    [
        (Day, {"on": "2026-01-05"}, Day(on=dt.date(2026, 1, 5))),
        (Typed, {"days": 3}, {"days": 3}),
        (Point, {"x": 1}, Point(1)),
        (bool, False, False),
        (Literal["a", "b"], "a", "a"),
        (list[int], [1, 2], [1, 2]),
        ({"type": "integer"}, 7, 7),
    ],
    ids=["model", "typed dict", "dataclass", "bool", "literal", "list", "schema"],
)
def test_an_answer_becomes_what_the_code_asked_for(form: Any, answer: Any, value: Any) -> None:
    """``ask`` gives a model where a model was asked for, and JSON where a JSON Schema was."""
    assert shape_of(form, "schema").value(answer) == value


@pytest.mark.parametrize(
    ("form", "answer", "sentence"),
    [
        (Day, {"on": "2026-01-04"}, "on: Value error, not on a Sunday"),
        (Day, {"on": "2026-01-05", "size": "huge"}, "size: Input should be"),
        (bool, "perhaps", "answer: Input should be"),
        ({"type": "integer"}, "7", "answer: This must be a whole number"),
    ],
    ids=["rule", "choice", "bool", "schema"],
)
def test_an_answer_that_does_not_fit(form: Any, answer: Any, sentence: str) -> None:
    """E-04: it is named what does not fit, in the form's words."""
    with pytest.raises(DoesNotFit, match=sentence):
        shape_of(form, "schema").value(answer)


def test_an_answer_that_breaks_a_rule_of_the_model_is_asked_again(quick: World, effects: Effects) -> None:
    """E-04: the desk knows only the JSON Schema; what the model refuses is asked again, saying why, not a crash of the run."""
    quick.serve("g", planning(effects, form=Day).compile())
    quick.begin_run("g", {"topic": "bees"}, thread_id="t-1")
    assert quick.only().response_schema == Day.model_json_schema()
    quick.decide(quick.only(), answer={"on": "2026-01-04"})
    quick.step()
    again = quick.only()
    assert again.notes == ("The last answer was not taken. on: Value error, not on a Sunday",)
    assert (again.round, effects.done) == (1, [])
    quick.decide(again, answer={"on": "2026-01-05"})
    quick.step()
    assert effects.done == [1]


# on the wire --------------------------------------------------------------------------------------------------------------

PLAN = ReviewPlan(
    verdict="ask", allowed_decisions=("approve", "feedback"), approvers=("slack:U1",), expires_in=60
)
STEP = Question(
    kind="step",
    form="ours",
    title="Fine?",
    description="Fine?\nReally?",
    plan=PLAN,
    shown={"plan": "dig"},
    response_schema={"type": "object", "properties": {"d": {"$ref": "#/$defs/D"}}, "$defs": {"D": {}}},
    place=Place("t", "check:1", 2),
    step="check",
    round=3,
    notes=("Round 2: Ann said no",),
)


def test_what_is_asked_is_read_again() -> None:
    """The value that interrupts says all that the desk files; it is JSON, and it survives the strict serializer of a saver."""
    value = dialects.ask_people(STEP)
    serializer = strict_serializer()
    assert serializer.loads_typed(serializer.dumps_typed(value)) == value
    assert dialects.read(value) == (STEP,)
    assert dialects.read(value)[0].digest == STEP.digest


def test_clients_of_langgraph_can_show_it() -> None:
    """E-03: LangChain's words beside ours; the schema of the decision keeps the form's references right."""
    value, schema = dialects.ask_people(STEP), dialects.answer_schema(STEP)
    assert value["action_requests"] == [
        {
            "name": "check",
            "args": {"plan": "dig"},
            "arguments": {"plan": "dig"},
            "description": "Fine?\nReally?",
        }
    ]
    assert value["review_configs"] == [{"action_name": "check", "allowed_decisions": ["approve", "feedback"]}]
    assert schema is not None
    assert schema["$defs"] == {"D": {}}
    assert "$defs" not in schema["properties"]["answer"]


@pytest.mark.parametrize(
    "broken",
    [{"place": None}, {"place": {"thread_id": "t"}}, {"plan": {}}, {"schema": 5}, {"version": 2}],
    ids=str,
)
def test_a_value_that_is_not_whole_is_a_foreign_one(broken: dict[str, Any]) -> None:
    """DESIGN §6: nothing is dropped: it becomes a question with its value shown."""
    value = dialects.ask_people(STEP)
    value["hitl"] |= broken
    (question,) = dialects.read(value)
    assert question.place is None


def test_the_digest_is_of_what_was_shown() -> None:
    """DESIGN §2.3: words, data, form or place changed: another digest; who may decide is not part of it (rule 5)."""
    from dataclasses import replace

    others = [
        replace(STEP, description="Fine?\nSure?"),
        replace(STEP, shown={"plan": "drill"}),
        replace(STEP, response_schema=None),
        replace(STEP, place=Place("t", "check:1", 3)),
    ]
    assert len({question.digest for question in (STEP, *others)}) == 5
    assert replace(STEP, plan=PLAN.model_copy(update={"approvers": ("slack:U2",)})).digest == STEP.digest


def test_the_hint_carries_the_answer() -> None:
    """What the run is resumed with is for readers: type, words and values."""
    decision = Decision(type="approve", message="go", answer={"d": 1})
    assert dialects.resume_value((STEP,), (decision,)) == {
        "type": "approve",
        "message": "go",
        "answer": {"d": 1},
    }


# what is shown ------------------------------------------------------------------------------------------------------------


def test_values_of_a_state_for_people() -> None:
    """Messages as who speaks and what; models, dates and sets as JSON; nothing raises."""
    assert shown_value([HumanMessage("hi"), AIMessage("ho")]) == [
        {"role": "human", "content": "hi"},
        {"role": "ai", "content": "ho"},
    ]
    assert shown_value(Day(on=dt.date(2026, 1, 5))) == {"on": "2026-01-05", "size": "small"}
    assert shown_value({"a": {1}, "b": b"\xff", "c": float("nan")}) == {"a": [1], "b": "_w==", "c": "nan"}
    assert isinstance(shown_value({"o": object()})["o"], str)


def test_data_is_shown_value_by_value_and_cut_loudly() -> None:
    """DESIGN §2.9: what does not fit is cut where everybody sees it, and the last value is not forgotten for the first."""
    shown = shown_data({"plan": "x" * 500, "cost": 5, "note": "y" * 500}, 400)
    assert [key for key, _ in shown] == ["plan", "cost", "note"]
    assert [text.complete for _, text in shown] == [False, True, False]
    assert '"cost": 5' in shown[1][1].text
    assert "CUT" in shown[2][1].text
    assert [key for key, _ in shown_data({str(n): n for n in range(9)}, 400)] == [""]


def test_a_review_survives_any_saver(
    quick: World, effects: Effects, caplog: pytest.LogCaptureFixture
) -> None:
    """The review is plain JSON: the strict allow-list keeps it, and a saver of the user's own warns of nothing."""
    graph = quick.attach(planning(effects).compile(checkpointer=InMemorySaver()), "g")
    graph.invoke({"topic": "bees"}, on())
    quick.decide(quick.only())
    quick.step()
    state = graph.get_state(on())
    assert type(state.values["review"]) is dict
    assert "__hitl_steps" not in state.config["configurable"]
    assert "__hitl_steps" not in (state.metadata or {})
    assert [record for record in caplog.records if "langgraph" in record.name] == []
