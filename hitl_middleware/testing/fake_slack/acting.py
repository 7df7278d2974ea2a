"""What every act needs: somebody who can do it, something to do it to, and a signed delivery."""

from __future__ import annotations

from hitl_middleware.testing.fake_slack import payloads
from hitl_middleware.testing.fake_slack.delivering import SOCKET, Deliverer
from hitl_middleware.testing.fake_slack.errors import CannotHappen
from hitl_middleware.testing.fake_slack.records import Channel, Delivery, Message, User, View


class Actor(Deliverer):
    """Somebody in the workspace, before they do anything."""

    request_url: str = ""
    base_url: str = ""

    def _signed(
        self, kind: str, body: bytes, content_type: str, *, secret: str | None = None, at: float | None = None
    ) -> Delivery:
        if self._workspace.sockets.on:
            at = self._workspace.now() if at is None else at
            return Delivery(kind=kind, url=SOCKET, body=body, headers=(), at=at)
        if not self.request_url:
            msg = "Slack does not know the app's request URL: call connect(url) first."
            raise CannotHappen(msg)
        workspace = self._workspace
        return payloads.signed(
            workspace.app.signing_secret if secret is None else secret,
            body,
            kind=kind,
            url=self.request_url,
            at=workspace.now() if at is None else at,
            content_type=content_type,
        )

    def _person(self, user: str) -> User:
        found = self._workspace.users.get(user)
        if found is None:
            msg = f"There is no {user}. There are: {', '.join(self._workspace.users) or 'no people'}."
            raise CannotHappen(msg)
        if found.deleted or found.is_bot:
            msg = f"{user} is {'gone' if found.deleted else 'a bot'}: they do nothing in Slack."
            raise CannotHappen(msg)
        return found

    def _channel(self, name: str, who: User) -> Channel:
        found = self._workspace.channels.get(name)
        if found is None or not found.has(who.id):
            msg = f"{who.id} sees no conversation {name}."
            raise CannotHappen(msg)
        return found

    def _message(self, place: Message | tuple[str, str]) -> Message:
        channel, ts = (place.channel, place.ts) if isinstance(place, Message) else place
        found = self._workspace.messages.get((channel, ts))
        if found is None:
            msg = f"There is no message {ts} in {channel}. {self._workspace.inventory()}"
            raise CannotHappen(msg)
        return found

    def _open_view(self, view: View, user: str) -> View:
        current = self._workspace.views.get(view.id)
        if current is None or current.status != "open":
            msg = f"View {view.id} is {current.status if current else 'unknown'}, not open."
            raise CannotHappen(msg)
        if current.user != user:
            msg = f"View {view.id} is shown to {current.user}, not to {user}."
            raise CannotHappen(msg)
        return current
