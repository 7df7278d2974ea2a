"""Debug a suspended run in a notebook (extra ``notebook``).

    from hitl_middleware.notebook import Debugger

    dbg = Debugger.from_env()             # the server's database and graphs; or Debugger(graph)
    dbg.runs()                            # what waits, for whom, since when
    run = dbg["thread-or-run-id"]         # opens at the step where it is suspended
    run.why(), run.diff(), run.steps()    # who may decide and why; what the last step changed; a slider
    run.decide()                          # a form; or: await run.decide("approve")
    run.fork(values={…}).decide("reject") # what if? In memory, with every tool replaced by a recorder

    facts.py      all that is known of a run at one moment     reading.py     … read from the store and the saver, redacted (hiding.py)
    standing.py   where it stands, in sentences                reasons.py     why it was asked, who may decide
    graphs.py · threads.py   graphs that were given or are in langgraph.json, and what their savers hold
    question · table · trail · differing · comparing · pictures · places · figures   each one thing that is shown, made of markup.py
    deciding.py   an answer to the desk                        widgets.py     the form and the slider (ipywidgets)
    forking.py    a dry run, in memory                         recorders.py · aside.py   … in which nothing acts
    branching.py  a fork for real                              bundle.py      a run in one file

Nothing here needs a network, and nothing but ``widgets`` needs Jupyter.
"""

from __future__ import annotations

from hitl_middleware.notebook.debugger import Debugger
from hitl_middleware.notebook.errors import (
    BundleNewer,
    CannotFork,
    LoopBusy,
    NoDatabase,
    NoSaver,
    NoSuchPlace,
    NoSuchRun,
    NotABundle,
    NothingShared,
    NothingWaits,
    NotReplaced,
    Offline,
    Several,
)
from hitl_middleware.notebook.opened import OpenRun

__all__ = [
    "BundleNewer",
    "CannotFork",
    "Debugger",
    "LoopBusy",
    "NoDatabase",
    "NoSaver",
    "NoSuchPlace",
    "NoSuchRun",
    "NotABundle",
    "NotReplaced",
    "NothingShared",
    "NothingWaits",
    "Offline",
    "OpenRun",
    "Several",
]
