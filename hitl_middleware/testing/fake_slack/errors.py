"""What a test got wrong, or waited for in vain."""

from __future__ import annotations


class CannotHappen(AssertionError):
    """A person could not do this in Slack: there is no such button, person, field or open view."""


class NothingCame(AssertionError):
    """What a test waited for did not come in time."""
