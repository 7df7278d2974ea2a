"""Every kind of answer from Slack: signed clicks and forms through the real server and Bolt, judged by the desk, done once (S-04, S-11)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hitl_middleware.testing.fake_slack import CannotHappen, Message, View

from tests.kit.desk import ANN, BOB, EVE, RunningDesk, running_desk
from tests.kit.trips import Done, trips

pytestmark = pytest.mark.xdist_group("slack answers")  # one server for them all

BOOKING = {
    "guest": "Lee, Ann",
    "nights": 2,
    "room": "single",
    "arrives": "2027-01-31",
    "address": {"street": "High Street 1", "city": "Bath"},
    "pin": "4242",
    "letter": "Dear guest,\nwelcome. \n",
    "rate": 0.1,
    "extras": ["late"],
}


NOT_JSON = (
    "This is not JSON: Expecting property name enclosed in double quotes (line 1, column 2). "
    "A text stands in double quotes."
)


@pytest.fixture(scope="module")
def done() -> Done:
    """What the tools did."""
    return Done()


@pytest.fixture(scope="module")
def desk(module_url, done) -> Iterator[RunningDesk]:
    """One server; each test has a run of its own."""
    with (
        pytest.MonkeyPatch.context() as environment,
        running_desk(module_url, environment, graphs=lambda hitl: {"trips": trips(hitl, done)}) as running,
    ):
        yield running


@pytest.fixture(autouse=True)
def before(desk, done) -> int:
    """Nothing done yet; and how many people were told something before this test."""
    for each in (done.booked, done.paid, done.sent):
        each.clear()
    return len(desk.notes())


def asked(desk: RunningDesk, name: str, args: dict[str, Any]) -> tuple[str, Message]:
    """A new run that asks: the request's id, and its card."""
    given = {"messages": [], "call": {"name": name, "args": args}}
    answer = desk.api.post("/api/v1/runs", json={"graph": "trips", "input": given})
    assert answer.status_code == 202, answer.text
    desk.settle()
    (request,) = desk.get(f"/api/v1/runs/{answer.json()['id']}")["requests"]
    return request["id"], desk.card(request["code"])


def card_of(desk: RunningDesk, key: str) -> Message:
    """The card as it is now."""
    return desk.card(desk.request(key)["code"])


def form(desk: RunningDesk, button: str, card: Message, *, by: str = ANN) -> View:
    """The form that a button opens."""
    opened = len(desk.slack.views)
    desk.press(button, card, by=by)
    assert len(desk.slack.views) == opened + 1, desk.notes()
    return desk.slack.views[-1]


def sent(desk: RunningDesk, view: View, values: dict[str, Any]) -> View:
    """The form, filled in and sent; what becomes of it is seen to the end."""
    reply = desk.slack.submit_view(view.user, view, values)
    assert (reply.status, reply.trouble) == (200, "")
    desk.settle()
    return next(each for each in desk.slack.views if each.id == view.id)


def state(desk: RunningDesk, key: str) -> dict[str, Any]:
    """The graph's state, when the run has gone on."""
    graph = trips(desk.hitl, Done()).copy({"checkpointer": desk.hitl.checkpointer()})
    config: Any = {"configurable": {"thread_id": desk.request(key)["thread_id"]}}
    values: dict[str, Any] = graph.get_state(config).values
    return values


def test_an_edit_of_every_kind_of_argument(desk, done):
    """S-04, S-11, P-04: the form shows the present arguments, what the policy hides is not in it; what was changed in it is what runs,
    what was not is kept to the letter; the card shows before and after; the request, its digest and the audit say so.
    """
    key, card = asked(desk, "book", BOOKING)
    assert [button.text for button in card.buttons] == ["Approve", "Edit", "Reject", "Feedback", "Respond"]
    asked_about = desk.request(key)
    view = form(desk, "Edit", card)
    assert view.fields == [
        "Guest", "Nights", "Room", "Arrives", "Address – Street", "Address – City", "Letter", "Rate", "Breakfast",
        "Extras", "Note", "Tags",
    ]  # fmt: skip
    assert "4242" not in json.dumps(view.payload)
    changes = {
        "Nights": 3,
        "Room": "double",
        "Arrives": "2027-02-01",
        "Address – City": "Wells",
        "Breakfast": "Yes",
        "Extras": ["parking"],
        "Note": "Sea <view> & quiet",
        "Tags": '{"vip": 1}',
    }
    assert sent(desk, view, changes).status == "submitted"
    edited = {
        **BOOKING,
        "nights": 3,
        "room": "double",
        "arrives": "2027-02-01",
        "address": {"street": "High Street 1", "city": "Wells"},
        "extras": ["parking"],
        "breakfast": True,
        "note": "Sea <view> & quiet",
        "tags": {"vip": 1},
    }
    (booked,) = done.booked
    assert {**booked, "arrives": str(booked["arrives"])} == edited
    after = desk.request(key)
    assert (after["status"], after["decision"]["type"], after["decided_by"]) == (
        "approved",
        "edit",
        f"slack:{ANN}",
    )
    assert after["args"] == {**edited, "pin": "⟦redacted⟧"}
    assert after["digest"] != asked_about["digest"]
    shown = card_of(desk, key).plain()
    assert "✅ Approved by @ann\n✅ Executed" in shown
    for line in (
        "nights: 2 → 3",
        'arrives: "2027-01-31" → "2027-02-01"',
        'address.city: "Bath" → "Wells"',
        'extras: ["late"] → ["parking"]',
        "breakfast: nothing → true",
        'note: nothing → "Sea <view> & quiet"',
    ):
        assert line in shown
    assert "4242" not in shown
    (event,) = [each for each in desk.audit(request_id=key) if each["kind"] == "request.approved"]
    assert (event["via"], event["data"]["decision"]) == ("slack", "edit")


def test_a_field_that_does_not_fit(desk, done):
    """S-11: the sentence stands at its field, the form stays open with what was entered, nothing is decided; mended, it is."""
    key, card = asked(desk, "book", BOOKING)
    view = form(desk, "Edit", card)
    with pytest.raises(CannotHappen, match="'Nights' is required"):
        desk.slack.submit_view(ANN, view, {"Nights": ""})
    still = sent(desk, view, {"Guest": "lee", "Nights": 31, "Tags": "{", "Letter": "x"})
    assert still.status == "open"
    assert still.problems == {
        "Guest": "This does not have the form ^[A-Z]",
        "Nights": "This must be 30 or less.",
        "Tags": NOT_JSON,
    }
    assert desk.request(key)["status"] == "pending"
    assert done.booked == []
    mended = sent(desk, still, {"Nights": 30, "Guest": "Lee", "Tags": ""})
    assert mended.status == "submitted"
    (booked,) = done.booked
    assert (booked["nights"], booked["guest"], booked["letter"], booked["tags"]) == (30, "Lee", "x", None)


def test_an_edit_that_changes_nothing(desk, done):
    """S-11: sent as it was opened it is an approval of exactly what was asked, the hidden argument included."""
    key, card = asked(desk, "book", BOOKING)
    sent(desk, form(desk, "Edit", card), {})
    assert desk.request(key)["decision"]["type"] == "approve"
    assert (done.booked[0]["pin"], done.booked[0]["letter"]) == ("4242", BOOKING["letter"])


def test_an_edit_that_the_policy_asks_again_about(desk, done, before):
    """P-04, S-11: Ann makes the amount one that only Bob may approve: her card says so, a new one asks Bob and shows what she changed;
    Ann cannot approve that one; Bob does, and it is done once.
    """
    key, card = asked(desk, "pay", {"amount_cents": 100})
    sent(desk, form(desk, "Edit", card), {"Amount cents": 60_000})
    assert done.paid == []
    first = card_of(desk, key)
    assert "✅ Approved by @ann\n▪️ Asked again, because the call was edited" in first.plain()
    assert first.buttons == []
    _, again = desk.get(f"/api/v1/runs/{desk.request(key)['run_id']}")["requests"]
    second = desk.card(again["code"])
    assert "*May decide*\n@bob\n" in second.plain()
    assert "A reviewer edited the call, and the policy asks about the edited one" in second.plain()
    assert "What the reviewer changed\namount_cents: 100 → 60000" in second.plain()
    desk.press("Approve", second)
    assert desk.notes()[before:] == [(ANN, "This is not yours to decide: it is for @bob to decide.")]
    assert done.paid == []
    desk.press("Approve", second, by=BOB)
    assert done.paid == [60_000]
    assert "Executed" in card_of(desk, again["id"]).plain()


def test_feedback(desk, done):
    """S-11, S-12: words are asked for; they reach the agent as data, with their author; the act is not done."""
    key, card = asked(desk, "pay", {"amount_cents": 100})
    view = form(desk, "Feedback", card, by=BOB)
    with pytest.raises(CannotHappen, match="is required"):
        desk.slack.submit_view(BOB, view, {})
    sent(desk, view, {"What should be different?": "Half of it is enough."})
    message = state(desk, key)["messages"][-1]
    assert (done.paid, message.status) == ([], "error")
    assert '"Half of it is enough."' in message.text
    assert f"slack:{BOB}" in message.text
    assert "Feedback sent by @bob" in card_of(desk, key).plain()


def test_an_answer_in_the_tools_place(desk, done):
    """S-11: only where the plan lists it; the agent is told the words as the tool's own answer."""
    key, card = asked(desk, "book", BOOKING)
    sent(desk, form(desk, "Respond", card), {"Answer": "We are full. Sorry!"})
    message = state(desk, key)["messages"][-1]
    assert (message.text, message.status) == ("We are full. Sorry!", "success")
    assert done.booked == []
    assert "Answered by @ann" in card_of(desk, key).plain()


@pytest.mark.parametrize(
    ("schema", "values", "answer"),
    [
        (None, {"Answer": "two"}, "two"),
        ({"type": "integer", "minimum": 1}, {"Answer": 2}, 2),
        (
            {
                "type": "object",
                "properties": {"adults": {"type": "integer"}, "pets": {"enum": ["cat", "dog"]}},
            },
            {"Adults": 2, "Pets": "dog"},
            {"adults": 2, "pets": "dog"},
        ),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {}, None),
    ],
    ids=["words", "number", "form", "nothing"],
)
def test_a_question(desk, schema, values, answer):
    """S-11: a question of the graph is answered with words, or with the form that its schema makes."""
    key, card = asked(desk, "ask", {"schema": schema})
    assert [button.text for button in card.buttons] == ["Respond"]
    sent(desk, form(desk, "Respond", card), values)
    request = desk.request(key)
    assert (request["status"], request["decided_by"]) == ("answered", f"slack:{ANN}")
    assert state(desk, key)["question"] == answer


def test_a_step_with_a_form(desk):
    """S-11: Approve opens the form; an error stands at its field; what was filled in is the review's answer."""
    key, card = asked(desk, "plan", {})
    view = form(desk, "Approve", card)
    assert view.fields == ["Cents", "Until"]
    assert sent(desk, view, {"Cents": 0}).errors == {"field-0": "This must be more than 0."}
    sent(desk, view, {"Cents": 5_000, "Until": "2027-01-31"})
    request = desk.request(key)
    assert (request["status"], request["decision"]["answer"]) == (
        "approved",
        {"cents": 5_000, "until": "2027-01-31"},
    )
    assert "Approved by @ann" in card_of(desk, key).plain()


@pytest.mark.parametrize(
    ("choice", "status", "words"),
    [
        ("It happened", "succeeded", "✅ Executed"),
        ("It did not happen", "failed", "❌ Failed"),
        ("It did not happen: do it now", "unknown", "❓ Unknown"),
    ],
)
def test_an_unknown_outcome_is_settled_from_its_card(desk, done, before, choice, status, words):
    """S-09: by one of those who may approve it; a stranger is told so before any form opens; tried again, it may be unknown again."""
    key, card = asked(desk, "send", {"text": choice})
    desk.press("Approve", card)
    card = card_of(desk, key)
    assert [button.text for button in card.buttons] == ["Say what happened"]
    opened = len(desk.slack.views)
    desk.press("Say what happened", card, by=EVE)
    assert len(desk.slack.views) == opened
    assert desk.notes()[before:][-1][0] == EVE
    view = form(desk, "Say what happened", card, by=BOB)
    with pytest.raises(CannotHappen, match="'What became of it\\?' is required"):
        desk.slack.submit_view(BOB, view, {})
    sent(desk, view, {"What became of it?": choice, "How you know": "I looked in the outbox."})
    assert desk.request(key)["action"]["status"] == status
    assert words in card_of(desk, key).plain()
    assert len(done.sent) == (2 if status == "unknown" else 1)
    assert ("I looked in the outbox." in card_of(desk, key).plain()) == (status != "unknown")


def test_a_form_about_an_attempt_that_is_over(desk, done, before):
    """S-09, S-10: it was tried again while the form was open: what somebody says of the first attempt settles nothing of the second."""
    key, card = asked(desk, "send", {"text": "stale"})
    desk.press("Approve", card)
    late = form(desk, "Say what happened", card_of(desk, key))
    early = form(desk, "Say what happened", card_of(desk, key), by=BOB)
    sent(desk, early, {"What became of it?": "It did not happen: do it now"})
    assert (len(done.sent), desk.request(key)["action"]["status"]) == (2, "unknown")
    sent(desk, late, {"What became of it?": "It did not happen"})
    assert desk.request(key)["action"]["status"] == "unknown"
    ((who, why),) = desk.notes()[before:]
    assert (who, "it was tried again" in why) == (ANN, True)


@pytest.mark.parametrize("button", ["Edit", "Reject", "Feedback", "Respond"])
def test_a_stranger_gets_no_form(desk, before, button):
    """Rule 7: told at once who may decide; nobody fills in a form in vain."""
    key, card = asked(desk, "book", BOOKING)
    opened = len(desk.slack.views)
    desk.press(button, card, by=EVE)
    assert len(desk.slack.views) == opened
    assert desk.notes()[before:] == [(EVE, "This is not yours to decide: it is for @ann or @bob to decide.")]
    desk.decide(key, "reject")


@pytest.mark.parametrize(
    ("button", "values"),
    [
        ("Edit", {"Nights": 5}),
        ("Reject", {"Reason": "no"}),
        ("Feedback", {"What should be different?": "no"}),
        ("Respond", {"Answer": "no"}),
    ],
)
def test_decided_while_the_form_was_open(desk, done, before, button, values):
    """S-10: the form closes, its sender is told who was first and when, and nothing is decided a second time."""
    key, card = asked(desk, "book", BOOKING)
    view = form(desk, button, card)
    desk.decide(key, "approve", reviewer=f"slack:{BOB}")
    assert sent(desk, view, values).status == "submitted"
    ((who, words),) = desk.notes()[before:]
    assert (who, words.startswith("This was already approved by @bob (")) == (ANN, True)
    assert [each["nights"] for each in done.booked] == [2]
    assert desk.request(key)["decision"]["type"] == "approve"
