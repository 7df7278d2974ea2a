"""What ``hitl connect slack`` finds and says, and what it writes; against a Slack as strict as the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hitl_middleware.channels.finding import Finding
from hitl_middleware.channels.setup_files import with_variables
from hitl_middleware.channels.slack import connect, scopes
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.channels.slack.setup_files import with_channel
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.testing.fake_slack import FakeSlack, Refused, ServerError

from tests.kit.slack_stage import CHANNEL


@pytest.fixture
def fake() -> Iterator[FakeSlack]:
    """A workspace that grants what the manifest asks for."""
    with FakeSlack(scopes=scopes.ALL) as fake:
        fake.add_channel(CHANNEL, "reviews")
        fake.add_channel("C0OUTSIDE1", "outside", bot_is_member=False)
        fake.add_channel("C0ARCHIVE1", "old", archived=True)
        yield fake


def found(fake: FakeSlack, **said: Any) -> list[Finding]:
    """Everything that is found with these settings."""
    right = {
        "bot_token": fake.bot_token,
        "signing_secret": fake.signing_secret,
        "api_url": fake.url,
        "channel": CHANNEL,
    }

    async def look() -> list[Finding]:
        return [each async for each in connect.findings(SlackSettings.model_validate({**right, **said}))]

    return asyncio.run(look())


def wrong(fake: FakeSlack, **said: Any) -> list[tuple[str, str]]:
    """What is wrong, and that each of it says how to mend it."""
    bad = [each for each in found(fake, **said) if not each.ok]
    assert all(each.mend for each in bad)
    return [(each.what, each.says) for each in bad]


def test_everything_is_there(fake):
    """Token, scopes, secret, app token, channel by id and by name, and a test card that was posted and changed."""
    findings = found(fake, app_token=fake.app_token, routes={"pay": "#reviews"}, reactions=True)
    assert [(each.what, each.ok) for each in findings] == [
        ("token", True),
        ("scopes", True),
        ("signing secret", True),
        ("app token", True),
        ("channel", True),
        ("channel", True),
        ("test card", True),
    ]
    (card,) = fake.messages
    assert "change what it has posted" in card.plain()
    assert "Can it be changed?" in card.versions[0].plain()
    said = " ".join(each.says for each in findings)
    assert not any(secret in said for secret in (fake.bot_token, fake.app_token, fake.signing_secret))


@pytest.mark.parametrize(
    ("said", "what", "sentence"),
    [
        ({"bot_token": "xoxb-other"}, "token", "Slack does not accept SLACK_BOT_TOKEN (invalid_auth)."),
        (
            {"bot_token": "xapp-1"},
            "token",
            "SLACK_BOT_TOKEN is an app-level token: it does not begin with xoxb-.",
        ),
        ({"bot_token": "T0"}, "token", "SLACK_BOT_TOKEN is no bot token: it does not begin with xoxb-."),
        ({"signing_secret": "xoxb-1"}, "signing secret", "SLACK_SIGNING_SECRET does not look like one."),
        ({"app_token": "xapp-other"}, "app token", "Slack does not accept SLACK_APP_TOKEN (invalid_auth)."),
        (
            {"channel": "C0NOWHERE1"},
            "channel",
            "C0NOWHERE1: There is no such channel, or the app may not see it (channel_not_found).",
        ),
        ({"channel": "#nowhere"}, "channel", "There is no channel #nowhere, or the app may not see it."),
        (
            {"channel": "C0OUTSIDE1"},
            "channel",
            "The app is not a member of #outside (C0OUTSIDE1): it cannot post there.",
        ),
        ({"channel": "C0ARCHIVE1"}, "channel", "#old (C0ARCHIVE1) is archived."),
        (
            {"routes": {"pay": "C0OUTSIDE1"}},
            "channel",
            "The app is not a member of #outside (C0OUTSIDE1): it cannot post there.",
        ),
    ],
    ids=range(10),
)
def test_one_thing_is_wrong(fake, said, what, sentence):
    """Each in one sentence, with another that says how to mend it; the rest is still looked at."""
    assert wrong(fake, **said) == [(what, sentence)]


def test_scopes_are_missing():
    """Those that these settings need; what they do not need is only mentioned."""
    with FakeSlack(scopes={"chat:write", "channels:read", "groups:read"}) as fake:
        fake.add_channel(CHANNEL, "reviews")
        assert wrong(fake) == [
            ("scopes", "The app lacks channels:history, groups:history, im:history, im:write.")
        ]
    with FakeSlack(scopes=scopes.ALL - {"reactions:read"}) as fake:
        fake.add_channel(CHANNEL, "reviews")
        assert wrong(fake) == []
        assert "Not granted, and not needed by these settings: reactions:read." in found(fake)[1].says
        assert wrong(fake, reactions=True) == [("scopes", "The app lacks reactions:read.")]


def test_slack_is_away_or_refuses_the_card(fake):
    """No answer is told as no answer; a card that cannot be posted, or not be changed, is told."""
    fake.fail("auth.test", ServerError(503))
    (away,) = [each for each in found(fake) if not each.ok]
    assert away.says == "Slack gave no usable answer (HTTP 503)."
    assert (away.what, away.mend) == ("token", connect.REACH_MEND), (
        "not to set a token that nobody has refused"
    )
    fake.fail("chat.postMessage", Refused("restricted_action"))
    assert wrong(fake) == [("test card", "The test card: Slack says restricted_action.")]
    fake.fail("chat.update", Refused("cant_update_message"))
    assert wrong(fake) == [("test card", "The test card: Slack says cant_update_message.")]


def test_without_a_channel(fake):
    """Direct messages are no mistake; there is nowhere to post a test card."""
    findings = found(fake, channel=None)
    assert [each.what for each in findings] == ["token", "scopes", "signing secret", "channel"]
    assert "direct message" in findings[-1].says


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[slack]\nchannel = "C0REVIEWS1"\n'),
        ('operators = ["ann"]\n', 'operators = ["ann"]\n\n[slack]\nchannel = "C0REVIEWS1"\n'),
        ("[slack] # where\ndm = true\n", '[slack] # where\nchannel = "C0REVIEWS1"\ndm = true\n'),
        ('[slack.routes]\npay = "C1"\n', '[slack.routes]\npay = "C1"\n\n[slack]\nchannel = "C0REVIEWS1"\n'),
        ('[slack]\nchannel = "C0REVIEWS1"', '[slack]\nchannel = "C0REVIEWS1"'),
    ],
    ids=["no file", "other things", "a table", "routes", "there already"],
)
def test_the_channel_is_written_where_it_belongs(before, after):
    """What stands in hitl.toml stays as it stands."""
    assert with_channel(before, CHANNEL) == after


def test_what_is_not_written():
    """Another channel is not replaced, and no name smuggles in another line."""
    with pytest.raises(ConfigurationError, match='is "C1" already'):
        with_channel('[slack]\nchannel = "C1"\n', CHANNEL)
    with pytest.raises(ConfigurationError, match="is no channel"):
        with_channel("", 'x"\noperators = ["eve"]')
    with pytest.raises(ConfigurationError, match="SLACK_BOT_TOKEN holds"):
        with_variables("", {"SLACK_BOT_TOKEN": "xoxb-1\nPATH=/tmp"})


def test_the_variables_are_written_beside_others():
    """Others stay, the same one is replaced."""
    before = "# ours\nexport SLACK_BOT_TOKEN=old\nOTHER=1"
    assert with_variables(before, {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}) == (
        "# ours\nSLACK_BOT_TOKEN=xoxb-1\nOTHER=1\nSLACK_APP_TOKEN=xapp-1\n"
    )
