"""The ledger: the one writer of actions."""

from hitl_middleware.ledger.ledger import Ledger
from hitl_middleware.ledger.outcome import CALLER, MAX_TEXT, Outcome, is_adoptable, is_settled

__all__ = ["CALLER", "MAX_TEXT", "Ledger", "Outcome", "is_adoptable", "is_settled"]
