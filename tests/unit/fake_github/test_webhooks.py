"""Deliveries, to the byte (E-02, G-11, G-12)."""

import hashlib
import hmac
import json
import random

import pytest
from github import Github

from hitl_middleware.testing.fake_github import CannotHappen, FakeGitHub
from hitl_middleware.testing.loopback import Loopback

from tests.kit.github_stage import SHOP, Heard


def test_a_delivery_is_signed_over_its_raw_bytes(fake: FakeGitHub, heard: Heard):
    """The headers that GitHub documents, an HMAC over exactly the bytes, and the payload of the event."""
    issue = fake.open_issue(SHOP, "ann", "Größe", labels=["bug"])
    headers, body = heard.requests[-1]
    expected = hmac.new(fake.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={expected}"
    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    assert headers["x-github-hook-id"] == str(fake.hooks[0].id)
    assert headers["x-github-hook-installation-target-type"] == "organization"
    assert headers["content-type"] == "application/json"
    payload = json.loads(body)
    assert (headers["x-github-event"], payload["action"]) == ("issues", "labeled")
    assert payload["label"]["name"] == "bug"
    assert payload["issue"]["number"] == issue.number
    assert payload["repository"]["full_name"] == SHOP
    assert payload["organization"]["login"] == "acme"
    assert payload["sender"]["login"] == "ann"
    assert len(headers["x-github-delivery"]) == 36
    assert [headers["x-github-event"] for headers, _ in heard.requests] == ["ping", "issues", "issues"]


def test_a_hook_may_want_a_form_or_no_signature(fake: FakeGitHub):
    """The form's one field holds the JSON; a hook without a secret has no signature at all; each hears only its events."""
    app = Heard()
    with Loopback(app) as server:
        fake.connect(server.url + "/form", SHOP, content_type="form", secret="", events=["issue_comment"])
        issue = fake.open_issue(SHOP, "ann", "one")
        fake.comment(SHOP, issue.number, "ann", "a&b=c")
    assert app.events == ["issue_comment"]
    headers, body = app.requests[-1]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert body.startswith(b"payload=%7B")
    assert not [name for name in headers if "signature" in name]
    assert fake.deliveries[-1].payload["comment"]["body"] == "a&b=c"


def test_what_the_api_does_is_delivered_too(fake: FakeGitHub, heard: Heard, hub: Github):
    """An app hears of its own comments, edits and deletions, in order, behind the answer."""
    issue = hub.get_repo(SHOP).create_issue("one")
    comment = issue.create_comment("first")
    comment.edit("second")
    comment.delete()
    fake.finish_deliveries()
    told = [json.loads(body) for headers, body in heard.requests if headers["x-github-event"] != "ping"]
    assert [each["action"] for each in told] == ["opened", "created", "edited", "deleted"]
    assert told[2]["changes"] == {"body": {"from": "first"}}
    assert {each["sender"]["login"] for each in told} == {"hitl-bot"}


def test_deliveries_get_lost_doubled_held_and_reordered(fake: FakeGitHub, heard: Heard):
    """GitHub does not repeat what fails; what is repeated has the same GUID."""
    issue = fake.open_issue(SHOP, "ann", "one")
    heard.requests.clear()
    fake.lose_deliveries()
    fake.comment(SHOP, issue.number, "ann", "lost")
    assert heard.requests == []
    fake.double_deliveries(copies=3)
    fake.comment(SHOP, issue.number, "ann", "thrice")
    assert len({headers["x-github-delivery"] for headers, _ in heard.requests}) == 1
    assert len(heard.requests) == 3

    heard.requests.clear()
    fake.lose_deliveries()
    assert fake.redeliver(fake.deliveries[-1]).status == 0
    assert fake.redeliver(fake.deliveries[-1]).status == 202

    heard.requests.clear()
    with fake.holding_deliveries() as held:
        for number in range(5):
            fake.comment(SHOP, issue.number, "ann", f"comment {number}")
        assert heard.requests == []
    random.Random(4).shuffle(held)
    fake.send_all(held)
    came = [json.loads(body)["comment"]["body"] for _, body in heard.requests]
    assert sorted(came) == [f"comment {number}" for number in range(5)] != came

    fake.redeliver(held[0])
    again, first = fake.deliveries[-1], held[0]
    assert (again.guid, again.body, again.redelivery) == (first.guid, first.body, True)
    assert again.id != first.id


def test_a_forged_delivery_is_told_by_its_signature(fake: FakeGitHub, heard: Heard):
    """Another secret, no signature, other bytes under a genuine signature: as anybody could send them."""
    issue = fake.open_issue(SHOP, "ann", "one")
    fake.comment(SHOP, issue.number, "ann", "/approve")
    genuine = fake.deliveries[-1]
    mine = fake.forge(genuine)
    assert dict(mine.headers)["X-Hub-Signature-256"] == dict(genuine.headers)["X-Hub-Signature-256"]
    assert mine.guid != genuine.guid
    wrong = fake.forge(genuine, secret="guessed")
    assert dict(wrong.headers)["X-Hub-Signature-256"] != dict(genuine.headers)["X-Hub-Signature-256"]
    bare = fake.forge({"action": "created"}, headers={"X-Hub-Signature-256": None})
    assert "X-Hub-Signature-256" not in dict(bare.headers)
    assert fake.send(bare).status == 202
    assert json.loads(heard.requests[-1][1]) == {"action": "created"}


def test_a_webhook_that_fails_disturbs_nobody(fake: FakeGitHub, heard: Heard):
    """An error and an app that is not there are on record; the comment stands all the same."""
    issue = fake.open_issue(SHOP, "ann", "one")
    heard.status = 503
    fake.comment(SHOP, issue.number, "ann", "one")
    assert (fake.replies[-1].status, fake.replies[-1].trouble) == (503, "The app answered with HTTP 503.")
    fake.disconnect()
    fake.connect("http://127.0.0.1:9/nobody")
    fake.comment(SHOP, issue.number, "ann", "two")
    assert fake.replies[-1].status == 0
    assert "ConnectError" in fake.replies[-1].trouble
    assert [each.body for each in fake.comments()] == ["one", "two"]
    with pytest.raises(CannotHappen, match="http:// addresses only"):
        fake.connect("https://example.com/hooks")


async def test_acts_can_be_awaited(fake: FakeGitHub, heard: Heard):
    """The same act on an event loop; the record it gives is the one that PyGithub would find."""
    issue = await fake.aopen_issue(SHOP, "ann", "one")
    comment = await fake.acomment(SHOP, issue.number, "ann", "/approve")
    await fake.aedit_comment(comment, "ann", "/reject no")
    await fake.adelete_comment(comment, "ann")
    await fake.afinish_deliveries()
    assert heard.events == ["issues", "issue_comment", "issue_comment", "issue_comment"]
