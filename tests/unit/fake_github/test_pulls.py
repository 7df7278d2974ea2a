"""Pull requests, reviews and merges, by PyGithub as it is (E-02, G-13)."""

import json

import pytest
from github import Github, GithubException
from github.PullRequest import PullRequest
from github.Repository import Repository

from hitl_middleware.testing.fake_github import CannotHappen, FakeGitHub

from tests.kit.github_stage import SHOP, Heard, http, pygithub


@pytest.fixture
def repo(fake: FakeGitHub, hub: Github) -> Repository:
    """The shop, with a branch that is one commit ahead."""
    fake.push(SHOP, "ann", "fix", {"cart.py": "coupon = 1\n"}, "Keep the coupon")
    return hub.get_repo(SHOP)


@pytest.fixture
def pull(repo: Repository) -> PullRequest:
    """A pull request of the bot."""
    return repo.create_pull("main", "fix", title="Keep coupons", body="Fixes #9")


def refused(act: object, status: int, said: str) -> None:
    """GitHub says no like this."""
    assert callable(act)
    with pytest.raises(GithubException) as caught:
        act()
    assert caught.value.status == status
    assert said in json.dumps(caught.value.data)


def test_a_pull_request_is_one_of_its_branches(fake: FakeGitHub, repo: Repository):
    """422 for a second one, for nothing to merge and for branches that are not there; found by its head, if its owner is named."""
    refused(lambda: repo.create_pull("main", "nowhere", title="x"), 422, '"field": "head"')
    refused(lambda: repo.create_pull("nowhere", "fix", title="x"), 422, '"field": "base"')
    refused(lambda: repo.create_pull("main", "main", title="x"), 422, "No commits between main and main")
    pull = repo.create_pull("main", "acme:fix", title="Keep coupons", draft=True)
    refused(
        lambda: repo.create_pull("main", "fix", title="x"), 422, "A pull request already exists for acme:fix."
    )
    assert [each.number for each in repo.get_pulls(head="acme:fix")] == [pull.number]
    assert list(repo.get_pulls(head="acme:other")) == []
    assert [each.number for each in repo.get_pulls(head="other")] == [pull.number]  # ignored, as on GitHub
    assert [each.filename for each in pull.get_files()] == ["cart.py"]
    assert [each.commit.message for each in pull.get_commits()] == ["Keep the coupon"]
    assert (pull.draft, pull.additions, pull.commits) == (True, 1, 1)
    issue = repo.get_issue(pull.number)
    assert issue.pull_request is not None
    assert issue.as_pull_request().head.sha == pull.head.sha
    issue.create_comment("on a pull request")
    assert fake.comments(SHOP, pull.number)[0].body == "on a pull request"

    pull.edit(title="Coupons stay", state="closed")
    assert list(repo.get_pulls()) == []
    assert repo.create_pull("main", "fix", title="x").number == pull.number + 1


def test_a_merge_is_pinned_to_the_commit(fake: FakeGitHub, repo: Repository, pull: PullRequest):
    """409 when the head has moved, 405 for a draft, a conflict, and what is merged already."""
    issue = fake.open_issue(SHOP, "rob", "Cart")
    pull.edit(body=f"Fixes #{issue.number}")
    seen = pull.head.sha
    fake.push(SHOP, "ann", "fix", {"cart.py": "coupon = 2\n"}, "Again")
    refused(lambda: pull.merge(sha=seen), 409, "Head branch was modified")
    assert (pull.update(), pull.head.sha) == (True, fake.branches(SHOP)["fix"])
    fake.ready(SHOP, pull.number, "ann", draft=True)
    refused(lambda: pull.merge(sha=pull.head.sha), 405, "still a draft")
    fake.ready(SHOP, pull.number, "ann")
    assert not pull.is_merged()
    done = pull.merge("The message", sha=pull.head.sha)
    assert (done.merged, done.sha) == (True, fake.branches(SHOP)["main"])
    assert fake.files(SHOP)["cart.py"] == "coupon = 2\n"
    assert pull.is_merged()
    refused(pull.merge, 405, "Pull Request is not mergeable")
    now = fake.pull(SHOP, pull.number)
    assert (now.merged_by, now.merge_sha) == ("hitl-bot", done.sha)
    assert (fake.issue(SHOP, pull.number).state, fake.issue(SHOP, issue.number).state) == ("closed", "closed")
    assert len(fake.log(SHOP)[0].parents) == 2
    assert fake.log(SHOP)[0].message.endswith("The message")


@pytest.mark.parametrize(
    ("method", "parents", "subject"), [("squash", 1, "Keep coupons (#1)"), ("rebase", 1, "Again")]
)
def test_other_ways_of_merging(fake: FakeGitHub, pull: PullRequest, method: str, parents: int, subject: str):
    """Squashing makes one commit of all, rebasing puts each on top."""
    fake.push(SHOP, "ann", "fix", {"b.py": "b\n"}, "Again")
    fake.push(SHOP, "ann", "main", {"c.py": "c\n"}, "Meanwhile")
    pull.merge(merge_method=method)
    last = fake.log(SHOP)[0]
    assert (len(last.parents), last.message.split("\n")[0]) == (parents, subject)
    assert set(fake.files(SHOP)) == {"README.md", "cart.py", "b.py", "c.py"}


def test_conflicts_are_found_when_somebody_asks(fake: FakeGitHub, repo: Repository, pull: PullRequest):
    """`mergeable` is null at first and worked out after; a conflict cannot be merged, and goes when it is resolved."""
    assert repo.get_pull(pull.number).mergeable is True  # creating it asked for the first time
    fake.push(SHOP, "ann", "main", {"cart.py": "coupon = 0\n"}, "Meanwhile")
    found = repo.get_pull(pull.number)
    assert (str(found.mergeable), found.mergeable_state) == ("None", "unknown")
    found = repo.get_pull(pull.number)
    assert (found.mergeable, found.mergeable_state) == (False, "dirty")
    refused(found.merge, 405, "Pull Request is not mergeable")
    with pytest.raises(CannotHappen, match="not mergeable"):
        fake.merge(SHOP, pull.number, "ann")
    fake.push(SHOP, "ann", "main", {"cart.py": None}, "Never mind")
    fake.merge(SHOP, pull.number, "ann")
    assert fake.files(SHOP)["cart.py"] == "coupon = 1\n"


def test_a_review_is_of_a_commit(fake: FakeGitHub, repo: Repository, pull: PullRequest):
    """It keeps the head that it was of; nobody judges their own; words are needed but for approving."""
    first = pull.head.sha
    review = fake.review(SHOP, pull.number, "rob", "approve")
    fake.push(SHOP, "ann", "fix", {"cart.py": "coupon = 2\n"}, "Again")
    late = fake.review(SHOP, pull.number, "ann", "request_changes", "Why?", commit_id=first)
    assert (review.commit_id, late.commit_id) == (first, first)
    told = [(each.user.login, each.state, each.commit_id) for each in pull.get_reviews()]
    assert told == [("rob", "APPROVED", first), ("ann", "CHANGES_REQUESTED", first)]
    refused(lambda: pull.create_review(event="APPROVE"), 422, "Review Can not approve your own pull request")
    refused(lambda: pull.create_review(event="REQUEST_CHANGES", body="x"), 422, "your own pull request")
    refused(lambda: pull.create_review(event="COMMENT"), 422, "body can't be blank")
    refused(lambda: pull.create_review(event="MERGE", body="x"), 422, '"code": "invalid"')
    with pytest.raises(CannotHappen, match="body can't be blank"):
        fake.review(SHOP, pull.number, "ann", "comment")
    pull.get_review(late.id).dismiss("Answered")
    assert fake.reviews(SHOP, pull.number)[1].state == "DISMISSED"


def test_a_pending_review_is_only_its_authors(fake: FakeGitHub, pull: PullRequest):
    """Without an event it is a draft that others do not see; one each; submitting it is what others hear of."""
    mine = pygithub(fake, fake.add_token("rob")).get_repo(SHOP).get_pull(pull.number)
    draft = mine.create_review(body="So far")
    assert draft.state == "PENDING"
    assert list(pull.get_reviews()) == []
    refused(lambda: mine.create_review(body="More"), 422, "one pending review")
    with http(fake, fake.add_token("rob")) as client:
        address = f"/repos/{SHOP}/pulls/{pull.number}/reviews/{draft.id}/events"
        assert client.post(address, json={"event": "COMMENT"}).json()["state"] == "COMMENTED"
    assert [each.body for each in pull.get_reviews()] == ["So far"]


def test_pull_requests_are_told(fake: FakeGitHub, heard: Heard, hub: Github):
    """What happens to code and pull requests, in order; a review's state is in lower case in a webhook."""
    fake.disconnect()
    fake.connect(fake.deliveries[0].url, SHOP, events=["*"])
    heard.requests.clear()
    fake.push(SHOP, "ann", "fix", {"cart.py": "1\n"}, "One")
    pull = fake.open_pull(SHOP, "ann", "fix", "Keep coupons")
    fake.push(SHOP, "ann", "fix", {"cart.py": "2\n"}, "Two")
    fake.label(SHOP, pull.number, "ann", "bug")
    hub.get_repo(SHOP).get_pull(pull.number).create_review_request(reviewers=["rob"])
    fake.finish_deliveries()
    fake.review(SHOP, pull.number, "rob", "approve")
    hub.get_repo(SHOP).get_pull(pull.number).merge()
    fake.finish_deliveries()
    fake.delete_branch(SHOP, "ann", "fix")
    told = [
        (headers["x-github-event"], json.loads(body).get("action", "")) for headers, body in heard.requests
    ]
    assert told == [
        ("create", ""),
        ("push", ""),
        ("push", ""),
        ("pull_request", "opened"),
        ("push", ""),
        ("pull_request", "synchronize"),
        ("pull_request", "labeled"),
        ("pull_request", "review_requested"),
        ("pull_request_review", "submitted"),
        ("pull_request", "closed"),
        ("push", ""),
        ("delete", ""),
        ("push", ""),
    ]
    review = json.loads(heard.requests[8][1])
    assert review["review"]["state"] == "approved"
    assert review["review"]["commit_id"] == review["pull_request"]["head"]["sha"] != pull.head_sha
    closed = json.loads(heard.requests[9][1])
    assert (closed["pull_request"]["merged"], closed["number"]) == (True, pull.number)


def test_a_branch_that_goes_closes_its_pull_requests(fake: FakeGitHub, pull: PullRequest):
    """Closed, not merged, and not to be opened again without its branch."""
    fake.delete_branch(SHOP, "ann", "fix")
    assert fake.issue(SHOP, pull.number).state == "closed"
    assert fake.pull(SHOP, pull.number).merged_at is None
    refused(lambda: pull.edit(state="open"), 422, "branch has been deleted")


def test_a_protected_branch_asks_for_approvals(fake: FakeGitHub, repo: Repository, pull: PullRequest):
    """Only pull requests change it; 405 until enough people who can write approve, and none of them wants changes."""
    fake.protect(SHOP, approvals=1)
    refused(lambda: repo.create_file("a.py", "x", "y"), 409, "Changes must be made through a pull request.")
    refused(lambda: repo.get_git_ref("heads/main").edit(pull.head.sha), 422, "through a pull request")
    with pytest.raises(CannotHappen, match="through a pull request"):
        fake.push(SHOP, "ann", "main", {"a.py": "y"})
    fake.review(SHOP, pull.number, "rob", "approve")  # reads only: does not count
    assert (repo.get_pull(pull.number).mergeable_state, repo.get_branch("main").protected) == (
        "blocked",
        True,
    )
    refused(pull.merge, 405, "At least 1 approving review is required by reviewers with write access.")
    fake.review(SHOP, pull.number, "ann", "request_changes", "Why?")
    refused(pull.merge, 405, "Changes have been requested")
    fake.review(SHOP, pull.number, "ann", "approve")
    assert pull.merge().merged
