"""Deliveries by hand: lost, doubled, held back, sent again, forged. And the hooks that they go to."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio.to_thread

from hitl_middleware.testing.fake_github import hooks
from hitl_middleware.testing.fake_github.delivering import Deliverer, awaited, blocking
from hitl_middleware.testing.fake_github.errors import CannotHappen
from hitl_middleware.testing.fake_github.records import App, Hook
from hitl_middleware.testing.fake_github.traffic import Delivery, Reply
from hitl_middleware.testing.watched import NothingCame

EVENTS = ("issues", "issue_comment", "pull_request", "pull_request_review")


class Forging(Deliverer):
    """Webhooks, and what an attacker, a recorder or a bad network makes of them."""

    def _connect(
        self,
        url: str,
        repository: str = "",
        *,
        secret: str | None = None,
        events: Sequence[str] = EVENTS,
        content_type: str = "json",
        app: App | None = None,
    ) -> Hook:
        """Set up a webhook that goes to this address, and send its ping.

        On one repository; without it, on the organisations of all repositories there are; with `app`, the app's own, which hears
        of wherever the app is installed. `secret`: by default `webhook_secret` (or the app's); "" signs nothing.
        """
        hub = self._hub
        if not url.startswith("http://"):
            msg = f"This GitHub delivers to http:// addresses only, not to {url!r}."
            raise CannotHappen(msg)
        if app is not None:
            targets = [""]
        elif repository:
            targets = [repository]
        else:
            targets = list(dict.fromkeys(each.owner for each in hub.world.repositories.values()))
        if not targets:
            msg = "There is no repository yet that could have a webhook."
            raise CannotHappen(msg)
        usual = self.webhook_secret if app is None else app.webhook_secret
        made = None
        for target in targets:
            made = Hook(
                id=hub.new_id(),
                target=target,
                url=url,
                secret=usual if secret is None else secret,
                events=tuple(events),
                content_type=content_type,
                created_at=hub.seconds(),
                updated_at=hub.seconds(),
                app=app.id if app else None,
            )
            hub.world.hooks[made.id] = made
            hooks.ping(hub, made, self.bot_login)
        assert made is not None
        return made

    connect = blocking(_connect)
    aconnect = awaited(_connect)

    def disconnect(self) -> None:
        """Take every webhook away."""
        with self._hub.changing():
            self._hub.world.hooks.clear()

    # ------------------------------------------------------------------------------------------------------ on their way

    def lose_deliveries(self, number: int = 1) -> None:
        """Let the next deliveries never arrive."""
        with self._hub.changing():
            self._hub.post.lose += number

    def double_deliveries(self, number: int = 1, *, copies: int = 2) -> None:
        """Let the next deliveries arrive several times, with the same GUID."""
        with self._hub.changing():
            self._hub.post.copies += [copies] * number

    @contextlib.contextmanager
    def holding_deliveries(self) -> Iterator[list[Delivery]]:
        """Deliveries made inside are held back, in the list that this gives. Send them after, in any order: `send_all(reversed(held))`."""
        post = self._hub.post
        with self._hub.changing():
            post.holding = True
            post.held = []
        try:
            yield post.held
        finally:
            self.finish_deliveries()
            with self._hub.changing():
                post.holding = False

    def finish_deliveries(self, *, timeout: float = 15.0) -> None:
        """Wait until what the app's own calls gave rise to is delivered; people's deliveries are when their act returns."""
        if not self._courier.finish(timeout):
            msg = f"Deliveries are still under way after {timeout:g} seconds. {self._hub.inventory()}"
            raise NothingCame(msg)

    async def afinish_deliveries(self, *, timeout: float = 15.0) -> None:  # noqa: ASYNC109  # the same in both kinds
        """`finish_deliveries` as a coroutine: the app may run on this very loop."""
        await anyio.to_thread.run_sync(functools.partial(self.finish_deliveries, timeout=timeout))

    def send(self, delivery: Delivery) -> Reply:
        """Send a delivery as it is: held, forged or recorded. Where it is lost or held back on its way, nothing is answered (status 0)."""
        return _the_one(delivery, self.send_all([delivery]))

    async def asend(self, delivery: Delivery) -> Reply:
        """`send` as a coroutine."""
        return _the_one(delivery, await self.asend_all([delivery]))

    def send_all(self, deliveries: Iterable[Delivery]) -> list[Reply]:
        """Send these as they are, one after the other."""
        return self._send(deliveries)

    async def asend_all(self, deliveries: Iterable[Delivery]) -> list[Reply]:
        """`send_all` as a coroutine."""
        return await self._asend(deliveries)

    def redeliver(self, delivery: Delivery) -> Reply:
        """Send a delivery again, as "Redeliver" does: the same GUID, bytes and signature."""
        return self.send(hooks.again(self._hub, delivery))

    async def aredeliver(self, delivery: Delivery) -> Reply:
        """`redeliver` as a coroutine."""
        return await self.asend(hooks.again(self._hub, delivery))

    def forge(
        self,
        body: bytes | Mapping[str, Any] | Delivery,
        *,
        event: str = "",
        secret: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        hook: Hook | None = None,
    ) -> Delivery:
        """Any bytes as a delivery with a GUID of its own, to be sent by `send`.

        `body`: bytes as they are, a payload, or the body of another delivery. Signed with `secret` (by default the right one).
        `headers` then replaces what it names, also a signature; None takes a header away.
        """
        hub = self._hub
        with hub.changing():
            known = [*hub.world.hooks.values()]
            if isinstance(body, Delivery):
                event = event or body.event
                hook = hook or hub.world.hooks.get(body.hook)
            hook = hook or (known[-1] if known else None)
            if hook is None:
                msg = "There is no webhook: call connect(url) first."
                raise CannotHappen(msg)
            if isinstance(body, Delivery):
                action, content = body.action, body.body
            elif isinstance(body, bytes):
                action, content = "", body
            else:
                action, content = str(body.get("action", "")), hooks.encoded(dict(body), hook.content_type)
            made = hooks.delivery(hub, hook, event or "issue_comment", action, content, secret=secret)
            changed = {**dict(made.headers), **(headers or {})}
            kept = tuple((name, value) for name, value in changed.items() if value is not None)
            return replace(made, headers=kept)


def _the_one(delivery: Delivery, replies: Sequence[Reply]) -> Reply:
    if replies:
        return replies[0]
    lost = "It did not get through: it is lost, or held back."
    return Reply(delivery=delivery, status=0, body=b"", headers={}, seconds=0.0, trouble=lost)
