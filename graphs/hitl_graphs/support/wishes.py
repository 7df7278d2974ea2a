"""What a customer's words ask for, read without a model: the scripted desk's ear. Pure.

Three forms are understood; several in one message are several calls. Everything else is a matter for a reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Call = tuple[str, dict[str, Any]]

# At most twelve digits: more would be no amount, and no database or checkpoint holds it as a number.
_AMOUNT = (
    r"(?:(?:USD|EUR|GBP)\s)?(?P<minus>-)?[$€£]?\s?"
    r"(?P<amount>\d{1,3}(?:,\d{3}){1,3}(?:\.\d{1,2})?|\d{1,12}(?:[.,]\d{1,2})?)(?![\w-]|[.,]\d)"
)
_ORDER = r"(?:my\s+|the\s+)?order\s+#?(?P<order>[A-Za-z0-9][\w.-]*\w|\w)"
_BETWEEN = r"(?:\s*[,:;(]\s*|\s+(?:(?:of|by|for)\s+)?)"
_REFUNDS = (
    re.compile(rf"\brefund\s+(?:me\s+)?(?:(?:for|of)\s+)?{_ORDER}{_BETWEEN}{_AMOUNT}", re.IGNORECASE),
    re.compile(rf"\brefund\s+(?:me\s+)?(?:of\s+)?{_AMOUNT}\s+(?:for|of|on|from)\s+{_ORDER}", re.IGNORECASE),
)
_TRANSFER = re.compile(
    r"\b(?:move|transfer)\s+(?:all\s+)?(?:my|the)\s+purchases?\s+from\s+(?P<from_email>\S+)\s+to\s+(?P<to_email>\S+)",
    re.IGNORECASE,
)
_HANDOVER = re.compile(
    r"\b(?:talk|speak)\s+(?:to|with)\s+(?:the\s+|my\s+|an?\s+)?instructor\s+(?P<name>[^\W\d_][\w'-]*)",
    re.IGNORECASE,
)
_BECAUSE = re.compile(r"\bbecause\s+(?P<reason>[^.!?\n]{3,200})", re.IGNORECASE)
_THANKS = re.compile(
    r"\W*(?:(?:ok|okay|great|perfect|wonderful)\W+)?(?:many\s+)?(?:thanks|thank\s+you|thx)\b"
    r"(?:\s+(?:so|very|a)\s+(?:much|lot))?(?:\s+for\s+(?:your|the)\s+(?:quick\s+|kind\s+)?(?:help|reply|answer))?\W*",
    re.IGNORECASE,
)

MAX_NOTE = 500
MAX_CALLS = 10
"""Somebody who asks for more in one message is answered, not obeyed: each call may be a card that people must read."""
_TRAILING = ".,;:!?)>\"'"


def wishes(text: str) -> list[Call]:
    """The tool calls that ``text`` asks for, in the order of its words; none: it needs a reply.

    Nothing is mended: an address without an @ or an amount of zero becomes a call like any other, and the tool's schema says no.
    """
    found = [call for _, call in sorted(_found(text), key=lambda one: one[0])]
    return found if len(found) <= MAX_CALLS else []


def is_thanks(text: str) -> bool:
    """Whether somebody only says thank you."""
    return _THANKS.fullmatch(text) is not None


def _found(text: str) -> Iterator[tuple[int, Call]]:
    because = _BECAUSE.search(text)
    reason = because["reason"].strip() if because else "The customer asked for it"
    for pattern in _REFUNDS:
        for match in pattern.finditer(text):
            cents = _cents(match["amount"]) * (-1 if match["minus"] else 1)
            args = {"order_id": match["order"], "amount_cents": cents, "reason": reason}
            yield match.start(), ("process_refund", args)
    for match in _TRANSFER.finditer(text):
        addresses = {key: value.rstrip(_TRAILING) for key, value in match.groupdict().items()}
        yield match.start(), ("update_email", addresses)
    for match in _HANDOVER.finditer(text):
        args = {"instructor": match["name"], "note": f"The customer wrote: {text[:MAX_NOTE]}"}
        yield match.start(), ("assign_to_instructor", args)


def _cents(amount: str) -> int:
    """``1,200.50``, ``120.00``, ``120,00`` and ``120`` in cents."""
    if re.fullmatch(r"\d+,\d{1,2}", amount):
        amount = amount.replace(",", ".")
    return int(Decimal(amount.replace(",", "")) * 100)
