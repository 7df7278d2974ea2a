"""A form in Slack without a Slack: opened, filled in as Slack's own client lets people, and read as it arrives."""

from typing import Any

from hitl_middleware.channels.slack.inbound import FormSent
from hitl_middleware.channels.slack.press import FormContext, FormKind, Press
from hitl_middleware.clock import ManualClock
from hitl_middleware.records import ReviewRequest, Target
from hitl_middleware.testing.channel_contract import sample_view
from hitl_middleware.testing.fake_slack import answers as filling

from tests.kit.schemas import Call

CONTEXT = FormContext(press=Press("r-1", 1, "ab").value, channel="C0REVIEWS1", ts="1700000000.000100")
KINDS: tuple[FormKind, ...] = ("fill", "edit", "reject", "feedback", "respond", "settle")


def request_of(**changes: Any) -> ReviewRequest:
    """A request that differs from the sample in these fields."""
    return sample_view(Target(channel="slack", address="C0"), ManualClock().now(), **changes).request


def editing(call: Call) -> ReviewRequest:
    """A request for a call of this tool."""
    return request_of(args=call.args, response_schema=call.schema)


def sent(kind: FormKind, view: dict[str, Any], filled: dict[str, Any]) -> FormSent:
    """What arrives when somebody has filled in a view: Slack's own client checks it first."""
    values = filling.submitted(view["blocks"], filled)
    given = {block: _content(fields["entry"]) for block, fields in values.items()}
    return FormSent(
        press=Press("r-1", 1, "ab"), kind=kind, given=given, attempt=None, user_id="U1", user_name=None,
        channel_id="C0", message_ts="1.0", key="k",
    )  # fmt: skip


def _content(field: dict[str, Any]) -> Any:
    for name, value in field.items():
        if name == "selected_option":
            return value and value["value"]
        if name == "selected_options":
            return tuple(each["value"] for each in value)
        if name in {"value", "selected_date"}:
            return value
    return None
