"""What a test got wrong."""

from __future__ import annotations


class CannotHappen(AssertionError):
    """A person could not do this in Slack: there is no such button, person, field or open view."""
