"""Every error this library raises, in one tree; the docstring is the message.

    HitlError
    ├── ConfigurationError          the set-up is wrong; nothing was started
    │   ├── ForkedProcess
    │   ├── ChannelHalfConfigured
    │   ├── UnknownGraph
    │   ├── UnknownTool
    │   ├── DatabaseUnreachable
    │   │   └── DatabaseForbids
    │   ├── MigrationNeeded
    │   │   ├── DatabaseNewer
    │   │   └── QueueMissing
    │   └── QueueBroken
    ├── NotFound                    no such record
    ├── Refused                     an answer that does not count; nothing changed
    │   ├── NotAllowed
    │   ├── AlreadyDecided
    │   ├── DoesNotFit
    │   └── DigestMismatch
    ├── Ungated                     a marked tool was entered past the gate
    ├── AlreadyExecuted             a claim was spent before
    ├── ArgumentsChanged            what would run is not what was shown
    ├── LeaseLost                   another process drives this run now
    ├── GraphFailed                 what a graph raised in another process
    ├── OutOfReach                  where a graph runs does not answer; its runs stay as they are
    ├── Unreadable                  what a graph has left on a thread cannot be read
    ├── ThreadBusy                  another process holds this thread
    ├── AnswerRefused               the graph took an answer for none and goes on asking
    ├── RequestNotFiled             the run is parked, its request is not stored yet
    ├── QuestionWithdrawn           an ask was taken back: nobody will answer it
    ├── NotExecuted                 raised by a tool: nothing happened
    ├── OutcomeUnknown              raised by a tool: it may have happened
    ├── DeliveryFailed              a message could not be posted (yet)
    └── IllegalTransition           a bug of ours, caught by the tables

Channels and graphs add their own below these (a signature that is wrong, a setting that is missing), beside what they belong to.

Placeholders in a docstring's first paragraph are filled from the keyword arguments, which stay readable as ``error.facts``.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Self, cast


class HitlError(Exception):
    """Something went wrong in hitl_middleware."""

    def __init__(self, message: str | None = None, /, **facts: object) -> None:
        self.facts = facts
        if message is None:
            first = inspect.cleandoc(type(self).__doc__ or "").split("\n\n", 1)[0]
            message = " ".join(first.split()).format(**facts)
        super().__init__(message)


class ConfigurationError(HitlError):
    """The configuration is wrong."""


class ForkedProcess(ConfigurationError):
    """This Hitl was in use before this process was forked, and its threads and connections stayed behind.
    Make it, and the graphs that use it, in every worker after the fork: gunicorn without --preload, Celery's worker_process_init,
    multiprocessing with "spawn".
    """


class ChannelHalfConfigured(ConfigurationError):
    """{channel} is configured in part: {present} is set but {missing} is not. Set both, or neither to switch the channel off."""


class UnknownGraph(ConfigurationError):
    """No graph is called {name!r}. Known graphs: {known}. Graphs come from langgraph.json."""


class UnknownTool(ConfigurationError):
    """A policy names the tool {name!r}, which the agent does not have. Its tools: {known}."""


class DatabaseUnreachable(ConfigurationError):
    """The database {url} cannot be reached: {reason}. Check HITL_DATABASE_URL."""


class DatabaseForbids(DatabaseUnreachable):
    """The database {url} refuses its user: {reason}. Name the tables' owner in HITL_DATABASE_URL, or grant what is missing."""


class MigrationNeeded(ConfigurationError):
    """The database is at revision {current}, this version needs {wanted}. Run: hitl db upgrade"""


class DatabaseNewer(MigrationNeeded):
    """The database is at revision {current}, which a newer version brought it to; this one knows none after {wanted}.
    Run: pip install --upgrade hitl-middleware
    """


class QueueMissing(MigrationNeeded):
    """The database {url} lacks the tables of the job queue. Run: hitl db upgrade (or set HITL_DISPATCHER=local)"""


class QueueBroken(ConfigurationError):
    """The job queue is there in part, and cannot be made anew beside that: {reason}. Drop whatever begins with procrastinate_, then run:
    hitl db upgrade. Nothing is lost: what is due is found again.
    """


class NotFound(HitlError):
    """There is no {kind} {key!r}."""


class Refused(HitlError):
    """The answer does not count."""


class NotAllowed(Refused):
    """{who} may not decide this: {why}"""


class ApprovalNotNeeded(Refused):
    """An approval by {who} would change nothing: {progress}. Whoever thinks that it should not happen can still reject it."""


class AlreadyDecided(Refused):
    """This was already {status} by {by} at {at}. Nothing was changed."""


class DoesNotFit(Refused):
    """{field}: {why}"""

    @classmethod
    def at(cls, places: Sequence[tuple[str, str]]) -> Self:
        """Everything that does not fit: of each the field and why; at least one. ``field`` and ``why`` are those of the first."""
        *rest, last = (f"{field}: {why}" for field, why in places)
        message = "; ".join([*(words.rstrip(".") for words in rest), last])
        return cls(message, field=places[0][0], why=places[0][1], places=tuple(places))

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Each field that does not fit, and why."""
        known = cast("tuple[tuple[str, str], ...]", self.facts.get("places", ()))
        return known or ((str(self.facts.get("field", "")), str(self.facts.get("why", self))),)


class DigestMismatch(Refused):
    """The request has changed since it was read: its digest is {digest}. Read it again and decide on that."""


class Ungated(HitlError):
    """{tool} needs approval but was called without passing the gate. Add the gate where the tools run:
    create_agent(..., middleware=[hitl.approvals(tools)]) or ToolNode(tools, **hitl.tool_gate(tools)).
    """


class AlreadyExecuted(HitlError):
    """The approval for {tool} was already used once; an approved act is performed at most once. Declare the tool
    idempotent (and use its idempotency key) if a retry inside the gate is wanted.
    """


class ArgumentsChanged(HitlError):
    """{tool} would run with other arguments than those that were approved. Put middleware that changes arguments before the gate."""


class LeaseLost(HitlError):
    """Another process drives run {run} now; this one stops without acting."""


class GraphFailed(HitlError):
    """{error}: {message}

    What a graph raised in another process, by the name of its class (``error``) and its words.
    """


class Unreadable(HitlError):
    """The graph {graph!r} cannot be read: {reason}."""


class OutOfReach(HitlError):
    """The graph {graph!r} cannot be driven where it runs: {reason}. The run stays as it is.

    Whoever drives looks again later; it is no failure of the graph.
    """


class ThreadBusy(HitlError):
    """Thread {thread_id!r} is being run by another process ({owner}). Wait for it to stop, or let the server resume it."""


class RequestNotFiled(HitlError):
    """The run on thread {thread_id!r} is parked at a question, but the request could not be stored ({reason}).
    Nothing is lost: it is filed as soon as the database answers.
    """

    @property
    def thread_id(self) -> str:
        """The thread whose run is parked."""
        return str(self.facts.get("thread_id"))


class QuestionWithdrawn(HitlError):
    """Nobody will answer {title!r} any more: {why}"""


class AnswerRefused(HitlError):
    """The graph did not take the answer: {reason}"""


class NotExecuted(HitlError):
    """Nothing was executed.

    Raise it in a tool to say for certain that the act did not happen.
    """


class OutcomeUnknown(HitlError):
    """It is not known whether the act happened.

    Raise it in a tool when an answer was lost; a person (or the tool's ``reconcile``) settles it, it is never retried silently.
    """


class DeliveryFailed(HitlError):
    """A message could not be delivered: {reason}"""

    # ``unheard``: no answer, or none that says anything: the message may be there all the same, or come later.
    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,
        permanent: bool = False,
        unheard: bool = False,
    ) -> None:
        super().__init__(reason=reason)
        self.retry_after = retry_after
        self.permanent = permanent
        self.unheard = unheard


class DeliveryBusy(HitlError):
    """{key} of {channel} is being acted on by another process; it comes again."""


class IllegalTransition(HitlError):
    """A {kind} cannot go from {old!r} to {new!r}."""
