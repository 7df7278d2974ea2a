"""``Hitl``: settings in, everything wired. The one composition root; nothing else in the library makes its own parts."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

from hitl_middleware.actions import Decision
from hitl_middleware.clock import SystemClock
from hitl_middleware.courtesy import Courtesy
from hitl_middleware.crew import crew_of
from hitl_middleware.desk import ReviewDesk
from hitl_middleware.dispatch import open_dispatcher
from hitl_middleware.errors import ConfigurationError, UnknownGraph
from hitl_middleware.inbox import Inbox
from hitl_middleware.leases import Holdings
from hitl_middleware.ledger import Ledger, Outcome
from hitl_middleware.portal import Portal
from hitl_middleware.ports import Clock, Crew, Directory, Dispatcher, GraphRuns, Person, ReviewChannel, Store
from hitl_middleware.ports.dispatching import Chore
from hitl_middleware.ports.reading import GraphReader
from hitl_middleware.records import Action, NoticeDraft, ReviewRequest, Run
from hitl_middleware.redaction import hide_action, hide_request
from hitl_middleware.runs.callers import Callers
from hitl_middleware.runs.several import SeveralReaders, SeveralRuns
from hitl_middleware.settings import ConfigFile, Settings, load_config, load_settings
from hitl_middleware.stores import open_store
from hitl_middleware.stores.prepared import PreparedStore
from hitl_middleware.views import RunDetail, Views
from hitl_middleware.work import unit

if TYPE_CHECKING:
    # LangGraph takes longer to import than everything else together: only what runs graphs waits for it.
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.pregel import Pregel

    from hitl_middleware.gate import Gate, Manner
    from hitl_middleware.gate.build import Default, InterruptOn, Rules, Tools
    from hitl_middleware.gate.steps import Steps
    from hitl_middleware.runs.agent_server import AgentServerRuns
    from hitl_middleware.runs.local import LocalRuns

Graph: TypeAlias = "Pregel[Any, Any, Any, Any]"


class Hitl:
    """Human decisions for the graphs of this process. Use ``Hitl.from_env()``; making one does no I/O.

    ``store``, ``clock``, ``channels`` and ``directory`` replace what the settings would give (tests, other databases and channels).
    Methods named ``a…``/async may be awaited on any event loop; the store lives on a loop of its own.
    """

    _shared: ClassVar[dict[tuple[int, str], Hitl]] = {}
    _sharing: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        config: ConfigFile | None = None,
        store: Store | None = None,
        clock: Clock | None = None,
        channels: Sequence[ReviewChannel] | None = None,
        directory: Directory | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.public_url = self.settings.public_url
        """Where cards link to; a server that listens sets it before ``start`` where the settings do not."""
        self.clock: Clock = clock or SystemClock()
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.portal = Portal("hitl-store")
        self.runs_portal = Portal("hitl-runs")
        self.store: Store = PreparedStore(store or open_store(self.settings.database_url, clock=self.clock))
        seconds = self.settings.lease_seconds
        self.holdings = Holdings(self.store, self.clock, owner=self.owner, seconds=seconds)
        self.dispatcher: Dispatcher = open_dispatcher(self.settings.database_url, self.settings.dispatcher)
        self.ledger = Ledger(self.store, self.clock, self.holdings, self.dispatcher)
        self.inbox = Inbox(self.store, self.dispatcher, seconds=seconds)
        self.views = Views(self.store)
        self.courtesy = Courtesy()
        self.errands: dict[str, Chore] = {}  # what else to do now and then (a channel reads what it missed)
        self._given = (config, channels, directory)
        self._working: Crew | None = None
        self._starting = threading.Lock()
        self._graphs: LocalRuns | None = None
        self._registering = threading.Lock()
        self._saver: BaseCheckpointSaver[Any] | None = None

    @classmethod
    def from_env(cls) -> Self:
        """The process's one ``Hitl`` for the database that ``HITL_DATABASE_URL`` names. No I/O.

        Raises ``ConfigurationError`` for a variable that makes no sense.
        """
        settings = load_settings()
        key = (os.getpid(), settings.database_url)
        with cls._sharing:
            found = cls._shared.get(key) or cls._shared.setdefault(key, cls(settings))
        assert isinstance(found, cls)  # noqa: S101 – one class per process
        return found

    @classmethod
    def _share(cls, hitl: Hitl) -> None:
        """Have ``from_env`` answer ``hitl`` for its database, until it stops."""
        with cls._sharing:
            cls._shared[(os.getpid(), hitl.settings.database_url)] = hitl

    # parts that read configuration files or environment of channels, made at first use --------------------------------

    @cached_property
    def config(self) -> ConfigFile:
        """``hitl.toml``."""
        return self._given[0] or load_config(self.settings.config)

    @cached_property
    def channels(self) -> tuple[ReviewChannel, ...]:
        """Every channel that is configured; one that is configured in part raises ``ChannelHalfConfigured``."""
        if self._given[1] is not None:
            return tuple(self._given[1])
        from hitl_middleware.channels.configured import configured_channels

        return configured_channels(self.config)

    @cached_property
    def directory(self) -> Directory:
        """Who is who."""
        from hitl_middleware.channels.configured import configured_directory

        return self._given[2] or configured_directory(self.config, self.clock)

    @cached_property
    def desk(self) -> ReviewDesk:
        """The one writer of requests."""
        parts = (self.store, self.ledger, self.directory, self.dispatcher)
        approvers = self.settings.default_approvers or ("api",)
        most = self.settings.max_pending
        return ReviewDesk(*parts, channels=self.channels, default_approvers=approvers, max_pending=most)

    @cached_property
    def callers(self) -> Callers:
        """How runs begin."""
        return Callers(self.store, self.clock, self.desk, self.holdings, self.dispatcher)

    @cached_property
    def all_graphs(self) -> GraphRuns:
        """All graphs that can be driven from here: those on the Agent Server that the settings name, and this process's own.

        Raises ``ConfigurationError`` where they name one in part.
        """
        if self.settings.agent_server_url is None:
            return self.graphs
        return SeveralRuns([*filter(None, [self.agent_server]), self.graphs])

    @cached_property
    def reader(self) -> GraphReader:
        """Reads the graphs and what their threads have kept, for people."""
        from hitl_middleware.runs.history.compiled import CompiledReader

        here = CompiledReader(self.graphs)
        return here if self.agent_server is None else SeveralReaders([self.agent_server.reader, here])

    @cached_property
    def agent_server(self) -> AgentServerRuns | None:
        """The graphs on an Agent Server, where one is named."""
        from hitl_middleware.runs.agent_server import configured_agent_server

        return configured_agent_server(self.settings, self.config, self.clock)

    @property
    def graphs(self) -> LocalRuns:
        """The graphs of this process."""
        from hitl_middleware.runs.local import LocalRuns

        with self._registering:
            self._graphs = self._graphs or LocalRuns(self.runs_portal, self.steps)
            return self._graphs

    @cached_property
    def steps(self) -> Steps:
        """How nodes ask; ``human_step`` and ``ask`` find it by themselves in a graph that this ``Hitl`` drives."""
        from hitl_middleware.gate.steps import Steps

        return Steps(self.store, self.holdings, self.portal)

    # for graphs ------------------------------------------------------------------------------------------------------

    def approvals(
        self,
        tools: Tools | Mapping[str, Any],
        *,
        interrupt_on: InterruptOn = None,
        default: Default = "none",
        adopt_direct_resume: bool = False,
    ) -> Any:
        """The middleware for ``create_agent(..., middleware=[hitl.approvals(tools)])``.

        ``tools``: the agent's tools, gated as they are marked, and as LangChain's ``interrupt_on`` says where given. Instead of tools
        that mapping alone is understood too. ``default`` is for tools that nobody named, also those that appear later: ``"ask"`` asks
        about each of their calls, ``"record"`` lets them pass on the record, a ``Policy`` says more. ``adopt_direct_resume``: what your
        own code resumes with counts, where no request was filed (the graph is not attached) and the policy names no one else.
        Raises ``UnknownTool`` for a gated name that no tool bears.
        """
        from hitl_middleware.gate.build import rules_of
        from hitl_middleware.langchain import HumanReviewMiddleware

        rules = rules_of(tools, interrupt_on, default)
        return HumanReviewMiddleware(self.gate(rules, adopt_direct_resume=adopt_direct_resume))

    def tool_gate(
        self,
        tools: Tools,
        *,
        interrupt_on: InterruptOn = None,
        default: Default = "none",
        adopt_direct_resume: bool = False,
    ) -> dict[str, Any]:
        """Keyword arguments for ``ToolNode(tools, **hitl.tool_gate(tools))``; options and errors as ``approvals``.

        They include ``handle_tool_errors``: the gate must see a time-out itself, not a message made of it. ``adopt_direct_resume``
        needs one task per call (``send_tool_calls``): LangGraph does not say which of several calls an answer is for.
        """
        from hitl_middleware.gate.build import node_options, rules_of

        rules = rules_of(tools, interrupt_on, default)
        return node_options(self.gate(rules, adopt_direct_resume=adopt_direct_resume))

    def gate(self, rules: Rules, *, manner: Manner | None = None, adopt_direct_resume: bool = False) -> Gate:
        """A gate under these rules: what the middlewares and ``tool_gate`` are made of. No I/O."""
        from hitl_middleware.gate import Adopting, Gate

        adopting = Adopting(self.start, lambda *asked: self.desk.adopt(*asked))  # noqa: PLW0108 – the desk is made at first use
        chosen = adopting if adopt_direct_resume else None
        return Gate(self.ledger, self.holdings, self.portal, *rules, manner=manner, adopting=chosen)

    def attach(self, graph: Graph, name: str | None = None) -> Graph:
        """A copy of ``graph`` that files a request whenever it stops at a question, and is resumed here when people have decided.

        Your process runs it; while it does, nobody else does. Root graphs; idempotent. The graph needs a checkpointer. Several graphs need
        a ``name`` each: by it a run finds its graph again, also after a restart.
        """
        from hitl_middleware.runs.attach import Attached, attach, detach

        if graph.checkpointer is None or isinstance(graph.checkpointer, bool):
            msg = "attach needs a graph with a checkpointer: compile(checkpointer=hitl.checkpointer()), or any saver of your own"
            raise ConfigurationError(msg)
        called = name or graph.get_name()
        self.graphs.add(called, detach(graph), named=name is not None)
        return attach(graph, Attached(called, self.callers, self.portal, self.start), self.steps)

    def serve(self, name: str, graph: Graph) -> None:
        """Register a graph that this process drives: a copy with this library's own saver. Its module's graph stays as it is."""
        from hitl_middleware.runs.attach import detach

        self.graphs.add(name, detach(graph).copy({"checkpointer": self.checkpointer()}))

    def checkpointer(self) -> BaseCheckpointSaver[Any]:
        """LangGraph's saver on ``HITL_DATABASE_URL``, with a strict allow-list; for sync and async graphs on any loop."""
        from hitl_middleware.stores.saver import open_saver

        with self._starting:
            if self._saver is None:
                self._saver = self.runs_portal.call(open_saver, self.settings.database_url)
            return self._saver

    # for people ------------------------------------------------------------------------------------------------------

    async def submit(
        self,
        request_id: str,
        decision: Decision,
        *,
        identity: str,
        name: str | None = None,
        via: str,
        vouched_by: str | None = None,
        if_match: str | None = None,
        source: str | None = None,
    ) -> ReviewRequest:
        """One person's answer to one request; committed when this returns. Errors, and what is said of them, as ``ReviewDesk.submit``."""

        async def work() -> ReviewRequest:
            with self.courtesy.answering():
                by = await self._person(identity, name, vouched_by)
                decided = await self.desk.submit(
                    request_id, decision, by=by, via=via, if_match=if_match, source=source
                )
                return hide_request(decided)

        return await self.portal.run(work)

    async def settle(
        self,
        action_id: str,
        what: Literal["done", "failed", "retry"],
        *,
        identity: str,
        via: str,
        message: str | None = None,
        result: str | None = None,
        vouched_by: str | None = None,
    ) -> Action:
        """Say what became of an ``unknown`` act. Errors as ``ReviewDesk.settle_outcome``."""
        outcome = Outcome.told(what, message, result)

        async def work() -> Action:
            by = await self._person(identity, None, vouched_by)
            return hide_action(await self.desk.settle_outcome(action_id, what, outcome, by=by, via=via))

        return await self.portal.run(work)

    async def _person(self, identity: str, name: str | None, vouched_by: str | None) -> Person:
        return replace(await self.directory.person(identity, name=name), vouched_by=vouched_by)

    async def start_run(self, graph: str, given: Any, **options: Any) -> Run:
        """Store a new run; it begins at once. Options and errors as ``Callers.start``; ``UnknownGraph`` too."""
        if graph not in self.all_graphs.graphs():
            raise UnknownGraph(name=graph, known=", ".join(self.all_graphs.graphs()) or "none")
        return await self.portal.run(self.callers.start, graph, given, **options)

    async def tell(self, *, key: str, channel: str, address: str, body: dict[str, Any]) -> None:
        """Store a one-off message, to be delivered soon; the same ``key`` again changes nothing."""

        async def store() -> None:
            async with unit(self.store, self.dispatcher) as work:
                await work.tell(channel, NoticeDraft(key=key, address=address, body=body))

        await self.portal.run(store)

    async def ready(self) -> None:
        """Whether a decision could be stored now: the database lets a writer begin. Raises ``DatabaseUnreachable``."""

        async def begin() -> None:
            async with self.store.begin():
                pass

        await self.portal.run(begin)

    def wait_for(self, thread_id: str, *, seconds: float | None = None) -> RunDetail:
        """Wait until the thread's run has ended (at most ``seconds``), resuming it here when people have decided; the run as it is then.

        Raises ``NotFound`` for a thread no run of which is under way.
        """
        self.start()
        run_id = self.portal.call(self.views.run, thread_id).run.id
        return self.portal.call(self.views.ended, run_id, seconds=seconds)

    # running ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Sweep, publish, resume and keep leases alive in the background, until the process ends. Idempotent."""
        with self._starting:
            if self._working is None:
                crew = crew_of(self)
                self.portal.call(self.store.prepare)
                self.portal.call(self.dispatcher.start, crew)
                self._working = crew

    def stop(self) -> None:
        """Finish what is under way, give leases back, close the database."""
        with self._starting:
            working, self._working = self._working, None
            if working is not None:
                self.portal.call(self.dispatcher.stop)
            self.portal.call(self.dispatcher.close)
            saver, self._saver = self._saver, None
            if saver is not None:
                from hitl_middleware.stores.saver import close_saver

                self.runs_portal.call(close_saver, saver)
            made = (self.__dict__.get(name) for name in ("directory", "agent_server"))
            for part in (*self.__dict__.get("channels", ()), *made):
                if (close := getattr(part, "close", None)) is not None:
                    self.portal.call(close)
            self.portal.call(self.store.close)
        with self._sharing:
            for key in [k for k, v in self._shared.items() if v is self]:
                del self._shared[key]
        self.runs_portal.stop()
        self.portal.stop()

    def settle_all(self) -> None:
        """Sweep and work until nothing is due here: for one-shot commands and tests."""
        self.start()
        assert self._working is not None  # noqa: S101 – just started
        self.portal.call(self.dispatcher.settle, self._working)

    @property
    def works(self) -> bool:
        """Whether this process works by itself (``start``), rather than only asking others to."""
        return self._working is not None


__all__ = ["Hitl"]
