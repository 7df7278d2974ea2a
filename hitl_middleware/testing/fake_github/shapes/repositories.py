"""Repositories, labels and hooks."""

from __future__ import annotations

from typing import Any, Final

from hitl_middleware.testing.fake_github.records import Hook, Label, Repository
from hitl_middleware.testing.fake_github.shapes import people
from hitl_middleware.testing.fake_github.state import Hub, stamp

Json = dict[str, Any]

_LINKS: Final = {
    "forks": "/forks",
    "keys": "/keys{/key_id}",
    "collaborators": "/collaborators{/collaborator}",
    "teams": "/teams",
    "hooks": "/hooks",
    "issue_events": "/issues/events{/number}",
    "events": "/events",
    "assignees": "/assignees{/user}",
    "branches": "/branches{/branch}",
    "tags": "/tags",
    "blobs": "/git/blobs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "git_refs": "/git/refs{/sha}",
    "trees": "/git/trees{/sha}",
    "statuses": "/statuses/{sha}",
    "languages": "/languages",
    "stargazers": "/stargazers",
    "contributors": "/contributors",
    "subscribers": "/subscribers",
    "subscription": "/subscription",
    "commits": "/commits{/sha}",
    "git_commits": "/git/commits{/sha}",
    "comments": "/comments{/number}",
    "issue_comment": "/issues/comments{/number}",
    "contents": "/contents/{+path}",
    "compare": "/compare/{base}...{head}",
    "merges": "/merges",
    "archive": "/{archive_format}{/ref}",
    "downloads": "/downloads",
    "issues": "/issues{/number}",
    "pulls": "/pulls{/number}",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "labels": "/labels{/name}",
    "releases": "/releases{/id}",
    "deployments": "/deployments",
}


def repository(hub: Hub, repository: Repository, viewer: str | None = None) -> Json:
    """A repository; with `viewer`, what that account may do there."""
    name = repository.full_name
    url, web = f"{hub.api}/repos/{name}", f"{hub.web}/{name}"
    ssh_host = hub.web.partition("//")[2].partition(":")[0]
    created = stamp(repository.created_at)
    opened = sum(each.repository == name and each.state == "open" for each in hub.world.issues.values())
    shown: Json = {
        "id": repository.id,
        "node_id": hub.node("R", repository.id),
        "name": repository.name,
        "full_name": name,
        "private": repository.private,
        "owner": people.user(hub, repository.owner),
        "html_url": web,
        "description": repository.description,
        "fork": False,
        "url": url,
        **{f"{key}_url": url + path for key, path in _LINKS.items()},
        "created_at": created,
        "updated_at": created,
        "pushed_at": created,
        "git_url": f"git://{ssh_host}/{name}.git",
        "ssh_url": f"git@{ssh_host}:{name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "homepage": None,
        "size": 1,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": None,
        "has_issues": repository.has_issues,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "mirror_url": None,
        "archived": repository.archived,
        "disabled": False,
        "open_issues_count": opened,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "custom_properties": {},
        "visibility": "private" if repository.private else "public",
        "forks": 0,
        "open_issues": opened,
        "watchers": 0,
        "default_branch": repository.default_branch,
    }
    if viewer is not None:
        shown |= {
            "permissions": people.permissions(hub, repository, viewer),
            "allow_squash_merge": True,
            "allow_merge_commit": True,
            "allow_rebase_merge": True,
            "allow_auto_merge": False,
            "delete_branch_on_merge": False,
        }
    owner = hub.world.accounts[repository.owner.lower()]
    if viewer is not None and owner.type == "Organization":
        shown["organization"] = people.user(hub, owner.login)
    return shown


def label(hub: Hub, repository: Repository, label: Label) -> Json:
    """A label of a repository."""
    return {
        "id": label.id,
        "node_id": hub.node("LA", label.id),
        "url": f"{hub.api}/repos/{repository.full_name}/labels/{label.name}",
        "name": label.name,
        "color": label.color,
        "default": label.name in {"bug", "enhancement", "documentation", "question"},
        "description": label.description,
    }


def hook(hub: Hub, hook: Hook) -> Json:
    """A webhook; its secret is never shown again."""
    kind = "Repository" if "/" in hook.target else "Organization" if hook.target else "App"
    url = f"{hub.api}/repos/{hook.target}/hooks/{hook.id}"
    config = {"content_type": hook.content_type, "insecure_ssl": hook.insecure_ssl, "url": hook.url}
    if hook.secret:
        config["secret"] = "********"  # noqa: S105  # GitHub's stars
    message = {None: None, 200: "OK"}.get(hook.last_status, f"Invalid HTTP Response: {hook.last_status}")
    status = "unused" if hook.last_status is None else "active" if hook.last_status // 100 == 2 else "failed"
    return {
        "type": kind,
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": config,
        "updated_at": stamp(hook.updated_at),
        "created_at": stamp(hook.created_at),
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": {"code": hook.last_status, "status": status, "message": message},
    }
