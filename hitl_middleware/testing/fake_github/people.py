"""The acting side: people who open issues, label, assign, comment, edit, delete and react.

What somebody has no right to on GitHub raises `CannotHappen` here. Each act comes in two kinds: `comment` waits in its thread until
the app has answered the deliveries, `acomment` is awaited. Acts return what they made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hitl_middleware.testing.fake_github import access, comments, issues, moving
from hitl_middleware.testing.fake_github.delivering import awaited, blocking
from hitl_middleware.testing.fake_github.errors import CannotHappen
from hitl_middleware.testing.fake_github.installing import Installing
from hitl_middleware.testing.fake_github.records import App, Comment, Issue, Reaction, Repository
from hitl_middleware.testing.fake_github.refusals import Refusal
from hitl_middleware.testing.fake_github.state import Who


class People(Installing):
    """What people do with issues."""

    # ---------------------------------------------------------------------------------------------------------- issues

    def _open_issue(
        self,
        repository: str,
        who: str,
        title: str,
        body: str = "",
        *,
        labels: Sequence[str] = (),
        assignees: Sequence[str] = (),
    ) -> Issue:
        """Open an issue; labels and assignees count for those who may set them."""
        place = self._place(repository, who)
        return issues.opened(
            self._hub, place, Who(login=who), title, body or None, labels=labels, assignees=assignees
        )

    open_issue = blocking(_open_issue)
    aopen_issue = awaited(_open_issue)

    def _edit_issue(
        self, repository: str, number: int, who: str, *, title: str | None = None, body: str | None = None
    ) -> Issue:
        """Give an issue another title or text: its author's right, and that of those who can triage."""
        found = self._issue(repository, number, who)
        if found.user != who:
            self._needs(repository, who, "triage")
        return issues.edited(self._hub, found, Who(login=who), title=title, body=body)

    edit_issue = blocking(_edit_issue)
    aedit_issue = awaited(_edit_issue)

    def _close_issue(self, repository: str, number: int, who: str, *, reason: str = "completed") -> Issue:
        """Close an issue (or a pull request without merging it)."""
        found = self._issue(repository, number, who)
        if found.user != who:
            self._needs(repository, who, "triage")
        return issues.closed(self._hub, found, Who(login=who), reason)

    close_issue = blocking(_close_issue)
    aclose_issue = awaited(_close_issue)

    def _reopen_issue(self, repository: str, number: int, who: str) -> Issue:
        """Open a closed issue again."""
        found = self._issue(repository, number, who)
        if found.user != who:
            self._needs(repository, who, "triage")
        return issues.reopened(self._hub, found, Who(login=who))

    reopen_issue = blocking(_reopen_issue)
    areopen_issue = awaited(_reopen_issue)

    def _label(self, repository: str, number: int, who: str, *names: str) -> Issue:
        """Give an issue labels: `issues.labeled`, one delivery each."""
        found = self._issue(repository, number, who, "triage")
        return issues.relabelled(self._hub, found, Who(login=who), [*found.labels, *names])

    label = blocking(_label)
    alabel = awaited(_label)

    def _unlabel(self, repository: str, number: int, who: str, *names: str) -> Issue:
        """Take labels from an issue."""
        found = self._issue(repository, number, who, "triage")
        gone = {name.lower() for name in names}
        left = [name for name in found.labels if name.lower() not in gone]
        return issues.relabelled(self._hub, found, Who(login=who), left)

    unlabel = blocking(_unlabel)
    aunlabel = awaited(_unlabel)

    def _assign(self, repository: str, number: int, who: str, *logins: str) -> Issue:
        """Assign people to an issue."""
        found = self._issue(repository, number, who, "triage")
        return issues.reassigned(self._hub, found, Who(login=who), [*found.assignees, *logins])

    assign = blocking(_assign)
    aassign = awaited(_assign)

    def _unassign(self, repository: str, number: int, who: str, *logins: str) -> Issue:
        """Take people from an issue."""
        found = self._issue(repository, number, who, "triage")
        gone = {login.lower() for login in logins}
        left = [login for login in found.assignees if login.lower() not in gone]
        return issues.reassigned(self._hub, found, Who(login=who), left)

    unassign = blocking(_unassign)
    aunassign = awaited(_unassign)

    def _delete_issue(self, repository: str, number: int, who: str) -> None:
        """Delete an issue for good, as administrators can: 410 from then on."""
        issues.deleted(self._hub, self._issue(repository, number, who, "admin"), Who(login=who))

    delete_issue = blocking(_delete_issue)
    adelete_issue = awaited(_delete_issue)

    def lock(self, repository: str, number: int, who: str, *, locked: bool = True) -> Issue:
        """Lock the conversation (or unlock it): only those who can write comment then, no app does, and nobody reacts."""
        with self._hub.changing():
            found = self._issue(repository, number, who, "write")
            return issues.store(self._hub, replace(found, locked=locked))

    def _rename_repository(self, repository: str, who: str, name: str) -> Repository:
        """Give a repository another name, as administrators can. The old one leads to it until another repository has it."""
        place = self._place(repository, who, "admin")
        if f"{place.owner}/{name}".lower() in self._hub.world.repositories:
            msg = f"There is a {place.owner}/{name} already."
            raise CannotHappen(msg)
        return moving.renamed(self._hub, place, Who(login=who), name)

    rename_repository = blocking(_rename_repository)
    arename_repository = awaited(_rename_repository)

    def _transfer_issue(self, repository: str, number: int, who: str, to: str) -> Issue:
        """Transfer an issue to another repository: for those who can write in both."""
        found, there = self._issue(repository, number, who, "write"), self._place(to, who, "write")
        if found.pull:
            msg = "A pull request is not transferred."
            raise CannotHappen(msg)
        return moving.transferred(self._hub, found, Who(login=who), there)

    transfer_issue = blocking(_transfer_issue)
    atransfer_issue = awaited(_transfer_issue)

    # -------------------------------------------------------------------------------------------------------- comments

    def _comment(
        self, repository: str, number: int, who: str, body: str, *, app: App | None = None
    ) -> Comment:
        """Write a comment on an issue or a pull request; with `app`, by an app that acts for this person."""
        by = Who(login=who, app=app.id if app else None)
        return comments.remark(self._hub, self._issue(repository, number, who), by, body)

    comment = blocking(_comment)
    acomment = awaited(_comment)

    def _edit_comment(self, comment: Comment | int, who: str, body: str) -> Comment:
        """Give a comment another text: one's own, or anybody's for those who can write."""
        return comments.reworded(self._hub, self._own(comment, who), Who(login=who), body)

    edit_comment = blocking(_edit_comment)
    aedit_comment = awaited(_edit_comment)

    def _delete_comment(self, comment: Comment | int, who: str) -> None:
        """Delete a comment: one's own, or anybody's for those who can write."""
        comments.erased(self._hub, self._own(comment, who), Who(login=who))

    delete_comment = blocking(_delete_comment)
    adelete_comment = awaited(_delete_comment)

    def react(self, comment: Comment | int, who: str, content: str) -> Reaction:
        """React to a comment: +1, -1, laugh, hooray, confused, heart, rocket, eyes. GitHub has no webhook for it."""
        with self._hub.changing():
            found = self._comment_now(comment)
            self._place(found.repository, who)
            try:
                return comments.reacted(self._hub, ("comment", found.id), Who(login=who), content)[0]
            except Refusal as refusal:
                msg = f"GitHub refuses: {refusal}"
                raise CannotHappen(msg) from refusal

    # ------------------------------------------------------------------------------------------------------ who may what

    def _place(self, repository: str, who: str, least: str = "read") -> Repository:
        """A repository in which somebody has this role."""
        found = self._repository(repository)
        if who.lower() not in self._hub.world.accounts:
            there = ", ".join(each.login for each in self._hub.world.accounts.values())
            msg = f"There is no {who}. There are: {there}."
            raise CannotHappen(msg)
        self._needs(repository, who, least)
        return found

    def _needs(self, repository: str, who: str, least: str) -> None:
        found = self._repository(repository)
        if not access.has_role(self._hub, found, who, least):
            held = access.role_name(self._hub, found, who)
            msg = f"{who} needs {least} access to {repository} for this and has {held}."
            raise CannotHappen(msg)

    def _issue(self, repository: str, number: int, who: str, least: str = "read") -> Issue:
        place = self._place(repository, who, least)
        found = self._hub.world.issues.get(f"{place.full_name}#{number}".lower())
        if found is None:
            msg = f"There is no {repository}#{number}. {self._hub.inventory()}"
            raise CannotHappen(msg)
        return found

    def _comment_now(self, comment: Comment | int) -> Comment:
        number = comment if isinstance(comment, int) else comment.id
        found = self._hub.world.comments.get(number)
        if found is None:
            msg = f"There is no comment {number}. {self._hub.inventory()}"
            raise CannotHappen(msg)
        return found

    def _own(self, comment: Comment | int, who: str) -> Comment:
        found = self._comment_now(comment)
        self._place(found.repository, who, "read" if found.user == who else "write")
        return found
