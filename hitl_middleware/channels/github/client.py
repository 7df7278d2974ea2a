"""PyGithub for the repositories that a token or a GitHub App may see: for effects as it is, for the channel in threads of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from hitl_middleware.channels.github.failures import UNUSABLE, failure
from hitl_middleware.channels.github.rest import ask
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.channels.github.words import is_repository
from hitl_middleware.display import one_line
from hitl_middleware.errors import DeliveryFailed

if TYPE_CHECKING:
    from github import Github
    from github.Auth import AppAuth, Auth
    from github.Repository import Repository
    from github.Requester import Requester

    from hitl_middleware.channels.github.auth import InstallationAuth

T = TypeVar("T")

PATIENCE_SECONDS: Final = 10
"""How long GitHub may take to accept a connection, and to say the next word. It answers in well under a second."""

THREADS: Final = 8
"""Calls under way at once; more of them wait here. GitHub asks for few at a time ("Best practices for using the REST API")."""


OF_INSTALLATION: Final = "ghs_"
"""How the token of an installation begins (github.blog, "Behind GitHub's new authentication token formats"). By that alone it is known,
not by a refusal: a person's token that is refused for a while would make us forget that its person is us."""


class GitHubClients:
    """Clients of one GitHub, by repository. Making one does no I/O; nothing is opened before the first call.

    With a GitHub App each repository has the installation that GitHub names for it. Safe to share among threads and event loops.
    ``patience``: seconds, see ``PATIENCE_SECONDS``.
    """

    def __init__(self, settings: GitHubSettings, *, patience: int = PATIENCE_SECONDS) -> None:
        self.settings = settings
        self._patience = patience
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._mine = threading.local()
        self._made: list[Github] = []
        self._app_auth: AppAuth | None = None
        self._installations: dict[str, InstallationAuth] = {}  # by place, in lower case
        self._login: str | None = None

    @property
    def credential(self) -> str:
        """The variable that holds what calls are made with, for messages."""
        return "GITHUB_TOKEN" if self.settings.token is not None else "the GitHub App (GITHUB_APP_ID)"

    def repository(self, name: str) -> Repository:
        """PyGithub's ``Repository`` of ``acme/shop``, for sync code; with a connection of its own, for one thread at a time.

        Lazy: a token needs no request for it, an App those for its token, once an hour. Retries nothing: what fails raises PyGithub's
        exception (``failure`` tells what it means), a lost connection one of requests'. Raises ``DeliveryFailed`` where ``name`` is none,
        where the App is not installed, or its token cannot be had.
        """
        if not is_repository(name):
            reason = f"{one_line(name, 100)!r} is no repository; one looks like acme/shop"
            raise DeliveryFailed(reason, permanent=True)
        from hitl_middleware.channels.github.auth import client

        try:
            auth = self._auth(name)
        except Exception as error:  # noqa: BLE001 – whatever it is, there is no token
            raise self.failure(error) from None
        return client(auth, self._options()).get_repo(name)

    async def call(self, place: str, act: Callable[[Requester], T]) -> T:
        """What ``act`` makes of a client for ``place``, a repository ("acme/shop") or an organization ("acme"), in one of our threads.

        Whatever goes wrong is raised as ``DeliveryFailed``. Whoever stops waiting leaves the call to end by itself.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads(), self._work, place, act)
        except Exception as error:  # noqa: BLE001 – whatever PyGithub or requests raise, it is not known to be done
            raise self.failure(error) from None

    async def call_as_app(self, act: Callable[[Requester], T]) -> T:
        """The same with a client of the App itself, whose installations and webhook only it may see. Raises ``DeliveryFailed``."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads(), self._work_as_app, act)
        except Exception as error:  # noqa: BLE001 – as above
            raise self.failure(error) from None

    async def login(self) -> str:
        """Who we are on GitHub: the author of what we write (``ann``, ``our-app[bot]``). Asked once. Raises ``DeliveryFailed``.

        ``""``: the token is an installation's (that of a workflow run, say) and may not ask; then a bot, not a person, is the author.
        """
        if self._login is None:
            try:
                loop = asyncio.get_running_loop()
                self._login = await loop.run_in_executor(self._threads(), self._ask_login)
            except Exception as error:  # noqa: BLE001 – as above
                raise self.failure(error) from None
        return self._login

    def learn(self, login: object) -> None:
        """Take from GitHub's answer to something we wrote who its author, that is we, is."""
        if isinstance(login, str) and login:
            self._login = self._login or login

    def failure(self, error: Exception) -> DeliveryFailed:
        """``failures.failure`` for a call made with these credentials."""
        return failure(error, credential=self.credential)

    async def close(self) -> None:
        """Take no more calls up, and close connections; what is under way ends by itself. A later call opens new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
            made, self._made, self._mine = self._made, [], threading.local()
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        for each in made:
            each.close()

    # in a thread -----------------------------------------------------------------------------------------------------

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            # Its own, and not asyncio's: calls that nobody waits for any more must not take the threads of others.
            self._pool = self._pool or ThreadPoolExecutor(THREADS, thread_name_prefix="hitl-github")
            return self._pool

    def _work(self, place: str, act: Callable[[Requester], T]) -> T:
        auth = self._auth(place)
        try:
            return act(self._client(auth).requester)
        except Exception as error:
            if getattr(error, "status", None) == 401:
                self._forget(place)
            raise

    def _client(self, auth: Auth) -> Github:
        """This thread's own."""
        from hitl_middleware.channels.github.auth import client

        clients: dict[Auth | str, Github] = self._mine.__dict__.setdefault("clients", {})
        key = auth if self.settings.token is None else "token"
        if key not in clients:
            clients[key] = client(auth, self._options())
            with self._lock:
                self._made.append(clients[key])
        return clients[key]

    def _options(self) -> dict[str, Any]:
        from hitl_middleware.channels.github.auth import options

        return options(self.settings.api_url, self._patience)

    def _work_as_app(self, act: Callable[[Requester], T]) -> T:
        from hitl_middleware.channels.github.auth import client

        app = client(self._app(), self._options())
        try:
            return act(app.requester)
        finally:
            app.close()

    def _ask_login(self) -> str:
        token = self.settings.token
        if token is not None and token.get_secret_value().startswith(OF_INSTALLATION):
            return ""
        if token is not None:
            name = ask(self._client(self._auth("")).requester, "GET", "/user").record.get("login")
        else:
            slug = self._work_as_app(lambda requester: ask(requester, "GET", "/app")).record.get("slug")
            name = f"{slug}[bot]" if isinstance(slug, str) else None
        if not isinstance(name, str):
            raise DeliveryFailed(UNUSABLE)
        return name

    # who we are ------------------------------------------------------------------------------------------------------

    def _auth(self, place: str) -> Auth:
        if self.settings.token is not None:
            from github.Auth import Token

            return Token(self.settings.token.get_secret_value())
        auth = self._installations.get(place.lower()) or self._installed(place)
        try:
            auth.token  # noqa: B018 – renewed here, where its failure cannot be taken for that of the call
        except Exception as error:
            self._forget(place)
            if getattr(error, "status", None) in {403, 404}:
                raise _not_installed(place) from None
            raise
        return auth

    def _app(self) -> AppAuth:
        from hitl_middleware.channels.github.auth import app_auth

        app_id, key = self.settings.app_id, self.settings.private_key
        assert app_id is not None and key is not None  # noqa: S101, PT018 – by GitHubSettings
        if self._app_auth is None:
            try:
                self._app_auth = app_auth(app_id, key.get_secret_value())
            except Exception:  # noqa: BLE001 – several libraries read the key, each with errors of its own
                reason = "the private key of the GitHub App cannot be used; generate a new one on the App's settings page"
                raise DeliveryFailed(reason) from None
        return self._app_auth

    def _installed(self, place: str) -> InstallationAuth:
        from hitl_middleware.channels.github.auth import InstallationAuth, client

        app, given = self._app(), self._options()
        owner, _, name = place.partition("/")
        path = (
            f"/repos/{quote(owner)}/{quote(name)}/installation"
            if name
            else f"/orgs/{quote(owner)}/installation"
        )
        asking = client(app, given)
        try:
            found = ask(asking.requester, "GET", path).record.get("id")
        except Exception as error:
            if getattr(error, "status", None) == 404:
                raise _not_installed(place) from None
            raise
        finally:
            asking.close()
        if not isinstance(found, int):
            raise DeliveryFailed(UNUSABLE)
        with self._lock:
            # One for all places of an installation: GitHub gives a token per installation, and limits them together.
            known = next((each for each in self._installations.values() if each.installation == found), None)
            return self._installations.setdefault(place.lower(), known or InstallationAuth(app, found, given))

    def _forget(self, place: str) -> None:
        """The App may have been removed and installed again, under a new number; so for all places of the same installation."""
        with self._lock:
            gone = self._installations.get(place.lower())
            self._installations = {
                where: auth for where, auth in self._installations.items() if auth is not gone
            }


def _not_installed(place: str) -> DeliveryFailed:
    return DeliveryFailed(f"the GitHub App is not installed on {place}, or suspended there; install it")
