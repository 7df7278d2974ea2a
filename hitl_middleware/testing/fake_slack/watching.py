"""What tests look at and wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

from hitl_middleware.testing.fake_slack.acting import Actor
from hitl_middleware.testing.fake_slack.records import Call, Channel, Delivery, Message, Reply, User, View

T = TypeVar("T")


class Watching(Actor):
    """Everything that is there and that happened; lists are copies of the moment."""

    @property
    def users(self) -> list[User]:
        """Everybody in the workspace, bots and those who left, too."""
        return self._workspace.read(lambda: [*self._workspace.users.values()])

    @property
    def channels(self) -> list[Channel]:
        """Every conversation, direct ones, too."""
        return self._workspace.read(lambda: [*self._workspace.channels.values()])

    @property
    def changes(self) -> int:
        """A number that grows with whatever happens here: while it stays, there is nothing new to look at."""
        return self._workspace.changes

    @property
    def messages(self) -> list[Message]:
        """Every message that stands in a channel now, the oldest first."""
        return self._all_messages(ephemeral=False)

    @property
    def ephemerals(self) -> list[Message]:
        """Every message that only one person sees (`visible_to`), the oldest first."""
        return self._all_messages(ephemeral=True)

    def _all_messages(self, *, ephemeral: bool) -> list[Message]:
        stored = self._workspace.messages
        return self._workspace.read(
            lambda: [each for each in stored.values() if (each.visible_to is not None) is ephemeral]
        )

    def message(self, channel: str, ts: str) -> Message:
        """One message as it is now."""
        return self._message((channel, ts))

    @property
    def deleted(self) -> list[Message]:
        """Messages that were taken away, as they last were."""
        return self._workspace.read(lambda: [*self._workspace.deleted])

    @property
    def views(self) -> list[View]:
        """Every modal and home tab there ever was, with its status."""
        return self._workspace.read(lambda: [*self._workspace.views.values()])

    def home_of(self, user: str) -> View | None:
        """This person's home tab as the app has published it; None: not yet."""
        return self._workspace.read(lambda: self._workspace.home_of(user))

    @property
    def calls(self) -> list[Call]:
        """Everything the app asked for, whether accepted or refused."""
        return self._workspace.read(lambda: [*self._workspace.calls])

    @property
    def deliveries(self) -> list[Delivery]:
        """Everything that was sent to the app."""
        return self._workspace.read(lambda: [*self._workspace.deliveries])

    @property
    def replies(self) -> list[Reply]:
        """What the app answered, in the order in which the answers came."""
        return self._workspace.read(lambda: [*self._workspace.replies])

    def wait_for(self, predicate: Callable[[], T | None], *, timeout: float = 10.0) -> T:
        """What `predicate` returns once that is true; asked again whenever anything here changes.

        Raises `NothingCame`, which lists what there is. The time-out is real seconds, whatever `now` says.
        """
        return self._workspace.wait_for(predicate, timeout)

    async def await_for(
        self,
        predicate: Callable[[], T | None],
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  # the same in both kinds
    ) -> T:
        """`wait_for` as a coroutine; the predicate is asked in another thread."""
        waiting = self._workspace.wait_for
        return await anyio.to_thread.run_sync(waiting, predicate, timeout, abandon_on_cancel=True)

    def wait_for_message(
        self, words: str = "", *, channel: str | None = None, timeout: float = 10.0
    ) -> Message:
        """The newest message that shows these words, as soon as there is one."""
        return self.wait_for(lambda: self._newest(words, channel), timeout=timeout)

    async def await_for_message(
        self,
        words: str = "",
        *,
        channel: str | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  # the same in both kinds
    ) -> Message:
        """`wait_for_message` as a coroutine."""
        return await self.await_for(lambda: self._newest(words, channel), timeout=timeout)

    def _newest(self, words: str, channel: str | None) -> Message | None:
        fits = (
            each
            for each in reversed(self.messages)
            if channel in {None, each.channel} and words in each.plain()
        )
        return next(fits, None)
