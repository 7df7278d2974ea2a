"""What our buttons and forms carry to Slack and back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

FormKind = Literal["fill", "edit", "reject", "feedback", "respond", "settle"]
"""The forms, each opened by a button: ``fill`` approves with a form's values, ``settle`` says what became of an act."""

ButtonKind = Literal["approve", FormKind]

PREFIX: Final = "hitl_"
BUTTONS: Final[Mapping[str, ButtonKind]] = {f"{PREFIX}{kind}": kind for kind in get_args(ButtonKind)}
"""``action_id`` → what the button does. ``approve`` alone decides at once."""

FORMS: Final[Mapping[str, FormKind]] = {f"{PREFIX}form_{kind}": kind for kind in get_args(FormKind)}
"""``callback_id`` → what the form is for."""

WORDS: Final = "words"
"""``block_id`` of the field for a reason, feedback, an answer in words."""

OUTCOME: Final = "outcome"
"""``block_id`` of the field that says what became of an act."""

ENTRY: Final = "entry"
"""``action_id`` of the one element in each of our input blocks."""

MOST_WORDS: Final = 3_000
"""The most that a ``plain_text_input`` takes (docs.slack.dev, "Plain-text input element")."""

Given: TypeAlias = str | tuple[str, ...] | None
"""What stands in one of our input blocks: a text, a date, the value of an option, the values of several, or nothing."""

_VALUE: Final = re.compile(r"([0-9A-Za-z_-]{1,64}):([0-9]{1,9}):([0-9a-f]{0,64})")


def action_id(kind: ButtonKind) -> str:
    """The ``action_id`` of a button."""
    return f"{PREFIX}{kind}"


def callback_id(kind: FormKind) -> str:
    """The ``callback_id`` of a form."""
    return f"{PREFIX}form_{kind}"


@dataclass(frozen=True, slots=True)
class Press:
    """What a button says of the card it stands on.

    An answer is judged by the whole ``digest``, in the same transaction that counts it. The ``version`` decides nothing: it also grows
    with a note, and a note takes nothing away from what was shown.
    """

    request_id: str
    version: int
    digest: str

    @property
    def value(self) -> str:
        """As a button's value: 2,000 characters are allowed (docs.slack.dev, "Button element"), this takes about 110."""
        return f"{self.request_id}:{self.version}:{self.digest}"

    @classmethod
    def read(cls, value: str) -> Self | None:
        """From a button's value; ``None`` if it is not one of ours."""
        found = _VALUE.fullmatch(value)
        return cls(found[1], int(found[2]), found[3]) if found else None


class FormContext(BaseModel):
    """What a form remembers of the card it was opened from; kept in ``private_metadata`` (3,000 characters at most).

    ``attempt``: of an act whose outcome is asked, which of its attempts the person was asked about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    press: str = Field(max_length=200)
    channel: str = Field(pattern=r"^[A-Z0-9]{2,40}$")
    ts: str = Field(pattern=r"^[0-9]{1,20}\.[0-9]{1,20}$")
    attempt: int | None = None
