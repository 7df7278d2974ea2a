"""Proposals without a model: the same words for the same issue, so that a workflow can be tried and tested without a key. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hitl_graphs.delivery import proposals as p

P = TypeVar("P", bound=p.Proposal)

About = Mapping[str, Any]

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_PATH = re.compile(r"(?<![\w/.-])[\w-]+(?:/[\w.-]+)*\.[a-z]{1,5}\b")
_WORD = re.compile(r"[a-z0-9]+")
_TAKEN = re.compile(r"^\+(Revised after feedback: .+)$", re.MULTILINE)
_NUMBER = re.compile(r"\b[1-4]\b")


def scripted(kind: type[P], about: About) -> P:
    """The proposal of this kind for what ``about`` holds (see ``Author.propose``)."""
    made = _SCRIPTS[kind](about)
    made = made.model_copy(update={"revised": _cut(str(about.get("feedback") or ""), 1_000)})
    assert isinstance(made, kind)  # noqa: S101 – the table says so
    return made


def slug(title: str) -> str:
    """A title as a part of a path or a branch: ``login-fails-on-safari``."""
    return "-".join(_WORD.findall(title.lower())[:6])[:50].strip("-") or "change"


def _analysis(about: About) -> p.Analysis:
    said = _sentences(about)
    cause = said[0] if said else "The issue does not say; the code has to be read."
    return p.Analysis(
        summary=_title(about), cause=cause, affected=_paths(about) or ["not named in the issue"]
    )


def _options(about: About) -> p.Options:
    title = _title(about)
    options = [
        p.Option(
            name="The small change", how=f"Deal with “{title}” where it shows.", costs="Its cause may stay."
        ),
        p.Option(
            name="The thorough change",
            how=f"Find the cause of “{title}” and mend it there.",
            costs="It takes longer.",
        ),
    ]
    chosen = next(
        (int(n) for n in _NUMBER.findall(str(about.get("feedback") or "")) if int(n) <= len(options)), 1
    )
    return p.Options(options=options, recommended=chosen)


def _design(about: About) -> p.Design:
    said = _sentences(about)
    components = _paths(about) or [f"a new part for “{_title(about)}”"]
    return p.Design(
        behaviour=" ".join([_title(about), *said[:2]]), components=components, left_out=["settings for it"]
    )


def _plan(about: About) -> p.Plan:
    where = ", ".join(_paths(about)) or "where the issue points"
    return p.Plan(
        goal=_title(about),
        steps=[f"Reproduce it: {_first(about)}", f"Change {where}.", f"Write it down in {_note(about)}."],
        tests=[f"A test that fails before the change: {_title(about)}"],
        risks=["Others may rely on how it behaves today."],
    )


def _audit(about: About) -> p.Audit:
    tested = "Tests:" in str(about.get("plan") or "")
    found = "Every step can be undone." if tested else "The plan names no tests."
    return p.Audit(verdict="sound" if tested else "doubtful", findings=[found])


def _changes(about: About) -> p.Changes:
    feedback = str(about.get("feedback") or "")
    lines = [f"# {_title(about)}", "", _first(about), ""]
    if feedback:
        earlier = _TAKEN.findall(str(about.get("changes before the feedback") or ""))
        now = f"Revised after feedback: {' '.join(feedback.split())}"
        lines += [line for each in dict.fromkeys([*earlier, now]) for line in (each, "")]
    note = p.FileChange(path=_note(about), content="\n".join(lines))
    return p.Changes(summary=_cut(_title(about), 72), files=[note])


_SCRIPTS: Mapping[type[p.Proposal], Callable[[About], p.Proposal]] = {
    p.Analysis: _analysis,
    p.Options: _options,
    p.Design: _design,
    p.Plan: _plan,
    p.Audit: _audit,
    p.Changes: _changes,
}


def _title(about: About) -> str:
    return str(about["issue"]["title"])


def _sentences(about: About) -> list[str]:
    parts = (" ".join(part.split()) for part in _SENTENCE.split(str(about["issue"]["body"])[:4_000]))
    return [_cut(part, 300) for part in parts if part][:3]


def _first(about: About) -> str:
    return next(iter(_sentences(about)), f"{_title(about)}.")


def _paths(about: About) -> list[str]:
    """Files that the issue names."""
    return list(
        dict.fromkeys(_cut(path, 200) for path in _PATH.findall(str(about["issue"]["body"])[:4_000]))
    )[:5]


def _note(about: About) -> str:
    number = about["issue"].get("number")
    return f"docs/changes/{'' if number is None else f'{number}-'}{slug(_title(about))}.md"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
