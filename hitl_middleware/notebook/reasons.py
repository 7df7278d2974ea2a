"""Why people were asked, who may decide, and who did not count and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hitl_middleware.notebook.facts import Facts, RuleFacts
from hitl_middleware.notebook.markup import Html, Shown, facts, joined, tag
from hitl_middleware.quorum import progress, role_words, shows
from hitl_middleware.records import Action, ReviewRequest, Submission
from hitl_middleware.telling import told
from hitl_middleware.wording import person


@dataclass(frozen=True, slots=True)
class Reason:
    """Of one request or one act: what its frozen plan says, each under a word of what it is about."""

    title: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, repr=False)
class Why(Shown):
    """The plans of a run, explained."""

    reasons: tuple[Reason, ...]

    def __getitem__(self, name: str) -> str:
        """The first reason's words under ``name``."""
        return dict(reversed(self.reasons[0].pairs))[name] if self.reasons else ""

    def as_html(self) -> Html:
        if not self.reasons:
            return tag("p", _NOTHING, class_="soft")
        return joined(
            tag("div", tag("h3", one.title), facts(one.pairs), class_="box") for one in self.reasons
        )

    def as_text(self) -> str:
        blocks = [
            "\n".join([one.title, *(f"  {name}: {value}" for name, value in one.pairs)])
            for one in self.reasons
        ]
        return "\n\n".join(blocks) or _NOTHING


_NOTHING = "Nobody was asked, and nothing was put on record: no policy speaks of what this run did."


def why(found: Facts) -> Why:
    """Of every request that waits; where none does, of all there were, and of what ran on the record."""
    rules = {rule.tool: rule for rule in found.rules}
    asked = found.pending or found.requests
    reasons = [_of_request(request, found, rules) for request in asked]
    if not found.pending:
        about = {request.action_id for request in found.requests}
        reasons += [_of_act(action, rules) for action in found.actions if action.id not in about]
    return Why(tuple(reasons))


def _of_request(request: ReviewRequest, found: Facts, rules: dict[str, RuleFacts]) -> Reason:
    pairs = [*told(request), *_rule(request.tool, request.plan.policy_version, rules)]
    pairs += _people(request, found)
    return Reason(f"{request.title} [{request.code}]", tuple(pairs))


def _of_act(action: Action, rules: dict[str, RuleFacts]) -> Reason:
    verdict = (
        "It ran on the record: nobody was asked"
        if action.plan.verdict == "record"
        else "Nobody was asked about it"
    )
    pairs = [("Why", action.plan.reason), ("Verdict", verdict), ("Policy", action.plan.policy_version)]
    return Reason(
        f"{action.tool} ({action.status})", (*pairs, *_rule(action.tool, action.plan.policy_version, rules))
    )


def _rule(tool: str | None, version: str, rules: dict[str, RuleFacts]) -> Iterator[tuple[str, str]]:
    """The rule itself, where the graph is at hand, and whether it is still the one that asked."""
    rule = rules.get(tool or "")
    if rule is None:
        return
    yield "Rule", rule.rule or "none: every call is asked about"
    if rule.version != version:
        yield (
            "Changed since",
            f"the graph's policy is {rule.version} today; what was frozen when it was asked is what counts",
        )


def _people(request: ReviewRequest, found: Facts) -> Iterator[tuple[str, str]]:
    """Who has answered, as whom they count, and why somebody does not."""
    approvals = found.approvals_of(request)
    if shows(request):
        yield "So far", progress(approvals)
    counted: set[str] = set()
    for each in found.answers_to(request):
        who = person(each.person, each.name) or each.person
        key = each.counts_as or each.person
        named = f" (named by {each.vouched_by})" if each.vouched_by else ""
        yield who, f"{each.decision.type} in {each.via}{named}{_counts(each, key, counted)}"
        counted.add(key)
    if request.requester is not None and not request.plan.allow_requester:
        yield request.requester, "does not count: whoever asked for it does not decide it"
    for role in approvals.still_from if request.status == "pending" else ():
        yield "Still needed", f"somebody of {role_words(role)}"


def _counts(each: Submission, key: str, counted: set[str]) -> str:
    if each.decision.type not in {"approve", "edit"}:
        return ""
    if key in counted:
        return f" – does not count again: it is the person who counts as {key}"
    roles = ", ".join(map(role_words, each.fills))
    return f" – counts as {key}{f', for {roles}' if roles else ''}"
