"""What a form consists of: fields, what they show, what can be chosen in them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Kind = Literal["text", "lines", "integer", "number", "boolean", "choice", "choices", "date", "json"]
"""``lines`` is text of several lines; ``boolean`` is a choice of two; ``json`` takes whatever has no better form."""

Entered: TypeAlias = str | Sequence[str] | None
"""What somebody entered: a text, the labels of what they chose (``choices``), or nothing."""


class Absent(enum.Enum):
    """There is no value, which is not the same as ``null``."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

NAMELESS: Final = "answer"
"""The key of the one field of a schema that is no object."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be chosen. ``label`` is unique in its field: it is what a renderer hands back."""

    value: Any
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing to be entered. ``path`` says where its value stands; ``schema`` is its own, with references resolved.

    ``required``: left empty, it is refused. ``present`` is its value so far (or ``ABSENT``), ``shown`` what it shows of it at first:
    a text, or labels for ``choices``. ``may_miss``: the value may be left out altogether.
    """

    path: tuple[str, ...]
    kind: Kind
    label: str
    hint: str = ""
    required: bool = False
    nullable: bool = False
    may_miss: bool = False
    options: tuple[Option, ...] = ()
    present: Any = ABSENT
    shown: str | tuple[str, ...] = ""
    schema: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def key(self) -> str:
        """Its name in what was entered and in errors: ``amount_cents``, ``address.street``."""
        return ".".join(self.path) or NAMELESS

    @property
    def keeps(self) -> bool:
        """Whether a field that shows nothing may stay as it is: it has a value, or may do without one."""
        return self.present is not ABSENT or self.may_miss

    def untouched(self, entered: Entered) -> bool:
        """Whether it still holds what it showed at first. Browsers write line ends as CR LF: that alone is no change."""
        if self.kind == "choices":
            chosen = (entered,) if isinstance(entered, str) else tuple(entered or ())
            return set(chosen) == set(self.shown) and len(chosen) == len(self.shown)
        return isinstance(entered, str | None) and lines(entered or "") == lines(str(self.shown))


def lines(text: str) -> str:
    """Line ends as line feeds."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
