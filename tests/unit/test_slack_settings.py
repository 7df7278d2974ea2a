import pytest

from hitl_middleware.channels.slack.client import web_client
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.errors import ChannelHalfConfigured, ConfigurationError
from hitl_middleware.settings import SlackConfig

NAMES = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "SLACK_API_URL", "HITL_SLACK_CHANNEL")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of Slack."""
    for name in (*NAMES, "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    "also",
    [{}, {"SLACK_BOT_TOKEN": " "}, {"HITL_SLACK_CHANNEL": "C1", "SLACK_API_URL": "http://127.0.0.1:1/"}],
)
def test_off_when_no_token_is_set(environment, also):
    """Nothing configured is no error: the channel is off."""
    for name, value in also.items():
        environment.setenv(name, value)
    assert SlackSettings.from_env() is None


@pytest.mark.parametrize(
    ("present", "missing"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "neither SLACK_SIGNING_SECRET nor SLACK_APP_TOKEN is"),
        (
            {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": ""},
            "neither SLACK_SIGNING_SECRET nor SLACK_APP_TOKEN is",
        ),
        ({"SLACK_SIGNING_SECRET": "s3cret"}, "SLACK_BOT_TOKEN is not"),
        ({"SLACK_APP_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN is not"),
    ],
)
def test_a_half_is_an_error(environment, present, missing):
    """Rule 8: a sentence that names what is missing, and no secret in it."""
    for name, value in present.items():
        environment.setenv(name, value)
    with pytest.raises(ChannelHalfConfigured, match=f"but {missing}") as failed:
        SlackSettings.from_env()
    assert "xoxb-1" not in str(failed.value)
    assert "s3cret" not in str(failed.value)


def test_complete(environment):
    """Token and secret, an address anywhere, a channel, routes."""
    environment.setenv("SLACK_BOT_TOKEN", " xoxb-1 ")
    environment.setenv("SLACK_SIGNING_SECRET", "s3cret")
    environment.setenv("SLACK_API_URL", "http://127.0.0.1:1234/api")
    environment.setenv("HITL_SLACK_CHANNEL", "C0REVIEWS1")
    settings = SlackSettings.from_env(SlackConfig(routes={"refund": "C0MONEY"}))
    assert settings is not None
    assert settings.bot_token.get_secret_value() == "xoxb-1"
    assert (settings.channel, settings.routes) == ("C0REVIEWS1", {"refund": "C0MONEY"})
    assert web_client(settings).base_url == "http://127.0.0.1:1234/api/"
    assert "xoxb-1" not in repr(settings)
    assert "s3cret" not in repr(settings)


def test_an_app_token_in_place_of_the_secret(environment):
    """Socket Mode needs no signing secret."""
    environment.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    environment.setenv("SLACK_APP_TOKEN", "xapp-1")
    settings = SlackSettings.from_env()
    assert settings is not None
    assert settings.signing_secret is None


def test_an_address_that_is_none(environment):
    """A sentence with the variable's name."""
    environment.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    environment.setenv("SLACK_SIGNING_SECRET", "s3cret")
    environment.setenv("SLACK_API_URL", "slack.com")
    with pytest.raises(ConfigurationError, match="SLACK_API_URL"):
        SlackSettings.from_env()


@pytest.mark.parametrize(
    ("url", "no_proxy", "proxied"),
    [
        ("https://slack.com/api/", "", True),
        ("http://127.0.0.1:1/api/", "", False),
        ("http://[::1]:1/api/", "", False),
        ("http://localhost:1/api/", "", False),
        ("https://slack.internal/api/", "slack.internal", False),
    ],
)
def test_the_proxy_of_the_environment(environment, url, no_proxy, proxied):
    """HTTPS_PROXY counts, except for loopback and for what NO_PROXY names."""
    environment.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    environment.setenv("NO_PROXY", no_proxy)
    settings = SlackSettings.model_validate({"bot_token": "xoxb-1", "api_url": url})
    assert (web_client(settings).proxy is not None) is proxied
