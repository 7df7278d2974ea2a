"""What can be wrong with what a notebook asks for."""

from __future__ import annotations

from hitl_middleware.errors import ConfigurationError, HitlError, NotFound


class NoSuchRun(NotFound):
    """There is no run or thread {key!r} here. {hint}"""


class NoSuchPlace(NotFound):
    """There is no checkpoint {key!r} on this thread. {hint}"""


class NoSaver(ConfigurationError):
    """The graph {name!r} has no saver, so nothing is kept of its threads. Compile it with one that outlives the process:
    builder.compile(checkpointer=hitl.checkpointer()), or any saver of your own.
    """


class NothingShared(ConfigurationError):
    """HITL_DATABASE_URL is {url}, a memory of this very process: no server's runs are in it. Set it to the database of your
    server, for example sqlite:///.hitl/hitl.db or postgresql://user:password@host/name, before the notebook's first cell.
    """


class NoDatabase(ConfigurationError):
    """There is no database at {path} (from {folder}). Begin the notebook in the folder in which hitl serve runs, or set
    HITL_DATABASE_URL to its database before the first cell.
    """


class LoopBusy(ConfigurationError):
    """The saver of {name!r} works on the event loop that this cell runs on, and would wait for itself. Write: run = await {call}"""


class NothingWaits(HitlError):
    """Nothing waits for a decision here: {why}"""


class Several(HitlError):
    """{count} requests wait here. Say which: decide(…, request=code). Codes: {codes}"""


class Offline(HitlError):
    """This was opened from a bundle of {at}: there is no database behind it, so {what}. Open the run where its database is."""


class CannotFork(HitlError):
    """This run cannot be forked: {why}"""


class NotReplaced(HitlError):
    """{tool} was about to run for real in a dry run, and was stopped before it began: it is called by a node, not by a ToolNode that
    the fork could give a recorder. Name what it should answer: run.fork(…, stand_ins={{{tool!r}: …}}) replaces tools of a ToolNode, and
    the node itself under the node's name.
    """


class NotABundle(HitlError):
    """{path} is no bundle of a run: {why}"""


class BundleNewer(HitlError):
    """{path} was written in format {theirs} by hitl-middleware {by}; this version reads up to {ours}.
    Run: pip install --upgrade hitl-middleware
    """


class PandasMissing(ConfigurationError):
    """.df needs pandas, which is not installed. Run: pip install pandas (the table itself, and .rows, do without it)"""


class WidgetsMissing(ConfigurationError):
    """{what} needs ipywidgets, which is not installed. Run: pip install 'hitl-middleware[notebook]' ({instead})"""
