"""What runs inside the graph: the gate before the tools, the guard in their bodies, and the edge that gives each call its own task."""

from hitl_middleware.gate.edges import send_tool_calls
from hitl_middleware.gate.gate import Gate
from hitl_middleware.gate.guard import CurrentAction, current_action, guard, policy_of, requires_approval
from hitl_middleware.gate.manner import Adopting, Asked, Asking, Manner, OwnManner

__all__ = [
    "Adopting",
    "Asked",
    "Asking",
    "CurrentAction",
    "Gate",
    "Manner",
    "OwnManner",
    "current_action",
    "guard",
    "policy_of",
    "requires_approval",
    "send_tool_calls",
]
