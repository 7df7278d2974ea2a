"""(j) the inbox with 10,000 requests that wait, against the same page with 10: it is paged, and read from an index in its order."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import httpx
import pytest

from hitl_middleware.hitl import Hitl
from hitl_middleware.settings import ConfigFile, Settings
from hitl_middleware.testing.store_contract.case import a_request, a_run
from hitl_server.serve import running_server

from tests.bench.table import Figure, Table

pytestmark = pytest.mark.bench

ROUNDS = 50
RISKS = ("high", None, "low")


def test_the_inbox(tmp_path: Path, table: Table):
    """O-05: the first page in a time close to that with 10. With more it shows 25 instead of 10, which is most of the difference."""
    few, many = (_milliseconds(tmp_path / f"{waiting}.db", waiting) for waiting in (10, 10_000))
    row = Figure(
        key="j",
        name="the inbox with 10,000 waiting, to that with 10",
        database="sqlite",
        value=many / few,
        limit=3.0,
        ours_ms=many,
        floor_ms=few,
    )
    table.add(row)


def _milliseconds(path: Path, waiting: int) -> float:
    hitl = Hitl(Settings(database_url=f"sqlite:///{path}"), config=ConfigFile(), channels=())
    with running_server(hitl, graphs={}, worker=False) as server, httpx.Client(base_url=server.url) as http:
        hitl.portal.call(_fill, hitl, waiting)
        took = []
        for _ in range(ROUNDS):
            since = time.perf_counter()
            assert http.get("/").status_code == 200
            took.append((time.perf_counter() - since) * 1_000)
    return median(took)


async def _fill(hitl: Hitl, waiting: int) -> None:
    run = replace(a_run(), status="suspended", driver="caller")
    plan = a_request(run.id).plan
    async with hitl.store.begin() as uow:
        assert await uow.add_run(run)
        for number in range(waiting):
            risky = plan.model_copy(update={"risk": RISKS[number % 3]})
            assert await uow.add_request(a_request(run.id, plan=risky, tool="pay", args={"amount": number}))
