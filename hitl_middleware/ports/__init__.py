"""The plug-in points: what the core asks of a database, a channel, a graph runner, a queue. Each is named by its verbs.

Contract tests for stores and channels are in ``hitl_middleware.testing``.
"""

from hitl_middleware.ports.channel import ReviewChannel
from hitl_middleware.ports.dispatching import Crew, Dispatcher, Wakeup
from hitl_middleware.ports.people import Directory, Person
from hitl_middleware.ports.reading import Checkpoint, GraphReader, Task
from hitl_middleware.ports.running import Clock, GraphRuns, Topic
from hitl_middleware.ports.searching import AuditSearch
from hitl_middleware.ports.sessions import Session
from hitl_middleware.ports.store import Store, UnitOfWork

__all__ = [
    "AuditSearch",
    "Checkpoint",
    "Clock",
    "Crew",
    "Directory",
    "Dispatcher",
    "GraphReader",
    "GraphRuns",
    "Person",
    "ReviewChannel",
    "Session",
    "Store",
    "Task",
    "Topic",
    "UnitOfWork",
    "Wakeup",
]
