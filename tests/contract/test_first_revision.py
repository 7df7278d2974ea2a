"""What people were asked under the first version is decided under this one, and what was decided is not done again (O-07)."""

from __future__ import annotations

from collections.abc import Callable

from hitl_middleware import audit
from hitl_middleware.clock import ManualClock
from hitl_middleware.stores import migrations
from hitl_middleware.testing.example_channel import Board, BoardChannel

from tests.contract.test_migrations import rows
from tests.kit.effects import Effects
from tests.kit.first_revision import FIRST, FirstRevision
from tests.kit.served import served
from tests.kit.world import World


def test_what_waits_since_the_first_revision(
    bare_url: str, make_world: Callable[..., World], effects: Effects
) -> None:
    """O-07, issue 5: a database at revision 0001 with seven runs – five wait for a person, one was just decided, one is done.

    Up, down and up again, nothing of it has changed. Then every request opens and takes its answer over HTTP, the runs go on from the
    checkpoints of back then, each approved payment happens once, the cards that were posted then are changed, and the audit verifies.
    """
    first = FirstRevision.read()
    first.store_tables(bare_url)
    left = rows(bare_url)
    migrations.upgrade(bare_url)
    migrations.downgrade(bare_url, FIRST)
    assert rows(bare_url) == left
    migrations.upgrade(bare_url)
    first.store_checkpoints(bare_url)

    board = Board({row["ref"]: (row["id"], "") for row in first.tables["hitl_cards"] if row["ref"]})
    world = make_world(bare_url, clock=ManualClock(first.at), channels=(BoardChannel(board),))
    world.wait(3600)
    with served(world, effects) as server:
        asked = {name: ids["request"] for name, ids in first.named.items()}
        pending = server.http.get("/api/v1/requests", params={"status": "pending"}).json()["items"]
        (outcome,) = (request for request in pending if request["kind"] == "outcome")
        waiting = {asked[name] for name in ("approve", "reject", "edit", "answer")}
        assert {request["id"] for request in pending} == waiting | {outcome["id"]}
        assert server.http.get(f"/requests/{asked['approve']}").status_code == 200

        server.world.step()
        assert effects.done == [5], "what was decided and not yet done"
        server.decide(asked["approve"], type="approve").raise_for_status()
        server.decide(asked["reject"], type="reject", message="too dear").raise_for_status()
        edited = {"name": "pay", "args": {"amount": 4}}
        server.decide(asked["edit"], type="edit", edited_action=edited).raise_for_status()
        server.decide(asked["answer"], type="respond", answer="blue").raise_for_status()
        assert server.decide(asked["done"], type="approve").status_code == 409
        said = {"type": "done", "result": "paid by hand"}
        server.http.post(f"/api/v1/actions/{outcome['action']['id']}/outcome", json=said).raise_for_status()
        server.world.step()

        for name, ids in first.named.items():
            run = server.http.get(f"/api/v1/runs/{ids['run']}").json()
            assert (name, run["status"], run["error"]) == (name, "succeeded", None)
        assert sorted(effects.done) == [4, 5, 5]
        shown = {name: server.request(request) for name, request in asked.items()}
        acts = {name: request["action"] and request["action"]["status"] for name, request in shown.items()}
        assert acts == {
            "approve": "succeeded", "reject": "denied", "answer": None, "done": "succeeded",
            "unknown": "succeeded", "edit": "succeeded", "decided": "succeeded",
        }  # fmt: skip
        (ref,) = (row["ref"] for row in first.tables["hitl_cards"] if row["request_id"] == asked["approve"])
        assert "Executed" in board.pins[ref][1]
        assert server.http.get("/api/v1/requests", params={"status": "pending"}).json()["items"] == []
        world.trail()
        assert world.portal.call(audit.verify, world.store).problem is None
