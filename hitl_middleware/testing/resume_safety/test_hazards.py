"""The hazards. A test's docstring says what must come out; its assertion says what would have happened instead."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hitl_middleware.testing.resume_safety.process import killed
from hitl_middleware.testing.resume_safety.scene import Behaviour, Deed, Runner, Scene

Open = Callable[[Scene], Runner]
MOST_ANSWERS = 10


def scene_in(
    folder: Path, *turns: tuple[str, ...], behaviour: Behaviour = "succeed", retries: int = 0
) -> Scene:
    """A scene with these turns (one call of ``a``, where none are given)."""
    return Scene(folder=folder, turns=turns or (("a",),), perform=Deed(folder, behaviour), retries=retries)


def key_of(runner: Runner, what: str) -> str:
    """The key of the one question about ``what``."""
    found = [one.key for one in runner.asked() if one.what == what]
    assert len(found) == 1, f"{what!r} should be asked about once, but is asked about {len(found)} times."
    return found[0]


def may_refuse(do: Callable[[], None]) -> None:
    """Do it; an error is a way to say no."""
    with contextlib.suppress(Exception):
        do()


def approve_all(runner: Runner) -> None:
    """Say yes to whatever is asked, until nothing is."""
    for _ in range(MOST_ANSWERS):
        asked = runner.asked()
        for one in asked:
            may_refuse(functools.partial(runner.answer, one.key, "approve"))
        if not asked:
            return


# one answer, one act


def test_nothing_before_the_answer(folder: Path, open_runner: Open) -> None:
    """The run stops before the act and asks; a process that starts meanwhile changes nothing."""
    scene = scene_in(folder)
    runner = open_runner(scene)
    runner.start()
    may_refuse(open_runner(scene).go_on)
    assert scene.perform.done() == [], "The act was performed before anybody had answered."
    assert [one.what for one in runner.asked()] == ["a"], "Nobody was asked."


def test_yes_is_once(folder: Path, open_runner: Open) -> None:
    """An approval performs the act once, and the agent is told."""
    scene = scene_in(folder)
    runner = open_runner(scene)
    runner.start()
    runner.answer(key_of(runner, "a"), "approve")
    assert scene.perform.done() == ["a"], "An approved act was not performed exactly once."
    assert [(one.what, one.success) for one in runner.told()] == [("a", True)], (
        "The agent does not know of its act."
    )


def test_no_is_never(folder: Path, open_runner: Open) -> None:
    """A rejection: the act does not happen, and the agent is told that it did not."""
    scene = scene_in(folder)
    runner = open_runner(scene)
    runner.start()
    runner.answer(key_of(runner, "a"), "reject")
    assert scene.perform.done() == [], "A rejected act was performed."
    assert [(one.what, one.success) for one in runner.told()] == [("a", False)], (
        "The agent was not told of the no."
    )


# answers that come again


def test_double_click(folder: Path, open_runner: Open) -> None:
    """The same yes twice, one after the other: one act."""
    scene = scene_in(folder)
    runner = open_runner(scene)
    runner.start()
    key = key_of(runner, "a")
    runner.answer(key, "approve")
    may_refuse(lambda: runner.answer(key, "approve"))
    assert scene.perform.done() == ["a"], "A double click performed the act twice."


def test_late_duplicate(folder: Path, open_runner: Open) -> None:
    """The first yes is delivered again when the next question waits: it does not answer that one."""
    scene = scene_in(folder, ("a",), ("b",))
    runner = open_runner(scene)
    runner.start()
    key = key_of(runner, "a")
    runner.answer(key, "approve")
    assert [one.what for one in runner.asked()] == ["b"], "The second question is not asked."
    may_refuse(lambda: runner.answer(key, "approve"))
    assert scene.perform.done() == ["a"], (
        "A late duplicate of the first answer approved the next question, which nobody had read."
    )
    assert [one.what for one in runner.asked()] == ["b"], (
        "A late duplicate of the first answer took the next question away."
    )


def test_yes_after_no(folder: Path, open_runner: Open) -> None:
    """Somebody rejects, and a yes from another screen comes after it: the no stands."""
    scene = scene_in(folder, ("a",), ("b",))
    runner = open_runner(scene)
    runner.start()
    key = key_of(runner, "a")
    runner.answer(key, "reject")
    may_refuse(lambda: runner.answer(key, "approve"))
    assert scene.perform.done() == [], "A yes that came after the no performed an act."


def test_two_at_once(folder: Path, open_runner: Open) -> None:
    """Two servers are given the same yes; the second one gets it while the first is in the middle of the act: one act."""
    scene = scene_in(folder, behaviour="hold")
    one, other = open_runner(scene), open_runner(scene)
    one.start()
    key = key_of(one, "a")
    with _in_the_middle(scene, lambda: one.answer(key, "approve")):
        # Not held: its own performance, if there is one, must not wait for the first.
        second = open_runner(scene_in(folder))
        may_refuse(lambda: second.answer(key, "approve"))
    may_refuse(other.go_on)
    assert scene.perform.done() == ["a"], "Two servers that were given the same yes performed the act twice."


def test_start_beside_a_live_one(folder: Path, open_runner: Open) -> None:
    """A server starts, and carries on what looks unfinished, while another is in the middle of the act: one act."""
    scene = scene_in(folder, behaviour="hold")
    one = open_runner(scene)
    one.start()
    key = key_of(one, "a")
    with _in_the_middle(scene, lambda: one.answer(key, "approve")):
        may_refuse(open_runner(scene_in(folder)).go_on)
    assert scene.perform.done() == ["a"], (
        "A server that started took a live run for a crashed one and performed its act again."
    )


@contextlib.contextmanager
def _in_the_middle(scene: Scene, do: Callable[[], None]) -> Iterator[None]:
    """Inside, ``do`` stands in the middle of the deed; afterwards it has come to its end."""
    first = threading.Thread(target=may_refuse, args=(do,), daemon=True)
    first.start()
    assert scene.perform.entered.wait(60), "The approved act was never begun."
    try:
        yield
    finally:
        scene.perform.release.set()
        first.join(60)
    assert not first.is_alive(), "The first server never came back."


# processes die


def test_killed_while_asking(folder: Path, open_runner: Open) -> None:
    """The process that asked is gone; another one takes the answer: one act."""
    scene = scene_in(folder)
    asking = open_runner(scene)
    asking.start()
    asking.close()
    runner = open_runner(scene)
    may_refuse(runner.go_on)
    runner.answer(key_of(runner, "a"), "approve")
    assert scene.perform.done() == ["a"], "After a restart the answer did not perform the act exactly once."


@pytest.mark.parametrize("death", ["before", "after"])
def test_killed_in_the_act(folder: Path, spec: str, open_runner: Open, death: str) -> None:
    """The process is killed right before or right after the effect: it is not done a second time, and nothing is made up or lost."""
    dying = scene_in(folder, behaviour="die before" if death == "before" else "die after")
    assert killed(spec, dying), "The approved act was never begun, so nothing could be killed."
    scene = scene_in(folder)
    runner = open_runner(scene)
    for _ in range(3):
        runner.time_passes()
        may_refuse(runner.go_on)
    done, told = scene.perform.done(), [one for one in runner.told() if one.what == "a"]
    assert len(done) <= 1, (
        "The act had happened, its process was killed, and the recovery performed it again."
    )
    assert not (told and told[0].success and not done), "The agent was told of an act that never happened."
    assert not (told and not told[0].success and done), (
        "The agent was told that the act failed, and it had happened."
    )
    assert done or told or runner.asked(), (
        "The approval was lost: nothing was done, nobody is asked, the agent knows nothing."
    )


# acts that go wrong


def test_retry_inside(folder: Path, open_runner: Open) -> None:
    """The act happens, its answer is lost, and a retry stands around the tool: still one act for one yes."""
    scene = scene_in(folder, behaviour="lose the answer", retries=2)
    runner = open_runner(scene)
    runner.start()
    key = key_of(runner, "a")
    may_refuse(lambda: runner.answer(key, "approve"))
    times = len(scene.perform.done())
    assert times == 1, f"One yes, and a retry around the tool performed the act {times} times."


def test_time_out(folder: Path, open_runner: Open) -> None:
    """The act happens and its answer does not come: it is not done again, and the agent is not told a guess."""
    scene = scene_in(folder, behaviour="time out")
    runner = open_runner(scene)
    runner.start()
    key = key_of(runner, "a")
    may_refuse(lambda: runner.answer(key, "approve"))
    for _ in range(3):
        runner.time_passes()
        may_refuse(runner.go_on)
    assert scene.perform.done() == ["a"], (
        "After a time-out the act was performed again, though it had happened."
    )
    guessed = [one for one in runner.told() if one.what == "a"]
    assert not guessed, "After a time-out the agent was told a guess about what happened."


def test_failure(folder: Path, open_runner: Open) -> None:
    """The outside world says no: it is tried once, and the agent is told, instead of a run that dies or tries again by itself."""
    scene = scene_in(folder, behaviour="fail")
    runner = open_runner(scene)
    runner.start()
    key = key_of(runner, "a")
    may_refuse(lambda: runner.answer(key, "approve"))
    may_refuse(runner.go_on)
    times = len(scene.perform.tried())
    assert times == 1, f"The act was declined, and was tried {times} times for one yes."
    assert [(one.what, one.success) for one in runner.told()] == [("a", False)], (
        "The agent was not told that its act failed."
    )


# several questions, other input


def test_siblings_keep_their_answers(folder: Path, open_runner: Open) -> None:
    """Two calls of one turn, the first rejected, the second approved: only the second is performed."""
    scene = scene_in(folder, ("a", "b"))
    runner = open_runner(scene)
    runner.start()
    keys = {one.what: one.key for one in runner.asked()}
    runner.answer(keys.get("a") or key_of(runner, "a"), "reject")
    runner.answer(keys.get("b") or key_of(runner, "b"), "approve")
    assert scene.perform.done() == ["b"], "The answers to two calls of one turn were mixed up."


def test_siblings_do_not_wait(folder: Path, open_runner: Open) -> None:
    """Two calls of one turn, one approved: it is performed now, the other one still waits for its answer."""
    scene = scene_in(folder, ("a", "b"))
    runner = open_runner(scene)
    runner.start()
    runner.answer(key_of(runner, "b"), "approve")
    assert scene.perform.done() == ["b"], (
        "An approved act waits until somebody answers another one's question."
    )
    assert [one.what for one in runner.asked()] == ["a"], "The other question is not asked any more."


def test_new_input(folder: Path, open_runner: Open) -> None:
    """The user writes again while a question waits: the question is not lost, and no call is left without an answer."""
    scene = scene_in(folder)
    runner = open_runner(scene)
    runner.start()
    key_of(runner, "a")
    may_refuse(runner.start)
    may_refuse(lambda: approve_all(runner))
    assert scene.perform.done().count("a") <= 1, "New input performed the act once more."
    told = [one for one in runner.told() if one.what == "a"]
    assert told, (
        "New input dropped the question, and the model's call stays unanswered: real providers refuse the thread from now on."
    )


def test_nonsense(folder: Path, open_runner: Open) -> None:
    """An answer that is none performs nothing and breaks nothing: the right answer still counts."""
    scene = scene_in(folder)
    runner = open_runner(scene)
    runner.start()
    key = key_of(runner, "a")
    may_refuse(lambda: runner.answer(key, "nonsense"))
    assert scene.perform.done() == [], "An answer that is no yes performed the act."
    may_refuse(runner.go_on)
    assert [one.what for one in runner.asked()] == ["a"], (
        "After an answer that was none, nobody is asked any more."
    )
    may_refuse(lambda: approve_all(runner))
    assert scene.perform.done() == ["a"], (
        "After an answer that was none, the right one does not count any more."
    )


def test_rule_that_changes_its_mind(folder: Path, open_runner: Open) -> None:
    """The rule asked for a person, and would not any more when the run is resumed: the no stands all the same."""
    verdicts = iter([True])
    scene = Scene(folder=folder, turns=(("a",),), perform=Deed(folder), asks=lambda _: next(verdicts, False))
    runner = open_runner(scene)
    runner.start()
    may_refuse(lambda: runner.answer(key_of(runner, "a"), "reject"))
    assert scene.perform.done() == [], (
        "The rule changed its mind between question and answer, and a rejected act was performed."
    )
