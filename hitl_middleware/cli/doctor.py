"""``hitl doctor``: what is out of order, and mending it without deciding anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_middleware.cli.context import Json, ask, opened, speaks
from hitl_middleware.cli.output import as_json, say
from hitl_middleware.cli.roles import of_people, of_roles
from hitl_middleware.errors import ConfigurationError, MigrationNeeded, OutOfReach

if TYPE_CHECKING:
    from hitl_middleware.diagnosis import Examination, Finding, Trouble
    from hitl_middleware.hitl import Hitl
    from hitl_middleware.manifest import LoadedGraph
    from hitl_middleware.settings import Settings

FOUND = 1
"""Exit code where something is out of order and was not mended."""

MOST_IDS = 10
"""Ids that are printed for one finding; ``--json`` has all."""


@speaks
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended; nothing is decided by it.")
    ] = False,
    json_: Json = False,
) -> None:
    """Say what is out of order and how to mend it: settings, graphs, runs, requests, messages, audit."""
    from hitl_middleware.diagnosis import Trouble, findings
    from hitl_middleware.settings import load_settings, misspelt

    try:
        settings = load_settings()
        _check_url(settings)
    except ConfigurationError as error:
        _told(findings([Trouble("settings", None, why=str(error))]), None, {}, json_=json_)
        return
    with opened() as hitl:
        channels = list(_of_channels(hitl))
        stored, database = _of_database(settings)
        graphs, broken = _loaded(settings)
        broken += _registered(hitl, graphs, stored=stored)
        broken += _ungated(graphs)
        broken += [] if channels else [*of_people(hitl), *of_roles(hitl, graphs)]
        agents = [] if channels else list(_of_agent_server(hitl))
        triggers = [] if channels else list(_of_triggers(hitl))
        variables = [Trouble("variable", None, name, meant) for name, meant in misspelt(os.environ).items()]
        found = findings([*variables, *channels, *database, *broken, *agents, *triggers])
        examination = _examined(hitl) if stored and _knows_its_graphs(hitl) else None
        found += examination.findings if examination else ()
        # Requests that are filed get cards: not before it is known where those belong.
        healed = _healed(hitl, found) if fix and examination and not channels else {}
    _told(found, examination, healed, json_=json_)


# the set-up ----------------------------------------------------------------------------------------------------------


def _of_channels(hitl: Hitl) -> Iterator[Trouble]:
    """hitl.toml, each channel's own settings, and how people and programs come in."""
    from hitl_middleware.channels.github.settings import GitHubSettings
    from hitl_middleware.diagnosis import Trouble
    from hitl_middleware.people import ListedPeople

    try:
        _ = hitl.config
        ListedPeople(hitl.config.people)
    except ConfigurationError as error:
        yield Trouble("hitl.toml", None, why=str(error))
        return
    try:
        _ = hitl.channels
        # A server does not guess whose a lone GITHUB_TOKEN is, as a program does: it stops.
        GitHubSettings.from_env(hitl.config.github)
    except ConfigurationError as error:
        yield Trouble("channels", None, why=str(error))
    if find_spec("fastapi") is None:
        return  # the extra `server` is not installed: nobody comes in, and there is nothing to be wrong with it
    from hitl_server.auth import Door

    try:
        Door.of(hitl.settings, hitl.config)
    except ConfigurationError as error:
        yield Trouble("sign-in", None, why=str(error))


def _check_url(settings: Settings) -> None:
    """Raise ``ConfigurationError`` where HITL_DATABASE_URL names no database that there could be, or none for HITL_DISPATCHER."""
    from hitl_middleware.dispatch import open_dispatcher
    from hitl_middleware.stores import FORGETS
    from hitl_middleware.stores.url import parse

    if settings.database_url != FORGETS:
        parse(settings.database_url)
    open_dispatcher(settings.database_url, settings.dispatcher)


def _of_database(settings: Settings) -> tuple[bool, list[Trouble]]:
    """Whether there is something stored to look at, and what keeps us from it. Looking makes no database."""
    from hitl_middleware.diagnosis import Trouble
    from hitl_middleware.stores import FORGETS, migrations

    if settings.database_url == FORGETS:
        return False, []
    try:
        return migrations.check(settings.database_url, queue=settings.dispatcher != "local"), []
    except ConfigurationError as error:
        # Not where a newer version is wanted, or only the queue is gone.
        before = "Stop servers of another version before. " if type(error) is MigrationNeeded else ""
        return False, [
            Trouble("database", None, f"{before}Nothing that is stored was looked at.", str(error))
        ]


def _loaded(settings: Settings) -> tuple[list[LoadedGraph], list[Trouble]]:
    """The graphs of langgraph.json, each by itself: one that is broken hides no other."""
    from hitl_middleware.diagnosis import Trouble
    from hitl_middleware.manifest import load_graph, read_manifest

    graphs, troubles = [], []
    try:
        named = read_manifest(settings.manifest)
    except ConfigurationError as error:
        return [], [Trouble("langgraph.json", None, why=str(error))]
    for name, spec in named.items():
        try:
            graphs.append(load_graph(name, spec, settings.manifest.absolute().parent))
        except ConfigurationError as error:
            troubles.append(Trouble("langgraph.json", None, why=str(error)))
    return graphs, troubles


def _registered(hitl: Hitl, graphs: Sequence[LoadedGraph], *, stored: bool) -> list[Trouble]:
    """Make the graphs known, as a server does; their saver is opened only where there is a database."""
    from hitl_middleware.diagnosis import Trouble

    troubles = []
    for loaded in graphs:
        try:
            if stored:
                hitl.serve(loaded.name, loaded.graph)
            else:
                hitl.graphs.add(loaded.name, loaded.graph)
        except ConfigurationError as error:
            troubles.append(Trouble("langgraph.json", None, why=f"graph {loaded.name!r}: {error}"))
    return troubles


def _ungated(graphs: Sequence[LoadedGraph]) -> list[Trouble]:
    """Marked tools whose gate was forgotten: a server starts with them, and they refuse each call."""
    from hitl_middleware.diagnosis import Trouble
    from hitl_middleware.gate.named import ungated

    return [
        Trouble("ungated", None, f"{name} of {loaded.name}")
        for loaded in graphs
        for name in ungated(loaded.graph)
    ]


def _of_agent_server(hitl: Hitl) -> Iterator[Trouble]:
    """Whether it answers, and has the graphs that are to run there."""
    from hitl_middleware.diagnosis import Trouble

    try:
        if (there := hitl.agent_server) is None:
            return
        has = ask(hitl, there.server.graphs)
    except (ConfigurationError, OutOfReach) as error:
        yield Trouble("agent server", None, why=str(error))
        return
    if missing := sorted(set(there.graphs()) - has):
        why = f"The Agent Server at {there.server.url} has no graph {', '.join(missing)}; it has {', '.join(sorted(has)) or 'none'}."
        yield Trouble(
            "agent server", None, why=f"{why} [agent_server] graphs in hitl.toml says which ones live there."
        )


def _knows_its_graphs(hitl: Hitl) -> bool:
    try:
        return bool(hitl.all_graphs)
    except ConfigurationError:
        return False


def _of_triggers(hitl: Hitl) -> Iterator[Trouble]:
    """Whether what is to begin runs can."""
    from hitl_middleware.channels.github.settings import GitHubSettings
    from hitl_middleware.channels.github.triggers import check_triggers
    from hitl_middleware.diagnosis import Trouble

    if not hitl.config.triggers:
        return
    if GitHubSettings.from_env(hitl.config.github) is None:
        why = "hitl.toml has triggers, and nothing of GitHub is configured: no label begins a run."
        yield Trouble("triggers", None, "hitl connect github OWNER/REPO says what to set.", why)
        return
    try:
        check_triggers(hitl.config.triggers, hitl.all_graphs.graphs())
    except ConfigurationError as error:
        mend = "Correct the trigger, or put the graph into langgraph.json: hitl serve does not start before."
        yield Trouble("triggers", None, mend, str(error))


# what is stored ------------------------------------------------------------------------------------------------------


def _examined(hitl: Hitl) -> Examination:
    from hitl_middleware.diagnosis import examine

    return ask(hitl, examine, hitl.store, hitl.all_graphs, seconds=hitl.settings.lease_seconds)


def _healed(hitl: Hitl, found: Sequence[Finding]) -> Mapping[Finding, tuple[str, ...]]:
    """The ids that were mended, by finding."""
    from hitl_middleware.diagnosis import Healer

    healer = Healer(hitl.store, hitl.desk, hitl.ledger, hitl.all_graphs, hitl.holdings, hitl.dispatcher)
    return {each: ask(hitl, healer.heal, each) for each in found if each.healable}


# what is said --------------------------------------------------------------------------------------------------------


def _told(
    found: Sequence[Finding],
    examination: Examination | None,
    healed: Mapping[Finding, tuple[str, ...]],
    *,
    json_: bool,
) -> None:
    left = [each for each in found if not each.note and not _is_mended(each, healed)]
    if json_:
        as_json(_plain(found, examination, healed, ok=not left))
    else:
        for each in found:
            _say(each, healed)
        say(_summary(found, left, examination))
    if left:
        raise typer.Exit(FOUND)


def _is_mended(finding: Finding, healed: Mapping[Finding, tuple[str, ...]]) -> bool:
    return bool(finding.ids) and set(healed.get(finding, ())) >= set(finding.ids)


def _say(finding: Finding, healed: Mapping[Finding, tuple[str, ...]]) -> None:
    mended = _is_mended(finding, healed)
    say(f"{'·' if finding.note else '✓ Mended:' if mended else '✗'} {finding.says}")
    left = finding.ids if mended else [key for key in finding.ids if key not in healed.get(finding, ())]
    for key in left[:MOST_IDS]:
        say(f"    {key}")
    if len(left) > MOST_IDS:
        say(f"    … and {len(left) - MOST_IDS} more: --json lists them")
    if not mended:
        say(f"  → {finding.mend}")


def _summary(found: Sequence[Finding], left: Sequence[Finding], examination: Examination | None) -> str:
    wrong = [each for each in found if not each.note]
    if examination is None:
        kept_out = any(each.check in {"settings", "database", "agent server"} for each in wrong)
        looked = "What is stored was not looked at." if kept_out else "Nothing is stored yet."
    else:
        runs = _count(examination.runs, "run that has not ended", "runs that have not ended")
        requests = _count(examination.requests, "request that waits", "requests that wait")
        looked = (
            f"Looked at {runs}, {requests} and {_count(examination.events, 'event', 'events')} of the audit."
        )
    if not wrong:
        return f"{looked} All is well."
    if not left:
        return f"{looked} All of it is mended; a running server or worker carries on with what is due."
    still = "still " if len(left) < len(wrong) else ""
    return f"{looked} {_count(len(left), 'thing is', 'things are')} {still}out of order."


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _plain(
    found: Sequence[Finding],
    examination: Examination | None,
    healed: Mapping[Finding, tuple[str, ...]],
    *,
    ok: bool,
) -> dict[str, object]:
    return {
        "ok": ok,
        "findings": [
            {
                "check": each.check,
                "says": each.says,
                "ids": each.ids,
                "mend": each.mend,
                "healable": each.healable,
                "note": each.note,
                "mended": healed.get(each, ()),
            }
            for each in found
        ],
        "looked_at": None
        if examination is None
        else {
            "runs": examination.runs,
            "requests": examination.requests,
            "audit_events": examination.events,
        },
    }
