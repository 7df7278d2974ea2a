"""What a test got wrong."""

from __future__ import annotations


class CannotHappen(AssertionError):
    """A person could not do this on GitHub: there is no such issue, comment, person or right."""
