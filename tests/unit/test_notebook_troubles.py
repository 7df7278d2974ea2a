"""Runs that went wrong open and explain themselves (N-01); bundles carry one elsewhere (N-03)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph

from hitl_middleware import OutcomeUnknown
from hitl_middleware.errors import NotAllowed
from hitl_middleware.notebook import BundleNewer, CannotFork, Debugger, NotABundle, Offline, OpenRun, threads
from hitl_middleware.notebook.hiding import Hidden
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.runs.history.compiled import CompiledReader
from hitl_middleware.testing.store_contract.case import an_action

from tests.kit.effects import Effects
from tests.kit.flows import Plan, asking, served
from tests.kit.shop import ASKED, CARD, suspended
from tests.kit.world import LEASE, World


def lost(_: Any = None) -> None:
    """A service that does not answer."""
    msg = "the bank did not answer"
    raise OutcomeUnknown(msg)


def test_an_outcome_that_nobody_knows_is_told_and_settled(quick: World, effects: Effects):
    """N-01: it says that it may have happened, what to look at, and takes the word of whoever looked; the run goes on with that."""
    graph = suspended(quick, effects)
    dbg = Debugger(graph, name="shop", hitl=quick)
    effects.then = lost
    dbg["kettle"].decide("approve")
    quick.step()
    run = dbg["kettle"]
    assert run.standing.state == "unknown"
    assert run.standing.headline == "Nobody knows what became of process_refund"
    assert "process_refund may have happened, or not: OutcomeUnknown: the bank did not answer" in repr(run)
    assert run.graph().marks.marks["tools"].status == "unknown"
    assert [row.status for row in dbg.runs()] == ["unknown"]
    effects.then = None
    assert run.settle("done", "The bank shows it").action.status == "succeeded"  # type: ignore[union-attr]  # it is there
    quick.step()
    assert run.refresh().status == "succeeded"


def test_who_settles_for_somebody_else_is_named_too(quick: World, effects: Effects):
    """N-03: ``Debugger(reviewer=…)``: the same check as for a decision, and the audit names whom it counts for."""
    graph = suspended(quick, effects)
    effects.then = lost
    Debugger(graph, name="shop", hitl=quick)["kettle"].decide("approve")
    quick.step()
    with pytest.raises(NotAllowed, match="slack:U0EVE may not decide this"):
        Debugger(graph, name="shop", hitl=quick, reviewer="slack:U0EVE")["kettle"].settle("done")
    Debugger(graph, name="shop", hitl=quick, reviewer="slack:U024BE7LH")["kettle"].settle("done")
    said = [event for event in quick.trail() if event.kind == "action.succeeded"]
    assert [(event.actor, event.via) for event in said] == [("slack:U024BE7LH", "notebook")]


def test_a_long_thread_says_that_it_is_cut(quick: World, effects: Effects, monkeypatch: pytest.MonkeyPatch):
    """N-02: the newest checkpoints are read, and it is told that there are older ones."""
    monkeypatch.setattr(threads, "MOST_CHECKPOINTS", 3)
    run = Debugger(suspended(quick, effects), name="shop", hitl=quick)["kettle"]
    assert len(run.checkpoints) == 3
    assert "Only its newest 3 checkpoints are shown" in repr(run)


def test_an_unknown_outcome_is_settled_by_the_form_too(quick: World, effects: Effects):
    """N-03: three buttons in the words of whoever looked."""
    graph = suspended(quick, effects)
    effects.then = lost
    dbg = Debugger(graph, name="shop", hitl=quick)
    dbg["kettle"].decide("approve")
    quick.step()
    form = dbg["kettle"].decide()
    assert [button.description for button in form.buttons.values()] == [
        "It was done",
        "It was not done",
        "Do it again",
    ]
    form.buttons["failed"].click()
    assert "process_refund is failed now" in form.told.value


def test_a_run_that_failed_says_where_and_why(quick: World):
    """N-01: the node, what it raised, and the node is marked."""

    def breaks(_: Plan) -> Plan:
        msg = "no bees left"
        raise ValueError(msg)

    run = Debugger(served(quick, asking(breaks)), name="g", hitl=quick).runs()
    assert [row.status for row in run] == ["failed"]
    opened = Debugger(quick.graphs.graph("g"), name="g", hitl=quick)["t-1"]
    assert opened.standing.headline == "Failed at node: ValueError: no bees left"
    assert opened.graph().marks.marks["node"].status == "failed"


def test_a_run_that_nobody_drives_says_so(quick: World, effects: Effects):
    """N-01: stuck: its driver died, its lease has run out, nobody is asked."""
    graph = suspended(quick, effects)
    dbg = Debugger(graph, name="shop", hitl=quick)
    run = dbg["kettle"]
    run.decide("approve")

    async def taken() -> None:
        async with quick.store.begin() as uow:
            await uow.set_run(run.id, "running")
            await uow.acquire_lease(run.id, "worker-7", LEASE)

    quick.portal.call(taken)
    assert dbg["kettle"].standing.state == "running"
    quick.wait(10 * LEASE)
    run = dbg["kettle"]
    assert run.standing.state == "stuck"
    assert "worker-7, whose lease has run out" in repr(run)
    assert "hitl doctor" in repr(run)
    assert [row.status for row in dbg.runs()] == ["stuck"]


def test_a_question_that_was_overtaken_says_by_what(quick: World, effects: Effects):
    """N-01, S-16: superseded, with the reason."""
    graph = suspended(quick, effects)
    quick.begin_run("shop", ASKED, thread_id="kettle", on_new_input="supersede")
    dbg = Debugger(graph, name="shop", hitl=quick)
    first = dbg[min(row.run for row in dbg.runs())]
    assert "was superseded: New input arrived" in repr(first)


def test_a_graph_that_does_not_load_hides_nothing_else(quick: World, effects: Effects, tmp_path: Path):
    """Bad input: the question is shown and decided all the same; why there is no picture is said."""
    suspended(quick, effects)
    manifest = tmp_path / "langgraph.json"
    manifest.write_text(json.dumps({"graphs": {"shop": "./missing.py:graph"}}))
    quick.settings = quick.settings.model_copy(update={"manifest": manifest})
    run = Debugger(hitl=quick)["kettle"]
    assert run.questions
    assert "missing.py does not exist" in repr(run)
    assert run.decide("reject", "no").request.status == "rejected"  # type: ignore[union-attr]  # it is there


def test_runs_of_the_manifests_graphs_open_from_the_environment(
    quick: World, effects: Effects, tmp_path: Path
):
    """N-01: like the server: the database of the environment, the graphs of ``langgraph.json``."""
    (tmp_path / "desk.py").write_text(
        "from tests.kit.flows import planning\nfrom tests.kit.effects import Effects\ngraph = planning(Effects())\n"
    )
    manifest = tmp_path / "langgraph.json"
    manifest.write_text(json.dumps({"graphs": {"g": "./desk.py:graph"}}))
    from tests.kit.flows import planning

    served(quick, planning(effects))
    quick.settings = quick.settings.model_copy(update={"manifest": manifest})
    dbg = Debugger(hitl=quick)
    assert [row.thread for row in dbg.runs()] == ["t-1"]
    run = dbg["t-1"]
    assert run.graph().marks.marks["check"].status == "waiting"
    assert run.question is not None
    assert "draft of bees" in repr(run.question)


@dataclass(frozen=True)
class Server:
    """Graphs that live elsewhere, read by a port of their own."""

    reader: CompiledReader

    def graphs(self) -> tuple[str, ...]:
        return tuple(self.reader.graphs())


def test_a_run_of_an_agent_server_is_read_through_its_port(quick: World, effects: Effects):
    """O-09, N-01: its graph and state are read there; deciding goes by the database as ever; a fork says why it cannot be."""
    graph = suspended(quick, effects)
    quick.__dict__["agent_server"] = Server(CompiledReader({"shop": graph}))
    run = Debugger(hitl=quick)["kettle"]
    assert run.graph().marks.marks["tools"].status == "waiting"
    assert CARD not in repr(run) + run.step()._repr_html_()
    with pytest.raises(CannotFork, match="the graph shop lives on an Agent Server"):
        run.fork()
    assert run.decide("reject", "no").request.status == "rejected"  # type: ignore[union-attr]  # it is there
    del quick.__dict__["agent_server"]


# ------------------------------------------------------------------------------------------------------------- bundles


@pytest.fixture
def run(quick: World, effects: Effects) -> OpenRun:
    """A run that waits."""
    return Debugger(suspended(quick, effects), name="shop", hitl=quick)["kettle"]


def test_a_bundle_opens_elsewhere_and_holds_nothing_hidden(run: OpenRun, tmp_path: Path):
    """N-03: the same run, offline; what the policy hides is not in the file, in no form; nothing can be done to it there."""
    path = run.export(tmp_path / "bundle.json")
    assert CARD not in path.read_text(encoding="utf-8")
    loaded = Debugger.load(path)
    assert repr(loaded) == repr(run)
    assert loaded.graph().svg == run.graph().svg
    assert repr(loaded.why()) == repr(run.why())
    assert repr(loaded.diff(0, -1)) == repr(run.diff(0, -1))
    for act in (lambda: loaded.decide("approve"), loaded.fork, loaded.refresh, lambda: loaded.settle("done")):
        with pytest.raises(Offline, match="opened from a bundle of"):
            act()


def test_a_dry_run_is_carried_elsewhere_too(run: OpenRun, tmp_path: Path):
    """N-03: with what it would have done."""
    fork = run.fork()
    fork.decide("approve")
    loaded = Debugger.load(fork.export(tmp_path / "dry.json"))
    assert repr(loaded) == repr(fork)
    assert "Would have called process_refund" in repr(loaded)
    fork.close()


def test_a_bundle_of_a_newer_version_is_refused(run: OpenRun, tmp_path: Path):
    """Bad input: the number is looked at first, and the sentence says how to go on."""
    path = run.export(tmp_path / "bundle.json")
    newer = {**json.loads(path.read_text()), "version": 2, "by": "9.9", "run": {"something": "else"}}
    path.write_text(json.dumps(newer))
    with pytest.raises(
        BundleNewer, match=r"written in format 2 by hitl-middleware 9.9.*pip install --upgrade"
    ):
        Debugger.load(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", '"format": "hitl-run"'),
        ('{"format": "hitl-run", "version": "1"}', "a version"),
        ('{"format": "hitl-run", "version": 1}', "run."),
        ('{"format": "hitl-run", "version": 1, "run": {"run": {"id": 7}}}', "run.run.id"),
    ],
)
def test_what_is_no_bundle_is_refused_with_the_reason(text: str, why: str, tmp_path: Path):
    """Bad input: each says what is wrong, and none raises anything else."""
    path = tmp_path / "bundle.json"
    path.write_text(text)
    with pytest.raises(NotABundle) as refused:
        Debugger.load(path)
    assert why in str(refused.value)


def test_a_bundle_that_is_not_there_is_told():
    """Bad input: the reason of the system, not a traceback of ours."""
    with pytest.raises(NotABundle, match="No such file"):
        Debugger.load("/nowhere/bundle.json")


def test_hidden_values_are_found_wherever_they_stand():
    """O: quoted, nested, in texts, under another message's key; short ones only under their own name."""
    args = {"pin": "123", "note": 'say "hello"\nthere', "amount": 5}
    act = replace(
        an_action(tool="pay", args=args), plan=ReviewPlan(verdict="ask", redact=("pin", "note", "amount"))
    )
    hidden = Hidden.of({}, [act])
    shown = hidden(
        {
            "call": {"name": "pay", "args": args},
            "pin": "123",
            "street": "123 Main St",
            "amount": 5,
            "other": 5,
        }
    )
    assert shown["call"]["args"] == {"pin": "⟦redacted⟧", "note": "⟦redacted⟧", "amount": "⟦redacted⟧"}
    assert (shown["pin"], shown["street"], shown["amount"], shown["other"]) == (
        "⟦redacted⟧",
        "123 Main St",
        "⟦redacted⟧",
        5,
    )
    assert hidden.text('he wrote say "hello"\nthere') == "he wrote ⟦redacted⟧"
    assert hidden.text('{"note": "say \\"hello\\"\\nthere"}') == '{"note": "⟦redacted⟧"}'


def test_two_nodes_at_once_are_both_marked(quick: World):
    """N-01: a step of two nodes of which one asks: the other is done, the one that asks waits."""
    from hitl_middleware import ask

    builder = StateGraph(Plan)
    builder.add_node("asks", lambda _: {"done": [ask("Well?")]})
    builder.add_node("works", lambda _: {"done": ["work"]})
    for name in ("asks", "works"):
        builder.add_edge(START, name)
        builder.add_edge(name, END)
    run = Debugger(served(quick, builder), name="g", hitl=quick)["t-1"]
    marks = run.graph().marks.marks
    assert (marks["asks"].status, marks["works"].status) == ("waiting", "done")
    fork = run.fork()
    fork.decide("respond", "Fine")
    assert sorted(fork.state["done"]) == ["Fine", "work"]
    fork.close()
