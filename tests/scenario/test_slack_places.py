"""A request in several places of Slack: every copy is tracked, and all of them tell the same story to the end."""

from __future__ import annotations

from hitl_graphs.support.fakes import RefundCreated

from tests.kit.desk import ANN, BOB, CHANNEL, EVE, running_desk

REFUND = "refund order A-1001, 120.00"


def test_the_channel_and_each_approver(url, tmp_path, monkeypatch):
    """S-14, S-10: one card in the channel and one for each approver; approved in one direct message, all three say so and take no more."""
    config = tmp_path / "hitl.toml"
    config.write_text("[slack]\ndm = true\n")
    with running_desk(url, monkeypatch, HITL_CONFIG=str(config)) as desk:
        desk.customer(REFUND)
        waiting = desk.cards
        assert len(waiting) == 3
        cards = desk.hitl.portal.call(desk.hitl.views.request, desk.only()["id"]).cards
        tracked = {card.target.address: card.ref for card in cards}
        assert sorted(tracked) == sorted([CHANNEL, ANN, BOB])
        assert set(tracked.values()) == {f"{card.channel}:{card.ts}" for card in waiting}
        mine, theirs = (
            next(card for card in waiting if f"{card.channel}:{card.ts}" == tracked[who])
            for who in (ANN, BOB)
        )

        desk.press("Approve", theirs, by=BOB)
        assert len(desk.services.stripe.made(RefundCreated)) == 1
        assert [card.ts for card in desk.cards] == [card.ts for card in waiting]
        for card in desk.cards:
            assert "✅ Approved by @bob\n✅ Executed" in card.plain()
            assert card.buttons == []

        assert desk.slack.click(ANN, mine, text="Approve", stale=mine).status == 200
        desk.settle()
        assert "already approved by @bob" in desk.notes()[-1][1]
        assert len(desk.services.stripe.made(RefundCreated)) == 1


def test_a_user_group_decides(url, tmp_path, monkeypatch):
    """P-01: who is in Slack's user group when they click may decide, who is not may not; the card and the refusal name the group."""
    config = tmp_path / "hitl.toml"
    config.write_text("[slack]\nuser_groups = true\n")
    with running_desk(
        url, monkeypatch, HITL_CONFIG=str(config), HITL_DEFAULT_APPROVERS="slack:S0FINANCE1"
    ) as desk:
        desk.slack.add_usergroup("S0FINANCE1", "finance", users=[BOB])
        desk.customer(REFUND)
        assert "@finance" in desk.card().plain()
        desk.press("Approve", by=EVE)
        assert desk.notes() == [(EVE, "This is not yours to decide: it is for @finance to decide.")]
        desk.slack.open_home(BOB)
        desk.settle()
        home = desk.slack.home_of(BOB)
        assert home is not None
        assert "1 request waits for you" in home.plain()
        desk.press("Approve", by=BOB)
        assert (desk.only()["status"], desk.only()["decided_by"]) == ("approved", f"slack:{BOB}")
        assert len(desk.services.stripe.made(RefundCreated)) == 1
        asked = [call for call in desk.slack.calls if call.method == "usergroups.list"]
        assert len(asked) == 1
