"""The pytest plugin: test your own agent with the fakes that this library's own tests use.

It is there as soon as the package is installed (``-p hitl_middleware.testing.plugin`` where plugins are not loaded by themselves), and
imports nothing heavy before a fixture is asked for.

    def test_a_large_refund_waits(hitl, assert_waiting, scripted_reviewer, effects, monkeypatch):
        monkeypatch.setattr("shop.payments.refund", effects.stand_in("refund", returns="re_1"))
        agent = hitl.attach(build_agent(hitl), name="shop")
        agent.invoke({"messages": [("user", "refund order A-1001")]}, {"configurable": {"thread_id": "t-1"}})

        assert_waiting("process_refund", order_id="A-1001")
        effects.assert_never("refund")
        scripted_reviewer.on("process_refund").edit(amount_cents=1_000)
        scripted_reviewer.review()
        effects.assert_once("refund", amount_cents=1_000)

Fixtures
    ``hitl``               a ``StillHitl``: in memory, without a background, on a clock turned by hand; ``Hitl.from_env()`` answers it
                           too while the test runs. No variable of the shell reaches it (``hitl_environment`` says which do)
    ``assert_waiting``     asserts that exactly such a request waits, and gives it
    ``scripted_reviewer``  decides by rules, through the same door as every person
    ``effects``            records what was really done; fails a test in which one approved act was performed twice
    ``fake_slack``         a running ``FakeSlack``; a test that asks for it has its cards there. ``hitl_server`` (of the plugin
                           ``hitl_server.testing``) takes the clicks
    ``fake_github``        a running ``FakeGitHub`` with the repository ``acme/shop``; requests of runs that are labelled with an issue
                           of it have their cards there. ``hitl_server`` takes the deliveries. These need the extra ``server``,
                           and that of the channel
    ``hitl_clock``         the clock of all of them: ``hitl_clock.advance(seconds)``
    ``hitl_environment``   variables for ``hitl`` (``{"HITL_DEFAULT_APPROVERS": "slack:U024BE7LH"}``); override it in your conftest.py

For one's own store, channel or dispatcher subclass ``StoreContract``, ``ChannelContract`` or ``DispatcherContract`` of
``hitl_middleware.testing``, for another place where graphs run its ``RunsContract``; for one's own way of resuming them see
``hitl_middleware.testing.resume_safety``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hitl_middleware.clock import ManualClock
    from hitl_middleware.testing.effects import RecordedEffects
    from hitl_middleware.testing.fake_github import FakeGitHub
    from hitl_middleware.testing.fake_slack import FakeSlack
    from hitl_middleware.testing.reviewer import AssertWaiting, ScriptedReviewer
    from hitl_middleware.testing.still import StillHitl

REVIEWS = "C0REVIEWS1"
"""The channel in which cards appear where ``fake_slack`` is used."""

REPOSITORY = "acme/shop"
"""The repository that ``fake_github`` has."""

# Whose asserts are read when one fails, also where plugins are named with -p, for which pytest rewrites no more than this module.
for _name in ("channel_contract", "dispatcher_contract", "resume_safety", "runs_contract", "store_contract"):
    pytest.register_assert_rewrite(f"hitl_middleware.testing.{_name}")

_OURS = ("HITL_", "SLACK_", "GITHUB_")
_KEPT = "HITL_CONFIG"  # people and groups are part of what is tested


def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    """Declare ``--runner`` where the resume-safety suite is asked for; nobody else's option of that name is in its way."""
    if any("resume_safety" in word for word in args):
        parser.addoption("--runner", metavar="module:attribute", help="whose resume safety is tested")


@pytest.fixture
def hitl_clock() -> ManualClock:
    """Time, turned by hand. It begins at the real one, because what Slack's SDK signs is checked against that."""
    from hitl_middleware.clock import ManualClock, SystemClock

    return ManualClock(at=SystemClock().now())


@pytest.fixture
def hitl_environment() -> Mapping[str, str]:
    """Variables for ``hitl``. Override it where your agent needs some."""
    return {}


@pytest.fixture
def hitl(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    hitl_clock: ManualClock,
    hitl_environment: Mapping[str, str],
) -> Iterator[StillHitl]:
    """A ``Hitl`` that moves only when it is told to, in memory."""
    from hitl_middleware.settings import load_settings
    from hitl_middleware.testing.still import StillHitl

    for name in [one for one in os.environ if one.startswith(_OURS) and one != _KEPT]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HITL_DATABASE_URL", "memory://")
    if "fake_slack" in request.fixturenames:
        slack: FakeSlack = request.getfixturevalue("fake_slack")
        for name, value in (slack.environ | {"HITL_SLACK_CHANNEL": REVIEWS}).items():
            monkeypatch.setenv(name, value)
    if "fake_github" in request.fixturenames:
        github: FakeGitHub = request.getfixturevalue("fake_github")
        for name, value in github.environ.items():
            monkeypatch.setenv(name, value)
    for name, value in hitl_environment.items():
        monkeypatch.setenv(name, value)
    still = StillHitl(load_settings(), clock=hitl_clock)
    still.start()
    still.become_the_one()
    yield still
    still.stop()


@pytest.fixture
def assert_waiting(hitl: StillHitl) -> AssertWaiting:
    """``assert_waiting("tool", argument=value)``: exactly this waits for a person; the request."""
    from hitl_middleware.testing.reviewer import AssertWaiting

    return AssertWaiting(hitl)


@pytest.fixture
def scripted_reviewer(hitl: StillHitl) -> ScriptedReviewer:
    """``scripted_reviewer.on("tool").approve()`` … then ``scripted_reviewer.review()``."""
    from hitl_middleware.testing.reviewer import ScriptedReviewer

    return ScriptedReviewer(hitl)


@pytest.fixture
def effects() -> Iterator[RecordedEffects]:
    """What was really done. When the test ends, no approved act may have been performed twice."""
    from hitl_middleware.testing.effects import RecordedEffects

    recorded = RecordedEffects()
    yield recorded
    recorded.assert_at_most_once()


@pytest.fixture
def fake_slack(hitl_clock: ManualClock) -> Iterator[FakeSlack]:
    """A running Slack with one channel, ``reviews``, in which the cards of ``hitl`` appear. Add people: ``fake_slack.add_user``."""
    from hitl_middleware.testing.fake_slack import FakeSlack

    with FakeSlack(now=lambda: hitl_clock.now().timestamp()) as slack:
        slack.add_channel(REVIEWS, "reviews")
        yield slack


@pytest.fixture
def fake_github(hitl_clock: ManualClock) -> Iterator[FakeGitHub]:
    """A running GitHub with one repository, ``acme/shop``. Add people: ``fake_github.person("ann", permission="write")``."""
    from hitl_middleware.testing.fake_github import FakeGitHub

    with FakeGitHub(now=lambda: hitl_clock.now().timestamp()) as github:
        github.repository(REPOSITORY)
        yield github
