"""The desk: where questions are filed and answers are judged."""

from hitl_middleware.desk.desk import ReviewDesk

__all__ = ["ReviewDesk"]
