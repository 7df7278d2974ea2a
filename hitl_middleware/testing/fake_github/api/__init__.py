"""The endpoints, one module a topic. Importing this registers them all."""

from hitl_middleware.testing.fake_github.api import (
    apps,
    branches,
    comments,
    contents,
    events,
    git,
    hooks,
    issues,
    labels,
    meta,
    pulls,
    repositories,
    reviews,
    teams,
)

__all__ = [
    "apps",
    "branches",
    "comments",
    "contents",
    "events",
    "git",
    "hooks",
    "issues",
    "labels",
    "meta",
    "pulls",
    "repositories",
    "reviews",
    "teams",
]
