"""Issues and comments, by PyGithub as it is (E-02)."""

import datetime as dt

import pytest
from github import Github, GithubException, UnknownObjectException

from hitl_middleware.clock import ManualClock
from hitl_middleware.testing.fake_github import CannotHappen, FakeGitHub

from tests.kit.github_stage import SHOP, Heard, http, pygithub


def test_an_issue_is_opened_edited_labelled_assigned_and_closed(fake: FakeGitHub, hub: Github):
    """Everything that PyGithub changes is what a person finds, and the other way round."""
    repo = hub.get_repo(SHOP)
    issue = repo.create_issue("Cart forgets its coupon", body="Always.", labels=["bug"], assignees=["ann"])
    assert fake.issue(SHOP, issue.number).labels == ("bug",)
    issue.edit(title="Cart forgets coupons", state="closed", state_reason="not_planned")
    issue.add_to_labels("urgent")
    issue.remove_from_labels("bug")
    issue.add_to_assignees("ann", "max")
    issue.remove_from_assignees("rob")

    fake.reopen_issue(SHOP, issue.number, "ann")
    fake.label(SHOP, issue.number, "ann", "Bug")
    issue = repo.get_issue(issue.number)
    assert (issue.title, issue.state, issue.user.login) == ("Cart forgets coupons", "open", "hitl-bot")
    assert [label.name for label in issue.labels] == [
        "urgent",
        "bug",
    ]  # a label is one, however it is spelled
    assert [each.login for each in issue.assignees] == [
        "ann"
    ]  # max may do nothing there: left out without a word
    assert [each.event for each in issue.get_events()].count("labeled") == 3


def test_comments_have_whole_seconds_and_growing_ids(fake: FakeGitHub, hub: Github, clock: ManualClock):
    """`created_at` stays and `updated_at` moves with an edit; `since` takes what was changed then or later."""
    clock.advance(0.7)
    issue = hub.get_repo(SHOP).create_issue("one")
    first = issue.create_comment("first")
    second = issue.create_comment("second")
    assert first.created_at == clock.now().replace(microsecond=0) == second.created_at
    assert second.id > first.id
    clock.advance(60)
    edited_at = clock.now().replace(microsecond=0)
    fake.edit_comment(first.id, "ann", "first, edited")

    assert [each.body for each in issue.get_comments(since=edited_at)] == ["first, edited"]
    assert list(issue.get_comments(since=edited_at + dt.timedelta(seconds=1))) == []
    now = issue.get_comment(first.id)
    assert (now.updated_at - now.created_at).total_seconds() == 60
    assert fake.comment_now(first.id).versions == ("first",)

    second.delete()
    assert [each.body for each in fake.deleted] == ["second"]
    with pytest.raises(UnknownObjectException):
        issue.get_comment(second.id)


def test_lists_come_in_pages(fake: FakeGitHub):
    """Never more than 100 at once, whatever was asked for; the links lead to the base address and through all of them."""
    issue = fake.open_issue(SHOP, "ann", "many")
    for number in range(1, 103):
        fake.comment(SHOP, issue.number, "rob", f"comment {number}")
    comments = pygithub(fake, per_page=10).get_repo(SHOP).get_issue(issue.number).get_comments()
    assert [each.body for each in comments] == [f"comment {number}" for number in range(1, 103)]
    assert comments.totalCount == 102
    assert comments.reversed[0].body == "comment 102"

    with http(fake) as client:
        address = f"/repos/{SHOP}/issues/{issue.number}/comments"
        most = client.get(address, params={"per_page": 1000})
        assert len(most.json()) == 100
        assert most.links["next"]["url"].startswith(fake.url + address)
        last = client.get(most.links["last"]["url"])
        assert len(last.json()) == 2
        assert set(last.links) == {"prev", "first"}
        assert len(client.get(address).json()) == 30
        assert client.get(address, params={"page": 99}).json() == []


def test_a_reaction_is_there_once(fake: FakeGitHub):
    """201 for a new one, 200 for one that was there; each content once for each account; unknown ones are refused."""
    issue = fake.open_issue(SHOP, "ann", "one")
    comment = fake.comment(SHOP, issue.number, "ann", "/approve")
    with http(fake) as client:
        address = f"/repos/{SHOP}/issues/comments/{comment.id}/reactions"
        answers = [client.post(address, json={"content": content}) for content in ("eyes", "eyes", "thumbs")]
        assert [each.status_code for each in answers] == [201, 200, 422]
        fake.react(comment, "ann", "eyes")
        assert fake.reactions(comment) == [("hitl-bot", "eyes"), ("ann", "eyes")]
        counts = client.get(f"/repos/{SHOP}/issues/comments/{comment.id}").json()["reactions"]
        assert (counts["eyes"], counts["total_count"]) == (2, 2)
        assert client.delete(f"{address}/{answers[0].json()['id']}").status_code == 204
    assert fake.reactions(comment) == [("ann", "eyes")]


def test_a_body_has_its_limits(hub: Github):
    """65,536 characters fit, one more is 422, as is nothing at all."""
    issue = hub.get_repo(SHOP).create_issue("one")
    assert len(issue.create_comment("ä" * 65_536).body) == 65_536
    for body, code in (("ä" * 65_537, "custom"), (" \n", "unprocessable")):
        with pytest.raises(GithubException) as refused:
            issue.create_comment(body)
        assert refused.value.status == 422
        assert refused.value.data["errors"][0]["code"] == code


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"body": ', 400, "Problems parsing JSON"),
        (b'["body"]', 400, "Body should be a JSON object"),
        (b"{}", 422, '"body" wasn\'t supplied.'),
        (b'{"body": 12}', 422, "For 'properties/body', 12 is not a string."),
        (b'{"body": null}', 422, "nil is not a string"),
        (b'{"body": "x", "colour": "red"}', 422, '"colour" is not a permitted key.'),
    ],
)
def test_what_does_not_fit_is_refused_by_name(fake: FakeGitHub, body: bytes, status: int, said: str):
    """Bad JSON is 400; a missing, ill-typed or unknown field is 422; nothing is written, and the call is on record."""
    issue = fake.open_issue(SHOP, "ann", "one")
    with http(fake) as client:
        answer = client.post(f"/repos/{SHOP}/issues/{issue.number}/comments", content=body)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True)
    assert fake.comments() == []
    assert fake.calls[-1].status == status


def test_people_do_only_what_they_may(fake: FakeGitHub):
    """A label needs triage, another's comment needs write, a private repository needs to be seen, an issue needs to exist."""
    issue = fake.open_issue(SHOP, "max", "one", labels=["bug"])
    assert issue.labels == ()  # max may not set any: left out without a word
    comment = fake.comment(SHOP, issue.number, "max", "mine")
    with pytest.raises(CannotHappen, match="rob needs triage access to acme/shop for this and has read"):
        fake.label(SHOP, issue.number, "rob", "bug")
    with pytest.raises(CannotHappen, match="needs write"):
        fake.edit_comment(comment, "rob", "yours")
    with pytest.raises(CannotHappen, match="needs read"):
        fake.open_issue("acme/vault", "max", "hello?")
    with pytest.raises(CannotHappen, match="There is no acme/shop#99"):
        fake.comment(SHOP, 99, "ann", "hello?")
    fake.lock(SHOP, issue.number, "ann")
    with pytest.raises(CannotHappen, match="issue is locked"):
        fake.comment(SHOP, issue.number, "max", "still there?")
    assert fake.comment(SHOP, issue.number, "ann", "yes").id


def test_what_a_lock_forbids(fake: FakeGitHub, hub: Github):
    """Only who may write comments there, nobody who triages does, and nobody at all reacts; an archived repository is locked."""
    issue = fake.open_issue(SHOP, "max", "one")
    comment = fake.comment(SHOP, issue.number, "max", "hello")
    fake.collaborator(SHOP, "tri", "triage")
    with pytest.raises(CannotHappen, match="tri needs write"):
        fake.lock(SHOP, issue.number, "tri")
    fake.lock(SHOP, issue.number, "ann")
    with pytest.raises(CannotHappen, match="issue is locked"):
        fake.comment(SHOP, issue.number, "tri", "still there?")
    there = hub.get_repo(SHOP).get_issue(issue.number)
    assert there.create_comment("as a machine user, who is a person to GitHub").id
    with pytest.raises(GithubException, match="locked"):
        there.get_comment(comment.id).create_reaction("eyes")
    with pytest.raises(CannotHappen, match="locked"):
        fake.react(comment, "ann", "heart")
    fake.repository(SHOP, archived=True)
    assert hub.get_repo(SHOP).get_issue(issue.number).locked
    with pytest.raises(GithubException, match="archived"):
        there.get_comment(comment.id).edit("other words")


def test_an_issue_can_be_gone(fake: FakeGitHub, hub: Github, heard: Heard):
    """A deleted one is 410 with all that stood on it; somebody who has left is `ghost`."""
    fake.person("zoe", permission="admin")
    issue, other = (fake.open_issue(SHOP, "ann", title) for title in ("one", "two"))
    comment = fake.comment(SHOP, issue.number, "ann", "hello")
    left = fake.comment(SHOP, other.number, "max", "bye")
    with pytest.raises(CannotHappen, match="needs admin"):
        fake.delete_issue(SHOP, issue.number, "ann")
    fake.delete_issue(SHOP, issue.number, "zoe")
    assert fake.deliveries[-1].action == "deleted"
    repo = hub.get_repo(SHOP)
    for act in (
        lambda: repo.get_issue(issue.number),
        lambda: repo.get_issue(other.number).get_comment(comment.id),
    ):
        with pytest.raises(GithubException) as refused:
            act()
        assert refused.value.status in {404, 410}
    with http(fake) as client:
        address = f"/repos/{SHOP}/issues/{issue.number}/comments"
        assert client.post(address, json={"body": "still there?"}).status_code == 410
    fake.forget("max")
    assert repo.get_issue(other.number).get_comment(left.id).user.login == "ghost"


def test_a_person_may_act_by_an_app(fake: FakeGitHub, hub: Github):
    """Such a comment is the person's, and says by which app."""
    issue = fake.open_issue(SHOP, "ann", "one")
    comment = fake.comment(SHOP, issue.number, "ann", "/approve", app=fake.add_app("helper"))
    found = hub.get_repo(SHOP).get_issue(issue.number).get_comment(comment.id)
    assert (found.user.login, found.user.type) == ("ann", "User")
    assert found.performed_via_github_app is not None
    assert found.performed_via_github_app.slug == "helper"


def test_a_locked_conversation(fake: FakeGitHub, hub: Github):
    """Others get 403 until it is unlocked."""
    issue = hub.get_repo(SHOP).create_issue("one")
    issue.lock("resolved")
    theirs = pygithub(fake, fake.add_token("rob")).get_repo(SHOP).get_issue(issue.number)
    with pytest.raises(GithubException, match="issue is locked") as refused:
        theirs.create_comment("hello")
    assert refused.value.status == 403
    issue.unlock()
    assert theirs.create_comment("hello").body == "hello"
