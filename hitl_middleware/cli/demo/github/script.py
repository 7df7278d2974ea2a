"""The repository, its people and the bugs they find, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SHOP: Final = "acme/shop"
LABEL: Final = "bug"
GRAPH: Final = "sdlc-bugfix"

YOU: Final = "ann"
REPORTER: Final = "bob"
PEOPLE: Final = {
    YOU: ("maintain", "Ann Archer"),
    "kim": ("write", "Kim Keller"),
    REPORTER: ("read", "Bob Burns"),
}
"""Who is in the repository, and with which role; from ``write`` on they may decide."""

NOTES: Final = {
    YOU: "maintain – may decide",
    "kim": "write – may decide",
    REPORTER: "read – reported it, may not",
}
"""A word on each of them."""

FILES: Final = {
    "README.md": "# shop\n\nA small shop.\n",
    "shop/cart.py": "def reload(saved):\n    return {'items': saved['items']}\n",
    "shop/mail.py": "def subject(order):\n    return 'Your order ' + order['id']\n",
}


@dataclass(frozen=True, slots=True)
class Bug:
    """One report, as it is written."""

    title: str
    body: str


BUGS: Final = (
    Bug(
        title="The cart forgets its coupon",
        body="After a reload the coupon is gone, because only the items of the cart are loaded again. It happens in shop/cart.py.",
    ),
    Bug(
        title="Mails name the wrong order",
        body="The subject has the id of the order before this one. It happens in shop/mail.py.",
    ),
)
"""In turns."""

CONFIG: Final = f"""\
[github]
approvers = ["github:role:write"]   # whoever may write to the repository decides
poll_seconds = 1                    # issues of open requests are re-read, too: GitHub does not repeat a lost webhook

[[triggers]]
label = "{LABEL}"                         # this label on an issue …
graph = "{GRAPH}"                 # … begins this workflow
"""
"""The ``hitl.toml`` of the demo."""


def page(web_url: str, number: int) -> str:
    """Where an issue of the shop is read."""
    return f"{web_url}/{SHOP}/issues/{number}"
