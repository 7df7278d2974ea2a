"""What stands in a tool's body: nothing happens there without a claim (or a verdict that nobody needs to be asked).

The gate puts a pass into a context variable; the guarded body spends it. So a retry inside the gate cannot perform the act again,
and a marked tool that is called past the gate raises ``Ungated``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, TypeVar, overload

from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp

from hitl_middleware.actions import ActionRequest, DecisionType
from hitl_middleware.errors import ConfigurationError, OutcomeUnknown, Ungated
from hitl_middleware.leases import Claim
from hitl_middleware.policy import Escalation, OnExpiry, Policy, Reconcile, ReviewPlan, When
from hitl_middleware.records import Action, Lease

TargetT = TypeVar("TargetT", bound=BaseTool | Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Waved:
    """The policy asked nobody and records nothing: the tool may run, as often as the graph runs it."""

    tool: str


_PASS: ContextVar[Claim | Waved | None] = ContextVar("hitl_pass", default=None)
_IN_DOUBT: ContextVar[Action | None] = ContextVar("hitl_in_doubt", default=None)


@dataclass(slots=True, eq=False)
class _Entry:
    """Inside a guarded tool: with which pass, and whether its function was reached."""

    token: Claim | Waved
    reached: bool


_ENTERED: ContextVar[_Entry | None] = ContextVar("hitl_entered", default=None)


@contextmanager
def passing(token: Claim | Waved | None) -> Iterator[None]:
    """What is called inside holds ``token``."""
    reset_pass, reset_entered = _PASS.set(token), _ENTERED.set(None)
    try:
        yield
    finally:
        _PASS.reset(reset_pass)
        _ENTERED.reset(reset_entered)


@dataclass(frozen=True, slots=True)
class CurrentAction:
    """The action a tool is performing: its id, and the key to give to services that de-duplicate.

    ``decided_by`` is the identity of whoever approved it, ``policy`` where the policy asked nobody; ``args`` what was approved.
    """

    id: str
    idempotency_key: str
    attempt: int
    decided_by: str | None
    args: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def in_doubt(action: Action) -> Iterator[None]:
    """Inside, ``current_action()`` is an act whose outcome is asked of the outside world. It opens no tool."""
    reset = _IN_DOUBT.set(action)
    try:
        yield
    finally:
        _IN_DOUBT.reset(reset)


def current_action() -> CurrentAction | None:
    """The action being performed here, or, in a ``reconcile``, the one in doubt.

    ``None`` in a tool call that nobody had to approve and nothing records.
    """
    token = _PASS.get()
    action = token.action if isinstance(token, Claim) else _IN_DOUBT.get()
    if action is None:
        return None
    return CurrentAction(
        action.id, action.idempotency_key, action.attempts, action.decided_by, dict(action.args)
    )


def claim_around(call: ActionRequest, lease: Lease | None, wanted: Callable[[], ReviewPlan]) -> Claim | None:
    """The claim under which this very call is performed already, by a gate outside of the one whose plan is ``wanted``.

    ``lease``: under which the run is driven here. Context goes further than a call: whoever drives the run anew is not inside of it.
    Raises ``ConfigurationError`` where that gate did not ask for all that this one wants: a call is asked about once.
    """
    token = _PASS.get()
    if not isinstance(token, Claim) or (token.action.identity, token.lease) != (call.identity, lease):
        return None
    plan, given, decision = wanted(), token.action.plan, token.action.decision
    if decision is not None:  # whether it lets people answer so; not, what else they could have answered
        given = given.model_copy(update={"allowed_decisions": (decision.type,)})
    if plan.verdict == "ask" and not (given.verdict == "ask" and given.covers(plan)):
        msg = f"two gates with different policies stand before {call.name}; leave one of them"
        raise ConfigurationError(msg)
    return token


@contextmanager
def _entering(names: Sequence[str], *, body: bool) -> Iterator[None]:
    """Spend the pass. ``body``: this is the function itself, not the tool around it; each time it is called counts."""
    token = _PASS.get()
    if token is None or _tool_of(token) not in names:  # a tool called by another one needs a pass of its own
        raise Ungated(tool=names[0])
    entry = _ENTERED.get()
    if entry is not None and entry.token is token and not (body and entry.reached):
        entry.reached = (
            entry.reached or body
        )  # a tool and its function are one entry, as are an _arun and its _run
        with _ending(token) if body else nullcontext():
            yield
        return
    if isinstance(token, Claim):
        token.spend()
    entry = _Entry(token, reached=body)
    reset = _ENTERED.set(entry)
    try:
        with _ending(token, lambda: body or not entry.reached):
            yield
    finally:
        _ENTERED.reset(reset)


@contextmanager
def _ending(token: Claim | Waved, counts: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Remember how the body ended, unless a part of it already did."""
    error: BaseException | None = None
    try:
        yield
    except SystemExit as raised:
        # It would end the loop on which other runs stand. What it did before is not known.
        error = OutcomeUnknown(f"{_tool_of(token)} tried to end the process (sys.exit({raised.code!r}))")
        raise error from raised
    except GraphBubbleUp:
        raise  # it suspended itself or handed over: no error
    except BaseException as raised:
        error = raised
        raise
    finally:
        if isinstance(token, Claim) and counts():
            token.ended.append(error)


def _tool_of(token: Claim | Waved) -> str:
    return token.action.tool if isinstance(token, Claim) else token.tool


def _check_args(tool: BaseTool, value: Any) -> None:
    token = _PASS.get()
    if isinstance(token, Claim) and token.action.tool == tool.name:
        args = value.get("args", value) if isinstance(value, Mapping) else value
        if isinstance(args, Mapping):
            # What ToolNode injected (state, runtime …) is not the model's to choose and was not shown.
            shown = {key: item for key, item in args.items() if key in token.action.args or key in tool.args}
            token.check(shown)


def policy_of(tool: BaseTool | Callable[..., Any]) -> Policy | None:
    """The policy a tool is marked with."""
    for place in (type(tool), getattr(tool, "func", None), getattr(tool, "coroutine", None), tool):
        found = getattr(place, "__hitl_policy__", None)
        if isinstance(found, Policy):
            return found
    return None


def guard(tool: BaseTool, policy: Policy | None = None) -> BaseTool:
    """A copy of ``tool`` whose body cannot be entered without a pass. A guarded tool is answered with itself.

    What a tool keeps on itself (a counter, an open connection) it shares with its copy: one is made for every call.
    """
    if getattr(type(tool), "__hitl_guarded__", False) and policy is None:
        return tool
    guarded = tool.model_copy()
    guarded.__class__ = _guarded_class(type(tool), policy)
    # A StructuredTool's function is reachable as tool.func: guard that too, not only the way through invoke().
    functions = {name: getattr(guarded, name, None) for name in ("func", "coroutine")}
    for attribute, function in functions.items():
        if function is not None:
            object.__setattr__(guarded, attribute, guard_function(function, tool.name, policy))
    if not any(functions.values()):
        for state in ("__dict__", "__pydantic_private__", "__pydantic_extra__", "__pydantic_fields_set__"):
            object.__setattr__(guarded, state, getattr(tool, state))
    return guarded


@functools.lru_cache(maxsize=256)
def _guarded_class(base: type[BaseTool], policy: Policy | None) -> type[BaseTool]:
    class Guarded(base):  # type: ignore[misc, valid-type]  # the base is a value here
        __hitl_guarded__: ClassVar[bool] = True
        __hitl_policy__: ClassVar[Policy | None] = policy or getattr(base, "__hitl_policy__", None)

        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:  # noqa: A002 – BaseTool's name
            _check_args(self, input)
            return super().invoke(input, config, **kwargs)

        async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:  # noqa: A002 – BaseTool's name
            _check_args(self, input)
            return await super().ainvoke(input, config, **kwargs)

        @functools.wraps(base._run)  # noqa: SLF001 – a tool's body has no public name
        def _run(self, *args: Any, **kwargs: Any) -> Any:
            with _entering([self.name], body=False):
                return super()._run(*args, **kwargs)

        @functools.wraps(base._arun)  # noqa: SLF001 – a tool's body has no public name
        async def _arun(self, *args: Any, **kwargs: Any) -> Any:
            with _entering([self.name], body=False):
                return await super()._arun(*args, **kwargs)

    Guarded.__name__, Guarded.__qualname__, Guarded.__module__ = (
        base.__name__,
        base.__qualname__,
        base.__module__,
    )
    return Guarded


def guard_function(function: Callable[..., Any], name: str, policy: Policy | None) -> Callable[..., Any]:
    """``function`` behind the guard, with its own signature. A guarded one, also below other decorators, learns its tool's name."""
    if getattr(function, "__hitl_guarded__", False):
        known: list[str] = function.__hitl_names__  # type: ignore[attr-defined]
        if name not in known:
            known.append(name)
        return function
    names = [name]
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def guarded_async(*args: Any, **kwargs: Any) -> Any:
            with _entering(names, body=True):
                return await function(*args, **kwargs)

        guarded: Callable[..., Any] = guarded_async
    else:

        @functools.wraps(function)
        def guarded_sync(*args: Any, **kwargs: Any) -> Any:
            with _entering(names, body=True):
                return function(*args, **kwargs)

        guarded = guarded_sync
    guarded.__hitl_guarded__ = True  # type: ignore[attr-defined]
    guarded.__hitl_names__ = names  # type: ignore[attr-defined]
    guarded.__hitl_policy__ = policy  # type: ignore[attr-defined]
    return guarded


@overload
def requires_approval(policy: Policy, /) -> Callable[[TargetT], TargetT]: ...
@overload
def requires_approval(policy: TargetT, /) -> TargetT: ...
@overload
def requires_approval(
    *,
    when: When | None = None,
    otherwise: str = "none",
    approvers: Sequence[str] | None = None,
    decisions: Sequence[DecisionType] = ...,
    required_approvals: int = 1,
    required_from: Sequence[str] = (),
    allow_requester: bool = False,
    expires_in: timedelta | None = None,
    on_expiry: OnExpiry = "leave",
    remind: Sequence[timedelta] = (),
    escalate_to: Sequence[Escalation] = (),
    risk: str | None = None,
    redact: Sequence[str] = (),
    max_rejections: int | None = 3,
    title: str | None = None,
    idempotent: bool = False,
    reconcile: Reconcile | None = None,
    version: str = "1",
) -> Callable[[TargetT], TargetT]: ...


def requires_approval(policy: Any = None, /, **rules: Any) -> Any:
    """Mark a tool (or the function of one): its calls need a decision as the policy says.

    ``@requires_approval``, ``@requires_approval(Policy(...))`` or ``@requires_approval(when=..., approvers=[...])`` with the fields of
    ``Policy``; above or below ``@tool``. Raises ``ConfigurationError`` for a policy that could never work.
    """
    if policy is None or isinstance(policy, Policy):
        if policy is not None and rules:
            msg = "requires_approval: give a Policy or its fields, not both"
            raise ConfigurationError(msg)
        chosen = policy or Policy(**rules)
        return lambda target: _mark(target, chosen)
    return _mark(policy, Policy())


def _mark(target: Any, policy: Policy) -> Any:
    if isinstance(target, BaseTool):
        return guard(target, policy)
    if callable(target) and hasattr(target, "__name__"):
        return guard_function(target, target.__name__, policy)
    msg = f"requires_approval marks tools and functions, not {type(target).__name__}"
    raise ConfigurationError(msg)
