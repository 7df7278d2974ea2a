"""HITL_DATABASE_URL: what is a URL, what is said of one that is none, and how long its server is waited for (E-04)."""

from __future__ import annotations

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import ConfigurationError, DatabaseUnreachable
from hitl_middleware.stores import open_store
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


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite://", "needs a path"),
        ("sqlite:///:memory:", "needs a path"),
        ("mysql://u:s3cret@h/d", "mysql is not supported"),
        ("s3cret", "not a URL"),
        ("", "not a URL"),
    ],
)
def test_other_urls_are_refused_with_a_sentence(url: str, why: str) -> None:
    """What we cannot open is said before anything is opened, and no password is repeated."""
    with pytest.raises(ConfigurationError, match=why) as refusal:
        open_store(url, clock=ManualClock())
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cret@127.0.0.1:1/d", "postgres://127.0.0.1:1/d?user=u&password=s3cret"]
)
async def test_a_server_that_is_not_there_is_unreachable(url: str) -> None:
    """One sentence with the reason and without the password, from ``prepare`` and from a unit of work."""
    store = open_store(url, clock=ManualClock())
    with pytest.raises(DatabaseUnreachable, match="refused") as preparing:
        await store.prepare()
    with pytest.raises(DatabaseUnreachable, match="refused") as beginning:
        async with store.begin():
            pass
    assert "s3cret" not in f"{preparing.value}{beginning.value}"
    await store.close()
