"""Modals as people fill them in, and a real Bolt app behind them (E-02)."""

from typing import Any

import pytest

from hitl_middleware.testing.fake_slack import CannotHappen, FakeSlack, Message

from tests.kit.bolt_app import ANN, BOB, MODAL, REVIEWS, Clock, Heard, button, call, opened, plain

# -------------------------------------------------------------------------------------------------------------- views


def test_a_modal_is_opened_and_submitted(fake: FakeSlack, heard: Heard, card: Message):
    """The values arrive under block and action, whichever way the test named the fields; the view is closed."""
    view = opened(fake, card)
    assert (view.title, view.user, view.status, view.callback_id, view.private_metadata) == (
        "Reject",
        ANN,
        "open",
        "reason",
        "r1",
    )
    assert view.fields == ["Reason", "Tell"]

    fake.submit_view(ANN, view, {"Reason": "too expensive", "tell/whom": ["Team", "c"]})

    values = heard[-1][1]["view"]["state"]["values"]
    assert values["why"]["words"] == {"type": "plain_text_input", "value": "too expensive"}
    assert [each["value"] for each in values["tell"]["whom"]["selected_options"]] == ["t", "c"]
    assert fake.views[-1].status == "submitted"
    with pytest.raises(CannotHappen, match="is submitted, not open"):
        fake.submit_view(ANN, view, {"Reason": "again"})


def test_what_slacks_client_does_not_submit(fake: FakeSlack, heard: Heard, card: Message):
    """Required, too long, unknown, somebody else's: an error in the test, and the app hears nothing of it."""
    view = opened(fake, card)

    for user, values, problem in (
        (ANN, {}, "'Reason' is required"),
        (ANN, {"why": "x" * 21}, "takes 0 to 20 characters"),
        (
            ANN,
            {"Grund": "x"},
            "names 0 fields of this view. Its fields: Reason or why or why/words or words; Tell",
        ),
        (BOB, {"why": "x"}, "is shown to U024BE7LH"),
    ):
        with pytest.raises(CannotHappen, match=problem):
            fake.submit_view(user, view, values)
    assert [kind for kind, _ in heard] == ["reject"]


@pytest.mark.parametrize(
    ("words", "status", "title", "shown"),
    [
        ("too rude", "open", "Reject", "Be kind."),
        ("more", "open", "More", ""),
        ("away", "submitted", "Reject", ""),
    ],
)
def test_the_answer_to_a_submission_counts(
    fake: FakeSlack, heard: Heard, card: Message, words: str, status: str, title: str, shown: str
):
    """Errors leave the view open and show in it; an update is seen; clear closes."""
    view = opened(fake, card)

    assert fake.submit_view(ANN, view, {"why": words}).trouble == ""

    after = fake.views[-1]
    assert (after.id, after.status, after.title) == (view.id, status, title)
    assert shown in after.plain()


def test_what_was_entered_stays(fake: FakeSlack, heard: Heard, card: Message):
    """After errors, and after an app that did not answer, the form holds what was put into it, and is sent so again."""
    view = opened(fake, card)
    fake.submit_view(ANN, view, {"Reason": "too rude", "Tell": ["Team"]})
    assert fake.views[-1].problems == {"Reason": "Be kind."}

    fake.submit_view(ANN, fake.views[-1], {"Reason": "better"})

    values = heard[-1][1]["view"]["state"]["values"]
    assert values["why"]["words"]["value"] == "better"
    assert [each["value"] for each in values["tell"]["whom"]["selected_options"]] == ["t"]
    assert fake.views[-1].status == "submitted"


def test_a_pushed_view_lies_above(fake: FakeSlack, heard: Heard, card: Message):
    """Both are open; clear from above closes both; a modal holds three views."""
    root = opened(fake, card)
    fake.submit_view(ANN, root, {"why": "above"})
    above = fake.views[-1]
    assert (above.title, above.payload["previous_view_id"], above.payload["root_view_id"]) == (
        "Above",
        root.id,
        root.id,
    )

    fake.submit_view(ANN, above, {"why": "above"})
    assert "push_limit_reached" in fake.submit_view(ANN, fake.views[-1], {"why": "above"}).trouble
    fake.submit_view(ANN, fake.views[-1], {"why": "away"})

    assert {each.status for each in fake.views} == {"closed", "submitted"}


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        ("wrong field", "the input blocks are ['tell', 'why']"),
        ("too long a title", "must be less than 25 characters"),
    ],
)
def test_an_answer_that_slack_would_not_understand(
    fake: FakeSlack, heard: Heard, card: Message, words: str, trouble: str
):
    """The reply says what is wrong with it, and the person still sees the open view."""
    view = opened(fake, card)

    assert trouble in fake.submit_view(ANN, view, {"why": words}).trouble
    assert fake.views[-1].status == "open"


def test_closing_a_view(fake: FakeSlack, heard: Heard, card: Message):
    """The app hears of it if it wanted to; a closed view stays closed."""
    view = opened(fake, card)

    reply = fake.close_view(ANN, view)

    assert reply is not None
    assert reply.status == 200
    assert heard[-1][1]["is_cleared"] is False
    assert fake.views[-1].status == "closed"
    quiet = {key: value for key, value in MODAL.items() if key != "notify_on_close"}
    trigger_id = opened_trigger(fake, card)
    call(fake, "views.open", trigger_id=trigger_id, view=quiet)
    assert fake.close_view(ANN, fake.views[-1]) is None


def opened_trigger(fake: FakeSlack, card: Message) -> str:
    """A live trigger, of a click that the app has not used."""
    trigger_id = fake.choose(ANN, card, action_id="who", value="a").delivery.payload["trigger_id"]
    return str(trigger_id)


def test_a_trigger_opens_one_view_within_three_seconds(
    fake: FakeSlack, heard: Heard, card: Message, clock: Clock
):
    """Used: exchanged_trigger_id; older than three seconds: expired_trigger_id; a wrong view does not use it up."""
    trigger_id = opened_trigger(fake, card)

    assert (
        call(fake, "views.open", trigger_id=trigger_id, view={"type": "modal"})["error"]
        == "invalid_arguments"
    )
    assert call(fake, "views.open", trigger_id=trigger_id, view=MODAL)["ok"]
    assert call(fake, "views.open", trigger_id=trigger_id, view=MODAL)["error"] == "exchanged_trigger_id"
    late = opened_trigger(fake, card)
    clock.moved += 3.1
    assert call(fake, "views.open", trigger_id=late, view=MODAL)["error"] == "expired_trigger_id"


def test_a_view_is_updated_by_the_app(fake: FakeSlack, heard: Heard, card: Message):
    """By id, with the right hash; a stale hash is refused; a closed view is not found."""
    view = opened(fake, card)
    later = {**MODAL, "title": plain("Later")}

    assert call(fake, "views.update", view_id=view.id, hash=view.payload["hash"], view=later)["ok"]
    assert (
        call(fake, "views.update", view_id=view.id, hash=view.payload["hash"], view=later)["error"]
        == "hash_conflict"
    )
    assert fake.views[-1].title == "Later"
    fake.close_view(ANN, view)
    assert call(fake, "views.update", view_id=view.id, view=later)["error"] == "not_found"


def test_a_button_inside_a_modal(fake: FakeSlack, heard: Heard, card: Message):
    """Its click names the view and carries its state; its trigger puts another view above this one."""
    asking = {**MODAL, "blocks": [*MODAL["blocks"], {"type": "actions", "elements": [button("who", "More")]}]}
    call(fake, "views.open", trigger_id=opened_trigger(fake, card), view=asking)
    root = fake.views[-1]

    trigger_id = fake.click(ANN, root, text="More").delivery.payload["trigger_id"]
    answer = call(fake, "views.push", trigger_id=trigger_id, view=MODAL)

    body = heard[-1][1]
    assert body["container"] == {"type": "view", "view_id": root.id}
    assert body["view"]["state"]["values"]["why"]["words"]["value"] is None
    assert "message" not in body
    assert answer["view"]["previous_view_id"] == root.id
    with pytest.raises(CannotHappen, match="is shown to U024BE7LH, not to U024BE7LJ"):
        fake.click(BOB, root, text="More")


def test_every_kind_of_field_is_filled_in(fake: FakeSlack, heard: Heard, card: Message):
    """Each arrives under the key that Slack uses for its kind; what was not touched keeps its first content."""
    options = [{"text": plain("Ann"), "value": "a"}, {"text": plain("Bob"), "value": "b"}]
    kinds: dict[str, tuple[dict[str, Any], Any, Any]] = {
        "number_input": ({"is_decimal_allowed": False, "max_value": "9"}, 7, ("value", "7")),
        "email_text_input": ({}, "a@example.com", ("value", "a@example.com")),
        "url_text_input": ({}, "https://example.com", ("value", "https://example.com")),
        "static_select": ({"options": options, "initial_option": options[1]}, ..., ("selected_option", "b")),
        "multi_static_select": ({"options": options}, ["Ann"], ("selected_options", ["a"])),
        "radio_buttons": ({"options": options}, "Bob", ("selected_option", "b")),
        "users_select": ({}, BOB, ("selected_user", BOB)),
        "multi_users_select": ({}, [ANN, BOB], ("selected_users", [ANN, BOB])),
        "channels_select": ({}, REVIEWS, ("selected_channel", REVIEWS)),
        "external_select": ({}, "A-1001", ("selected_option", "A-1001")),
        "datepicker": ({}, "2030-01-31", ("selected_date", "2030-01-31")),
        "timepicker": ({}, "23:59", ("selected_time", "23:59")),
        "datetimepicker": ({}, 1_900_000_000, ("selected_date_time", 1_900_000_000)),
        "rich_text_input": ({}, "why", ("rich_text_value", "why")),
    }
    fields = [
        {
            "type": "input",
            "block_id": kind,
            "label": plain(kind),
            "element": {"type": kind, "action_id": "x", **element},
        }
        for kind, (element, _, _) in kinds.items()
    ]
    asking = {**MODAL, "blocks": [*fields, MODAL["blocks"][0]]}
    call(fake, "views.open", trigger_id=opened_trigger(fake, card), view=asking)
    given = {kind: value for kind, (_, value, _) in kinds.items() if value is not ...}

    for wrong in (
        {"number_input": 10},
        {"number_input": "1.5"},
        {"email_text_input": "a"},
        {"datepicker": "today"},
    ):
        with pytest.raises(CannotHappen, match=r"does not take|takes"):
            fake.submit_view(ANN, fake.views[-1], {**given, "why": "x", **wrong})
    fake.submit_view(ANN, fake.views[-1], {**given, "why": "x"})

    values = heard[-1][1]["view"]["state"]["values"]
    for kind, (_, _, (slot, expected)) in kinds.items():
        found = values[kind]["x"][slot]
        match slot:
            case "selected_option":
                found = found["value"]
            case "selected_options":
                found = [each["value"] for each in found]
            case "rich_text_value":
                found = found["elements"][0]["elements"][0]["text"]
        assert (kind, found) == (kind, expected)
