"""A small dose of ``make chaos``, and that it would say so if it found something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.storm.plan import Errand
from tests.chaos.storm.play import GRAPHS, Play
from tests.kit.postgres import Postgres, embedded

pytestmark = pytest.mark.chaos

SEED = "a small dose"
KILLS = 12
"""Deaths after which it may be calm, once some runs were accepted; a machine that is slow takes longer for them."""
RUNS = 3


def has_raged(play: Play, kills: int) -> bool:
    """Whether enough has gone wrong, and something was asked for meanwhile."""
    return play.heard.counts["kills"] >= kills and len(play.heard.runs) >= RUNS


def test_a_small_dose_on_sqlite(sqlite_url: str, tmp_path: Path):
    """Rules 2, 6 and 10, O-09: two servers and two workers are killed all the time; nothing is done twice, lost or stuck."""
    with Play(tmp_path, sqlite_url, SEED) as play:
        play.storm(lambda: has_raged(play, KILLS))
        verdict = play.calm()
    assert verdict.good, verdict.told()
    assert verdict.counts["kills"] >= KILLS
    assert verdict.counts["runs"] >= RUNS


@pytest.mark.postgres
def test_a_small_dose_on_postgresql(tmp_path: Path):
    """The same while the database's server is taken away, too."""
    with embedded(lasting=True) as server:
        databases = Postgres(server.url)
        with databases.fresh() as url, Play(tmp_path, url, SEED, server.restart) as play:
            play.storm(lambda: has_raged(play, KILLS // 2) and play.heard.counts["restarts"] >= 1)
            verdict = play.calm()
        databases.close()
    assert verdict.good, verdict.told()
    assert verdict.counts["restarts"] >= 1
    assert verdict.counts["runs"] >= RUNS


def test_a_till_that_pays_twice_is_found_out(sqlite_url: str, tmp_path: Path):
    """The checker looks at what was really done: one approval and two payments in the books are one act too many."""
    errand = Errand("errand-1", ((("pay", 7),),))
    careless = {**GRAPHS, "till": "tests.chaos.storm.desks:make_careless_till"}
    with Play(tmp_path, sqlite_url, SEED, graphs=careless) as play:
        play.people.want(errand)
        verdict = play.calm()
    assert [len(verdict.wrong[column]) for column in ("twice", "lost", "stuck")] == [1, 0, 0], verdict.told()
