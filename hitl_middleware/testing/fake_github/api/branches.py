"""Branches, commits, comparisons, and what services say of commits."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github import branches, git
from hitl_middleware.testing.fake_github.api.git import READ
from hitl_middleware.testing.fake_github.hooks import announce
from hitl_middleware.testing.fake_github.records import Repository, Status
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid
from hitl_middleware.testing.fake_github.rest import Answer, Asking, Json, route
from hitl_middleware.testing.fake_github.shapes import commits as shapes
from hitl_middleware.testing.fake_github.shapes import repositories
from hitl_middleware.testing.fake_github.state import Hub

_REPO: Final = "/repos/{owner}/{repo}"
_IN_STATUS: Final = frozenset({"name", "commit", "protected"})
STATES: Final = ("error", "failure", "pending", "success")


def _shown(hub: Hub, repository: Repository, branch: str, sha: str) -> Json:
    url = f"{hub.api}/repos/{repository.full_name}"
    return {
        "name": branch,
        "commit": {"sha": sha, "url": f"{url}/commits/{sha}"},
        "protected": branch in repository.protected,
        "protection": {
            "enabled": branch in repository.protected,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{url}/branches/{branch}/protection",
    }


@route("GET", f"{_REPO}/branches", needs=READ)
def list_branches(asking: Asking) -> Answer:
    """All branches, by name."""
    repository, hub = asking.repository(), asking.hub
    heads = {
        ref.removeprefix(branches.HEADS): sha
        for ref, sha in branches.refs(hub, repository).items()
        if ref.startswith(branches.HEADS)
    }
    return asking.page(sorted(heads.items()), lambda each: _shown(hub, repository, *each))


@route("GET", f"{_REPO}/branches/{{branch*}}", needs=READ)
def get_branch(asking: Asking) -> Any:
    """One branch with its last commit."""
    repository, hub, branch = asking.repository(), asking.hub, asking.path["branch"]
    sha = branches.tip(hub, repository, branch)
    if sha is None:
        raise Refusal(404, "Branch not found")
    shown = _shown(hub, repository, branch, sha)
    url = f"{hub.api}/repos/{repository.full_name}/branches/{branch}"
    web = f"{hub.web}/{repository.full_name}/tree/{branch}"
    return {
        **shown,
        "commit": shapes.commit(hub, repository, git.commit(hub, sha)),
        "_links": {"self": url, "html": web},
    }


@route("GET", f"{_REPO}/commits", needs=READ)
def list_commits(asking: Asking) -> Answer:
    """The history of a branch, the newest first; of one `path`, the commits that changed it."""
    repository, hub, path = asking.repository(), asking.hub, asking.query.get("path")
    sha = branches.resolve(hub, repository, asking.query.get("sha") or repository.default_branch)
    found = git.history(hub, sha)
    if path:
        found = [each for each in found if _touched(hub, each, path)]
    return asking.page(found, lambda each: shapes.commit(hub, repository, each))


def _touched(hub: Hub, commit: git.Commit, path: str) -> bool:
    before = git.files_of(hub, commit.parents[0]) if commit.parents else {}
    changed = git.changes(before, git.files_of(hub, commit.sha))
    return any(each == path or each.startswith(f"{path}/") for each in changed)


@route("GET", f"{_REPO}/commits/{{ref*}}", needs=READ)
def get_commit(asking: Asking) -> Any:
    """One commit with the files that it changed."""
    repository, hub = asking.repository(), asking.hub
    try:
        sha = branches.resolve(hub, repository, asking.path["ref"])
    except Refusal:
        raise Refusal(422, f"No commit found for SHA: {asking.path['ref']}") from None
    return shapes.commit(hub, repository, git.commit(hub, sha), full=True)


@route("GET", f"{_REPO}/compare/{{basehead*}}", needs=READ)
def compare(asking: Asking) -> Any:
    """What one branch has that another has not, and what that changes."""
    repository, hub = asking.repository(), asking.hub
    first, dots, second = asking.path["basehead"].partition("...")
    if not dots:
        raise Refusal(404, "Not Found")
    owner = f"{repository.owner.lower()}:"
    names = (each[len(owner) :] if each.lower().startswith(owner) else each for each in (first, second))
    base, head = (branches.resolve(hub, repository, each) for each in names)
    ahead, behind = git.ahead(hub, base, head), git.ahead(hub, head, base)
    common = git.merge_base(hub, base, head)
    if common is None:
        raise Refusal(404, f"No common ancestor between {first} and {second}.")
    words = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    url, web = (
        f"{place}{repository.full_name}/compare/{first}...{second}"
        for place in (f"{hub.api}/repos/", f"{hub.web}/")
    )
    before, after = git.files_of(hub, common), git.files_of(hub, head)
    return {
        "url": url,
        "html_url": web,
        "permalink_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "base_commit": shapes.commit(hub, repository, git.commit(hub, base)),
        "merge_base_commit": shapes.commit(hub, repository, git.commit(hub, common)),
        "status": words.get((bool(ahead), bool(behind)), "identical"),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [shapes.commit(hub, repository, each) for each in ahead],
        "files": shapes.files(hub, repository, before, after, head),
    }


@route("POST", f"{_REPO}/statuses/{{sha}}", needs="statuses:write", role="write")
def create_status(asking: Asking) -> Answer:
    """What a service says of a commit."""
    repository, hub = asking.repository(), asking.hub
    given = asking.read(
        ["state"], state="string", context="string", description="string?", target_url="string?"
    )
    sha = asking.path["sha"]
    if git.kind_of(hub, sha) != "commit":
        raise Refusal(422, f"No commit found for SHA: {sha}")
    if given["state"] not in STATES:
        invalid("Status", "state", "custom", f"state is not included in the list: {', '.join(STATES)}")
    said = Status(
        id=hub.new_id(),
        repository=repository.full_name,
        sha=sha,
        state=given["state"],
        context=given.get("context", "default"),
        description=given.get("description"),
        target_url=given.get("target_url"),
        user=asking.who.login,
        created_at=hub.seconds(),
    )
    hub.world.statuses.append(said)
    shown = shapes.status(hub, said)
    names = ("id", "state", "description", "target_url", "context", "created_at", "updated_at")
    heads = {
        ref.removeprefix(branches.HEADS): each
        for ref, each in branches.refs(hub, repository).items()
        if each == sha and ref.startswith(branches.HEADS)
    }
    told = {
        "sha": sha,
        "name": repository.full_name,
        "commit": shapes.commit(hub, repository, git.commit(hub, sha)),
        "branches": [
            {name: value for name, value in _shown(hub, repository, *each).items() if name in _IN_STATUS}
            for each in heads.items()
        ],
        **{name: shown[name] for name in names},
    }
    announce(hub, repository, "status", "", asking.who, told)
    return Answer(shown, 201)


def _said(asking: Asking) -> tuple[Repository, str, list[Status]]:
    repository, hub = asking.repository(), asking.hub
    sha = branches.resolve(hub, repository, asking.path["ref"])
    here = [each for each in hub.world.statuses if (each.repository, each.sha) == (repository.full_name, sha)]
    return repository, sha, here[::-1]


def list_statuses(asking: Asking) -> Answer:
    """Everything that was said of a commit, the newest first."""
    return asking.page(_said(asking)[2], lambda each: shapes.status(asking.hub, each))


for _address in (
    f"{_REPO}/commits/{{ref}}/statuses",
    f"{_REPO}/statuses/{{ref}}",
):  # the second one PyGithub uses
    route("GET", _address, needs="statuses:read")(list_statuses)


@route("GET", f"{_REPO}/commits/{{ref}}/status", needs="statuses:read")
def combined_status(asking: Asking) -> Any:
    """The newest of each context together: success if all are, failure if one is, pending otherwise."""
    repository, sha, said = _said(asking)
    newest: dict[str, Status] = {}
    for each in said:
        newest.setdefault(each.context, each)
    states = {each.state for each in newest.values()}
    bad = bool(states & {"error", "failure"})
    url = f"{asking.hub.api}/repos/{repository.full_name}/commits/{sha}"
    return {
        "state": "failure" if bad else "success" if states == {"success"} else "pending",
        "statuses": [shapes.status(asking.hub, each) for each in newest.values()],
        "sha": sha,
        "total_count": len(newest),
        "repository": repositories.repository(asking.hub, repository),
        "commit_url": url,
        "url": f"{url}/status",
    }


@route("GET", f"{_REPO}/commits/{{ref}}/check-runs", needs="checks:read")
def list_check_runs(asking: Asking) -> Any:
    """None: this GitHub runs no checks."""
    branches.resolve(asking.hub, asking.repository(), asking.path["ref"])
    return {"total_count": 0, "check_runs": []}
