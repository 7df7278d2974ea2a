"""Somebody else's graph decided in Slack: an edit of its call, by the form that the card's button opens (E-03, S-11)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit import foreign
from tests.kit.desk import ANN, running_desk
from tests.kit.effects import Effects


@pytest.mark.parametrize(
    ("mode", "filled"),
    # A batched question says nothing of what a tool takes: it is edited as JSON.
    [("batched", {"Arguments": '{"amount": 30}'}), ("per_call", {"Amount": 30})],
)
def test_a_call_of_somebody_elses_is_edited(url, monkeypatch, mode, filled):
    """The form shows its arguments; what is sent runs, once; the card says what was changed, and that it was handed back to the run."""
    done = Effects()
    graph = foreign.langchain_agent(done, 1, 2, interrupt_mode=mode)
    with running_desk(url, monkeypatch, graphs=lambda _: {"files": graph}) as desk:
        given: dict[str, Any] = {"messages": [{"role": "user", "content": "please"}]}
        run = desk.api.post("/api/v1/runs", json={"graph": "files", "input": given}).json()
        desk.settle()
        one, two = desk.get(f"/api/v1/runs/{run['id']}")["requests"]
        card = desk.card(one["code"])
        assert {"Approve", "Edit", "Reject"} <= {button.text for button in card.buttons}

        desk.press("Edit", card)
        view = desk.slack.views[-1]
        assert view.fields == [*filled]
        reply = desk.slack.submit_view(ANN, view, filled)
        desk.settle()
        desk.press("Approve", desk.card(two["code"]))
        desk.settle()

        assert (reply.status, reply.trouble) == (200, "")
        assert sorted(done.done) == [2, 30]
        assert desk.get(f"/api/v1/runs/{run['id']}")["status"] == "succeeded"
        edited = desk.request(one["id"])
        assert (edited["decision"]["type"], edited["args"], edited["edited_from"]) == (
            "edit",
            {"amount": 30},
            {"amount": 1},
        )
        shown = desk.card(one["code"])
        assert "amount: 1 → 30" in shown.plain()
        assert "handed back to the run" in shown.plain()
        assert shown.buttons == []
