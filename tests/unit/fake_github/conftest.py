"""The fixtures of ``tests/kit/github_stage``."""

from tests.kit.github_stage import fake, heard, hub

__all__ = ["fake", "heard", "hub"]
