"""A store in this process's memory: the same promises as the databases, kept by dictionaries. It forgets when the process ends."""

from hitl_middleware.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
