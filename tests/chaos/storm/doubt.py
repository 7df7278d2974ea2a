"""Whoever does not take a word for it: one looks right after something was acknowledged, one looks into the books where nobody knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.chaos.storm.cast import Place, moment
from tests.chaos.storm.outside import Broken, Settled, Unanswered
from tests.chaos.storm.plan import outcome_of
from tests.chaos.storm.world import BOB, World, card_of

GLANCE: Final = 0.05


class Witness:
    """Looks, right after something was acknowledged, whether it is so: whoever insists would never find out. ``over``: looks no more."""

    def __init__(self, world: World, over: threading.Event) -> None:
        self._world = world
        self._over = over

    def run(self, key: str) -> None:
        """A run was accepted."""
        self._holds(f"run {key}", lambda: bool(self._world.api.get(f"/runs/{key}")))

    def decision(self, key: str) -> None:
        """An answer to this request was heard."""
        self._holds(
            f"a decision of request {key}",
            lambda: bool(self._world.api.get(f"/requests/{key}")["status"] != "pending"),
        )

    def outcome(self, action: dict[str, Any]) -> None:
        """What somebody said of an act in doubt was heard."""

        def is_settled() -> bool:
            now = self._world.api.get(f"/actions/{action['id']}")
            return bool(now["status"] != "unknown" or now["attempts"] > action["attempts"])

        self._holds(f"what was said of act {action['id']}", is_settled)

    def _holds(self, what: str, look: Callable[[], bool]) -> None:
        forgotten = self._world.heard.forgotten
        while not self._over.is_set():
            try:
                if not look():
                    forgotten.append(f"{what} was acknowledged, and was not there right afterwards")
            except Unanswered:
                self._over.wait(GLANCE)
                continue
            except Broken as error:
                forgotten.append(f"{what} was acknowledged; right afterwards: {error}")
            return


class Bookkeeper:
    """Says what became of an act of which nobody knows, as the books have it. ``cast``: who may be alive."""

    def __init__(self, world: World, cast: Sequence[Place], witness: Witness) -> None:
        self._world = world
        self._cast = cast
        self._witness = witness
        self._doubted: dict[str, int] = {}

    def look(self, request: dict[str, Any]) -> None:
        """See that everybody can see the doubt, then say what the books say. ``request``: the question about it.

        What is not in them is settled only when nobody can write there any more: whoever held the claim is dead.
        """
        world = self._world
        action = world.api.get(f"/actions/{request['action']['id']}")
        doubt = f"{action['id']}/{action['attempts']}"
        if action["status"] != "unknown":
            return
        world.heard.doubts.add(doubt)
        seen = self._doubted.setdefault(doubt, moment())
        card = card_of(world.slack, action["request_id"])
        if card is None or "Unknown" not in card.plain():
            return
        world.heard.shown.add(doubt)
        alive = any(place.may_act(seen) for place in self._cast)
        happened = world.books.holds(action["idempotency_key"])
        if alive and not happened:
            return
        self._say(action, "done" if happened else outcome_of(world.seed, _about(action)))

    def _say(self, action: dict[str, Any], what: str) -> None:
        world = self._world
        said = {"type": what, "reviewer": f"slack:{BOB}"}
        answer = world.api.post(f"/actions/{action['id']}/outcome", said)
        if answer.status_code == 200:
            world.heard.settled.append(Settled(action["id"], what))
            self._witness.outcome(action)
        elif answer.status_code != 422:  # its owner was first
            msg = f"outcome of {action['id']}: {answer.status_code} {answer.text}"
            raise Broken(msg)


def _about(action: dict[str, Any]) -> str:
    """What a word about a doubt is drawn from: the same in every play of a seed."""
    return f"{action['thread_id']}/{action['tool']}/{action['args'].get('amount')}/{action['attempts']}"
