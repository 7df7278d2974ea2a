"""The endpoints, one module a topic. Importing this registers them all."""

from hitl_middleware.testing.fake_github.api import comments, issues, labels, meta, repositories

__all__ = ["comments", "issues", "labels", "meta", "repositories"]
