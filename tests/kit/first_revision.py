"""A database as the first version left it: at revision 0001, with people still being asked.

``first_revision.json`` was written by the code of the last commit at which 0001 was the newest revision – tables, and the checkpoints of
real runs of ``tests.kit.served``'s graphs. It is never made anew: what later versions have to cope with is what was written then.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from langchain_core.runnables import RunnableConfig
from sqlalchemy import DateTime, MetaData, Table, create_engine

from hitl_middleware.stores import migrations
from hitl_middleware.stores.saver import close_saver, open_saver
from hitl_middleware.stores.url import driven, parse

FIRST = "0001"


@dataclass(frozen=True, slots=True)
class FirstRevision:
    """``named``: what each thread stands for → ids of its ``request``, ``run`` and ``thread``. ``at``: when it was left."""

    at: dt.datetime
    named: Mapping[str, Mapping[str, str]]
    tables: Mapping[str, list[dict[str, Any]]]
    checkpoints: list[dict[str, Any]]

    @classmethod
    def read(cls) -> Self:
        """From the file beside this module."""
        told = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
        at = dt.datetime.fromisoformat(told["at"])
        return cls(at, told["names"], told["tables"], told["checkpoints"])

    def store_tables(self, url: str) -> None:
        """Put our tables into a database without any."""
        migrations.upgrade(url, FIRST)
        engine = create_engine(driven(parse(url), "sync"))
        with engine.begin() as connection:
            found = MetaData()
            found.reflect(connection, only=list(self.tables))
            for table in found.sorted_tables:
                connection.execute(table.delete())  # the head of the audit's chain is there from the start
                connection.execute(table.insert(), [typed(table, row) for row in self.tables[table.name]])
        engine.dispose()

    def store_checkpoints(self, url: str) -> None:
        """Put LangGraph's beside them, once the database is upgraded: this version's saver opens no other."""
        asyncio.run(self._save(url))

    async def _save(self, url: str) -> None:
        saver = await open_saver(url)
        for saved in self.checkpoints:
            place = saved["config"]
            before = saved["parent"] or {**place, "checkpoint_id": None}
            checkpoint, metadata = (unpacked(saver, saved[key]) for key in ("checkpoint", "metadata"))
            await saver.aput(configured(before), checkpoint, metadata, checkpoint["channel_versions"])
            for task, channel, value in saved["writes"]:
                write = [(channel, unpacked(saver, value))]
                await saver.aput_writes(configured(place), write, task)
        await close_saver(saver)


def typed(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as SQLite had it, in the types that this database's columns have."""
    return {name: _typed(table, name, value) for name, value in row.items()}


def _typed(table: Table, name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    kind = table.columns[name].type
    if isinstance(kind, DateTime) and value is not None:
        return dt.datetime.fromtimestamp(value / 1_000_000, dt.UTC)
    return kind.python_type(value) if kind.python_type is bool and value is not None else value


def configured(place: Mapping[str, Any]) -> RunnableConfig:
    """Where a checkpoint belongs."""
    return cast("RunnableConfig", {"configurable": dict(place)})


def unpacked(saver: Any, packed: list[str]) -> Any:
    """A value as LangGraph's serializer wrote it."""
    kind, data = packed
    return saver.serde.loads_typed((kind, base64.b64decode(data)))
