"""What our buttons and forms carry to Slack and back. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

APPROVE: Final = "hitl_approve"
REJECT: Final = "hitl_reject"

REJECTION: Final = "hitl_rejection"
"""``callback_id`` of the form that asks for a reason."""

REASON: Final = "reason"
"""``block_id`` and ``action_id`` of its only field."""

MOST_REASON: Final = 3_000
"""The most that a ``plain_text_input`` takes (docs.slack.dev, "Plain-text input element")."""

_VALUE: Final = re.compile(r"([0-9A-Za-z_-]{1,64}):([0-9]{1,9}):([0-9a-f]{0,64})")


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
    """What a form remembers of the card it was opened from; kept in ``private_metadata`` (3,000 characters at most)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    press: str = Field(max_length=200)
    channel: str = Field(pattern=r"^[A-Z0-9]{2,40}$")
    ts: str = Field(pattern=r"^[0-9]{1,20}\.[0-9]{1,20}$")
