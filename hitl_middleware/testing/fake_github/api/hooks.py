"""A repository's webhooks: listed, made, changed, pinged, and what they delivered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from hitl_middleware.testing.fake_github import access
from hitl_middleware.testing.fake_github import hooks as deeds
from hitl_middleware.testing.fake_github.records import Hook, Repository
from hitl_middleware.testing.fake_github.refusals import Refusal, invalid, malformed, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, Json, route
from hitl_middleware.testing.fake_github.shapes import repositories as shapes
from hitl_middleware.testing.fake_github.state import Hub, stamp
from hitl_middleware.testing.fake_github.traffic import Delivery

_HOOKS: Final = "/repos/{owner}/{repo}/hooks"
_ONE: Final = f"{_HOOKS}/{{hook}}"
READ: Final = "repository_hooks:read"
WRITE: Final = "repository_hooks:write"


def _of(asking: Asking) -> tuple[Repository, Hook]:
    repository = asking.repository()
    hook = asking.hub.world.hooks.get(asking.number("hook"))
    if hook is None or hook.target.lower() != repository.full_name.lower():
        not_found()
    return repository, hook


@route("GET", _HOOKS, needs=READ, role="admin")
def list_hooks(asking: Asking) -> Answer:
    """The repository's own; an organisation's and an app's are not among them."""
    repository = asking.repository()
    here = [
        each
        for each in asking.hub.world.hooks.values()
        if each.target.lower() == repository.full_name.lower()
    ]
    return asking.page(here, lambda each: shapes.hook(asking.hub, each))


@route("GET", "/orgs/{org}/hooks")
def list_organization_hooks(asking: Asking) -> Answer:
    """An organisation's, which hear of all its repositories: for its owners alone."""
    hub, token = asking.hub, asking.token
    account = hub.world.accounts.get(asking.path["org"].lower())
    if token is None or account is None or account.type != "Organization":
        not_found()
    if token.kind == "classic":
        owner = dict(hub.world.accounts[token.login.lower()].organizations).get(account.login.lower())
        if owner != "admin" or "admin:org_hook" not in token.scopes:
            not_found()
    elif not access.permitted(token, "organization_hooks:read"):
        access.lacking(token, "organization_hooks:read")
    here = [each for each in hub.world.hooks.values() if each.target.lower() == account.login.lower()]
    return asking.page(here, lambda each: shapes.hook(hub, each))


@route("POST", _HOOKS, needs=WRITE, role="admin")
def create_hook(asking: Asking) -> Answer:
    """A new one, which is pinged at once. 422 for an address that is none, an unknown event, and the same one again."""
    repository, hub = asking.repository(), asking.hub
    given = asking.read(["config"], name="string", config="object", events="strings", active="boolean")
    if given.get("name", "web") != "web":
        invalid("Hook", "name", "invalid")
    hook = _configured(
        asking,
        Hook(
            id=hub.new_id(),
            target=repository.full_name,
            url="",
            secret="",
            events=("push",),
            content_type="form",
            created_at=hub.seconds(),
            updated_at=hub.seconds(),
            active=given.get("active", True),
        ),
        given["config"],
        given.get("events", ["push"]),
    )
    same = (hook.target, hook.url, hook.events)
    if any((each.target, each.url, each.events) == same for each in hub.world.hooks.values()):
        _wrong("Hook already exists on this repository")
    hub.world.hooks[hook.id] = hook
    if hook.active:
        deeds.ping(hub, hook, asking.who.login)
    shown = shapes.hook(hub, hook)
    return Answer(shown, 201, {"Location": shown["url"]})


def _configured(asking: Asking, hook: Hook, config: Json, events: list[str]) -> Hook:
    known = {"url", "content_type", "secret", "insecure_ssl", "token", "digest"}
    for name, value in config.items():
        if name not in known:
            malformed(f'"{name}" is not a permitted key.')
        if not isinstance(value, str) and name != "insecure_ssl":
            malformed(f"For 'properties/{name}', {json.dumps(value)} is not a string.")
    url = config.get("url", hook.url)
    address = urlsplit(url)
    if not url:
        _wrong("Config must contain URL for webhooks")
    if address.scheme not in {"http", "https"} or not address.hostname:
        _wrong(f"Sorry, the URL {url} is not a valid webhook URL.")
    content_type = config.get("content_type", hook.content_type)
    if content_type not in {"json", "form"}:
        _wrong("Content type must be 'json' or 'form'")
    for event in events:
        if event not in deeds.KNOWN_EVENTS:
            _wrong(f'The "{event}" event is not a valid event.', field="events")
    return replace(
        hook,
        url=url,
        secret=config.get("secret", hook.secret),
        content_type=content_type,
        insecure_ssl=str(config.get("insecure_ssl", hook.insecure_ssl)),
        events=tuple(dict.fromkeys(events)),
        updated_at=asking.hub.seconds(),
    )


def _wrong(message: str, *, field: str = "") -> None:
    error = {"resource": "Hook", "code": "custom", "message": message}
    raise Refusal(422, "Validation Failed", errors=[{**error, "field": field} if field else error])


@route("GET", _ONE, needs=READ, role="admin")
def get_hook(asking: Asking) -> Any:
    """One of them."""
    return shapes.hook(asking.hub, _of(asking)[1])


@route("PATCH", _ONE, needs=WRITE, role="admin")
def edit_hook(asking: Asking) -> Any:
    """Another address, other events. A `config` replaces the old one whole: without its secret, there is none any more."""
    _, hook = _of(asking)
    given = asking.read(
        name="string",
        config="object",
        events="strings",
        add_events="strings",
        remove_events="strings",
        active="boolean",
    )
    gone = set(given.get("remove_events", ()))
    events = [*given.get("events", hook.events), *given.get("add_events", ())]
    base = replace(hook, secret="", content_type="form") if "config" in given else hook
    changed = _configured(
        asking, base, given.get("config", {}), [each for each in events if each not in gone]
    )
    changed = replace(changed, active=given.get("active", hook.active))
    asking.hub.world.hooks[hook.id] = changed
    return shapes.hook(asking.hub, changed)


@route("DELETE", _ONE, needs=WRITE, role="admin")
def delete_hook(asking: Asking) -> Answer:
    """Gone."""
    del asking.hub.world.hooks[_of(asking)[1].id]
    return Answer(None, 204)


@route("POST", f"{_ONE}/pings", needs=READ, role="admin")
def ping_hook(asking: Asking) -> Answer:
    """A ping, again."""
    deeds.ping(asking.hub, _of(asking)[1], asking.who.login)
    return Answer(None, 204)


@route("GET", f"{_ONE}/deliveries", needs=READ, role="admin")
def list_deliveries(asking: Asking) -> Answer:
    """What was sent there, the newest first."""
    _, hook = _of(asking)
    sent = [each for each in reversed(asking.hub.deliveries) if each.hook == hook.id]
    return asking.page(sent, lambda each: _shown(asking.hub, each))


@route("GET", f"{_ONE}/deliveries/{{delivery}}", needs=READ, role="admin")
def get_delivery(asking: Asking) -> Any:
    """One delivery with its request and its answer."""
    delivery = _delivery(asking)
    reply = next((each for each in reversed(asking.hub.replies) if each.delivery.id == delivery.id), None)
    answer = (
        {"headers": dict(reply.headers), "payload": reply.text} if reply else {"headers": {}, "payload": ""}
    )
    request = {"headers": dict(delivery.headers), "payload": delivery.payload}
    return {**_shown(asking.hub, delivery), "url": delivery.url, "request": request, "response": answer}


@route("POST", f"{_ONE}/deliveries/{{delivery}}/attempts", needs=WRITE, role="admin")
def redeliver(asking: Asking) -> Answer:
    """Send it once more."""
    asking.hub.made(deeds.again(asking.hub, _delivery(asking)))
    return Answer({}, 202)


def _delivery(asking: Asking) -> Delivery:
    _, hook = _of(asking)
    number = asking.number("delivery")
    sent = (each for each in asking.hub.deliveries if each.hook == hook.id and each.id == number)
    found = next(sent, None)
    return found if found is not None else not_found()


def _shown(hub: Hub, delivery: Delivery) -> Json:
    reply = next((each for each in reversed(hub.replies) if each.delivery.id == delivery.id), None)
    payload = delivery.payload
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": stamp(delivery.at),
        "redelivery": delivery.redelivery,
        "duration": round(reply.seconds, 2) if reply else 0,
        "status": ("OK" if reply.status // 100 == 2 else reply.trouble) if reply else "pending",
        "status_code": reply.status if reply else 0,
        "event": delivery.event,
        "action": delivery.action or None,
        "installation_id": payload.get("installation", {}).get("id"),
        "repository_id": payload.get("repository", {}).get("id"),
        "throttled_at": None,
    }
