"""The endpoints, one module a topic. Importing this registers them all."""

from hitl_middleware.testing.fake_github.api import (
    branches,
    comments,
    contents,
    git,
    issues,
    labels,
    meta,
    pulls,
    repositories,
    reviews,
)

__all__ = [
    "branches",
    "comments",
    "contents",
    "git",
    "issues",
    "labels",
    "meta",
    "pulls",
    "repositories",
    "reviews",
]
