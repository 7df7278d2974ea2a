"""Troubles in sentences: what it is, whom it concerns, how to mend it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Check = Literal[
    "settings",
    "variable",
    "hitl.toml",
    "channels",
    "sign-in",
    "langgraph.json",
    "ungated",
    "roles",
    "people",
    "triggers",
    "database",
    "agent server",
    "request missing",
    "request overtaken",
    "answer not taken",
    "run left",
    "run left answered",
    "run left by its program",
    "run over",
    "run asks nothing",
    "run stuck",
    "thread not here",
    "thread unreadable",
    "graph unknown",
    "graph elsewhere",
    "claim dead",
    "outcome unknown",
    "card given up",
    "notice given up",
    "webhook given up",
    "audit",
]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is out of order. ``id`` is the record's; ``subject`` and ``why`` are what its sentence names."""

    check: Check
    id: str | None
    subject: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Troubles of one kind about one subject, in a sentence.

    ``mend``: what to do about it. ``healable``: ``hitl doctor --fix`` does it. ``note``: worth knowing, and not out of order.
    """

    check: Check
    says: str
    ids: tuple[str, ...]
    mend: str
    healable: bool
    note: bool


@dataclass(frozen=True, slots=True)
class _Words:
    """``one`` and ``many`` are told with ``{n}``, ``{subject}`` and ``{why}``."""

    one: str
    many: str
    mend: str
    healable: bool = False
    note: bool = False


def _once(says: str, mend: str, *, healable: bool = False) -> _Words:
    return _Words(says, says, mend, healable=healable)


_SERVE = "Start hitl serve or hitl worker"
_WORDS: Mapping[Check, _Words] = {
    "settings": _once(
        "{why}", "Correct that variable, and run hitl doctor again: nothing else was looked at."
    ),
    "variable": _once(
        "{subject} is set, and nothing reads it. Did you mean {why}?",
        "Correct its name, or unset it.",
    ),
    "hitl.toml": _once("{why}", "Correct that line: nothing starts before."),
    "channels": _once("{why}", "hitl connect slack and hitl connect github say what each needs."),
    "sign-in": _once("{why}", "Correct it: hitl serve does not start before."),
    "langgraph.json": _once("{why}", "Correct it: hitl serve and hitl worker do not start before."),
    "ungated": _once(
        "{subject} is marked, and no gate stands before it: each call of it is refused.",
        "Add the gate: create_agent(..., middleware=[hitl.approvals(tools)]) or ToolNode(tools, **hitl.tool_gate(tools)).",
    ),
    "roles": _once("{why}", "Put people into that group, under [groups] of hitl.toml, or correct its name."),
    "people": _once("{why}", "{subject}"),
    "triggers": _once("{why}", "{subject}"),
    "database": _once("{why}", "{subject}"),
    "agent server": _once("{why}", "Until then its runs stay as they are, and nothing of them is lost."),
    "request missing": _Words(
        "A run of {subject} is suspended at a question that nobody was asked.",
        "{n} runs of {subject} are suspended at questions that nobody was asked.",
        f"hitl doctor --fix files the requests. {_SERVE}: they do so by themselves within a minute.",
        healable=True,
    ),
    "request overtaken": _Words(
        "A request waits for an answer that its run of {subject} no longer asks for.",
        "{n} requests wait for answers that their runs of {subject} no longer ask for.",
        "hitl doctor --fix takes them back as superseded. Nobody's answer is lost: none could count.",
        healable=True,
    ),
    "answer not taken": _Words(
        "A run of {subject} was answered and has not gone on.",
        "{n} runs of {subject} were answered and have not gone on.",
        "hitl doctor --fix has the next sweep of a server or worker look at them.",
        healable=True,
    ),
    "run left": _Words(
        "A run of {subject} could go on, and no process takes it up.",
        "{n} runs of {subject} could go on, and no process takes them up.",
        f"{_SERVE} with this database, where langgraph.json names {{subject}}.",
    ),
    "run left answered": _Words(
        "A run of {subject} was answered and could go on, and no process takes it up.",
        "{n} runs of {subject} were answered and could go on, and no process takes them up.",
        f"{_SERVE} with this database, where langgraph.json names {{subject}}. "
        "Where the database is a restored copy, look before whether what was approved was done after the copy was made.",
    ),
    "run left by its program": _Words(
        "A run of {subject} was left in the middle by the program that ran it.",
        "{n} runs of {subject} were left in the middle by the programs that ran them.",
        "Invoke its graph again on the same thread: it goes on from its last step. Nobody else may.",
    ),
    "run over": _Words(
        "A run of {subject} has ended, and its record says suspended.",
        "{n} runs of {subject} have ended, and their records say suspended.",
        "hitl doctor --fix has the next sweep of a server or worker close them.",
        healable=True,
    ),
    "run asks nothing": _Words(
        "A run of {subject} is suspended and asks nothing.",
        "{n} runs of {subject} are suspended and ask nothing.",
        "hitl doctor --fix has the next sweep of a server or worker carry on with them.",
        healable=True,
    ),
    "run stuck": _Words(
        "A run of {subject} was resumed with what is no answer to its question, and its step raises each time.",
        "{n} runs of {subject} were resumed with what is no answer to their questions, and their steps raise each time.",
        "hitl doctor --fix has the next sweep of a server or worker take those steps anew, so that they ask again.",
        healable=True,
    ),
    "thread not here": _Words(
        "A run of {subject} is suspended, and there is no checkpoint of its thread where {subject} keeps them here.",
        "{n} runs of {subject} are suspended, and there are no checkpoints of their threads where {subject} keeps them here.",
        "If another program has them, only that one can go on. If they are lost (a saver in memory), start the run again.",
    ),
    "thread unreadable": _Words(
        "The thread of a run of {subject} cannot be read: {why}.",
        "The threads of {n} runs of {subject} cannot be read: {why}.",
        "Was the graph changed so that it no longer fits its checkpoints? Serve the version that wrote them.",
    ),
    "graph unknown": _Words(
        "A run waits, and its graph {subject} cannot be run here.",
        "{n} runs wait, and their graph {subject} cannot be run here.",
        "Put {subject} back into langgraph.json, or run hitl doctor in the folder that has it.",
    ),
    "graph elsewhere": _Words(
        "A run of {subject} belongs to a program that attached the graph, and was not looked at.",
        "{n} runs of {subject} belong to a program that attached the graph, and were not looked at.",
        "To have them looked at, put {subject} into langgraph.json of a folder and run hitl doctor there.",
        note=True,
    ),
    "claim dead": _Words(
        "An act {subject} was begun, and the process that performs it has not been heard of since.",
        "{n} acts {subject} were begun, and the processes that perform them have not been heard of since.",
        f"{_SERVE}, or hitl doctor --fix: they are marked as unknown, and people are asked what became of them.",
        healable=True,
    ),
    "outcome unknown": _Words(
        "An act {subject} may have happened or not, and nobody has said which.",
        "{n} acts {subject} may have happened or not, and nobody has said which.",
        "Find out, then: hitl actions settle ID done, failed or retry.",
    ),
    "card given up": _Words(
        "A card in {subject} could not be posted or changed, and is not tried any more: {why}.",
        "{n} cards in {subject} could not be posted or changed, and are not tried any more: {why}.",
        "Mend what it says (hitl connect {subject} checks it), then hitl doctor --fix has them tried again.",
        healable=True,
    ),
    "notice given up": _Words(
        "A message in {subject} could not be posted, and is not tried any more: {why}.",
        "{n} messages in {subject} could not be posted, and are not tried any more: {why}.",
        "Mend what it says (hitl connect {subject} checks it), then hitl doctor --fix has them tried again.",
        healable=True,
    ),
    "webhook given up": _Words(
        "A webhook of {subject} could not be acted on, and is not tried any more: {why}.",
        "{n} webhooks of {subject} could not be acted on, and are not tried any more: {why}.",
        "Mend what it says, then hitl doctor --fix has them acted on again.",
        healable=True,
    ),
    "audit": _once(
        "The audit does not hold: {why}.",
        "Somebody wrote past this library. Compare with an exported copy (hitl audit export) to see what was changed.",
    ),
}


def findings(troubles: Iterable[Trouble]) -> tuple[Finding, ...]:
    """One for each kind, subject and reason, in the order in which kinds are listed; with the ids of all that it concerns."""
    groups: dict[tuple[Check, str, str], list[str]] = {}
    for trouble in troubles:
        ids = groups.setdefault((trouble.check, trouble.subject, trouble.why), [])
        if trouble.id is not None:
            ids.append(trouble.id)
    order = get_args(Check)
    return tuple(
        _told(check, subject, why, tuple(dict.fromkeys(ids)))
        for (check, subject, why), ids in sorted(groups.items(), key=lambda group: order.index(group[0][0]))
    )


def _told(check: Check, subject: str, why: str, ids: tuple[str, ...]) -> Finding:
    words = _WORDS[check]
    says = words.one if len(ids) <= 1 else words.many
    return Finding(
        check=check,
        says=says.format(n=len(ids), subject=subject, why=why or "no reason was given"),
        ids=ids,
        mend=words.mend.format(subject=subject),
        healable=words.healable,
        note=words.note,
    )
