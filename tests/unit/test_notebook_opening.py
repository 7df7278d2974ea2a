"""Opening a run in a notebook: where it stands, what it asks, why, what changed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.notebook import (
    Debugger,
    NoDatabase,
    NoSaver,
    NoSuchPlace,
    NoSuchRun,
    NothingShared,
    OpenRun,
)

from tests.kit.effects import Effects
from tests.kit.shop import ASKED, CARD, shop_model, shop_tools, suspended
from tests.kit.world import World, on


@pytest.fixture
def run(quick: World, effects: Effects) -> OpenRun:
    """A run that waits, opened."""
    return Debugger(suspended(quick, effects), name="shop", hitl=quick)["kettle"]


def test_a_run_opens_at_the_step_where_it_is_suspended(run: OpenRun):
    """N-01: the waiting node is marked, the question is there with its arguments, whom it waits for and how it may be answered."""
    told = repr(run)
    assert run.standing.state == "waiting"
    assert "Waits at tools for slack:U024BE7LH" in run.standing.headline
    assert run.graph().marks.marks["tools"].status == "waiting"
    assert re.search(r"◆ tools +\[waiting\]", told)
    assert '"amount_cents": 12000' in told
    assert "Answers: approve, edit, reject, feedback" in told
    assert [list(one.next) for one in run.checkpoints][-1] == ["tools"]


def test_what_it_shows_needs_no_network_and_escapes_what_people_wrote(run: OpenRun):
    """N-01: HTML with everything inside; a customer's markup is text, and so is nothing else."""
    shown = (
        run._repr_html_() + run.why()._repr_html_() + run.audit()._repr_html_() + run.step(1)._repr_html_()
    )
    assert "<b>Money back!</b>" not in shown
    assert "&lt;b&gt;Money back!&lt;/b&gt;" in shown
    assert not re.search(r"(src|href)\s*=|@import|url\(|<link|<iframe", shown)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", shown)
    assert shown.count("<svg") >= 1


def test_what_a_policy_hides_stands_nowhere(run: OpenRun):
    """O: ``redact`` counts here, too: the model's own message holds the number of the card, and nobody is shown it."""
    everything = "".join(
        [
            run._repr_html_(),
            repr(run),
            repr(run.diff()),
            repr(run.step()),
            run.step()._repr_html_(),
            str(run.state),
        ]
    )
    assert CARD not in everything
    assert "⟦redacted⟧" in everything
    assert "You do not see everything" in everything


def test_why_says_which_rule_asked_and_who_may_decide(run: OpenRun):
    """N-01: the rule in its words, who decides, and that the graph's policy is still the one that was frozen."""
    why = run.why()
    assert why["Why"] == "the rule for process_refund asks: args.amount_cents > 5000"
    assert why["Who decides"] == "slack:U024BE7LH"
    assert why["Rule"] == "args.amount_cents > 5000"
    assert "Changed since" not in repr(why)


def test_why_says_that_a_rule_has_changed_since(quick: World, effects: Effects):
    """N-01: what was frozen counts; that the graph says something else today is told."""
    suspended(quick, effects)
    changed = quick.plain(shop_tools(effects, approvers=["slack:U0BOB12345"]), shop_model())
    assert "Changed since" in repr(Debugger(changed, name="shop", hitl=quick)["kettle"].why())


def test_why_says_who_did_not_count(quick: World, effects: Effects):
    """P-02, N-01: one person in two guises counts once, the requester not at all, and the role that is missing is named."""
    approvers = ["local:ann", "local:bob"]
    graph = suspended(
        quick, effects, approvers=approvers, required_approvals=2, required_from=["group:security"]
    )
    dbg = Debugger(graph, name="shop", hitl=quick)
    dbg["kettle"].decide("approve", reviewer="local:ann")
    dbg["kettle"].decide("approve", reviewer="local:ann")
    why = repr(dbg["kettle"].why())
    assert "So far: 1 of 2 approvals – still needed from security" in why
    assert "counts as local:ann" in why
    assert "does not count again: it is the person who counts as local:ann" in why
    assert "Still needed: somebody of security" in why


def test_diff_shows_messages_as_messages(run: OpenRun):
    """N-02: the last step added one message, which is told as who says what; from the beginning on it is all of them."""
    last = run.diff()
    assert [change.kind for change in last["messages"].messages] == ["added"]
    assert (
        '+ agent: → process_refund({"order_id": "A-1001", "amount_cents": 12000, "card": "⟦redacted⟧"})'
        in repr(last)
    )
    assert len(run.diff(0, -1)["messages"].messages) == 4
    assert not run.diff(-1, -1)
    assert "nothing differs" in repr(run.diff(-1, -1))


def test_a_checkpoint_is_found_by_number_id_and_node(run: OpenRun):
    """N-02: whatever one has at hand; what is wrong names what there is."""
    newest = run.checkpoints[-1]
    assert (
        run.checkpoint(-1)
        is run.checkpoint(newest.id)
        is run.checkpoint(newest.id[-12:])
        is run.checkpoint("tools")
        is newest
    )
    with pytest.raises(NoSuchPlace, match=r"numbered from 0 to 4; -1 is the newest"):
        run.checkpoint(17)
    with pytest.raises(NoSuchPlace, match=r"Nodes that were due: .*model, tools"):
        run.checkpoint("toolz")


def test_the_human_wait_is_set_apart(run: OpenRun):
    """N-02: what people take is a bar of its own, and the node that asked is not charged with it."""
    line = run.timeline().line
    assert [(bar.label, bar.status) for bar in line.bars if bar.kind == "human"] == [
        ("process_refund", "waiting")
    ]
    assert "people: process_refund" in repr(run.timeline())
    assert {label for label, _ in line.rows} == {"model", "tools"}


def test_runs_are_a_table_that_reads_well(quick: World, effects: Effects):
    """N-01: what waits, for whom, since when, for what; as HTML that sorts itself, as text, as a data frame."""
    dbg = Debugger(suspended(quick, effects), name="shop", hitl=quick)
    table = dbg.runs()
    (row,) = table
    assert (row.status, row.waits_for, row.tool, row.thread) == (
        "suspended",
        "slack:U024BE7LH",
        "process_refund",
        "kettle",
    )
    assert re.search(r"suspended +shop +slack:U024BE7LH", repr(table))
    assert "data-by=" in table._repr_html_()
    assert "addEventListener" in table._repr_html_()
    frame = table.df
    assert list(frame["tool"]) == ["process_refund"]
    assert len(dbg.runs(status="failed")) == 0
    assert repr(dbg.runs(status="failed")) == "No runs yet."


def test_what_waits_longest_comes_first_if_one_asks_for_it(quick: World, effects: Effects):
    """N-01: sorted by who has waited longest."""
    graph = suspended(quick, effects)
    quick.wait(60)
    quick.begin_run("shop", ASKED, thread_id="second")
    dbg = Debugger(graph, name="shop", hitl=quick)
    assert [row.thread for row in dbg.runs()] == ["second", "kettle"]
    assert [row.thread for row in dbg.runs(sort="waiting")] == ["kettle", "second"]


def test_an_unknown_id_names_the_nearest(quick: World, effects: Effects):
    """Bad input: a thread's name with a slip in it; a part of an id is enough where only one has it, and so is a request's code."""
    dbg = Debugger(suspended(quick, effects), name="shop", hitl=quick)
    with pytest.raises(NoSuchRun, match=r"no run or thread 'kettel' here. Nearest: kettle"):
        dbg["kettel"]
    run = dbg["kettle"]
    assert dbg[run.id].id == dbg[run.id[-8:]].id == dbg[run.facts.pending[0].code].id == run.id


def test_a_graph_without_a_saver_is_told_what_to_configure(quick: World, effects: Effects):
    """Bad input: nothing is kept of its threads; the sentence says how to change that."""
    graph = quick.plain(shop_tools(effects), shop_model(), checkpointer=None)
    with pytest.raises(NoSaver, match=r"compile\(checkpointer=hitl.checkpointer\(\)\)"):
        Debugger(graph, name="shop", hitl=quick)


def test_a_saver_in_memory_is_told_of(run: OpenRun):
    """Bad input: it works, and the run says what becomes of it."""
    assert any("in memory: only this process sees this thread" in note for note in run.facts.notes)
    assert "hitl.checkpointer()" in repr(run)


def test_a_thread_that_is_kept_elsewhere_is_told_of(quick: World, effects: Effects):
    """Bad input: the request is in the database, its thread in another process's memory: the question is shown, and what to configure."""
    suspended(quick, effects)
    from langgraph.checkpoint.memory import InMemorySaver

    empty = quick.plain(shop_tools(effects), shop_model(), checkpointer=InMemorySaver())
    run = Debugger(empty, name="shop", hitl=quick)["kettle"]
    assert run.questions
    assert "no checkpoint of this thread in the saver" in repr(run)


def test_from_env_wants_a_database_that_others_use(monkeypatch: pytest.MonkeyPatch):
    """Bad input: a memory of one's own holds no server's runs."""
    monkeypatch.setenv("HITL_DATABASE_URL", "memory://")
    with pytest.raises(NothingShared, match=r"HITL_DATABASE_URL is memory://"):
        Debugger.from_env()


def test_from_env_does_not_make_a_database_to_look_into(monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
    """Bad input: in the wrong folder: the sentence says where it looked, and nothing was made there."""
    monkeypatch.setenv("HITL_DATABASE_URL", f"sqlite:///{tmp_path}/hitl.db")
    with pytest.raises(NoDatabase, match=r"no database at .*hitl.db .*in which hitl serve runs"):
        Debugger.from_env()
    assert not list(tmp_path.iterdir())


def test_a_thread_that_nobody_attached_opens_too(quick: World, effects: Effects):
    """N-01: any compiled graph with its saver: its questions are shown, and that nobody was asked."""
    graph = quick.plain(shop_tools(effects), shop_model())
    graph.invoke(ASKED, on("loose"))
    dbg = Debugger(graph, name="loose-shop", hitl=quick)
    assert [row.thread for row in dbg.runs()] == ["loose"]
    run = dbg["loose"]
    assert run.standing.headline == "Waits at tools: process_refund. Nobody was asked"
    assert run.graph().marks.marks["tools"].status == "waiting"
    assert CARD not in repr(run)


async def test_it_works_inside_a_running_loop(quick: World, effects: Effects):
    """N-03: a cell of Jupyter runs on a loop: looking, deciding and forking do without ``await``, and with it."""
    import asyncio

    graph = await asyncio.to_thread(suspended, quick, effects)
    dbg = Debugger(graph, name="shop", hitl=quick)
    run = dbg["kettle"]
    assert (await dbg.open("kettle")).id == run.id
    assert len(await dbg.aruns()) == len(dbg.runs()) == 1
    told: Any = await run.decide("reject", "Not this one")
    assert told.request.status == "rejected"


async def test_a_saver_of_the_notebooks_own_loop_is_awaited(quick: World, effects: Effects, tmp_path: Any):
    """Bad input: LangGraph's async saver works on the loop of the cell; to wait for it there would never end, and ``await`` does it."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        graph = quick.plain(shop_tools(effects), shop_model(), checkpointer=saver)
        await graph.ainvoke(ASKED, on("aio"))
        dbg = Debugger(graph, name="aio-shop", hitl=quick)
        with pytest.raises(ConfigurationError, match=r"run = await dbg.open\('aio'\)"):
            dbg["aio"]
        run = await dbg.open("aio")
        assert run.graph().marks.marks["tools"].status == "waiting"
