"""New names: UUIDv7 ids (sortable by time of birth) and short codes for people."""

from __future__ import annotations

import secrets

import uuid_utils

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32 alphabet in lower case: no i, l, o, u – nothing that is misread aloud."""

CODE_LENGTH = 8

ID_FORM = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""An id, as a regular expression."""


def new_id() -> str:
    """A UUIDv7 as text; ids born in one process sort in the order of their birth."""
    return str(uuid_utils.uuid7())


def new_code() -> str:
    """8 characters a person can type. Names a request, grants nothing."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(CODE_LENGTH))
