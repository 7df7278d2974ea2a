"""Carriers of wake-ups: ``local`` for one process, ``procrastinate`` for many machines on PostgreSQL."""

from __future__ import annotations

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.ports import Dispatcher
from hitl_middleware.settings import DispatcherName


def open_dispatcher(url: str, name: DispatcherName | None = None) -> Dispatcher:
    """The dispatcher ``name``, or the one that the database's URL is best served by. No I/O.

    Raises ``ConfigurationError`` for Procrastinate without PostgreSQL.
    """
    on_postgres = url.startswith("postgres")
    if name == "procrastinate" and not on_postgres:
        msg = "HITL_DISPATCHER: Procrastinate keeps its queue in PostgreSQL, and HITL_DATABASE_URL names another database. Use local."
        raise ConfigurationError(msg)
    if on_postgres and name != "local":
        from hitl_middleware.dispatch.procrastinate import ProcrastinateDispatcher

        return ProcrastinateDispatcher(url)
    from hitl_middleware.dispatch.local import LocalDispatcher

    return LocalDispatcher()


__all__ = ["open_dispatcher"]
