"""What the effects say when a service says no, says nothing, or cannot be reached."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hitl_graphs.support.effects import SupportEffects
from hitl_graphs.support.effects_http import (
    LookUpFailed,
    StillUnderWay,
)
from hitl_graphs.support.fakes import (
    EmailTransferred,
    Held,
    LostReply,
    MessageSent,
    RateLimited,
    RefundCreated,
    Refused,
    ServerError,
    SupportWorld,
    TimedOut,
)
from hitl_middleware.errors import NotExecuted, OutcomeUnknown
from hitl_middleware.testing.loopback import Loopback

NO_ANSWER = pytest.mark.parametrize(
    ("fault", "error"), [(TimedOut(), httpx.ReadTimeout), (LostReply(), httpx.RemoteProtocolError)]
)


@pytest.fixture
def world(monkeypatch):
    """The three services, with one conversation and one paid order, in the environment; two seconds for an answer."""
    with SupportWorld(conversations=["cnv_1"], orders={"A-1001": 20_000}) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SUPPORT_INSTRUCTORS", '{"Lee": "tea_ann"}')
        monkeypatch.setenv("SUPPORT_HTTP_TIMEOUT_SECONDS", "2")
        yield running


@pytest.fixture
def front(world):
    """The one that talks to customers."""
    return world.front


@pytest.fixture
def stripe_fake(world):
    """The one that has the money."""
    return world.stripe


@pytest.fixture
def platform(world):
    """The one that has the accounts."""
    return world.platform


@pytest.fixture
def effects(world):
    """The real clients, set up from the environment."""
    with SupportEffects() as real:
        yield real


def test_no_from_front_or_the_platform_carries_their_words(effects, front, platform):
    """S-09: an error status is HTTPStatusError, its message is the service's reason, and no token is in it."""
    with pytest.raises(
        httpx.HTTPStatusError, match=r"Front answered 404 Not Found: No conversation cnv_9\."
    ) as one:
        effects.send_message("cnv_9", "hello", "key-1")
    with pytest.raises(
        httpx.HTTPStatusError, match=r"The platform answered 422 .*Both addresses are the same"
    ) as two:
        effects.transfer_email("a@x.org", "A@x.org", "act-1")
    effects.transfer_email("a@x.org", "b@x.org", "act-2")
    with pytest.raises(httpx.HTTPStatusError, match=r"The platform answered 409 .*another transfer") as three:
        effects.transfer_email("a@x.org", "c@x.org", "act-2")
    for caught in (one, two, three):
        assert front.token not in str(caught.value)
        assert platform.token not in str(caught.value)
    assert front.effects == ()


def test_no_from_stripe_carries_its_words(effects, stripe_fake):
    """S-09: more than is left is an error of Stripe's library with Stripe's reason; the money stays."""
    effects.refund("A-1001", 15_000, "broken", "act-1")
    with pytest.raises(stripe.InvalidRequestError, match="exceeds the 5000 left"):
        effects.refund("A-1001", 15_000, "broken", "act-2")
    assert stripe_fake.refunded("A-1001") == 15_000


def test_a_wrong_key_is_refused_without_showing_it(world, monkeypatch):
    """S-09: an authentication error does not carry the key into cards and logs."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_very_secret_word")
    with SupportEffects() as effects, pytest.raises(LookUpFailed) as caught:
        effects.refund("A-1001", 100, "broken", "act-1")
    assert "very_secret" not in str(caught.value)
    assert "Invalid API Key" in str(caught.value)


@pytest.mark.parametrize(
    "fault", [RateLimited(retry_after=7), ServerError(), ServerError(503), Refused(403, "Not today.")]
)
def test_an_error_answer_is_one_request_and_no_effect(effects, front, stripe_fake, platform, fault):
    """S-09: 429, 5xx and refusals come out as errors at once; nothing is tried again behind the caller's back."""
    for fake in (front, stripe_fake, platform):
        fake.script(fault)
    with pytest.raises(httpx.HTTPStatusError):
        effects.send_message("cnv_1", "hello", "key-1")
    with pytest.raises(httpx.HTTPStatusError):
        effects.transfer_email("a@x.org", "b@x.org", "act-1")
    with pytest.raises(stripe.StripeError):
        effects.refund("A-1001", 100, "broken", "act-1")
    for fake in (front, stripe_fake, platform):
        assert fake.effects == ()
        assert [call.fault for call in fake.calls if call.method == "POST"] == [fault]


def test_retry_after_reaches_the_caller(effects, front):
    """S-09: the header of a 429 can be read from the error."""
    front.script(RateLimited(retry_after=7))
    with pytest.raises(httpx.HTTPStatusError) as caught:
        effects.add_comment("cnv_1", "hello")
    assert caught.value.response.headers["retry-after"] == "7"


@NO_ANSWER
def test_a_message_whose_answer_is_lost_was_sent_once(effects, front, fault, error):
    """S-05: a time-out and a closed connection come out as httpx's errors, and the message went out exactly once."""
    front.script(fault)
    with pytest.raises(error):
        effects.send_message("cnv_1", "hello", "key-1")
    assert len(front.wait_for(MessageSent)) == 1


@NO_ANSWER
def test_a_refund_whose_answer_is_lost_was_made_once(effects, stripe_fake, fault, error):
    """S-05: Stripe's library lets the same errors through and does not retry; asked again with the key, Stripe tells of the first."""
    stripe_fake.script(fault)
    with pytest.raises(error):
        effects.refund("A-1001", 12_000, "broken", "act-1")
    again = effects.refund("A-1001", 12_000, "broken", "act-1")
    (refund,) = stripe_fake.wait_for(RefundCreated)
    assert (again.refund_id, again.replayed) == (refund.refund_id, True)


@NO_ANSWER
def test_a_transfer_whose_answer_is_lost_was_made_once(effects, platform, fault, error):
    """S-05: likewise on the platform."""
    platform.script(fault)
    with pytest.raises(error):
        effects.transfer_email("a@x.org", "b@x.org", "act-1")
    assert effects.transfer_email("a@x.org", "b@x.org", "act-1").replayed
    assert len(platform.made(EmailTransferred)) == 1


def test_a_lost_answer_to_a_question_is_not_an_unknown_outcome(effects, front, stripe_fake):
    """S-05: when a look-up before the act fails, nothing was done, and that is certain."""
    stripe_fake.script(LostReply(), on="GET /v1/charges/search")
    with pytest.raises(LookUpFailed, match="order A-1001"):
        effects.refund("A-1001", 100, "broken", "act-1")
    front.script(TimedOut(), on="GET /teammates")
    with pytest.raises(LookUpFailed, match="Who 'Kim' is"):
        effects.assign("cnv_1", "Kim")
    assert stripe_fake.effects == ()
    assert front.effects == ()
    assert issubclass(LookUpFailed, NotExecuted)


def test_a_service_that_is_down_was_not_reached(effects, front, stripe_fake):
    """S-05: a refused connection is ConnectError: the caller can tell that nothing was sent."""
    charge = stripe_fake.add_order("B-2", 500)
    front.close()
    stripe_fake.close()
    with pytest.raises(httpx.ConnectError):
        effects.send_message("cnv_1", "hello", "key-1")
    with pytest.raises(httpx.ConnectError):
        effects.refund(charge, 500, "broken", "act-1")


def test_the_same_refund_twice_at_once_is_one_refund(effects, stripe_fake):
    """S-05: while the first is at work the second is OutcomeUnknown, not a failure that somebody might repeat with a new key."""
    held = Held()
    stripe_fake.script(held)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(effects.refund, "A-1001", 100, "broken", "act-1")
        assert held.entered.wait(10)
        with pytest.raises(StillUnderWay):
            effects.refund("A-1001", 100, "broken", "act-1")
        held.release.set()
        assert not first.result(10).replayed
    assert issubclass(StillUnderWay, OutcomeUnknown)
    assert len(stripe_fake.effects) == 1


def test_an_answer_that_is_not_json_is_still_an_error(world, monkeypatch):
    """S-09: a proxy's page instead of the service's answer is an HTTPStatusError with the status."""

    async def proxy(request):
        return PlainTextResponse("<html>Bad gateway</html>", 502)

    with Loopback(Starlette(routes=[Route("/{path:path}", proxy, methods=["POST"])])) as server:
        monkeypatch.setenv("FRONT_API_URL", server.url)
        with (
            SupportEffects() as effects,
            pytest.raises(httpx.HTTPStatusError, match="502 Bad Gateway: no reason given"),
        ):
            effects.add_comment("cnv_1", "hello")
