"""Example agents that do real work; take them as they are, or as a pattern."""
