"""What the long play will do follows from its seed alone, and leaves no failpoint out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from hitl_middleware.failpoints import NAMES, _parse

from tests.chaos.storm.cast import Outages
from tests.chaos.storm.plan import AT_THE_DOOR, AT_WORK, answer_to, errands, fates, gusts, moods
from tests.chaos.test_killed import ELSEWHERE

PLANS: dict[str, Callable[[str], Iterator[Any]]] = {
    "fates": lambda seed: fates(seed, "worker", works=True),
    "errands": errands,
    "gusts": lambda seed: gusts(seed, postgres=True),
    "moods": moods,
    "answers": lambda seed: (answer_to(seed, str(number), on_issue=False) for number in range(1_000)),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_seed_repeats_a_plan(name: str):
    """Issue 5: CHAOS_SEED brings the same lives, wishes, answers and troubles again; another seed brings others."""
    plan = PLANS[name]
    first, again, other = ([*islice(plan(seed), 200)] for seed in ("a", "a", "b"))
    assert first == again
    assert first != other


def test_no_failpoint_is_left_out():
    """Whatever a server or a worker passes, some of them die there, and some are stopped there."""
    assert {*AT_THE_DOOR, *AT_WORK, *ELSEWHERE} == set(NAMES)
    lives = [*islice(fates("a", "server", works=True), 3_000)]
    ends = [end for life in lives for end in _parse(life.failpoints).items()]
    assert {(name, action) for name, (action, _nth) in ends} == {
        (name, action) for name in (*AT_THE_DOOR, *AT_WORK) for action in ("kill", "stop")
    }


def test_every_kind_of_trouble_comes():
    """Each of them again and again, the database's server only where there is one."""
    told = {gust.trouble for gust in islice(gusts("a", postgres=True), 500)}
    without = {gust.trouble for gust in islice(gusts("a", postgres=False), 500)}
    assert told - without == {"postgres restarts"}
    assert len(without) == 12


def test_who_may_say_that_the_database_is_away():
    """A life may refuse to begin where the server was away at any moment of it, also where that began before; never else."""
    outages = Outages()
    before = outages.mark()
    assert not outages.touched(before)
    with outages.one():
        inside = outages.mark()
    after = outages.mark()
    assert [outages.touched(mark) for mark in (before, inside, after)] == [True, True, False]
