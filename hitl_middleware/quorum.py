"""How many have approved, in which roles, and who is still needed. Pure.

A request with a quorum is approved when so many different people have approved as the plan requires, and each of the plan's roles is among
those they fill. What counts was settled when each of them answered and stands in their submission: one name for the person in all channels
(``counts_as``), and the roles they had then (``fills``). So a role that is taken away later takes back no approval, and everybody who
looks – the desk under its lock, a card, a page, the API – counts the same.

Whose approval is taken (``Approvals.helps``): whoever brings a role that is missing, and whoever only brings the number up while it is
more than those who bring the missing roles will come to anyway, which may be a single person. An approval that could change nothing is
refused with the sentence that says who is needed, rather than taken and forgotten: people who have approved believe that they have done
their part. The same person again is taken and changes nothing, whatever channel it comes from: a click and its repetition are one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import ReviewRequest, Submission


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who has approved: one person, by the name they used first. ``fills``: the roles they had, whenever they did."""

    counts_as: str
    person: str
    name: str | None
    fills: frozenset[str]


@dataclass(frozen=True, slots=True)
class Approvals:
    """How far a request is. ``needed``: how many different people; ``still_from``: the plan's roles that nobody has filled yet."""

    needed: int
    given: tuple[Approver, ...]
    still_from: tuple[str, ...]

    @property
    def more(self) -> int:
        """How many more people, whoever they are."""
        return max(0, self.needed - len(self.given))

    @property
    def complete(self) -> bool:
        """Whether nobody is needed any more."""
        return not self.more and not self.still_from

    def helps(self, counts_as: str, fills: Iterable[str]) -> bool:
        """Whether an approval by this person would be taken; the module says which are."""
        if any(each.counts_as == counts_as for each in self.given) or not set(self.still_from).isdisjoint(
            fills
        ):
            return True
        return self.more > (1 if self.still_from else 0)


def approvals(plan: ReviewPlan, submissions: Iterable[Submission]) -> Approvals:
    """What is counted under ``plan``; ``submissions`` oldest first. An edit is an approval of what was edited."""
    given: dict[str, Approver] = {}
    for each in submissions:
        if each.decision.type not in {"approve", "edit"}:
            continue
        # Before a quorum had roles, nothing but the identity was stored.
        key = each.counts_as or each.person
        known = given.get(key) or Approver(key, each.person, each.name, frozenset())
        given[key] = Approver(key, known.person, known.name or each.name, known.fills | set(each.fills))
    filled = frozenset[str]().union(*(each.fills for each in given.values()))
    still_from = tuple(role for role in plan.required_from if role not in filled)
    return Approvals(plan.required_approvals, tuple(given.values()), still_from)


def counts_as(identities: frozenset[str], earlier: Sequence[Submission]) -> str:
    """The one name of the person with these identities: the one they have counted as before, else the first of their identities."""
    for each in earlier:
        if not identities.isdisjoint({each.person, each.counts_as or each.person}):
            return each.counts_as or each.person
    return min(identities)


# ------------------------------------------------------------------------------------------------------------------ words


def role_words(role: str) -> str:
    """A role as it is called in the terminal, the API's sentences and on pages: ``group:security`` is “security”."""
    return role.removeprefix("group:")


def counted(found: Approvals) -> str:
    """“1 of 2”."""
    return f"{min(len(found.given), found.needed)} of {found.needed}"


def still_words(found: Approvals, role: Callable[[str], str] = role_words) -> str | None:
    """Who is still needed: “2 more”, “security”, “2 more, among them security”; ``None``: nobody. ``role``: as the channel calls one."""
    roles = [role(each) for each in found.still_from]
    named = f"{', '.join(roles[:-1])} and {roles[-1]}" if len(roles) > 1 else "".join(roles)
    if not _anybody(found):
        return named or None
    return f"{found.more} more, among them {named}" if roles else f"{found.more} more"


def progress(found: Approvals, role: Callable[[str], str] = role_words, *, by: str = "") -> str:
    """As a sentence without its full stop: “1 of 2 approvals (by ann) – still needed from security”. ``by``: those who gave them."""
    said = f"{counted(found)} approval{'' if found.needed == 1 else 's'}"
    said += f" (by {by})" if by else ""
    still = still_words(found, role)
    if still is None:
        return said
    return f"{said} – still needed: {still}" if _anybody(found) else f"{said} – still needed from {still}"


def _anybody(found: Approvals) -> bool:
    """Whether more people are needed than there are roles to fill."""
    return found.more > len(found.still_from)


def shows(request: ReviewRequest) -> bool:
    """Whether people are told of it: where one approval, of whomever, is the decision itself, there is nothing to count."""
    return request.plan.by_several or bool(request.plan.required_from)
