"""Webhooks: who hears of what, and each delivery to the byte.

Sources: docs.github.com, "Webhook events and payloads" (headers, common properties) and "Validating webhook deliveries" (signatures).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from hitl_middleware.testing.fake_github.records import Hook, Installation, Repository
from hitl_middleware.testing.fake_github.shapes import people, repositories
from hitl_middleware.testing.fake_github.state import Hub, Who
from hitl_middleware.testing.fake_github.traffic import Delivery

Json = dict[str, Any]

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
KNOWN_EVENTS: Final = frozenset(
    {
        *("*", "branch_protection_rule", "check_run", "check_suite", "code_scanning_alert", "commit_comment"),
        *("create", "delete", "dependabot_alert", "deploy_key", "deployment", "deployment_status"),
        *("discussion", "discussion_comment", "fork", "gollum", "issue_comment", "issues", "label", "member"),
        *("merge_group", "meta", "milestone", "package", "page_build", "ping", "project", "public"),
        *("pull_request", "pull_request_review", "pull_request_review_comment", "pull_request_review_thread"),
        *("push", "registry_package", "release", "repository", "repository_dispatch", "repository_import"),
        *("repository_vulnerability_alert", "secret_scanning_alert", "star", "status", "sub_issues", "team"),
        *("team_add", "watch", "workflow_dispatch", "workflow_job", "workflow_run", "organization"),
        *("membership", "installation", "installation_repositories", "github_app_authorization"),
    }
)


def announce(
    hub: Hub, repository: Repository, event: str, action: str, who: Who, fields: Mapping[str, Any]
) -> None:
    """Make the deliveries that something gives rise to; whoever is `doing` sends them."""
    for hook, installed in _listening(hub, repository, event):
        payload: Json = {"action": action} if action else {}
        payload |= {**fields, "repository": repositories.repository(hub, repository)}
        owner = hub.world.accounts[repository.owner.lower()]
        if owner.type == "Organization":
            payload["organization"] = people.organization(hub, owner.login)
        payload["sender"] = people.user(hub, who.login)
        if installed is not None:
            payload["installation"] = {
                "id": installed.id,
                "node_id": hub.node("MDIzOk", installed.id),
            }
        hub.made(delivery(hub, hook, event, action, encoded(payload, hook.content_type)))


def ping(hub: Hub, hook: Hook, login: str) -> Delivery:
    """What GitHub sends first to every new webhook."""
    shown = repositories.hook(hub, hook)
    payload: Json = {"zen": "Approachable is better than simple.", "hook_id": hook.id, "hook": shown}
    if "/" in hook.target:
        repository = hub.world.repositories[hook.target.lower()]
        payload["repository"] = repositories.repository(hub, repository)
    elif hook.target:
        payload["organization"] = people.organization(hub, hook.target)
    payload["sender"] = people.user(hub, login)
    made = delivery(hub, hook, "ping", "", encoded(payload, hook.content_type))
    hub.made(made)
    return made


def encoded(payload: Json, content_type: str) -> bytes:
    """A payload as a hook wants it: JSON, or the one field of a form that holds JSON."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode() if content_type == "json" else urlencode({"payload": text}).encode()


def delivery(
    hub: Hub, hook: Hook, event: str, action: str, body: bytes, *, secret: str | None = None
) -> Delivery:
    """A genuine delivery of these bytes; with `secret`, one that is signed by somebody else."""
    guid = str(uuid.uuid1())
    target, number = _target(hub, hook)
    headers = {
        "Accept": "*/*",
        "Content-Type": JSON if hook.content_type == "json" else FORM,
        "User-Agent": "GitHub-Hookshot/f4ke000",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(number),
        "X-GitHub-Hook-Installation-Target-Type": target,
        **signatures(hook.secret if secret is None else secret, body),
    }
    return Delivery(
        id=hub.new_id(),
        guid=guid,
        event=event,
        action=action,
        hook=hook.id,
        url=hook.url,
        body=body,
        headers=tuple(headers.items()),
        at=hub.now(),
    )


def again(hub: Hub, sent: Delivery) -> Delivery:
    """A delivery once more, as the "Redeliver" button has it: the same bytes and GUID, another id."""
    with hub.changing():
        made = replace(sent, id=hub.new_id(), at=hub.now(), redelivery=True)
        hub.deliveries.append(made)
    return made


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """Both signature headers over the raw body; none for a hook without a secret."""
    if not secret:
        return {}
    key = secret.encode()
    return {
        "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }


def _listening(hub: Hub, repository: Repository, event: str) -> Iterator[tuple[Hook, Installation | None]]:
    for hook in [*hub.world.hooks.values()]:
        if not hook.active or not {event, "*"} & set(hook.events):
            continue
        if hook.app is not None:
            for installed in hub.world.installations.values():
                limit = installed.repositories
                reaches = installed.account.lower() == repository.owner.lower() and not installed.suspended
                if installed.app == hook.app and reaches and (limit is None or repository.full_name in limit):
                    yield hook, installed
        elif hook.target.lower() in {"*", repository.full_name.lower(), repository.owner.lower()}:
            yield hook, None


def _target(hub: Hub, hook: Hook) -> tuple[str, int]:
    """What the hook was made on, in the words of the headers."""
    if hook.app is not None:
        return "integration", hook.app
    if "/" in hook.target:
        return "repository", hub.world.repositories[hook.target.lower()].id
    return "organization", hub.world.accounts[hook.target.lower()].id
