"""GitHub Apps, made and installed before a test begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from hitl_middleware.testing.fake_github.founding import Founding
from hitl_middleware.testing.fake_github.records import App, Installation

PERMISSIONS: Final = {
    "metadata": "read",
    "issues": "write",
    "pull_requests": "write",
    "contents": "write",
    "members": "read",
}
EVENTS: Final = ("issues", "issue_comment", "pull_request", "pull_request_review")


class Installing(Founding):
    """Apps and where they are installed."""

    def add_app(
        self,
        slug: str = "hitl",
        *,
        owner: str = "acme",
        permissions: Mapping[str, str] | None = None,
        events: Sequence[str] = EVENTS,
        private_key: str | None = None,
    ) -> App:
        """A GitHub App; what it does is done by `slug[bot]`. `private_key`: RSA, as PEM; by default a new one, which takes a moment."""
        hub = self._hub
        private, public = _keys(private_key)
        with hub.changing():
            if owner.lower() not in hub.world.accounts:
                self.organization(owner)
            self.bot(f"{slug}[bot]")
            number = hub.new_id()
            app = App(
                id=number,
                slug=slug,
                name=slug,
                owner=owner,
                client_id=f"Iv23fake{number}",
                public_key=public,
                private_key=private,
                webhook_secret=hub.new_secret(""),
                permissions=dict(PERMISSIONS if permissions is None else permissions),
                events=tuple(events),
                created_at=hub.seconds(),
            )
            hub.world.apps[number] = app
        return app

    def install(
        self,
        app: App,
        account: str = "acme",
        *,
        repositories: Sequence[str] | None = None,
        permissions: Mapping[str, str] | None = None,
    ) -> Installation:
        """Install an app on an organisation or a person, for all their repositories or for those named by full name."""
        hub = self._hub
        with hub.changing():
            if account.lower() not in hub.world.accounts:
                self.organization(account)
            installed = Installation(
                id=hub.new_id(),
                app=app.id,
                account=hub.world.accounts[account.lower()].login,
                permissions=dict(app.permissions if permissions is None else permissions),
                events=app.events,
                repositories=None if repositories is None else tuple(repositories),
                created_at=hub.seconds(),
            )
            hub.world.installations[installed.id] = installed
        return installed

    def suspend(self, installed: Installation, *, suspended: bool = True) -> None:
        """Suspend an installation (or let it go on): its tokens see nothing, its webhook hears nothing."""
        hub = self._hub
        with hub.changing():
            hub.world.installations[installed.id] = replace(installed, suspended=suspended)

    def uninstall(self, installed: Installation) -> None:
        """Take an app off an account; the tokens of this installation are worthless."""
        hub = self._hub
        with hub.changing():
            del hub.world.installations[installed.id]
            self.revoke_tokens(installed)

    def revoke_tokens(self, installed: Installation) -> None:
        """Make the tokens worthless that an installation has by now; it can get new ones."""
        for token in self._hub.read(lambda: [*self._hub.world.tokens.values()]):
            if token.installation == installed.id:
                self.revoke(token.value)

    def environ_of(self, app: App) -> dict[str, str]:
        """The environment variables with which an app talks to this GitHub."""
        return {
            "GITHUB_API_URL": self._hub.api,
            "GITHUB_APP_ID": str(app.id),
            "GITHUB_APP_PRIVATE_KEY": app.private_key,
            "GITHUB_WEBHOOK_SECRET": app.webhook_secret,
        }


def _keys(given: str | None) -> tuple[str, str]:
    """The private key and its public one, as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    if given is None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        loaded = serialization.load_pem_private_key(given.encode(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        key = loaded
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
