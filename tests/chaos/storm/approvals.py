"""AgentAck, asked about a whole storm: was all that was done approved by a person, once, as it was shown, and nothing denied done?"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agentack import Policy, evaluate_events
from agentack.parser import read_jsonl

MOST_EVENTS: Final = 5_000_000

EVERYTHING: Final = Policy(require_approval_for=("*",), max_approval_age_seconds=86_400)
"""Every act needs a person's approval; a worker may be dead for a while before it uses it."""


def problems(trace: Path) -> str:
    """What it finds, a line each; nothing in a trace that it passes, or in which nothing happened."""
    if trace.stat().st_size == 0:
        return ""
    report = evaluate_events(read_jsonl(trace, max_events=MOST_EVENTS), policy=EVERYTHING)
    return "\n".join(f"{found.rule_id} {found.action_id}: {found.message}" for found in report.findings)
