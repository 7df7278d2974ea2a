"""The webhook of ``hitl connect github``: is it there, and as we need it; and making it so.

A repository has webhooks of its own; a GitHub App has one, for all its repositories. GitHub never tells a secret again: whether it is
ours shows with the first delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from hitl_middleware.channels.finding import Finding
from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.connect import Place
from hitl_middleware.channels.github.questions import Refusal, got, of_app, put
from hitl_middleware.channels.github.rights import EVENTS
from hitl_middleware.display import one_line
from hitl_middleware.errors import ConfigurationError

PATH: Final = "/github/webhooks"
"""Where the server listens for GitHub."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook as GitHub tells it. ``id``: ``None`` for that of an App."""

    id: int | None
    url: str
    active: bool
    events: frozenset[str]
    content_type: str
    signed: bool
    verified: bool
    """Whether the certificate of its address is checked."""
    last_status: int | None
    """HTTP status of what its address answered last; ``None``: it was not asked yet, or GitHub does not say."""


def address(text: str) -> str:
    """The whole address to which GitHub delivers, from what somebody typed. Raises ``ConfigurationError``."""
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        msg = f"--webhook: {one_line(text, 100)!r} is no address. Give that of your server, https://hitl.example.com"
        raise ConfigurationError(msg)
    if parts.username or parts.password:
        msg = (
            "--webhook: an address with a password in it would be shown to everybody who may see the webhook"
        )
        raise ConfigurationError(msg)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        msg = "--webhook: GitHub's deliveries hold what people wrote; give an https address"
        raise ConfigurationError(msg)
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith(PATH) else path + PATH}"


async def look(clients: GitHubClients, place: Place, url: str | None) -> tuple[Finding, Hook | None]:
    """What is to be said of the webhook for ``url`` (``None``: any that ends as ours), and the webhook, if there is one.

    Raises ``DeliveryFailed`` where GitHub could not be asked.
    """
    found = await (_app_hooks(clients) if place.kind == "app" else _hooks(clients, place))
    page = _page(place)
    if isinstance(found, Refusal):
        says = f"The webhooks of {place.name} could not be looked at. {found.says}"
        needs = "the scope admin:repo_hook" if place.kind == "classic" else "the permission Webhooks: read"
        mend = f"See for yourself at {page}, or give the token {needs}."
        return Finding("webhook", ok=True, says=says, mend=mend, checked=False), None
    hook = next((each for each in found if _is_meant(each, url)), None)
    if hook is None:
        return await _absent(clients, place, url), None
    wrong = problems(hook)
    if wrong:
        mend = f"Mend it at {page}, or run hitl connect github {place.name} --webhook {_base(hook.url)}"
        return Finding("webhook", ok=False, says=f"The webhook {hook.url} {wrong}.", mend=mend), hook
    if hook.last_status is not None and hook.last_status >= 300:
        says = f"The webhook {hook.url} is there, and its last delivery was answered with {hook.last_status}."
        mend = f"Start hitl serve with the same GITHUB_WEBHOOK_SECRET, then redeliver at {page}."
        return Finding("webhook", ok=True, says=says, mend=mend), hook
    says = f"The webhook {hook.url} is there. Whether its secret is GITHUB_WEBHOOK_SECRET shows with the first delivery."
    return Finding("webhook", ok=True, says=says), hook


async def make(clients: GitHubClients, place: Place, url: str, secret: str, hook: Hook | None) -> Finding:
    """Make the webhook, or have the one that is there be as we need it. Raises ``DeliveryFailed`` where GitHub could not be asked."""
    config = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
    if place.kind == "app":
        answer = await of_app(clients, "PATCH", "/app/hook/config", config)
    elif hook is None:
        body = {"name": "web", "active": True, "events": list(EVENTS), "config": config}
        answer = await put(clients, place.name, "POST", f"/repos/{place.name}/hooks", body)
    else:
        body = {"active": True, "events": sorted(hook.events | set(EVENTS)), "config": config}
        answer = await put(clients, place.name, "PATCH", f"/repos/{place.name}/hooks/{hook.id}", body)
    if isinstance(answer, Refusal):
        says = f"The webhook could not be written. {answer.says}"
        needs = (
            "the scope admin:repo_hook and the role Admin"
            if place.kind == "classic"
            else "Webhooks: write, and the role Admin"
        )
        mend = f"It takes {needs}. Or make it yourself at {_page(place)}: {_by_hand(url)}"
        return Finding("webhook", ok=False, says=says, mend=mend)
    says = f"The webhook {url} is {'made' if hook is None and place.kind != 'app' else 'mended'}."
    if place.kind == "app":
        says = (
            f"The App delivers to {url}. Its events and whether it is active are set at {_page(place)} only."
        )
    return Finding("webhook", ok=True, says=says)


def problems(hook: Hook) -> str:
    """What is wrong with a webhook, to follow its name; empty: nothing."""
    missing = sorted(set(EVENTS) - hook.events) if "*" not in hook.events else []
    wrong = [
        "is switched off" if not hook.active else "",
        f"does not send {', '.join(missing)}" if missing else "",
        "sends forms: its content type must be application/json" if hook.content_type != "json" else "",
        "has no secret, so that nothing it sends can be believed" if not hook.signed else "",
        "does not check the certificate of its address" if not hook.verified else "",
    ]
    return "; it ".join(filter(None, wrong))


async def _hooks(clients: GitHubClients, place: Place) -> Sequence[Hook] | Refusal:
    own = await got(clients, place.name, f"/repos/{place.name}/hooks?per_page=100")
    if isinstance(own, Refusal):
        return own
    return [_hook(each, each.get("config") or {}) for each in own.items if isinstance(each, dict)]


async def _app_hooks(clients: GitHubClients) -> Sequence[Hook] | Refusal:
    """An App's one webhook. Whether it is active, GitHub does not tell."""
    answer = await of_app(clients, "GET", "/app/hook/config")
    app = await of_app(clients, "GET", "/app")
    if isinstance(answer, Refusal):
        return [] if answer.status == 404 else answer
    events = [] if isinstance(app, Refusal) else app.record.get("events") or []
    return [_hook({"active": True, "events": events}, answer.record)]


def _hook(told: Mapping[str, Any], config: Mapping[str, Any]) -> Hook:
    last = (told.get("last_response") or {}).get("code")
    return Hook(
        id=told.get("id"),
        url=one_line(str(config.get("url") or ""), 200),
        active=bool(told.get("active")),
        events=frozenset(str(name) for name in told.get("events") or ()),
        content_type=str(config.get("content_type") or "form"),
        signed=bool(config.get("secret")),
        verified=str(config.get("insecure_ssl") or "0") == "0",
        last_status=last if isinstance(last, int) else None,
    )


def _is_meant(hook: Hook, url: str | None) -> bool:
    if url is not None:
        return hook.url.rstrip("/").lower() == url.lower()
    return urlsplit(hook.url).path.rstrip("/").endswith(PATH)


async def _absent(clients: GitHubClients, place: Place, url: str | None) -> Finding:
    """There is none; unless the organization has one, for all its repositories."""
    meant = f"for {url}" if url else f"that ends in {PATH}"
    if place.kind == "app":
        return Finding("webhook", ok=False, says=f"The App has no webhook {meant}.", mend=_make(place))
    owner = place.name.partition("/")[0]
    answer = await got(clients, owner, f"/orgs/{owner}/hooks?per_page=100")
    told = [] if isinstance(answer, Refusal) else [each for each in answer.items if isinstance(each, dict)]
    found = next(
        (h for h in (_hook(each, each.get("config") or {}) for each in told) if _is_meant(h, url)), None
    )
    if found is None:
        says = f"{place.name} has no webhook {meant}."
        return Finding("webhook", ok=False, says=says, mend=_make(place))
    if wrong := problems(found):
        mend = f"Mend it at {place.site}/organizations/{owner}/settings/hooks."
        return Finding("webhook", ok=False, says=f"The webhook {found.url} of {owner} {wrong}.", mend=mend)
    return Finding("webhook", ok=True, says=f"The webhook {found.url} of {owner} is there.")


def _make(place: Place) -> str:
    return (
        f"hitl connect github {place.name} --webhook https://YOUR-SERVER makes it. Where GitHub cannot reach your server, put "
        "webhook = false under [github] in hitl.toml: issues are re-read instead."
    )


def _by_hand(url: str) -> str:
    return f"{url}, application/json, the secret in GITHUB_WEBHOOK_SECRET, events {', '.join(EVENTS)}"


def _page(place: Place) -> str:
    return f"{place.web}/settings/hooks" if place.kind != "app" else "the App's settings page"


def _base(url: str) -> str:
    return url.removesuffix(PATH)
