"""What a test got wrong, or waited for in vain."""

from __future__ import annotations


class CannotHappen(AssertionError):
    """A person could not do this on GitHub: there is no such issue, comment, person or right."""


class NothingCame(AssertionError):
    """What a test waited for did not come in time."""
