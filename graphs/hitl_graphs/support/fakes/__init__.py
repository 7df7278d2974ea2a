"""Recorded effect services: Front, Stripe and the platform, as strict as the real ones, on loopback HTTP.

    with SupportWorld(orders={"A-1001": 20_000}, ledger_path=folder / "effects.jsonl") as world:
        ...                                     # a desk whose environment has world.environment in it
        (refund,) = world.stripe.wait_for(RefundCreated)

Each keeps an ordered log of what it did (``effects``) and of what it was asked (``calls``), and can be told to misbehave
(``script``). With a ``ledger_path`` every effect is one JSON line on disk, fsynced before the answer is sent, so that somebody outside can
count effects across killed processes; a fake made on the same path goes on from there.
"""

from hitl_graphs.support.fakes.calls import Asked, Effect
from hitl_graphs.support.fakes.fake_front import FakeFront
from hitl_graphs.support.fakes.fake_platform import EmailTransferred, FakePlatform
from hitl_graphs.support.fakes.fake_stripe import FakeStripe, RefundCreated
from hitl_graphs.support.fakes.faults import (
    Fault,
    Held,
    LostReply,
    RateLimited,
    Refused,
    ServerError,
    TimedOut,
)
from hitl_graphs.support.fakes.front_shapes import Teammate
from hitl_graphs.support.fakes.front_state import (
    CommentPosted,
    ConversationAssigned,
    ConversationView,
    MessageSent,
)
from hitl_graphs.support.fakes.front_webhooks import Delivery
from hitl_graphs.support.fakes.service import EffectNotSeen, FakeService
from hitl_graphs.support.fakes.world import SupportWorld

__all__ = [
    "Asked",
    "CommentPosted",
    "ConversationAssigned",
    "ConversationView",
    "Delivery",
    "Effect",
    "EffectNotSeen",
    "EmailTransferred",
    "FakeFront",
    "FakePlatform",
    "FakeService",
    "FakeStripe",
    "Fault",
    "Held",
    "LostReply",
    "MessageSent",
    "RateLimited",
    "RefundCreated",
    "Refused",
    "ServerError",
    "SupportWorld",
    "Teammate",
    "TimedOut",
]
