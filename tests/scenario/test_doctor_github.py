"""A comment that GitHub refused, from there to the doctor and back: real PyGithub against the fake, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hitl_graphs.human_approval import graph
from hitl_middleware.channels.github.channel import GitHubChannel
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.publish import BACKOFF, MAX_ATTEMPTS
from hitl_middleware.testing.fake_github import FakeGitHub, LostReply, Refused

from tests.kit.doctoring import found, heal, only
from tests.kit.world import World

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A GitHub with a repository and a person."""
    with FakeGitHub() as fake:
        fake.repository("acme/shop", private=True)
        fake.person("ann", permission="write")
        yield fake


@pytest.fixture
def flow(make_world: Callable[..., World], url: str, fake: FakeGitHub) -> World:
    """A world with GitHub's channel and a workflow with a step."""
    settings = GitHubSettings.model_validate({"token": fake.token, "api_url": fake.url})
    world = make_world(url, channels=[GitHubChannel(settings)])
    world.serve("flow", graph)
    return world


def begun(world: World, fake: FakeGitHub) -> int:
    """A run that belongs to an issue; the issue's number."""
    number = fake.open_issue("acme/shop", "ann", "Cart forgets its coupon").number
    world.begin_run("flow", {"topic": "bees"}, labels={"repository": "acme/shop", "issue": str(number)})
    return number


def test_words_that_github_does_not_take(flow: World, fake: FakeGitHub) -> None:
    """G-14: given up at once, with GitHub's words; the run is decidable all the same; healed it is tried again, and stands there once."""
    fake.fail("POST", "*/comments", Refused(422, "Validation Failed"))
    number = begun(flow, fake)
    assert fake.comments("acme/shop", number) == []
    assert only(flow)[0] == "card given up"
    assert found(flow)[0].says == (
        "A card in github could not be posted or changed, and is not tried any more: GitHub says 422: Validation Failed."
    )
    heal(flow)
    flow.step()
    assert found(flow) == []
    (comment,) = fake.comments("acme/shop", number)
    assert flow.only().code in (comment.body or "")


def test_attempts_that_ran_out_though_one_arrived(flow: World, fake: FakeGitHub) -> None:
    """G-14, DESIGN §6: lost replies until attempts ran out, and the first comment stands there all the same: healed, there is no second."""
    fake.fail("POST", "*/comments", LostReply())
    fake.fail("GET", "*/comments", Refused(403), times=MAX_ATTEMPTS)
    number = begun(flow, fake)
    for _ in range(MAX_ATTEMPTS):
        flow.wait(BACKOFF[-1])
        flow.step()
    assert only(flow)[0] == "card given up"
    assert len(fake.comments("acme/shop", number)) == 1
    fake.recover()
    heal(flow)
    flow.step()
    assert found(flow) == []
    assert len(fake.comments("acme/shop", number)) == 1
