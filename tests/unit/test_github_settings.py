import pytest

from hitl_middleware.channels.configured import configured_channels
from hitl_middleware.channels.github.settings import GITHUB_API, GitHubSettings
from hitl_middleware.errors import ChannelHalfConfigured, ConfigurationError
from hitl_middleware.settings import ConfigFile, GitHubConfig, load_config

NAMES = (
    "GITHUB_TOKEN", "GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_PRIVATE_KEY_PATH",
    "GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_PREVIOUS", "GITHUB_API_URL",
)  # fmt: skip
KEY = "-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END RSA PRIVATE KEY-----\n"
POLL = GitHubConfig(webhook=False)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of GitHub."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_off_when_nothing_is_set(environment):
    """Nothing configured is no error, blanks and an address alone neither: the channel is off."""
    environment.setenv("GITHUB_TOKEN", " ")
    environment.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    assert GitHubSettings.from_env() is None
    assert GitHubSettings.from_env(POLL) is None


def test_switched_off_whatever_is_set(environment):
    """O-07: a token that is there for other programs, half a configuration, even nonsense are none of ours then."""
    environment.setenv("GITHUB_TOKEN", "ghp_1")
    environment.setenv("GITHUB_APP_ID", "7")
    environment.setenv("GITHUB_API_URL", "nonsense")
    assert GitHubSettings.from_env(GitHubConfig(enabled=False)) is None


@pytest.mark.parametrize(
    ("present", "missing", "ways"),
    [
        (
            {"GITHUB_TOKEN": "ghp_s3cret"},
            "GITHUB_WEBHOOK_SECRET",
            ["webhook = false", "enabled = false", "secret of the webhook"],
        ),
        (
            {"GITHUB_TOKEN": "ghp_s3cret", "GITHUB_WEBHOOK_SECRET_PREVIOUS": "old"},
            "GITHUB_WEBHOOK_SECRET",
            [],
        ),
        (
            {"GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY": KEY},
            "GITHUB_WEBHOOK_SECRET",
            ["where GITHUB_APP_ID is there for other programs"],
        ),
        (
            {"GITHUB_WEBHOOK_SECRET": "s3cret"},
            "GITHUB_TOKEN",
            ["GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY", "unset GITHUB_WEBHOOK_SECRET"],
        ),
        ({"GITHUB_WEBHOOK_SECRET_PREVIOUS": "s3cret"}, "GITHUB_TOKEN", ["SECRET_PREVIOUS"]),
        ({"GITHUB_APP_ID": "7"}, "GITHUB_APP_PRIVATE_KEY", ["GITHUB_APP_PRIVATE_KEY_PATH", "GITHUB_TOKEN"]),
        ({"GITHUB_APP_PRIVATE_KEY": KEY}, "GITHUB_APP_ID", ["number of the GitHub App"]),
        ({"GITHUB_APP_PRIVATE_KEY_PATH": "/nowhere"}, "GITHUB_APP_ID", ["unset GITHUB_APP_PRIVATE_KEY_PATH"]),
    ],
)
def test_a_half_is_an_error(environment, present, missing, ways):
    """Rule 8, E-04: a sentence that names what is missing and every way out, and no secret in it."""
    for name, value in present.items():
        environment.setenv(name, value)
    with pytest.raises(ChannelHalfConfigured, match=f"but {missing} is not") as failed:
        GitHubSettings.from_env()
    for way in ways:
        assert way in str(failed.value)
    assert "s3cret" not in str(failed.value)
    assert failed.value.facts["missing"] == missing


def test_a_token_with_its_secret(environment):
    """G-17: a personal access token, the webhook's secret, defaults for the rest; nothing secret in ``repr``."""
    environment.setenv("GITHUB_TOKEN", " ghp_s3cret ")
    environment.setenv("GITHUB_WEBHOOK_SECRET", "present-s3cret")
    settings = GitHubSettings.from_env()
    assert settings is not None
    assert settings.token is not None
    assert settings.token.get_secret_value() == "ghp_s3cret"
    assert settings.app_id is None
    assert settings.api_url == GITHUB_API
    assert (settings.approvers, settings.poll_seconds) == (("github:role:write",), 30)
    assert [secret.get_secret_value() for secret in settings.webhook_secrets] == ["present-s3cret"]
    assert "s3cret" not in repr(settings)


def test_two_secrets_during_rotation(environment):
    """G-11: both count, the present one first."""
    environment.setenv("GITHUB_TOKEN", "ghp_1")
    environment.setenv("GITHUB_WEBHOOK_SECRET", "new")
    environment.setenv("GITHUB_WEBHOOK_SECRET_PREVIOUS", "old")
    settings = GitHubSettings.from_env()
    assert settings is not None
    assert [secret.get_secret_value() for secret in settings.webhook_secrets] == ["new", "old"]


def test_poll_mode_needs_no_secret(environment):
    """G-12: with ``webhook = false`` a token is enough, and a secret that is set all the same lets nobody in."""
    environment.setenv("GITHUB_TOKEN", "ghp_1")
    settings = GitHubSettings.from_env(POLL)
    assert settings is not None
    assert settings.webhook_secrets == ()
    environment.setenv("GITHUB_WEBHOOK_SECRET", "s3cret")
    assert GitHubSettings.from_env(POLL) == settings


@pytest.mark.parametrize("app_id", ["12345", "Iv23liABCdef0123"])
@pytest.mark.parametrize("written", [KEY, KEY.replace("\n", "\\n"), f"  {KEY}  "])
def test_an_app_with_its_key_in_a_variable(environment, app_id, written):
    """G-17: number or client id; the key's lines as lines, or joined by a backslash and an n."""
    environment.setenv("GITHUB_APP_ID", app_id)
    environment.setenv("GITHUB_APP_PRIVATE_KEY", written)
    settings = GitHubSettings.from_env(POLL)
    assert settings is not None
    assert (settings.token, settings.app_id) == (None, app_id)
    assert settings.private_key is not None
    assert settings.private_key.get_secret_value() == KEY
    assert "s3cret" not in repr(settings)


def test_an_app_with_its_key_in_a_file(environment, tmp_path):
    """G-17: the key from a file."""
    (tmp_path / "app.pem").write_text(KEY)
    environment.setenv("GITHUB_APP_ID", "7")
    environment.setenv("GITHUB_APP_PRIVATE_KEY_PATH", str(tmp_path / "app.pem"))
    settings = GitHubSettings.from_env(POLL)
    assert settings is not None
    assert settings.private_key is not None
    assert settings.private_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"GITHUB_TOKEN": "ghp_s3cret", "GITHUB_APP_ID": "7"}, "GITHUB_TOKEN and GITHUB_APP_ID are both set"),
        (
            {"GITHUB_TOKEN": "ghp_s3cret", "GITHUB_APP_PRIVATE_KEY": KEY},
            "GITHUB_TOKEN and GITHUB_APP_PRIVATE_KEY are",
        ),
        (
            {
                "GITHUB_APP_ID": "7",
                "GITHUB_APP_PRIVATE_KEY": KEY,
                "GITHUB_APP_PRIVATE_KEY_PATH": "/s3cret",
            },
            "Keep one",
        ),
        ({"GITHUB_APP_ID": "my app", "GITHUB_APP_PRIVATE_KEY": KEY}, "GITHUB_APP_ID is neither"),
        ({"GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY": "s3cret"}, "GITHUB_APP_PRIVATE_KEY holds no"),
        ({"GITHUB_APP_ID": "7", "GITHUB_APP_PRIVATE_KEY_PATH": "/nowhere/app.pem"}, "No such file"),
        ({"GITHUB_TOKEN": "ghp_s3cret", "GITHUB_API_URL": "api.github.com"}, "GITHUB_API_URL is not"),
    ],
)
def test_what_makes_no_sense(environment, env, said):
    """E-04: a sentence with the variable's name, and no secret in it."""
    for name, value in env.items():
        environment.setenv(name, value)
    with pytest.raises(ConfigurationError, match=said) as failed:
        GitHubSettings.from_env(POLL)
    assert "s3cret" not in str(failed.value)


def test_an_address_of_ones_own(environment):
    """A GitHub Enterprise Server, or the fake; a slash at the end is no part of it."""
    environment.setenv("GITHUB_TOKEN", "ghp_1")
    environment.setenv("GITHUB_API_URL", "http://127.0.0.1:1234/api/v3/")
    settings = GitHubSettings.from_env(POLL)
    assert settings is not None
    assert settings.api_url == "http://127.0.0.1:1234/api/v3"


def test_the_configuration_file(tmp_path):
    """``[github]`` of hitl.toml; a key that nobody knows and a time that is none are errors with their place."""
    path = tmp_path / "hitl.toml"
    path.write_text('[github]\napprovers = ["github:acme/architects"]\npoll_seconds = 5\nwebhook = false\n')
    config = load_config(path).github
    assert (config.approvers, config.poll_seconds, config.webhook) == (("github:acme/architects",), 5, False)
    for line in ("poll_secs = 5", "poll_seconds = 0", "poll_seconds = inf", "approvers = 7"):
        path.write_text(f"[github]\n{line}\n")
        with pytest.raises(ConfigurationError, match=f"github.{line.split()[0]}"):
            load_config(path)


def test_approvers_that_are_nobody(environment):
    """E-04: a role that GitHub does not have would let nobody decide; the sentence names those that it has."""
    environment.setenv("GITHUB_TOKEN", "ghp_1")
    fine = (
        "github:ann",
        "GitHub:Acme/Architects",
        "github:role:admin",
        "github:role:assignee",
        "group:ops",
        "slack:U1",
    )
    settings = GitHubSettings.from_env(GitHubConfig(webhook=False, approvers=fine))
    assert settings is not None
    assert settings.approvers == fine
    for name in ("github:role:wirte", "github:", "github:a b", "github:acme/x/y", "GITHUB:role:"):
        with pytest.raises(ConfigurationError, match="github:role:write, github:role:maintain") as failed:
            GitHubSettings.from_env(GitHubConfig(webhook=False, approvers=("github:ann", name)))
        assert repr(name) in str(failed.value)


def test_a_token_of_another_program(environment):
    """E-01: alone, and with nothing about GitHub in hitl.toml, it opens no channel and stops no agent; with anything about it, it does."""
    environment.setenv("GITHUB_TOKEN", "ghp_of_another_program")
    assert configured_channels(ConfigFile()) == ()
    for said in (
        {"github": {"poll_seconds": 10}},
        {"triggers": [{"label": "bug", "graph": "g"}]},
    ):
        with pytest.raises(ChannelHalfConfigured, match="GITHUB_WEBHOOK_SECRET"):
            configured_channels(ConfigFile.model_validate(said))
    environment.setenv("GITHUB_WEBHOOK_SECRET_PREVIOUS", "old")
    with pytest.raises(ChannelHalfConfigured):
        GitHubSettings.from_env(ConfigFile().github)
