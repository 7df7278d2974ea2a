"""The Slack channel, by the suite for all channels and by what is Slack's alone: real SDK, fake Slack, over loopback."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from pydantic import SecretStr

from hitl_middleware.channels.slack.channel import SlackChannel
from hitl_middleware.channels.slack.client import web_client
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.clock import SystemClock
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Notice, Target
from hitl_middleware.testing.channel_contract import ChannelContract, ChannelWorld, approved, sample_view
from hitl_middleware.testing.fake_slack import (
    FakeSlack,
    Garbage,
    LostReply,
    Message,
    RateLimited,
    Refused,
    RefusedAfterAccepting,
    ServerError,
    TimeoutAfterAccepting,
)

CHANNEL, ANN, BOB = "C0REVIEWS1", "U024BE7LH", "U0BOB12345"
REVIEWS = Target(channel="slack", address=CHANNEL)


def texts_of(message: Message, kind: str) -> list[str]:
    """All text objects of one kind, wherever they stand."""
    found: list[str] = []

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if part.get("type") == kind:
                found.append(part["text"])
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list | tuple):
            for inner in part:
                walk(inner)

    walk(message.blocks)
    return found


def settings_for(fake: FakeSlack, **more: object) -> SlackSettings:
    """What the app knows of this workspace."""
    return SlackSettings.model_validate(
        {
            "bot_token": fake.bot_token,
            "signing_secret": fake.signing_secret,
            "api_url": fake.url,
            "channel": CHANNEL,
            **more,
        }
    )


@dataclass(frozen=True)
class SlackWorld:
    fake: FakeSlack
    channel: SlackChannel
    target: Target = REVIEWS

    def message(self, ref: str) -> Message:
        channel, _, ts = ref.partition(":")
        return self.fake.message(channel, ts)

    def messages(self) -> Sequence[str]:
        return [f"{each.channel}:{each.ts}" for each in self.fake.messages if each.thread_ts is None]

    def words(self, ref: str) -> str:
        return self.message(ref).plain()

    def parsed(self, ref: str) -> str:
        message = self.message(ref)
        return "\n".join([message.text, *texts_of(message, "mrkdwn"), *texts_of(message, "markdown")])

    def notes(self) -> Sequence[str]:
        below = [each for each in self.fake.messages if each.thread_ts is not None]
        return [each.plain() for each in (*self.fake.ephemerals, *below)]

    def notice(self) -> Notice:
        body = {"user": ANN, "text": "Nothing was changed."}
        now = SystemClock().now()
        return Notice(id="n1", key="k1", channel="slack", address=CHANNEL, body=body, created_at=now)

    def lose_next_reply(self) -> None:
        self.fake.fail("*", LostReply())

    def fail_next(self) -> None:
        self.fake.fail("*", ServerError())

    def limit_next(self, seconds: int) -> None:
        self.fake.fail("*", RateLimited(retry_after=seconds))

    def refuse_next_for_good(self) -> None:
        self.fake.fail("*", Refused("invalid_blocks"))

    def delete(self, ref: str) -> None:
        channel, _, ts = ref.partition(":")
        with self.fake._workspace.changing():
            self.fake._workspace.delete(self.fake.message(channel, ts))


@pytest.fixture
def now() -> dt.datetime:
    """The machine's time: the fake's messages have it, too."""
    return SystemClock().now()


@pytest.fixture
def fake() -> Iterator[FakeSlack]:
    """A workspace with two people and a channel."""
    with FakeSlack() as fake:
        fake.add_user(ANN, name="ann")
        fake.add_user(BOB, name="bob")
        fake.add_channel(CHANNEL, "reviews")
        yield fake


@pytest.fixture
def world(fake: FakeSlack) -> SlackWorld:
    """The workspace and our channel in it."""
    return SlackWorld(fake, SlackChannel(settings_for(fake)))


class TestSlackKeepsTheContract(ChannelContract):
    @pytest.fixture
    def world(self, fake: FakeSlack) -> ChannelWorld:
        return SlackWorld(fake, SlackChannel(settings_for(fake)))


class TestPosting:
    async def test_mentions_whoever_slack_knows(self, world: SlackWorld, now):
        """S-08: “Approved by @ann”, as a mention."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        done = approved(view, status="succeeded", result_text="re_123")
        await world.channel.update(
            replace(done, request=replace(done.request, decided_by=f"slack:{ANN}")), ref
        )
        assert "Approved by @ann" in world.words(ref)
        assert "Executed" in world.words(ref)
        assert "re_123" in world.words(ref)
        assert world.message(ref).buttons == []

    async def test_asks_for_no_previews(self, world: SlackWorld, now):
        """Links are not unfurled, blocks are always sent, and so is a text for notifications."""
        await world.channel.post(sample_view(world.target, now))
        (call,) = world.fake.calls
        assert call.arguments["unfurl_links"] is False
        assert call.arguments["text"] == "Waiting for a decision: process_refund"
        assert call.arguments["blocks"]

    async def test_a_message_to_a_person_has_the_conversation_in_its_ref(self, world: SlackWorld, now):
        """S-14: posted to U…, tracked and updated under the D… that Slack answered."""
        target = Target(channel="slack", address=ANN)
        view = sample_view(target, now)
        ref = await world.channel.post(view)
        assert ref.startswith("D")
        await world.channel.update(approved(view, status="executing"), ref)
        assert "Executing" in world.words(ref)

    @pytest.mark.parametrize("fault", [LostReply(), TimeoutAfterAccepting()], ids=["lost", "timeout"])
    async def test_no_answer_after_accepting(self, fake: FakeSlack, now, fault):
        """One message in a direct conversation, found again by a fresh process, though its reply never came."""
        settings = settings_for(fake)
        channel = SlackChannel(settings, web_client(settings, timeout=1))
        view = sample_view(Target(channel="slack", address=ANN), now)
        fake.fail("chat.postMessage", fault)
        with pytest.raises(DeliveryFailed) as failed:
            await channel.post(view)
        assert not failed.value.permanent
        (message,) = fake.messages
        assert list(await SlackChannel(settings).find(view)) == [f"{message.channel}:{message.ts}"]

    async def test_the_sdk_does_not_post_twice(self, world: SlackWorld, now):
        """The SDK's own retry after a lost connection is off: one call, one message."""
        world.fake.fail("chat.postMessage", LostReply())
        with pytest.raises(DeliveryFailed):
            await world.channel.post(sample_view(world.target, now))
        assert [call.method for call in world.fake.calls] == ["chat.postMessage"]

    async def test_the_sdk_as_it_comes_would_post_twice(self, fake: FakeSlack, now):
        """Why its retry handlers are taken out: with them a lost reply leaves two cards."""
        from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
        from slack_sdk.http_retry.builtin_interval_calculators import FixedValueRetryIntervalCalculator

        settings = settings_for(fake)
        client = web_client(settings)
        at_once = FixedValueRetryIntervalCalculator(fixed_internal=0.001)
        client.retry_handlers = [AsyncConnectionErrorRetryHandler(interval_calculator=at_once)]
        fake.fail("chat.postMessage", LostReply())
        await SlackChannel(settings, client).post(sample_view(REVIEWS, now))
        assert len(fake.messages) == 2

    @pytest.mark.parametrize("error", ["fatal_error", "internal_error"])
    async def test_a_refusal_that_leaves_it_open(self, world: SlackWorld, now, error):
        """S-14: Slack says of these that part of it may have succeeded. The message that is there is found, not taken for absent."""
        view = sample_view(world.target, now)
        world.fake.fail("chat.postMessage", RefusedAfterAccepting(error))
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.post(view)
        assert (failed.value.unheard, failed.value.permanent) == (True, False)
        assert list(await world.channel.find(view)) == list(world.messages())
        assert len(world.messages()) == 1


class TestFailures:
    async def test_an_archived_channel(self, world: SlackWorld, now):
        """S-14: what is wrong is said as people can mend it, and when they have, the card is made true."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        world.fake.add_channel(CHANNEL, "reviews", archived=True)
        for act in (world.channel.update(approved(view), ref), world.channel.post(view)):
            with pytest.raises(DeliveryFailed, match="archived; bring it back") as failed:
                await act
            assert not failed.value.permanent
        world.fake.add_channel(CHANNEL, "reviews")
        await world.channel.update(approved(view), ref)
        assert "Approved" in world.words(ref)

    @pytest.mark.parametrize(
        ("error", "permanent"),
        [
            ("invalid_blocks", True),
            ("msg_blocks_too_long", True),
            ("cant_update_message", True),
            ("message_not_found", True),
            ("user_not_in_channel", True),
            ("invalid_auth", False),
            ("missing_scope", False),
            ("channel_not_found", False),
            ("not_in_channel", False),
            ("is_archived", False),
            ("internal_error", False),
            ("some_error_of_next_year", False),
        ],
    )
    async def test_only_what_nobody_can_mend_is_permanent(self, world: SlackWorld, now, error, permanent):
        """The message itself is refused for good; what a person mends in Slack or in the settings is not."""
        world.fake.fail("chat.postMessage", Refused(error))
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.post(sample_view(world.target, now))
        assert failed.value.permanent is permanent

    @pytest.mark.parametrize(
        "fault", [ServerError(), ServerError(503), Garbage(), Garbage(b""), Garbage(b"[1]"), Garbage(b"nope")]
    )
    async def test_nonsense_instead_of_an_answer(self, world: SlackWorld, now, fault):
        """Whatever comes back, it is a failure that may pass."""
        world.fake.fail("chat.postMessage", fault)
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.post(sample_view(world.target, now))
        assert not failed.value.permanent

    async def test_nobody_listens(self, now, fake: FakeSlack):
        """A closed port is a failure that may pass."""
        fake.close()
        channel = SlackChannel(settings_for(fake))
        with pytest.raises(DeliveryFailed) as failed:
            await channel.post(sample_view(REVIEWS, now))
        assert not failed.value.permanent

    async def test_says_which_scope_is_missing(self, now):
        """The sentence names what to add to the app."""
        with FakeSlack(scopes={"chat:write"}) as fake:
            fake.add_channel(CHANNEL, "reviews")
            channel = SlackChannel(settings_for(fake))
            with pytest.raises(DeliveryFailed, match="channels:history"):
                await channel.find(sample_view(REVIEWS, now))

    async def test_the_token_is_in_no_message(self, now, fake: FakeSlack):
        """Neither failure nor settings show the token."""
        settings = settings_for(fake, bot_token=SecretStr("xoxb-secret-token"))
        with pytest.raises(DeliveryFailed) as failed:
            await SlackChannel(settings).post(sample_view(REVIEWS, now))
        assert "xoxb-secret" not in f"{failed.value!r} {settings!r}"

    async def test_a_note_without_a_reader_is_given_up(self, world: SlackWorld):
        """Incomplete, or for somebody who is not there: permanent."""
        for body in ({"user": ANN}, {"user": "U0NOBODY", "text": "x"}):
            with pytest.raises(DeliveryFailed) as failed:
                await world.channel.notify(replace(world.notice(), body=body))
            assert failed.value.permanent


class TestFinding:
    async def test_among_hundreds_of_messages(self, world: SlackWorld, now):
        """Page by page, since the card was made."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        for number in range(450):
            world.fake._workspace.post(CHANNEL, f"chatter {number}", user=ANN)
        assert list(await SlackChannel(settings_for(world.fake)).find(view)) == [ref]
        assert sum(call.method == "conversations.history" for call in world.fake.calls) == 3

    async def test_not_before_the_card_was_made(self, world: SlackWorld, now):
        """History older than the card (but for a minute of clock error) is not read."""
        view = sample_view(world.target, now + dt.timedelta(minutes=5))
        await world.channel.post(view)
        assert not await world.channel.find(view)

    async def test_by_name(self, fake: FakeSlack, now):
        """A channel given by name is looked up, because its history is only read by id."""
        view = sample_view(Target(channel="slack", address="#reviews"), now)
        ref = await SlackChannel(settings_for(fake)).post(view)
        assert list(await SlackChannel(settings_for(fake)).find(view)) == [ref]
        elsewhere = replace(view, card=replace(view.card, target=Target(channel="slack", address="#nowhere")))
        assert not await SlackChannel(settings_for(fake)).find(elsewhere)

    async def test_gives_up_rather_than_posting_again(self, world: SlackWorld, now, monkeypatch):
        """Where the history does not end, the card is not said to be absent."""
        monkeypatch.setattr("hitl_middleware.channels.slack.channel.MOST_PAGES", 1)
        monkeypatch.setattr("hitl_middleware.channels.slack.channel.PAGE", 2)
        for number in range(5):
            world.fake._workspace.post(CHANNEL, f"chatter {number}", user=ANN)
        with pytest.raises(DeliveryFailed):
            await world.channel.find(sample_view(world.target, now))


class TestTargets:
    def test_the_tools_own_channel_first(self, fake: FakeSlack, now):
        """routes, then HITL_SLACK_CHANNEL."""
        channel = SlackChannel(settings_for(fake, routes={"process_refund": "C0MONEY"}))
        request = sample_view(REVIEWS, now).request
        assert channel.targets(request) == (Target(channel="slack", address="C0MONEY"),)
        assert channel.targets(replace(request, tool="other")) == (REVIEWS,)

    def test_each_approver_where_no_channel_is_named(self, fake: FakeSlack, now):
        """Every Slack approver once; groups and other identities get no direct message."""
        channel = SlackChannel(settings_for(fake, channel=None))
        approvers = (
            f"slack:{ANN}",
            "github:bob",
            f"slack:{BOB}",
            f"slack:{ANN}",
            "slack:not-a-user",
            "group:ops",
        )
        request = sample_view(REVIEWS, now, plan=ReviewPlan(verdict="ask", approvers=approvers)).request
        assert [target.address for target in channel.targets(request)] == [ANN, BOB]

    def test_no_card_of_its_own_for_an_outcome(self, fake: FakeSlack, now):
        """An unknown act is settled on the card it has."""
        request = sample_view(REVIEWS, now, kind="outcome").request
        assert SlackChannel(settings_for(fake)).targets(request) == ()
