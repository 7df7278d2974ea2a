"""For ``langgraph.json``: ``"http": {"app": "hitl_server.mounted:app"}`` has an Agent Server serve all of ours, too (``mounting``)."""

from __future__ import annotations

from hitl_server.mounting import hitl_here, mounted

app = mounted(hitl_here())
