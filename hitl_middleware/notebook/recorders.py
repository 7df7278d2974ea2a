"""A copy of a graph in which nothing that is a tool acts: every one of its tools is replaced by one that writes down how it was called.

Two things stand between a dry run and the world. The tools of every ``ToolNode``, also of subgraphs, are recorders: they bear the name,
the schema and the mark of the tool, and its body is never called. And a callback stops any other tool before it begins – one that a node
calls by itself, or an agent inside a node: such a call cannot be replaced from outside, so the run fails there, and says so.

What no graph library can see is a plain node that acts without a tool (a request over HTTP, a row written). Those run as they are, and
the fork says which they are; ``stand_ins`` replaces them by name.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import ToolMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolNode

from hitl_middleware.actions import canonical
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.gate import outcomes
from hitl_middleware.gate.calls import args_schema as schema_of
from hitl_middleware.gate.guard import guard, policy_of
from hitl_middleware.gate.human_step import HumanStep
from hitl_middleware.notebook.errors import NotReplaced
from hitl_middleware.notebook.facts import Recorded
from hitl_middleware.notebook.threads import Graph
from hitl_middleware.records import Action
from hitl_middleware.runs.history.plain import plain

StandIn = Any
"""What a tool is to answer (a value, or a function of its arguments), or a node to write (a mapping, or a function of the state)."""

_RECORDING: ContextVar[str | None] = ContextVar("hitl_recording", default=None)


@dataclass(slots=True)
class Log:
    """What was not done, in order. ``before``: what the same calls answered in the run that was forked, by tool and arguments."""

    stand_ins: Mapping[str, StandIn]
    before: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    calls: list[Recorded] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def answer(self, tool: BaseTool, args: Mapping[str, Any]) -> Any:
        """Write a call down; what the tool would have answered, as far as anybody can say. A stand-in that raises is told, too."""
        names = (schema_of(tool) or {}).get("properties", args)
        given = {
            key: value for key, value in args.items() if key in names
        }  # what a graph injects was not the model's to say
        shown = {key: plain(value) for key, value in given.items()}
        try:
            said = self._said(tool.name, given, shown)
        except Exception as error:
            self._note(tool.name, shown, f"{type(error).__name__}: {error}")
            raise
        self._note(tool.name, shown, outcomes.preview(said))
        return _as_answer(tool, said)

    def _note(self, name: str, shown: dict[str, Any], answered: str) -> None:
        with self.lock:
            self.calls.append(Recorded(tool=name, args=shown, answered=answered))

    def _said(self, name: str, given: Mapping[str, Any], shown: Mapping[str, Any]) -> Any:
        if name in self.stand_ins:
            instead = self.stand_ins[name]
            return instead(**given) if callable(instead) else instead
        known = self.before.get((name, key_of(shown)))
        return (
            known if known is not None else f"(dry run) {name} was not called; this stands in for its answer."
        )


def key_of(args: Mapping[str, Any]) -> str:
    """Arguments as they are compared."""
    return canonical(dict(args)).decode()


def answers_of(actions: Sequence[Action]) -> Mapping[tuple[str, str], Any]:
    """What calls answered that did happen in the run: a dry run that comes by the same call is told the same."""
    return {
        (act.tool, key_of(act.args)): outcomes.replay(act)
        for act in actions
        if act.status == "succeeded" and act.result is not None
    }


def _as_answer(tool: BaseTool, said: Any) -> Any:
    with_artifact = tool.response_format == "content_and_artifact"
    if isinstance(said, ToolMessage):
        return (said.content, said.artifact) if with_artifact else said.content
    if with_artifact and not (isinstance(said, tuple) and len(said) == 2):
        return said, None
    return said


def recorder(tool: BaseTool, log: Log) -> BaseTool:
    """A tool of the same name, schema and mark that only writes down how it was called."""
    policy = policy_of(tool)
    made = tool.model_copy()
    made.__class__ = _recorder_class(_unguarded(type(tool)))
    object.__setattr__(made, "_hitl_log", log)
    for attribute in ("func", "coroutine"):
        # Reachable beside the tool, so no way to the real body is left.
        function = getattr(made, attribute, None)
        if function is not None:
            object.__setattr__(made, attribute, _unreachable(function, tool.name))
    return guard(made, policy) if policy is not None else made


def _unguarded(kind: type[BaseTool]) -> type[BaseTool]:
    """The class of a tool without our guard: what is marked is guarded anew, around the recorder."""
    while (
        getattr(kind, "__hitl_guarded__", False)
        and len(kind.__mro__) > 1
        and issubclass(kind.__mro__[1], BaseTool)
    ):
        kind = kind.__mro__[1]
    return kind


@functools.lru_cache(maxsize=256)
def _recorder_class(base: type[BaseTool]) -> type[BaseTool]:
    class Recorder(base):  # type: ignore[misc, valid-type]  # the base is a value here
        def run(self, *args: Any, **kwargs: Any) -> Any:
            reset = _RECORDING.set(self.name)
            try:
                return super().run(*args, **kwargs)
            finally:
                _RECORDING.reset(reset)

        async def arun(self, *args: Any, **kwargs: Any) -> Any:
            reset = _RECORDING.set(self.name)
            try:
                return await super().arun(*args, **kwargs)
            finally:
                _RECORDING.reset(reset)

        @functools.wraps(base._run)  # noqa: SLF001 – a tool's body has no public name
        def _run(self, *args: Any, **kwargs: Any) -> Any:
            return _answered(self, args, kwargs)

        @functools.wraps(base._arun)  # noqa: SLF001 – a tool's body has no public name
        async def _arun(self, *args: Any, **kwargs: Any) -> Any:
            return _answered(self, args, kwargs)

    Recorder.__name__ = f"Recorded{base.__name__}"
    return Recorder


def _answered(tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = {key: value for key, value in kwargs.items() if key not in {"config", "run_manager"}}
    if args:  # a tool of one text
        given = {next(iter(tool.args), "input"): args[0], **given}
    log: Log = tool._hitl_log  # noqa: SLF001 – ours
    return log.answer(tool, given)


def _unreachable(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def instead(*_: Any, **__: Any) -> Any:
        raise NotReplaced(tool=name)

    return instead


class NothingReal(BaseCallbackHandler):
    """Stops a tool that is no recorder before its body is entered, wherever in the run it is called."""

    raise_error = True
    run_inline = True  # in the context of the call, also under ``ainvoke``

    def on_tool_start(
        self, serialized: dict[str, Any] | None, input_str: str, *, run_id: UUID, **kwargs: Any
    ) -> None:
        """LangChain calls this before the tool."""
        del input_str, run_id
        name = str((serialized or {}).get("name") or kwargs.get("name") or "a tool")
        if _RECORDING.get() != name:
            raise NotReplaced(tool=name)


# -------------------------------------------------------------------------------------------------------------- graphs


@dataclass(frozen=True, slots=True)
class Harmless:
    """The copy, and what is in it: tools that are recorders, nodes that a stand-in replaces, and nodes that run as they are."""

    graph: Graph
    tools: tuple[str, ...]
    nodes: tuple[str, ...]
    real: tuple[str, ...]


def harmless(graph: Graph, log: Log) -> Harmless:
    """A copy of a graph with recorders. The graph itself stays as it is. Raises ``ConfigurationError`` for a stand-in of nothing."""
    tools: dict[str, None] = {}
    replaced: dict[str, None] = {}
    real: dict[str, None] = {}
    made = _copied(graph, log, tools, replaced, real, "")
    for name in log.stand_ins:
        if name not in tools and name not in replaced:
            known = ", ".join([*tools, *replaced, *real]) or "none"
            msg = f"stand_ins: {name!r} is neither a tool nor a node of this graph. There are: {known}"
            raise ConfigurationError(msg)
    return Harmless(made, tuple(tools), tuple(replaced), tuple(real))


def _copied(
    graph: Graph,
    log: Log,
    tools: dict[str, None],
    replaced: dict[str, None],
    real: dict[str, None],
    within: str,
) -> Graph:
    nodes = dict(graph.nodes)
    for name, node in graph.nodes.items():
        path = f"{within}{name}"
        bound: Runnable[Any, Any] = node.bound
        if name in log.stand_ins and not name.startswith("__"):
            replaced[name] = None
            nodes[name] = node.copy({"bound": _stand_in(log.stand_ins[name])})
        elif isinstance(bound, ToolNode):
            tools.update(dict.fromkeys(bound.tools_by_name))
            nodes[name] = node.copy({"bound": _recording(bound, log)})
            if type(bound) is not ToolNode:
                real[path] = None  # a node that does more than calling its tools
        elif isinstance(bound, _pregel()):
            inner = _copied(bound, log, tools, replaced, real, f"{path}:")
            nodes[name] = node.copy({"bound": inner, "subgraphs": [inner]})
        elif not name.startswith("__") and not isinstance(bound, HumanStep):
            real[path] = None
    return graph.copy({"nodes": nodes})


def _pregel() -> type[Any]:
    from langgraph.pregel import Pregel

    return Pregel


def _recording(node: ToolNode, log: Log) -> ToolNode:
    made = copy.copy(node)
    made._tools_by_name = {name: recorder(tool, log) for name, tool in node.tools_by_name.items()}  # noqa: SLF001 – no public way
    for attribute in ("func", "afunc"):
        method = getattr(made, attribute, None)
        if isinstance(method, types.MethodType) and method.__self__ is node:
            setattr(made, attribute, types.MethodType(method.__func__, made))
    return made


def _stand_in(given: StandIn) -> Runnable[Any, Any]:
    if callable(given):
        return RunnableLambda(given)
    return RunnableLambda(lambda _: given)
