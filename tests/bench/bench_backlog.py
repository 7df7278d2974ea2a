"""(h) the same work where 100 requests wait for people, and where 100,000 do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, String, Table, cast, create_engine, func, insert, literal, select, text

from hitl_middleware.stores.tables import actions, cards, requests, runs
from hitl_middleware.stores.url import driven, parse

from tests.bench.measuring import Took, compared, interleaved, timed
from tests.bench.ours import Ours
from tests.bench.table import Figure
from tests.bench.table import Table as Figures

pytestmark = pytest.mark.bench

FEW, MANY = 100, 100_000
PAIRS = 8


def test_a_long_queue(new_bench_url: Callable[[], str], bench_kind: str, table: Figures):
    """≤ 1.25×: from the input to the run's end, whatever else waits."""
    urls = {name: new_bench_url() for name in ("few", "same", "many")}
    with Ours(urls["few"]) as few, Ours(urls["same"]) as same, Ours(urls["many"]) as many:
        sides = {"few": few, "same": same, "many": many}
        for name, side in sides.items():
            waiting = side.suspend()
            side.settle()
            fill(urls[name], waiting.thread_id, MANY if name == "many" else FEW)

        def work(side: Ours) -> Took:
            return timed(lambda: side.click(side.suspend()), side.settle)

        found = interleaved(sides, work, times=PAIRS)
    ratio, noise = compared(found, "many", "few"), compared(found, "same", "few")
    name = "100,000 pending, to 100 pending"
    table.add(Figure.of("h", name, bench_kind, ratio, noise, limit=1.25))


def fill(url: str, run_id: str, how_many: int) -> None:
    """Copy a run that waits, with its request, action and card, so many times; the database's own statements do it quickly."""
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < how_many))
    digits = cast(1_000_000 + numbers.c.n, String)

    def like(identity: Any) -> Any:
        return func.substr(identity, 1, 29).concat(digits)

    thread = literal("waiting-").concat(digits)
    engine = create_engine(driven(parse(url), "sync"), connect_args=_patient(url))
    with engine.begin() as connection:
        request = connection.execute(
            select(requests.c.id, requests.c.action_id).where(requests.c.run_id == run_id)
        ).one()

        def copy(table: Table, key: str, changes: Mapping[str, Any]) -> None:
            _copy(connection, table, numbers, key, {"id": like(table.c.id), **changes})

        copy(runs, run_id, {"thread_id": thread})
        copy(
            requests,
            request.id,
            {
                "thread_id": thread,
                "run_id": like(requests.c.run_id),
                "action_id": like(requests.c.action_id),
                "code": literal("1").concat(digits),
            },
        )
        copy(
            actions,
            request.action_id,
            {
                "thread_id": thread,
                "run_id": like(actions.c.run_id),
                "request_id": like(actions.c.request_id),
            },
        )
        (card,) = connection.execute(select(cards.c.id).where(cards.c.request_id == request.id)).scalars()
        copy(cards, card, {"request_id": like(cards.c.request_id)})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))  # as the database does by itself when its tables have grown
        count = select(func.count()).select_from(requests).where(requests.c.status == "pending")
        assert connection.execute(count).scalar_one() == how_many + 1
    engine.dispose()


def _copy(connection: Connection, table: Table, numbers: Any, key: str, changes: Mapping[str, Any]) -> None:
    names = [column.name for column in table.c]
    values = [changes.get(name, table.c[name]) for name in names]
    rows = select(*values).select_from(table.join(numbers, literal(1) == 1)).where(table.c.id == key)
    connection.execute(insert(table).from_select(names, rows))


def _patient(url: str) -> dict[str, Any]:
    return {"timeout": 30} if url.startswith("sqlite:") else {}
