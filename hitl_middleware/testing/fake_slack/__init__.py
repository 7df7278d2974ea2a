"""A fake Slack for tests and demos: a real HTTP server on loopback, as strict as the real one, and its people.

    with FakeSlack() as fake:
        fake.add_user("U024BE7LH", name="ann")
        fake.add_channel("C0REVIEWS1", "reviews")
        app = start_my_app(fake.environ)  # SLACK_API_URL, SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET
        fake.connect(app.url + "/slack/events")

        card = fake.wait_for_message("Refund")
        reply = fake.click("U024BE7LH", card, text="Approve")
        assert reply.status == 200
        fake.wait_for_message("Executed")

The Web API refuses what Slack refuses, with Slack's names: `slack_sdk` and `slack_bolt` talk to it unchanged. People
act through signed requests, byte for byte as Slack sends them. Faults are scripted: `fake.fail("chat.postMessage",
LostReply())`. Time is injected: `FakeSlack(now=…)`.

After `fake.use_socket_mode()` everything goes over the WebSockets that the app opens with `SLACK_APP_TOKEN`, and
there is nothing to connect; `fake.sockets` cuts and refreshes them.

Slack's limit of one message a second in a channel is played after `fake.limit_posts()`; other limits are scripted.

Not played: files, attachments, workflows, Enterprise Grid.
"""

from hitl_middleware.testing.fake_slack.errors import CannotHappen
from hitl_middleware.testing.fake_slack.fake import SCOPES, FakeSlack
from hitl_middleware.testing.fake_slack.faults import (
    Fault,
    Garbage,
    LostReply,
    RateLimited,
    Refused,
    RefusedAfterAccepting,
    ServerError,
    Slow,
    TimeoutAfterAccepting,
)
from hitl_middleware.testing.fake_slack.records import (
    Call,
    Channel,
    Delivery,
    Message,
    Reply,
    User,
    UserGroup,
    View,
)
from hitl_middleware.testing.fake_slack.words import Button
from hitl_middleware.testing.watched import NothingCame

__all__ = [
    "SCOPES",
    "Button",
    "Call",
    "CannotHappen",
    "Channel",
    "Delivery",
    "FakeSlack",
    "Fault",
    "Garbage",
    "LostReply",
    "Message",
    "NothingCame",
    "RateLimited",
    "Refused",
    "RefusedAfterAccepting",
    "Reply",
    "ServerError",
    "Slow",
    "TimeoutAfterAccepting",
    "User",
    "UserGroup",
    "View",
]
