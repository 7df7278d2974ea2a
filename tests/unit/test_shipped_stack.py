"""The Dockerfile and compose.yaml that are shipped: well-formed, and in this program's words (issue 5). Building is the user's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml  # type: ignore[import-untyped, unused-ignore]
from check_jsonschema.builtin_schemas import get_builtin_schema
from pydantic_settings import BaseSettings

from hitl_graphs.support.settings import load_settings as load_support_settings
from hitl_middleware.channels.github import settings as github
from hitl_middleware.channels.slack import settings as slack
from hitl_middleware.settings import ConfigFile, Settings, load_settings
from hitl_server.auth import Door
from hitl_server.listener import PROXIES
from hitl_server.sign_in.configured import CREDENTIALS

from tests.kit.words import NOT_UNDERSTOOD, parsed

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server"
READ_BY_GRAPHS = {"HITL_MODEL"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file, its anchors filled in."""
    found: dict[str, Any] = yaml.safe_load((SERVER / "compose.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def docker() -> list[tuple[str, str]]:
    """Instruction and words, line by line."""
    text = re.sub(r"^#.*\n", "", (SERVER / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [
        (word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines if line)
    ]


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """What stands in example.env."""
    lines = (SERVER / "example.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_compose_is_well_formed(compose: dict[str, Any]) -> None:
    """Issue 5: it has the form that the Compose specification asks for."""
    jsonschema.validate(compose, get_builtin_schema("vendor.compose-spec"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            compose | {"services": {"db": {"imagine": "postgres"}}}, get_builtin_schema("vendor.compose-spec")
        )


def test_the_dockerfile_is_well_formed() -> None:
    """Issue 5: hadolint parses it and minds nothing, not even a matter of style."""
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint has no wheel for this machine")
    done = subprocess.run(
        [hadolint, "--failure-threshold", "style", SERVER / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def variables() -> set[str]:
    """Every variable that this program reads."""
    classes: list[type[BaseSettings]] = [Settings, slack._Environment, github._Environment]
    named = {
        str(field.validation_alias or f"{kind.model_config.get('env_prefix', '')}{name}").upper()
        for kind in classes
        for name, field in kind.model_fields.items()
    }
    sign_in = {variable for pair in CREDENTIALS.values() for variable in pair}
    return named | READ_BY_GRAPHS | sign_in | {PROXIES}


def ours(compose: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that run this program."""
    return {name: each for name, each in compose["services"].items() if "build" in each}


def test_every_variable_is_one_that_is_read(compose: dict[str, Any], example: dict[str, str]) -> None:
    """Issue 5: nothing is set that nobody reads; what compose.yaml itself fills in is asked for in example.env."""
    for service in ours(compose).values():
        assert set(service["environment"]) <= variables()
        assert service["env_file"] == ".env"
    (of_database,) = (each["environment"] for each in compose["services"].values() if "build" not in each)
    filled_in = set(re.findall(r"\$\{([A-Z_]+)", (SERVER / "compose.yaml").read_text(encoding="utf-8")))
    assert filled_in <= set(example)
    assert set(example) - set(of_database) <= variables()
    assert set(of_database) <= {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}


def test_no_secret_is_shipped(compose: dict[str, Any], example: dict[str, str]) -> None:
    """Issue 5: secrets come from the user's .env and from nowhere else; without a password nothing starts."""
    secret = re.compile("TOKEN|SECRET|PASSWORD|KEY")
    assert {value for name, value in example.items() if secret.search(name)} == {""}
    environments = [each.get("environment", {}) for each in compose["services"].values()]
    told = {value for each in environments for name, value in each.items() if secret.search(name)}
    assert told == {"${POSTGRES_PASSWORD:?set it in .env}"}
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_what_stays_empty_is_off(example: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 5: an example.env that nobody has filled in configures no channel in part and lets nobody in."""
    for name, value in example.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("POSTGRES_PASSWORD")
    settings = load_settings()
    assert (settings.api_token, settings.default_approvers) == (None, ())
    assert slack.SlackSettings.from_env() is None
    assert github.GitHubSettings.from_env() is None
    assert not Door.of(settings, ConfigFile()).locked
    load_support_settings()


def commands(compose: Mapping[str, Any], docker: list[tuple[str, str]]) -> Iterator[list[str]]:
    """Every command line there is."""
    yield from (service["command"] for service in ours(compose).values())
    yield json.loads(dict(docker)["CMD"])


def test_every_command_is_one_of_ours(compose: dict[str, Any], docker: list[tuple[str, str]]) -> None:
    """Issue 5: two servers that are fronts only, two workers, one upgrade that everybody waits for, which waits for the database."""
    assert dict(docker)["ENTRYPOINT"] == '["hitl"]'
    understood = [parsed(words) for words in commands(compose, docker)]
    assert len(understood) == 5
    with pytest.raises(NOT_UNDERSTOOD):
        parsed(["serve", "--no-wroker"])
    services = ours(compose)
    servers = [each for each in services.values() if each["command"][0] == "serve"]
    assert [parsed(each["command"]).count("worker=False") for each in servers] == [1, 1]
    (worker,) = (each for each in services.values() if each["command"] == ["worker"])
    assert worker["deploy"]["replicas"] == 2
    (upgrade,) = (name for name, each in services.items() if each["command"] == ["db", "upgrade"])
    for name, service in services.items():
        waits_for = (
            {"db": {"condition": "service_healthy"}}
            if name == upgrade
            else {upgrade: {"condition": "service_completed_successfully"}}
        )
        assert service["depends_on"] == waits_for
    assert services[upgrade]["restart"] == "no"
    assert all(
        int(each["stop_grace_period"].removesuffix("s")) > Settings().stop_seconds
        for each in services.values()
    )
    assert "healthcheck" in compose["services"]["db"]


def test_ports_and_health_checks_agree(compose: dict[str, Any], docker: list[tuple[str, str]]) -> None:
    """Issue 5: what is exposed, listened on, published and asked is one port; published on loopback alone; asked for is /readyz."""
    port = dict(docker)["EXPOSE"]
    published = []
    for service in ours(compose).values():
        if service["command"][0] != "serve":
            assert "ports" not in service
            continue
        assert f"port={port}" in parsed(service["command"])
        assert "host=0.0.0.0" in parsed(service["command"])
        assert f"http://127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1]
        (mapping,) = service["ports"]
        address, outside, inside = mapping.split(":")
        assert (address, inside) == ("127.0.0.1", port)
        published.append(outside)
    assert len(set(published)) == 2
    assert f"port={port}" in parsed(json.loads(dict(docker)["CMD"]))


def test_images_are_pinned_and_nobody_is_root(compose: dict[str, Any], docker: list[tuple[str, str]]) -> None:
    """Issue 5: base images by their whole version; processes are nobody in particular and may write nothing."""
    bases = [words.split()[0] for word, words in docker if word == "FROM"]
    images = {*bases, compose["services"]["db"]["image"]}
    assert all(re.fullmatch(r"[a-z]+:[0-9]+(\.[0-9]+){1,2}-[a-z-]+", image) for image in images), images
    (user,) = (words for word, words in docker if word == "USER")
    assert int(user) > 0
    assert all(each["read_only"] and each["cap_drop"] == ["ALL"] for each in ours(compose).values())


def test_the_image_has_what_it_copies_and_installs(docker: list[tuple[str, str]]) -> None:
    """Issue 5: what is copied exists and is let through to the build; the extras that are installed are ours."""
    ignored = (SERVER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [words.split()[:-1] for word, words in docker if word == "COPY" and "--from" not in words]
    for name in (each for sources in copied for each in sources):
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    (installed,) = (
        re.findall(r"'\.\[([a-z,]+)\]'", words) for word, words in docker if word == "RUN" and "pip" in words
    )
    assert set(installed[0].split(",")) < set(extras)
    assert {"postgres", "server"} <= set(installed[0].split(","))
