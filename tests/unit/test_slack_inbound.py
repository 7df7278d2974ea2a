import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware.channels.payload import Malformed, payload_of
from hitl_middleware.channels.slack.inbound import Click, FormSent, Ignored, read
from hitl_middleware.channels.slack.press import (
    BUTTONS,
    ENTRY,
    FORMS,
    WORDS,
    FormContext,
    Press,
    action_id,
    callback_id,
)

FORM, JSON_TYPE = "application/x-www-form-urlencoded", "application/json; charset=utf-8"
PRESS = Press("0199d0a0-0000-7000-8000-000000000001", 3, "ab" * 32)
CONTEXT = FormContext(press=PRESS.value, channel="C0REVIEWS1", ts="1700000000.000100")


def clicked(**changes: Any) -> dict[str, Any]:
    """A click as Slack sends it."""
    action = {
        "type": "button",
        "action_id": action_id("approve"),
        "block_id": "x",
        "value": PRESS.value,
        "action_ts": "1700000001.5",
        "text": {},
    }
    return {
        "type": "block_actions",
        "user": {"id": "U024BE7LH", "username": "ann", "name": "ann", "team_id": "T1"},
        "container": {"type": "message", "message_ts": "1700000000.000100", "channel_id": "C0REVIEWS1"},
        "trigger_id": "1.2.3",
        "actions": [action],
        "state": {"values": {}},
        **changes,
    }


def with_action(**changes: Any) -> dict[str, Any]:
    """A click on a button that differs in these fields."""
    payload = clicked()
    payload["actions"][0] |= changes
    return payload


def submitted(value: object = "too much", **view: Any) -> dict[str, Any]:
    """The rejection form as Slack sends it."""
    return sent({WORDS: {"type": "plain_text_input", "value": value}}, **view)


def sent(fields: dict[str, Any], **view: Any) -> dict[str, Any]:
    """A form with these blocks."""
    return {
        "type": "view_submission",
        "user": {"id": "U024BE7LH", "username": "ann"},
        "view": {
            "id": "V1",
            "callback_id": callback_id("reject"),
            "private_metadata": CONTEXT.model_dump_json(),
            "state": {"values": {block: {ENTRY: field} for block, field in fields.items()}},
            **view,
        },
    }


class TestClicks:
    def test_approve(self):
        """Who, what, where, and a key of its own."""
        assert read(clicked()) == Click(
            press=PRESS,
            kind="approve",
            user_id="U024BE7LH",
            user_name="ann",
            channel_id="C0REVIEWS1",
            message_ts="1700000000.000100",
            trigger_id="1.2.3",
            key="C0REVIEWS1:1700000000.000100:U024BE7LH:1700000001.5",
        )

    def test_every_button(self):
        """Every other button."""
        for action, kind in BUTTONS.items():
            click = read(with_action(action_id=action))
            assert isinstance(click, Click)
            assert (click.kind, click.identity) == (kind, "slack:U024BE7LH")

    @pytest.mark.parametrize(
        "payload",
        [
            {},
            {"type": "block_actions"},
            {"type": ["block_actions"]},
            {"type": "event_callback"},
            clicked(user={"id": "<!channel>"}),
            clicked(user={"id": "B024BE7LH"}),
            clicked(user="U024BE7LH"),
            clicked(container={"type": "view", "view_id": "V1"}),
            clicked(container={"type": "message", "message_ts": "x", "channel_id": "C0REVIEWS1"}),
            clicked(trigger_id="t" * 301),
            clicked(trigger_id=5),
            clicked(actions=[]),
            clicked(actions=clicked()["actions"] * 2),
            with_action(action_id="other"),
            with_action(value="r:1"),
            with_action(value="r:1:zz"),
            with_action(value="r/../x:1:ab"),
            with_action(value="x" * 2001),
            with_action(value=None),
            with_action(type="static_select"),
        ],
    )
    def test_anything_else_is_ignored(self, payload):
        """What our own card would not send is nothing to us."""
        assert isinstance(read(payload), Ignored)

    def test_what_is_ignored_is_not_repeated(self):
        """The reason names the field, never what stood in it."""
        found = read(clicked(trigger_id="secret" * 100))
        assert found == Ignored("trigger_id")


class TestForms:
    def test_with_a_reason(self):
        """The words, and the card they belong to."""
        assert read(submitted("  too much \n")) == FormSent(
            press=PRESS,
            kind="reject",
            given={WORDS: "  too much \n"},
            attempt=None,
            user_id="U024BE7LH",
            user_name="ann",
            channel_id="C0REVIEWS1",
            message_ts="1700000000.000100",
            key="V1:U024BE7LH",
        )

    @pytest.mark.parametrize(
        ("field", "given"),
        [
            ({"type": "plain_text_input", "value": None}, None),
            ({"type": "number_input", "value": "5"}, "5"),
            ({"type": "datepicker", "selected_date": "2026-01-31"}, "2026-01-31"),
            ({"type": "datepicker", "selected_date": None}, None),
            ({"type": "static_select", "selected_option": {"text": {}, "value": "0"}}, "0"),
            ({"type": "radio_buttons", "selected_option": None}, None),
            ({"type": "checkboxes", "selected_options": []}, ()),
            (
                {"type": "multi_static_select", "selected_options": [{"value": "1"}, {"value": "0"}]},
                ("1", "0"),
            ),
        ],
    )
    def test_every_element(self, field, given):
        """Each kind has a name of its own for what stands in it (docs.slack.dev, "Block elements")."""
        for callback, kind in FORMS.items():
            found = read(sent({"field-0": field}, callback_id=callback))
            assert isinstance(found, FormSent)
            assert (found.kind, found.given) == (kind, {"field-0": given})

    @pytest.mark.parametrize(
        "payload",
        [
            submitted("x" * 3_001),
            submitted(callback_id="other"),
            submitted(private_metadata=""),
            submitted(private_metadata="[]"),
            submitted(private_metadata='{"press": "r:1:ab", "channel": "C1", "ts": "1.2", "more": 1}'),
            submitted(private_metadata='{"press": "nothing", "channel": "C1", "ts": "1.2"}'),
            submitted(private_metadata="x" * 3_001),
            submitted(state={}),
            submitted(["a list"]),
            sent({"x": {"selected_option": {"value": "x" * 151}}}),
            sent({"x": {"selected_options": [{"value": "x"}] * 101}}),
            sent({"x": {"selected_options": {"value": "x"}}}),
            sent({"x": {"selected_date": 5}}),
            sent({str(number): {"value": "x"} for number in range(101)}),
        ],
    )
    def test_anything_else_is_ignored(self, payload):
        """A form of somebody else, or one that was tampered with."""
        assert isinstance(read(payload), Ignored)


class TestBodies:
    def test_a_form_with_json_in_it(self):
        """An interaction."""
        body = urlencode({"payload": json.dumps(clicked())}).encode()
        assert payload_of(body, FORM) == clicked()

    def test_json(self):
        """An event."""
        assert payload_of(b'{"type": "url_verification"}', JSON_TYPE) == {"type": "url_verification"}

    def test_a_plain_form(self):
        """A slash command."""
        assert payload_of(b"command=%2Fhitl&text=", FORM) == {"command": "/hitl", "text": ""}

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"\xff\xfe", FORM),
            (b"payload=%FF%FE", FORM),
            (b"payload=", FORM),
            (b"payload={", FORM),
            (b"payload=[1]", FORM),
            (b"payload=null", FORM),
            (b"", JSON_TYPE),
            (b"{", FORM),
            (b'"text"', JSON_TYPE),
            (b'{"a": "\\ud800"}', JSON_TYPE),
            (b"payload=" + b"[" * 400_000, FORM),
            (b'{"a":' * 150_000, JSON_TYPE),
            (b'{"a":' * 65 + b"1" + b"}" * 65, JSON_TYPE),
            (b'{"a": ' + b"1" * 5_000 + b"}", JSON_TYPE),
            (b"a=1&" * 51, FORM),
        ],
    )
    def test_malformed(self, body, content_type):
        """Not UTF-8, not JSON, not an object, too deep, too many: one typed error, and quickly."""
        with pytest.raises(Malformed):
            payload_of(body, content_type)

    def test_as_deep_as_it_may_be(self):
        """64 levels pass."""
        assert payload_of(b'{"a":' * 63 + b"{}" + b"}" * 63, JSON_TYPE)

    @given(
        st.binary(max_size=300), st.sampled_from([FORM, JSON_TYPE, "", "text/plain", "application/json;;"])
    )
    def test_any_bytes(self, body, content_type):
        """A dictionary or ``Malformed``, and nothing that is read from it raises."""
        try:
            payload = payload_of(body, content_type)
        except Malformed:
            return
        assert isinstance(read(payload), Click | FormSent | Ignored)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from([*clicked(), *submitted(), "id", "value"]), inner)
            ),
        )
    )
    def test_any_payload(self, payload):
        """Whatever stands in the fields we look at."""
        for kind in ("block_actions", "view_submission"):
            assert isinstance(read({**(payload if isinstance(payload, dict) else {}), "type": kind}), Ignored)


def test_a_button_value_is_read_back():
    """What a button carries is what comes back, within Slack's 2,000 characters."""
    assert Press.read(PRESS.value) == PRESS
    assert Press.read(Press("r", 1, "").value) == Press("r", 1, "")
    assert len(PRESS.value) < 200
