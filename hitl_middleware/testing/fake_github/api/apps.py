"""GitHub Apps: who an app is, where it is installed, and the tokens of its installations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from hitl_middleware.testing.fake_github import access, moving
from hitl_middleware.testing.fake_github.records import App, Hook, Installation, Token
from hitl_middleware.testing.fake_github.refusals import Refusal, malformed, not_found
from hitl_middleware.testing.fake_github.rest import Answer, Asking, Json, route
from hitl_middleware.testing.fake_github.shapes import people, repositories
from hitl_middleware.testing.fake_github.state import stamp

TOKEN_SECONDS: Final = 3600
_LEVELS: Final = ("read", "write", "admin")


def _app(asking: Asking) -> App:
    assert asking.app is not None  # the frame has seen to it
    return asking.hub.world.apps[asking.app]


@route("GET", "/app", whose="app")
def get_app(asking: Asking) -> Any:
    """The app that asks."""
    app, world = _app(asking), asking.hub.world
    count = sum(each.app == app.id for each in world.installations.values())
    return {**people.app(asking.hub, app), "installations_count": count}


@route("GET", "/app/installations", whose="app")
def list_installations(asking: Asking) -> Answer:
    """Where it is installed."""
    app = _app(asking)
    here = [each for each in asking.hub.world.installations.values() if each.app == app.id]
    return asking.page(here, lambda each: people.installation(asking.hub, each))


def _installed(asking: Asking) -> Installation:
    found = asking.hub.world.installations.get(asking.number("installation"))
    return found if found is not None and found.app == asking.app else not_found()


@route("GET", "/app/installations/{installation}", whose="app")
def get_installation(asking: Asking) -> Any:
    """One installation."""
    return people.installation(asking.hub, _installed(asking))


def _on(asking: Asking, account: str, repository: str = "") -> Any:
    for each in asking.hub.world.installations.values():
        reaches = each.repositories is None or repository.lower() in {
            name.lower() for name in each.repositories
        }
        if each.app == asking.app and each.account.lower() == account.lower() and (reaches or not repository):
            return people.installation(asking.hub, each)
    return not_found()


@route("GET", "/repos/{owner}/{repo}/installation", whose="app")
def repository_installation(asking: Asking) -> Any:
    """The installation that reaches a repository."""
    name = f"{asking.path['owner']}/{asking.path['repo']}"
    if name.lower() not in asking.hub.world.repositories:
        if (there := moving.former(asking.hub, name)) is not None:
            raise moving.sent_on(asking.hub, there, asking.method, asking.address, asking.query)
        not_found()
    return _on(asking, asking.path["owner"], name)


@route("GET", "/orgs/{account}/installation", whose="app")
def organization_installation(asking: Asking) -> Any:
    """The installation on an organisation."""
    return _on(asking, asking.path["account"])


@route("GET", "/users/{account}/installation", whose="app")
def user_installation(asking: Asking) -> Any:
    """The installation on a person's account."""
    return _on(asking, asking.path["account"])


@route("POST", "/app/installations/{installation}/access_tokens", whose="app")
def create_token(asking: Asking) -> Answer:
    """A token for an hour, with no more rights and repositories than the installation has."""
    installed, hub = _installed(asking), asking.hub
    if installed.suspended:
        raise Refusal(403, "This installation has been suspended")
    given = asking.read(permissions="object", repositories="strings", repository_ids="array")
    wanted = given.get("permissions") or installed.permissions
    for name, level in wanted.items():
        held = installed.permissions.get(name)
        if level not in _LEVELS or held is None or _LEVELS.index(level) > _LEVELS.index(held):
            raise Refusal(422, "The permissions requested are not granted to this installation.")
    token = Token(
        value=hub.new_secret("ghs_"),
        kind="installation",
        login=f"{hub.world.apps[installed.app].slug}[bot]",
        permissions={"metadata": "read", **wanted},
        repositories=_chosen(asking, installed, given),
        installation=installed.id,
        expires_at=hub.seconds() + TOKEN_SECONDS,
    )
    hub.world.tokens[token.value] = token
    shown: Json = {
        "token": token.value,
        "expires_at": stamp(token.expires_at),
        "permissions": token.permissions,
        "repository_selection": "all" if token.repositories is None else "selected",
    }
    if "repositories" in given or "repository_ids" in given:
        shown["repositories"] = [
            repositories.repository(hub, hub.world.repositories[each.lower()])
            for each in token.repositories or ()
        ]
    return Answer(shown, 201)


def _chosen(asking: Asking, installed: Installation, given: Json) -> tuple[str, ...] | None:
    """The repositories that a token is for."""
    names = {f"{installed.account}/{name}".lower() for name in given.get("repositories", ())}
    numbers = given.get("repository_ids", ())
    if any(not isinstance(each, int) for each in numbers):
        malformed("repository_ids are integers.")
    if not names and not numbers:
        return installed.repositories
    known = asking.hub.world.repositories.values()
    chosen = [each for each in known if each.full_name.lower() in names or each.id in numbers]
    reachable = [
        each
        for each in chosen
        if each.owner.lower() == installed.account.lower()
        and (installed.repositories is None or each.full_name in installed.repositories)
    ]
    if len(reachable) < len(names) + len(set(numbers)):
        raise Refusal(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    return tuple(each.full_name for each in reachable)


@route("GET", "/installation/repositories")
def list_repositories(asking: Asking) -> Answer:
    """What an installation's token reaches."""
    token, hub = asking.token, asking.hub
    if token is None or token.kind != "installation":
        raise Refusal(
            403, "You must authenticate with an installation access token in order to list repositories."
        )
    here = [each for each in hub.world.repositories.values() if access.covers(hub, token, each)]
    return asking.page(
        here,
        lambda each: repositories.repository(hub, each, token.login),
        items_under="repositories",
        repository_selection="all" if token.repositories is None else "selected",
    )


@route("DELETE", "/installation/token")
def revoke_token(asking: Asking) -> Answer:
    """Make the token that asks worthless."""
    token = asking.token
    if token is None or token.kind != "installation":
        raise Refusal(403, "You must authenticate with an installation access token.")
    asking.hub.world.tokens[token.value] = replace(token, revoked=True)
    return Answer(None, 204)


@route("GET", "/app/hook/config", whose="app")
def hook_config(asking: Asking) -> Any:
    """Where the app's own webhook goes."""
    return repositories.hook(asking.hub, _hook(asking))["config"]


@route("PATCH", "/app/hook/config", whose="app")
def change_hook_config(asking: Asking) -> Any:
    """Let it go elsewhere."""
    hook, hub = _hook(asking), asking.hub
    given = asking.read(url="string", secret="string", content_type="string", insecure_ssl="any")  # noqa: S106  # a type
    changed = replace(
        hook,
        url=given.get("url", hook.url),
        secret=given.get("secret", hook.secret),
        content_type=given.get("content_type", hook.content_type),
        insecure_ssl=str(given.get("insecure_ssl", hook.insecure_ssl)),
        updated_at=hub.seconds(),
    )
    hub.world.hooks[hook.id] = changed
    return repositories.hook(hub, changed)["config"]


def _hook(asking: Asking) -> Hook:
    hooks = asking.hub.world.hooks.values()
    found = next((each for each in hooks if each.app == asking.app), None)
    return found if found is not None else not_found()
