"""The fixtures of ``tests/kit/slack_client``."""

from tests.kit.slack_client import client, fake, time

__all__ = ["client", "fake", "time"]
