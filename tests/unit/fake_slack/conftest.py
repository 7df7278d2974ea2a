"""The fixtures of ``tests/kit/bolt_app``."""

from tests.kit.bolt_app import card, clock, fake, heard

__all__ = ["card", "clock", "fake", "heard"]
