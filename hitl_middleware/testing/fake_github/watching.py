"""What tests look at and wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

from hitl_middleware.testing.fake_github.access import role_name
from hitl_middleware.testing.fake_github.delivering import Deliverer
from hitl_middleware.testing.fake_github.errors import CannotHappen
from hitl_middleware.testing.fake_github.markdown import Seen, seen
from hitl_middleware.testing.fake_github.records import Account, Comment, Hook, Issue
from hitl_middleware.testing.fake_github.traffic import Call, Delivery, Reply

T = TypeVar("T")


class Watching(Deliverer):
    """Everything that is there and that happened; lists are copies of the moment."""

    @property
    def accounts(self) -> list[Account]:
        """Everybody who has an account: people, bots, organisations."""
        return self._hub.read(lambda: [*self._hub.world.accounts.values()])

    def role(self, repository: str, login: str) -> str:
        """What somebody may do in a repository, as `role_name` of the API has it; "none": nothing."""
        found = self._hub.read(lambda: self._hub.world.repositories.get(repository.lower()))
        if found is None:
            msg = f"There is no {repository}. {self._hub.inventory()}"
            raise CannotHappen(msg)
        return self._hub.read(lambda: role_name(self._hub, found, login))

    @property
    def changes(self) -> int:
        """A number that grows with whatever happens here: while it stays, there is nothing new to look at."""
        return self._hub.changes

    def issue(self, repository: str, number: int) -> Issue:
        """One issue (or pull request) as it is now."""
        found = self._hub.read(lambda: self._hub.world.issues.get(f"{repository}#{number}".lower()))
        if found is None:
            msg = f"There is no {repository}#{number}. {self._hub.inventory()}"
            raise CannotHappen(msg)
        return found

    @property
    def issues(self) -> list[Issue]:
        """Every issue and pull request, the oldest first."""
        return self._hub.read(lambda: [*self._hub.world.issues.values()])

    def comments(self, repository: str | None = None, number: int | None = None) -> list[Comment]:
        """The comments there are now (of one repository, of one issue), the oldest first."""
        stored = self._hub.read(lambda: [*self._hub.world.comments.values()])
        return [
            each
            for each in stored
            if (repository is None or each.repository.lower() == repository.lower())
            and number in {None, each.number}
        ]

    def comment_now(self, comment: Comment | int) -> Comment:
        """One comment as it is now."""
        number = comment if isinstance(comment, int) else comment.id
        found = self._hub.read(lambda: self._hub.world.comments.get(number))
        if found is None:
            msg = f"There is no comment {number}. {self._hub.inventory()}"
            raise CannotHappen(msg)
        return found

    @property
    def deleted(self) -> list[Comment]:
        """Comments that were taken away, as they last were."""
        return self._hub.read(lambda: [*self._hub.deleted])

    def reactions(self, comment: Comment | int) -> list[tuple[str, str]]:
        """Who reacted to a comment, and with what: ("hitl-bot", "eyes")."""
        subject = ("comment", comment if isinstance(comment, int) else comment.id)
        stored = self._hub.read(lambda: [*self._hub.world.reactions.values()])
        return [(each.user, each.content) for each in stored if each.subject == subject]

    @staticmethod
    def seen(comment: Comment | Issue | str) -> Seen:
        """What a reader has before them: `.text`, `.lines`, `.html`, `.mentions`, `.references`, `.links`, `.images`."""
        return seen(comment if isinstance(comment, str) else comment.body or "")

    @property
    def hooks(self) -> list[Hook]:
        """Every webhook."""
        return self._hub.read(lambda: [*self._hub.world.hooks.values()])

    @property
    def calls(self) -> list[Call]:
        """Everything that was asked for, whether done or refused."""
        return self._hub.read(lambda: [*self._hub.calls])

    @property
    def deliveries(self) -> list[Delivery]:
        """Every delivery that was made, also those that were lost or are held back."""
        return self._hub.read(lambda: [*self._hub.deliveries])

    @property
    def replies(self) -> list[Reply]:
        """What the app answered, in the order in which the answers came."""
        return self._hub.read(lambda: [*self._hub.replies])

    def wait_for(self, predicate: Callable[[], T | None], *, timeout: float = 10.0) -> T:
        """What `predicate` returns once that is true; asked again whenever anything here changes.

        Raises `NothingCame`, which lists what there is. The time-out is real seconds, whatever `now` says.
        """
        return self._hub.wait_for(predicate, timeout)

    async def await_for(
        self,
        predicate: Callable[[], T | None],
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  # the same in both kinds
    ) -> T:
        """`wait_for` as a coroutine; the predicate is asked in another thread."""
        waiting = self._hub.wait_for
        return await anyio.to_thread.run_sync(waiting, predicate, timeout, abandon_on_cancel=True)

    def wait_for_comment(
        self,
        words: str = "",
        *,
        repository: str | None = None,
        number: int | None = None,
        timeout: float = 10.0,
    ) -> Comment:
        """The newest comment in which a reader finds these words, as soon as there is one."""
        return self.wait_for(lambda: self._newest(words, repository, number), timeout=timeout)

    async def await_for_comment(
        self,
        words: str = "",
        *,
        repository: str | None = None,
        number: int | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109  # the same in both kinds
    ) -> Comment:
        """`wait_for_comment` as a coroutine."""
        return await self.await_for(lambda: self._newest(words, repository, number), timeout=timeout)

    def _newest(self, words: str, repository: str | None, number: int | None) -> Comment | None:
        there = reversed(self.comments(repository, number))
        return next((each for each in there if words in seen(each.body).text), None)
