"""HITL_DATABASE_URL: what is a URL, what is said of one that is none, and how long its server is waited for (E-04)."""

from __future__ import annotations

import pytest

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.stores.url import connection_words, driven, parse, shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "postgresql://u:hunter2@h:one/x",
        "mysql://u:hunter2@h/x",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_what_is_no_url_of_ours(url: str) -> None:
    """E-04: a sentence that says what to write instead, and repeats nothing that may be a password."""
    with pytest.raises(ConfigurationError, match=r"HITL_DATABASE_URL.*sqlite:///path") as refusal:
        parse(url)
    assert "hunter2" not in str(refusal.value)


def test_a_server_that_does_not_answer_at_all() -> None:
    """Issue 5, "Bad input": a command does not hang for the minutes that the driver would wait; who wants to wait says so in the URL."""
    plain, patient = (parse(f"postgresql://u:hunter2@h/x{more}") for more in ("", "?connect_timeout=60"))
    assert connection_words(plain)["connect_timeout"] == "10"
    assert connection_words(patient)["connect_timeout"] == "60"
    assert "connect_timeout" not in shown(plain)
    assert driven(parse("sqlite:///x.db"), "sync").query == {}
