"""What an Agent Server says, read without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware.errors import AnswerRefused, DatabaseUnreachable, GraphFailed, LeaseLost
from hitl_middleware.gate.calls import thread_in
from hitl_middleware.records import Lease, Raised
from hitl_middleware.runs.agent_server import reading
from hitl_middleware.testing.store_contract.case import a_run

RUN = a_run()
ONE, TWO = "0" * 32, "1" * 32
"""Ids of interrupts."""


def state(*tasks: dict[str, Any], run: str = RUN.id) -> dict[str, Any]:
    """A thread's state, whose newest checkpoint ``run`` wrote."""
    return {"tasks": list(tasks), "metadata": {"hitl_run": run}, "checkpoint": {"checkpoint_id": "c-1"}}


def task(*interrupts: dict[str, Any], error: str | None = None, name: str = "ask") -> dict[str, Any]:
    """A step that is due."""
    return {"name": name, "error": error, "interrupts": list(interrupts)}


def over_there(status: str, *, run: str = RUN.id, resume: Any = None) -> dict[str, Any]:
    """A run of the server."""
    command = None if resume is None else {"resume": resume}
    return {"run_id": "r-1", "status": status, "metadata": {"hitl_run": run}, "kwargs": {"command": command}}


class TestThreads:
    def test_a_uuid_keeps_its_name(self) -> None:
        """Where no other was needed, who looks at the server finds the thread under the id that our API told."""
        name = "01a2180b-46d1-7557-a16e-da41777ea5d9"
        assert reading.thread_of(name) == name
        assert reading.handed(replace(RUN, thread_id=name), Lease("r", "me", 4)) == {"run": "r", "fence": 4}

    def test_every_other_name_has_one_uuid_and_reaches_the_gate(self) -> None:
        """The server takes UUIDs only; the gate identifies acts by the name that people and the API know (rule 3)."""
        run = replace(RUN, thread_id="acme/shop#12")
        there = reading.thread_of(run.thread_id)
        assert reading.thread_of(there) == there == reading.thread_of("acme/shop#12")
        assert there != reading.thread_of("acme/shop#13")
        handed = reading.handed(run, Lease(run.id, "me", 4))
        assert thread_in({"thread_id": there, "hitl_lease": handed}) == "acme/shop#12"

    @pytest.mark.parametrize("lease", [None, {}, {"thread": "other"}, {"run": "r", "fence": 1, "thread": 7}])
    def test_a_thread_is_believed_with_a_lease_only(self, lease) -> None:
        """Half a lease names nothing."""
        assert thread_in({"thread_id": "t-1", "hitl_lease": lease}) == "t-1"

    def test_a_uuid_written_otherwise_is_the_same_thread_there(self) -> None:
        """The server writes it its own way; the gate is told ours."""
        ours = "01A2180B-46D1-7557-A16E-DA41777EA5D9"
        assert reading.thread_of(ours) == ours.lower()
        assert reading.handed(replace(RUN, thread_id=ours), Lease("r", "me", 4))["thread"] == ours


class TestSnapshots:
    @pytest.mark.parametrize("nothing", [None, {}, {"checkpoint": None, "tasks": []}])
    def test_a_thread_without_a_checkpoint_has_not_begun(self, nothing) -> None:
        assert not reading.snapshot(RUN, nothing, ()).started

    def test_another_runs_checkpoint_is_not_ours(self) -> None:
        """A run whose input was never taken is told from one that has begun, by the run's own mark (DESIGN §2)."""
        found = state(run="another")
        assert reading.needs_runs(RUN, found)
        assert not reading.snapshot(RUN, found, [over_there("success", run="another")]).started
        assert not reading.snapshot(RUN, found, [over_there("pending")]).started

    def test_a_run_that_somebody_ran_past_has_begun(self) -> None:
        """Over there anybody may run something on our thread. What we did is not done again for that."""
        found = reading.snapshot(
            RUN, state(run="another"), [over_there("running", run="x"), over_there("success")]
        )
        assert (found.started, found.finished) == (True, True)

    @pytest.mark.parametrize(
        ("status", "held"), [("success", "c-1"), ("running", None), ("error", None), ("interrupted", None)]
    )
    def test_a_breakpoint_is_where_a_run_ended_well_and_left_steps(self, status, held) -> None:
        """A run that is under way, failed or was cancelled leaves steps, too; nobody is asked about those."""
        found = reading.snapshot(RUN, state(task()), [over_there(status)])
        assert (found.finished, found.breakpoint) == (False, held)

    def test_what_asks_needs_no_second_look(self) -> None:
        """The usual case costs one question to the server."""
        found = state(task({"id": ONE, "value": "?"}))
        assert not reading.needs_runs(RUN, found)
        (asked,) = reading.snapshot(RUN, found, ()).interrupts
        assert (asked.id, asked.value, asked.raised) == (ONE, "?", None)

    def test_a_step_that_failed_when_it_was_answered_shows_with_what(self) -> None:
        """By id, or by a bare value where one thing was asked: so a thread that raises for ever is known (E-03)."""
        failed = state(task({"id": ONE, "value": "?"}, error="KeyError('decisions')"))
        for resume in ({ONE: "yes"}, "yes"):
            (asked,) = reading.snapshot(
                RUN, failed, [over_there("error"), over_there("error", resume=resume)]
            ).interrupts
            assert asked.raised == Raised(error="KeyError('decisions')", kept=True, answer="yes")
        (asked,) = reading.snapshot(RUN, failed, [over_there("error", resume={TWO: "yes"})]).interrupts
        assert asked.raised == Raised(error="KeyError('decisions')", kept=False)


class TestFailures:
    def told(self, name: str, words: str, *tasks: dict[str, Any], answers: Any = None) -> Exception | None:
        said = {"__error__": {"error": name, "message": words}}
        return reading.failure(RUN, "error", said, state(*tasks), answers or {})

    def test_the_graphs_words_are_told(self) -> None:
        assert str(self.told("ValueError", "it broke")) == "ValueError: it broke"

    @pytest.mark.parametrize(
        ("shown", "words"),
        [
            ("CardError('declined')", "declined"),
            ("CardError(402, 'declined')", "402, 'declined'"),
            ("CardError()", "An internal"),
        ],
    )
    def test_words_that_the_server_hides_are_read_from_the_state(self, shown, words) -> None:
        """It says "An internal error occurred" of most; people want to know what happened (S-09)."""
        error = self.told("CardError", "An internal error occurred", task(), task(error=shown))
        assert isinstance(error, GraphFailed)
        assert str(error).startswith(f"CardError: {words}")

    def test_a_lease_that_the_gate_found_lost_is_lost(self) -> None:
        """Whoever drives stops; it is no failure of the graph."""
        assert isinstance(self.told("LeaseLost", "An internal error occurred"), LeaseLost)

    def test_a_database_that_was_away_from_the_gate_is_tried_again(self) -> None:
        shown = "DatabaseUnreachable('The database x cannot be reached: no')"
        error = self.told("DatabaseUnreachable", "An internal error occurred", task(error=shown))
        assert isinstance(error, DatabaseUnreachable)
        assert str(error) == "The database x cannot be reached: no"

    def test_a_question_that_was_answered_past_us_is_looked_at_again(self) -> None:
        assert self.told("UnknownInterruptError", "no such interrupt") is None

    def test_somebody_elses_cancelling_ends_the_run(self) -> None:
        """It is not begun anew behind their back."""
        assert "cancelled" in str(reading.failure(RUN, "interrupted", {}, None, {}))

    def test_a_timeout_is_called_so(self) -> None:
        assert str(reading.failure(RUN, "timeout", {}, None, {})).startswith("TimeoutError")

    @pytest.mark.parametrize(
        ("answer", "title", "refused"),
        [("very", "Shade", True), (7, "Shade", True), (7, "Refund", False)],
        ids=["misfit", "a rule that no schema shows", "an error of the node's own"],
    )
    def test_an_answer_that_interrupt_did_not_take_is_told_from_a_failure(
        self, answer, title, refused
    ) -> None:
        """Pydantic speaks for both: what does not fit the schema, or names its type, is the question's; the rest is the node's."""
        schema = {"type": "integer", "title": "Shade"}
        words = f"1 validation error for {title}\n  Input should be a valid integer"
        asked = task({"id": ONE, "value": "?", "response_schema": schema}, error=words)
        error = self.told("ValidationError", words, asked, answers={ONE: answer})
        assert isinstance(error, AnswerRefused if refused else GraphFailed)


class TestTakingBack:
    """Only a step that stands alone, in the root graph, behind another step: beside others, what they have done would be done again."""

    def test_a_step_alone(self) -> None:
        found = {**state(task({"id": ONE})), "parent_checkpoint": {"checkpoint_id": "c-0"}}
        assert (reading.alone(found, ONE), reading.before(found)) == ("ask", "c-0")
        assert reading.only_step({"next": ["model"]}) == "model"
        assert reading.asks_nothing(state(task()), "ask")

    def test_others(self) -> None:
        deep = {**task({"id": ONE}), "checkpoint": {"checkpoint_ns": "ask:1"}}
        for found in (None, state(), state(task({"id": ONE}), task()), state(deep), state(task({"id": TWO}))):
            assert reading.alone(found, ONE) is None
        assert reading.before(state()) is None
        for due in ([], ["__start__"], ["one", "two"]):
            assert reading.only_step({"next": due}) is None
        for found in (state(), state(task({"id": TWO})), state(task(name="other")), state(task(), task())):
            assert not reading.asks_nothing(found, "ask")
