"""The ledger: the one writer of actions."""

from hitl_middleware.ledger.ledger import Ledger
from hitl_middleware.ledger.outcome import MAX_TEXT, Outcome, is_adoptable, is_settled

__all__ = ["MAX_TEXT", "Ledger", "Outcome", "is_adoptable", "is_settled"]
