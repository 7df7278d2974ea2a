"""``hitl policy test``: which rule asks, and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from pydantic import BaseModel, ConfigDict, Field

from hitl_middleware.cli.context import Json, ask, fail, opened, speaks
from hitl_middleware.cli.output import as_json, facts, who_decides

if TYPE_CHECKING:
    from hitl_middleware.actions import ActionRequest
    from hitl_middleware.gate.trial import Trial

app = typer.Typer(no_args_is_help=True)
MOST_BYTES = 1_000_000
"""Of a call, as over HTTP."""


class CallIn(BaseModel):
    """A tool call as LangChain writes it, with what else a rule may read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=200)
    args: dict[str, Any] = Field(default_factory=dict)
    id: str | None = Field(default=None, max_length=200)
    type: Literal["tool_call"] | None = None
    requester: str | None = Field(default=None, max_length=200)
    state: dict[str, Any] | None = None


@app.callback()
def _group() -> None:
    """Keep ``test`` a subcommand while it is the only one."""


@app.command("test", short_help="Try the rules on a call; nothing runs.")
@speaks
def try_(  # not "test…": pytest would take it for one
    call: Annotated[
        str,
        typer.Argument(help='A file with {"name": …, "args": {…}}; - reads it from stdin.', metavar="CALL"),
    ],
    graph: Annotated[
        str | None, typer.Option(help="Only this graph of langgraph.json; all of them by default.")
    ] = None,
    json_: Json = False,
) -> None:
    """Try the rules on a call: whether people would be asked, who, and why. No tool runs, nothing is written."""
    from hitl_middleware.settings import load_settings

    given = _read(call)
    default = load_settings().default_approvers
    with _storing_nothing():
        found, nobody = _tried(given, graph)
    approvers = default or ("api",)
    if json_:
        as_json({"items": [_out(trial, given.name, approvers, nobody) for trial in found]})
        return
    for number, trial in enumerate(found):
        if number:
            typer.echo()
        told = _out(trial, given.name, approvers, nobody)
        facts(f"{told.pop('tool')} in graph {told.pop('graph')}", _for_people(told))


def _read(place: str) -> CallIn:
    from hitl_server.jsontext import NotJson, read_json

    where = "stdin" if place == "-" else place
    try:
        if place == "-":
            body = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(place).open("rb") as file:
                body = file.read(MOST_BYTES + 1)
    except OSError as error:
        fail(f"{place}: {error.strerror}")
    if len(body) > MOST_BYTES:
        fail(f"{where}: more than {MOST_BYTES:,} bytes")
    try:
        value = read_json(body)
    except NotJson as error:
        fail(f"{where}: {error}")
    if not isinstance(value, dict):
        fail(f'{where}: must be a JSON object, {{"name": …, "args": {{…}}}}')
    return CallIn.model_validate(value)


@contextmanager
def _storing_nothing() -> Iterator[None]:
    """Modules of graphs open what the environment names; here that is a database that is nowhere."""
    before = os.environ.get("HITL_DATABASE_URL")
    os.environ["HITL_DATABASE_URL"] = "memory://"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HITL_DATABASE_URL"]
        else:
            os.environ["HITL_DATABASE_URL"] = before


def _tried(given: CallIn, only: str | None) -> tuple[Sequence[Trial], frozenset[str]]:
    """What every graph's rules say, and those of the roles they require in which nobody is."""
    from hitl_middleware.actions import ActionRequest, Identity
    from hitl_middleware.errors import UnknownGraph
    from hitl_middleware.gate.build import check_tools
    from hitl_middleware.gate.trial import trials
    from hitl_middleware.manifest import load_graph, read_manifest

    call = ActionRequest(
        name=given.name,
        args=given.args,
        identity=Identity("test", "", given.id or "test"),
        requester=given.requester,
        state=given.state,
    )
    with opened() as hitl:
        manifest = hitl.settings.manifest
        specs = read_manifest(manifest)
        if only is not None and only not in specs:
            raise UnknownGraph(name=only, known=", ".join(specs) or "none")
        names = list(specs) if only is None else [only]
        loaded = [load_graph(name, specs[name], manifest.absolute().parent) for name in names]
        for each in loaded:
            check_tools(each.graph)  # as at start-up
        found = [trial for each in loaded for trial in trials(each.name, each.graph, call)]
        roles = {role for trial in found if trial.found for role in trial.found.plan.required_from}
        # Only of a group of hitl.toml it is known here; whom a channel's holds is known when somebody answers.
        groups = [role for role in roles if role.startswith("group:")]
        nobody = frozenset(role for role in groups if not ask(hitl, hitl.directory.members, role))
    return found or _nowhere(call, [each.graph for each in loaded], names), nobody


def _nowhere(call: ActionRequest, graphs: Sequence[Any], names: Sequence[str]) -> Sequence[Trial]:
    from hitl_middleware.gate.build import tool_nodes

    known = sorted({name for graph in graphs for _, tools in tool_nodes(graph) for name in tools})
    fail(f"name: no tool is called {call.name!r} in {', '.join(names)}. Tools: {', '.join(known) or 'none'}")


def _out(trial: Trial, tool: str, approvers: Sequence[str], nobody: frozenset[str]) -> dict[str, Any]:
    if trial.found is None or trial.policy is None:
        reason = f"no policy speaks of {tool}: it runs, and nothing is written"
        return {"graph": trial.graph, "tool": tool, "verdict": "none", "reason": reason}
    plan = trial.found.plan
    return {
        "graph": trial.graph,
        "tool": tool,
        "verdict": plan.verdict,
        "reason": plan.reason,
        "rule": trial.found.rule,
        "says": trial.found.says,
        "approvers": list(plan.completed(approvers).approvers or ()),
        "required_approvals": plan.required_approvals,
        "required_from": list(plan.required_from),
        "nobody_in": [
            role
            for role in plan.required_from
            if role in nobody and not any(role in each.stands_in_for for each in plan.escalate_to)
        ],
        "allow_requester": plan.allow_requester,
        "allowed_decisions": list(plan.allowed_decisions),
        "expires_in_seconds": plan.expires_in,
        "on_expiry": plan.on_expiry,
        "remind_seconds_before": list(plan.remind),
        "escalate_to": [
            {
                "approvers": list(each.approvers),
                "expires_in_seconds": each.expires_in,
                "on_expiry": each.on_expiry,
                "stands_in_for": list(each.stands_in_for),
            }
            for each in plan.escalate_to
        ],
        "risk": plan.risk,
        "redact": list(plan.redact),
        "max_rejections": trial.policy.max_rejections,
        "policy_version": plan.policy_version,
    }


def _for_people(told: dict[str, Any]) -> dict[str, Any]:
    """The same in words; who decides only matters where somebody is asked."""
    shown = {"verdict": told["verdict"], "why": told["reason"], "rule": told.get("rule")}
    if told["verdict"] != "ask":
        return shown | {"hidden": ", ".join(told.get("redact", ())), "policy": told.get("policy_version")}
    seconds, most = told["expires_in_seconds"], told["max_rejections"]
    return shown | {
        "who decides": who_decides(told["approvers"]),
        "approvals": _needed(told["required_approvals"], told["required_from"]),
        "impossible": _never(told["nobody_in"]),
        "requester": "may decide it, too" if told["allow_requester"] else "may not decide it",
        "answers": ", ".join(told["allowed_decisions"]),
        "deadline": f"{timedelta(seconds=seconds)} after it is asked, then {_THEN[told['on_expiry']]}"
        if seconds
        else "none",
        "reminders": ", ".join(
            f"{timedelta(seconds=each)} before a deadline" for each in told["remind_seconds_before"]
        ),
        "escalation": "\n".join(map(_step, told["escalate_to"])),
        "risk": told["risk"],
        "hidden": ", ".join(told["redact"]),
        "limit": f"refused after {most} rejections of this very call" if most else None,
        "policy": told["policy_version"],
    }


_THEN = {
    "leave": "it waits on, overdue, and can still be decided",
    "reject": "it expires: nothing is done, and the agent is told that nobody answered",
    "escalate": "others are asked, too",
}


def _needed(people: int, roles: Sequence[str]) -> str | None:
    from hitl_middleware.quorum import role_words

    named = " and ".join(map(role_words, roles))
    if people == 1:
        return f"from {named}" if roles else None
    return f"{people} different people, among them {named}" if roles else f"{people} different people"


def _never(roles: Sequence[str]) -> str | None:
    from hitl_middleware.quorum import role_words

    named = " and ".join(map(role_words, roles))
    return f"nobody is in {named} ([groups] of hitl.toml), so nobody could approve this" if roles else None


def _step(step: dict[str, Any]) -> str:
    """One step of a chain, in words."""
    from hitl_middleware.quorum import role_words

    who, seconds = ", ".join(step["approvers"]), step["expires_in_seconds"]
    if step["stands_in_for"]:
        who += f" (standing in for {', '.join(map(role_words, step['stands_in_for']))})"
    return (
        f"{who}: {timedelta(seconds=seconds)}, then {_THEN[step['on_expiry']]}"
        if seconds
        else f"{who}: no deadline"
    )
