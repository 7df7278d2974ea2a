"""PyGithub's objects as we use them. Imported only when a call is made: PyGithub takes a while.

None of PyGithub's own retries: it repeats a POST after a 5xx, and so would comment twice when a reply is lost. A retry comes from what is
stored, later, and looks for the comment first. With ``retry=None`` requests' default applies, which repeats nothing and waits for no
``Retry-After`` (urllib3's ``Retry(0)``). Redirects are followed by PyGithub on its own host alone, so a token goes nowhere else.
Proxies are those of the environment (``HTTPS_PROXY``, ``NO_PROXY``), as requests reads them.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from github import Auth, Github, GithubIntegration

PAGE: Final = 100
"""Items a page: the most that GitHub gives."""

USER_AGENT: Final = "hitl-middleware"


def options(api_url: str, seconds: int) -> dict[str, Any]:
    """What every client is made with. ``seconds``: how long GitHub may take to accept a connection, and to say the next word."""
    return {
        "base_url": api_url,
        "timeout": seconds,
        "user_agent": USER_AGENT,
        "per_page": PAGE,
        "retry": None,
        # It would sleep in the thread. GitHub's own limits answer with Retry-After, which we keep from what is stored.
        "seconds_between_requests": 0,
        "seconds_between_writes": 0,
        # An object is a place to act on; that it is there shows when it is acted on, in one request and not two.
        "lazy": True,
    }


def app_auth(app_id: str, private_key: str) -> Auth.AppAuth:
    """The App itself. ``private_key``: PEM; read here and once, for that takes longer than all signing. Raises where it is no RSA key."""
    key = load_pem_private_key(private_key.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        msg = "GitHub takes RSA keys alone"
        raise TypeError(msg)

    def sign(payload: dict[str, Any]) -> str:
        return jwt.encode(payload, key, algorithm="RS256")

    app = Auth.AppAuth(app_id, sign_func=sign)
    app.create_jwt()
    return app


class InstallationAuth(Auth.Auth):
    """The token of one installation, renewed by PyGithub before it expires.

    PyGithub's own belongs to one client and is renewed by whoever comes first; this one is shared by the clients of all threads.
    """

    def __init__(self, app: Auth.AppAuth, installation: int, given: dict[str, Any]) -> None:
        self.installation = installation
        self._lock = threading.Lock()
        self._renewed = app.get_installation_auth(installation, requester=integration(app, given).requester)

    @property
    def token_type(self) -> str:
        return "token"

    @property
    def token(self) -> str:
        with self._lock:
            return self._renewed.token


def integration(app: Auth.AppAuth, given: dict[str, Any]) -> GithubIntegration:
    """GitHub as the App itself sees it."""
    return GithubIntegration(auth=app, **given)


def client(auth: Auth.Auth, given: dict[str, Any]) -> Github:
    """A client with a connection of its own. Not for two threads at once: PyGithub keeps the request under way on its connection."""
    return Github(auth=auth, **given)
