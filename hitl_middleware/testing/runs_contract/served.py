"""The contract's graphs compiled without a saver, under their names: what an Agent Server loads, and gives its own saver."""

from __future__ import annotations

from hitl_middleware.testing.runs_contract.graphs import GRAPHS

globals().update({name: build().compile(**options) for name, (build, options) in GRAPHS.items()})
