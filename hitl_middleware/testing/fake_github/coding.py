"""People who push, open pull requests, review and merge; and what code there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from hitl_middleware.testing.fake_github import branches, git, merging, pulls, reviews
from hitl_middleware.testing.fake_github.delivering import awaited, blocking
from hitl_middleware.testing.fake_github.errors import CannotHappen
from hitl_middleware.testing.fake_github.people import People
from hitl_middleware.testing.fake_github.records import Pull, Repository, Review, Status
from hitl_middleware.testing.fake_github.refusals import Refusal
from hitl_middleware.testing.fake_github.state import Who

Verdict = Literal["approve", "request_changes", "comment"]
_EVENTS: Final = {"approve": "APPROVE", "request_changes": "REQUEST_CHANGES", "comment": "COMMENT"}


class Coding(People):
    """What people do with code."""

    def _first_commit(self, repository: Repository, files: Mapping[str, str | bytes]) -> None:
        if files:
            blobs = {
                path: (git.FILE, git.put(self._hub, "blob", _bytes(data))) for path, data in files.items()
            }
            tree, signed = git.put_files(self._hub, blobs), git.signature(self._hub, repository.owner)
            first = git.put_commit(self._hub, tree, (), "Initial commit", signed)
            branches.refs(self._hub, repository)[branches.HEADS + repository.default_branch] = first

    # ------------------------------------------------------------------------------------------------------------- code

    def _branch(self, repository: str, who: str, name: str, *, start: str = "") -> str:
        """Make a branch where another (by default the main one) or a commit is now; the commit."""
        place = self._place(repository, who, "write")
        sha = branches.resolve(self._hub, place, start or place.default_branch)
        branches.create(self._hub, place, Who(login=who), branches.HEADS + name, sha)
        return sha

    branch = blocking(_branch)
    abranch = awaited(_branch)

    def _push(
        self,
        repository: str,
        who: str,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str = "Change files",
    ) -> str:
        """Push a commit to a branch, which is made where it is not: these files changed, or deleted with None; the commit."""
        place, hub = self._place(repository, who, "write"), self._hub
        if branches.tip(hub, place, branch) is None and branches.tip(hub, place, place.default_branch):
            sha = branches.existing(hub, place, place.default_branch)
            branches.create(hub, place, Who(login=who), branches.HEADS + branch, sha)
        branches.check_open(place, branch)
        known = self.files(repository, branch)
        for path, data in files.items():
            if data is None and path not in known:
                msg = f"There is no {path} in {repository} at {branch}."
                raise CannotHappen(msg)
        changed = {
            path: None if data is None else (git.FILE, git.put(hub, "blob", _bytes(data)))
            for path, data in files.items()
        }
        return branches.write(hub, place, Who(login=who), branch, message, changed)

    push = blocking(_push)
    apush = awaited(_push)

    def _delete_branch(self, repository: str, who: str, name: str) -> None:
        """Delete a branch; its open pull requests close."""
        place = self._place(repository, who, "write")
        branches.check_open(place, name)
        branches.delete(self._hub, place, Who(login=who), branches.HEADS + name)

    delete_branch = blocking(_delete_branch)
    adelete_branch = awaited(_delete_branch)

    def say_status(
        self, repository: str, sha: str, state: str, *, context: str = "ci", who: str = ""
    ) -> Status:
        """What a service says of a commit: error, failure, pending, success."""
        hub = self._hub
        with hub.changing():
            said = Status(
                id=hub.new_id(),
                repository=self._repository(repository).full_name,
                sha=sha,
                state=state,
                context=context,
                description=None,
                target_url=None,
                user=who,
                created_at=hub.seconds(),
            )
            hub.world.statuses.append(said)
        return said

    # ---------------------------------------------------------------------------------------------------- pull requests

    def _open_pull(
        self,
        repository: str,
        who: str,
        head: str,
        title: str,
        body: str = "",
        *,
        base: str = "",
        draft: bool = False,
    ) -> Pull:
        """Open a pull request of a branch against another, by default the main one."""
        place = self._place(repository, who, "write")
        return pulls.opened(
            self._hub,
            place,
            Who(login=who),
            head=head,
            base=base or place.default_branch,
            title=title,
            body=body or None,
            draft=draft,
        )

    open_pull = blocking(_open_pull)
    aopen_pull = awaited(_open_pull)

    def _ready(self, repository: str, number: int, who: str, *, draft: bool = False) -> Pull:
        """Say that a draft is ready for review, or that it is a draft again."""
        self._issue(repository, number, who, "write")
        return pulls.readied(self._hub, self.pull(repository, number), Who(login=who), draft=draft)

    ready = blocking(_ready)
    aready = awaited(_ready)

    def _review(
        self,
        repository: str,
        number: int,
        who: str,
        verdict: Verdict,
        body: str = "",
        *,
        commit_id: str | None = None,
    ) -> Review:
        """Submit a review of the head, or of an older commit that somebody had before them."""
        self._issue(repository, number, who)
        pull = self.pull(repository, number)
        return reviews.written(self._hub, pull, Who(login=who), _EVENTS[verdict], body, commit_id)

    review = blocking(_review)
    areview = awaited(_review)

    def _dismiss_review(self, review: Review, who: str) -> Review:
        """Let a review count no more."""
        self._place(review.repository, who, "write")
        return reviews.dismissed(self._hub, self._hub.world.reviews[review.id], Who(login=who))

    dismiss_review = blocking(_dismiss_review)
    adismiss_review = awaited(_dismiss_review)

    def _merge(
        self,
        repository: str,
        number: int,
        who: str,
        *,
        method: Literal["merge", "squash", "rebase"] = "merge",
    ) -> str:
        """Merge by hand; the commit that came of it."""
        place = self._place(repository, who, "write")
        return merging.merged(self._hub, place, self.pull(repository, number), Who(login=who), method=method)

    merge = blocking(_merge)
    amerge = awaited(_merge)

    # ---------------------------------------------------------------------------------------------------- what there is

    def pull(self, repository: str, number: int) -> Pull:
        """One pull request as it is now; `issue` has its title, text and state."""
        found = self._hub.read(lambda: self._hub.world.pulls.get(f"{repository}#{number}".lower()))
        if found is None:
            msg = f"There is no pull request {repository}#{number}. {self._hub.inventory()}"
            raise CannotHappen(msg)
        return found

    @property
    def pulls(self) -> list[Pull]:
        """Every pull request, the oldest first."""
        return self._hub.read(lambda: [*self._hub.world.pulls.values()])

    def reviews(self, repository: str, number: int) -> list[Review]:
        """The reviews of a pull request, the oldest first."""
        stored = self._hub.read(lambda: [*self._hub.world.reviews.values()])
        place = (repository.lower(), number)
        return [each for each in stored if (each.repository.lower(), each.number) == place]

    def branches(self, repository: str) -> dict[str, str]:
        """Every branch and its last commit."""
        with self._hub.changing():
            known = branches.refs(self._hub, self._repository(repository))
            return {
                ref.removeprefix(branches.HEADS): sha
                for ref, sha in known.items()
                if ref.startswith(branches.HEADS)
            }

    def files(self, repository: str, ref: str = "") -> dict[str, str]:
        """Every file of a branch (by default the main one) or a commit, as text; none in an empty repository."""
        with self._hub.changing():
            place = self._repository(repository)
            try:
                sha = branches.resolve(self._hub, place, ref or place.default_branch)
            except Refusal:
                return {}
            found = git.files_of(self._hub, sha)
            return {
                path: git.blob(self._hub, each).decode(errors="replace") for path, (_, each) in found.items()
            }

    def log(self, repository: str, ref: str = "") -> list[git.Commit]:
        """The commits of a branch (by default the main one), the newest first."""
        with self._hub.changing():
            place = self._repository(repository)
            return git.history(self._hub, branches.resolve(self._hub, place, ref or place.default_branch))


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
