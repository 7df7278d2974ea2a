"""(j) the inbox with 10,000 requests that wait, against the same page with 10: it is paged, and read from an index in its order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import httpx
import pytest

from hitl_middleware.hitl import Hitl
from hitl_middleware.settings import ConfigFile, Settings
from hitl_middleware.testing.store_contract.case import a_request, a_run
from hitl_server.serve import running_server
from hitl_server.session import Sessions

from tests.bench.table import Figure, Table

pytestmark = pytest.mark.bench

ROUNDS = 50
RISKS = ("high", None, "low")
ANN = "github:ann"
CONFIG = ConfigFile(
    people={"ann": (ANN,)}, groups={f"team-{number}": (f"github:eve-{number}",) for number in range(50)}
)


def test_the_inbox(tmp_path: Path, table: Table):
    """O-05: the first page in a time close to that with 10. With more it shows 25 instead of 10, which is most of the difference."""
    few, many = (_milliseconds(tmp_path / f"{waiting}.db", [ANN] * waiting) for waiting in (10, 10_000))
    table.add(_row("the inbox with 10,000 waiting, to that with 10", few, many))


def test_the_inbox_of_a_reviewer(tmp_path: Path, table: Table):
    """O-05: the same for somebody for whom 10 of them wait, the last of all, and the rest for 50 other groups of people."""
    others = [f"group:team-{number % 50}" for number in range(9_990)]
    few, many = (
        _milliseconds(tmp_path / f"{len(rest)}.db", [*rest, *([ANN] * 10)], who=ANN) for rest in ([], others)
    )
    table.add(_row("a reviewer's inbox with 10,000 waiting, 10 for them, to that with those", few, many))


def _row(name: str, few: float, many: float) -> Figure:
    return Figure(
        key="j", name=name, database="sqlite", value=many / few, limit=3.0, ours_ms=many, floor_ms=few
    )


def _milliseconds(path: Path, approvers: Sequence[str], *, who: str | None = None) -> float:
    """How long the page takes for ``who`` (``None``: whoever sits at the machine) while something waits for each of these."""
    hitl = Hitl(Settings(database_url=f"sqlite:///{path}"), config=CONFIG, channels=())
    with running_server(hitl, graphs={}, worker=False) as server, httpx.Client(base_url=server.url) as http:
        hitl.portal.call(_fill, hitl, approvers)
        if who is not None:
            http.cookies.set("hitl_session", hitl.portal.call(Sessions(hitl).begin, who))
        took = []
        for _ in range(ROUNDS):
            since = time.perf_counter()
            answer = http.get("/")
            took.append((time.perf_counter() - since) * 1_000)
            assert answer.status_code == 200
            assert answer.text.count("For you") == (10 if who else 0)
    return median(took)


async def _fill(hitl: Hitl, approvers: Sequence[str]) -> None:
    run = replace(a_run(), status="suspended", driver="caller")
    plan = a_request(run.id).plan
    async with hitl.store.begin() as uow:
        assert await uow.add_run(run)
        for number, approver in enumerate(approvers):
            about = plan.model_copy(update={"risk": RISKS[number % 3], "approvers": (approver,)})
            audience = hitl.directory.audience((approver,), {})
            request = a_request(run.id, plan=about, tool="pay", args={"amount": number}, audience=audience)
            assert await uow.add_request(request)
