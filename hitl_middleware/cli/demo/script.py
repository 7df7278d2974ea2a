"""The conversation, as data: who writes, what it will lead to, and why."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CUSTOMER: Final = "Dana Fields"
ADDRESS: Final = "dana@mail.example"
SUBJECT: Final = "Drawing course"

ORDERS: Final = {"A-1001": 12_000, "A-1002": 3_900}
"""What the customer has paid, in cents."""

CHANNEL: Final = ("C0SUPPORT1", "support-approvals")
ANN: Final = "U024BE7LH"
KIM: Final = "U0KIM4DESK"
PEOPLE: Final = {ANN: ("ann", "Ann Archer"), KIM: ("kim", "Kim Keller")}
"""Who is in the Slack workspace and may decide."""

LEE: Final = "U0LEE5SALE"
OTHERS: Final = {LEE: ("lee", "Lee Lang")}
"""Who is there, too, and may not."""

ROLES: Final = {**dict.fromkeys(PEOPLE, "may decide"), **dict.fromkeys(OTHERS, "may not")}
"""A word on each of them."""

CONFIG: Final = """\
operators = ["api"]   # whoever looks at the pages from this machine: no token is set, and nobody else can
"""
"""The ``hitl.toml`` of the demo."""

DATABASE: Final = "HITL_DATABASE_URL=sqlite:///.hitl/demo.db"
"""For commands in another terminal."""


def called() -> str:
    """How this program can be called again from here: by its name where that finds it, else as it was called now."""
    found, here = shutil.which("hitl"), Path(sys.argv[0])
    known = found is not None and Path(found).resolve() == here.resolve()
    return "hitl" if known or here.name != "hitl" else str(here)


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the customer. ``about`` is the heading, ``waits`` and ``done`` explain what follows to somebody who sees it first."""

    about: str
    words: str
    waits: str
    done: str


SCRIPT: Final = (
    Line(
        about="A question",
        words="Hello! Is there still room for a beginner in the Thursday drawing course?",
        waits="The agent wrote a reply and stopped before sending it: a person reads what a customer will read.",
        done="",
    ),
    Line(
        about="A large refund",
        words="Then please refund order A-1001, 120.00, because the course moved to a day when I work.",
        waits="The agent called process_refund and stopped before the money moved: "
        "a refund above 50.00 needs a person. One of up to 50.00 does not.",
        done="",
    ),
    Line(
        about="A small refund",
        words="One more thing: refund order A-1002, 39.00, because the brushes never arrived.",
        waits="",
        done="39.00 is below the limit, so the policy asked nobody. It is on record all the same: the same action, the same claim "
        "before the money moves, the same audit.",
    ),
)
