"""GitHub's deliveries: whose they are, what of them concerns us, and which run a label begins."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware.channels.github.events import (
    Commented,
    Ignored,
    Labeled,
    Reviewed,
    read_event,
    reopened,
    stored,
)
from hitl_middleware.channels.github.signature import (
    HeadersMalformed,
    SignatureMissing,
    SignatureWrong,
    check_headers,
    sign,
    verify,
)
from hitl_middleware.channels.github.triggers import PathMissing, check_triggers, concerns, run_of
from hitl_middleware.channels.github.words import Address
from hitl_middleware.channels.payload import Malformed
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.settings import ConfigFile, TriggerConfig

JSON = "application/json"
REPOSITORY = {"full_name": "acme/shop", "name": "shop"}


def labeled(**changes: Any) -> dict[str, Any]:
    """Ann labels Bob's issue."""
    issue = {
        "number": 12,
        "title": "It crashes",
        "body": "Always.",
        "html_url": "https://github.com/acme/shop/issues/12",
        "user": {"login": "bob"},
        "labels": [{"name": "bug"}],
    }
    payload = {
        "action": "labeled",
        "issue": issue,
        "label": {"name": "bug"},
        "repository": REPOSITORY,
        "sender": {"login": "ann"},
    }
    return {**payload, **changes}


def commented(body: str = "/approve", **changes: Any) -> dict[str, Any]:
    """Ann writes a comment."""
    comment = {"id": 99, "user": {"login": "ann"}, "body": body, "created_at": "2026-01-05T09:00:00Z"}
    return {
        "action": "created",
        "issue": {"number": 12},
        "comment": {**comment, **changes},
        "repository": REPOSITORY,
    }


def reviewed(state: str) -> dict[str, Any]:
    """Ann reviews a pull request."""
    return {
        "action": "submitted",
        "review": {"id": 5, "state": state},
        "pull_request": {"number": 13},
        "repository": REPOSITORY,
    }


def read(event: str, payload: Any, content_type: str = JSON) -> Any:
    """What it tells."""
    return read_event(event, content_type, json.dumps(payload).encode())


# signatures ---------------------------------------------------------------------------------------------------------------


def test_a_signature_by_either_secret_counts() -> None:
    """G-11: the present secret and, during rotation, the previous one; the raw bytes are what is signed."""
    body = b'{"zen": "\xc3\xa4"}'
    verify(["new", "old"], sign("new", body), body)
    verify(["new", "old"], sign("old", body), body)
    for wrong in (sign("other", body), sign("new", body + b" ")):
        with pytest.raises(SignatureWrong):
            verify(["new", "old"], wrong, body)
    # docs.github.com, "Validating webhook deliveries": the documented test value.
    signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    verify(["It's a Secret to Everybody"], signed, b"Hello, World!")


BAD_SIGNATURES = [
    None,
    "",
    "sha256=",
    "sha1=" + "0" * 40,
    "sha256=" + "G" * 64,
    "sha256=" + "0" * 63,
    "0" * 64,
]
BAD_HEADERS = [
    (None, "1"),
    ("ping", None),
    ("pi ng", "1"),
    ("ping\n", "1"),
    ("ping", "../1"),
    ("x" * 65, "1"),
    ("ping", "1" * 65),
]


@pytest.mark.parametrize("signature", BAD_SIGNATURES)
def test_without_a_signature_nothing_is_read(signature: str | None) -> None:
    """G-11: mandatory; by its syntax alone, before a byte is hashed."""
    with pytest.raises(SignatureMissing):
        check_headers(event="ping", delivery="1", signature=signature)


@pytest.mark.parametrize(("event", "delivery"), BAD_HEADERS)
def test_headers_have_their_syntax(event: str | None, delivery: str | None) -> None:
    """G-11: malformed is 400."""
    with pytest.raises(HeadersMalformed):
        check_headers(event=event, delivery=delivery, signature="sha256=" + "0" * 64)


# events -------------------------------------------------------------------------------------------------------------------


def test_what_concerns_us() -> None:
    """G-02, G-11, G-13: a label, a comment that may be a command, a review that decides – each as a value."""
    body = json.dumps(labeled()).encode()
    found = read_event("issues", JSON, body)
    assert isinstance(found, Labeled)
    assert (found.repository, found.number, found.label) == ("acme/shop", 12, "bug")
    found = read("issue_comment", commented())
    assert isinstance(found, Commented)
    assert (found.address, found.comment, found.author, found.body) == (
        Address("acme/shop", 12), 99, "ann", "/approve",
    )  # fmt: skip
    assert read("pull_request_review", reviewed("changes_requested")) == Reviewed(
        address=Address("acme/shop", 13), review=5
    )


def test_one_label_told_by_several_webhooks() -> None:
    """G-02: the repository's own, its organization's and an App's tell of one act, and it begins one run; another act is another."""

    def key(**changes: Any) -> str:
        found = read("issues", labeled(**changes))
        assert isinstance(found, Labeled)
        return found.key

    first = key()
    assert key() == first
    assert key(installation={"id": 7}, organization={"login": "acme"}) == first
    assert key(label={"name": "bugs"}) != first
    assert key(issue={**labeled()["issue"], "updated_at": "2026-01-01T12:00:01Z"}) != first


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("ping", {"zen": "Keep it logically awesome."}),
        ("push", {"ref": "refs/heads/main"}),
        ("issues", labeled(action="opened")),
        ("issue_comment", {**commented(), "action": "edited"}),
        ("issue_comment", {**commented(), "action": "deleted"}),
        ("issue_comment", commented("Thank you!")),
        ("issue_comment", commented("<!-- hitl:card:1 -->\n/approve")),
        ("issue_comment", commented(user=None)),
        ("issue_comment", commented(body=None)),  # type: ignore[arg-type]
        ("pull_request_review", reviewed("commented")),
        ("pull_request_review", {"action": "dismissed"}),
    ],
)  # fmt: skip
def test_the_rest_is_ignored(event: str, payload: Any) -> None:
    """G-11: other events and actions, what is no command, and our own comments: ignored, with the reason."""
    found = read(event, payload)
    assert isinstance(found, Ignored)
    assert found.why


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", []),
        ("issues", {}),
        ("issues", {"action": 7}),
        ("issues", labeled(issue=None)),
        ("issues", labeled(label={"name": 7})),
        ("issues", labeled(repository={"full_name": "../../etc"})),
        ("issues", labeled(issue={"number": -1})),
        ("issue_comment", commented(id="x")),
        ("issue_comment", commented(created_at="yesterday")),
        ("issue_comment", commented(id=2**70)),
        ("pull_request_review", {"action": "submitted"}),
    ],
)
def test_what_is_malformed_is_said(event: str, payload: Any) -> None:
    """G-11: a payload that is none of GitHub's is 400 with the field's name; nothing is stored."""
    with pytest.raises(Malformed):
        read(event, payload)


NAMES = [
    "action", "issue", "comment", "repository", "label", "review", "id", "number", "user", "login", "body", "full_name",
    "labeled", "created", "submitted",
]  # fmt: skip
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
)
EVENTS = st.sampled_from(["issues", "issue_comment", "pull_request_review", "ping", "push"])


@given(JSONISH, EVENTS)
def test_no_input_raises_anything_else(payload: Any, event: str) -> None:
    """O-08: whatever JSON it is: a value, a reason, or ``Malformed``."""
    body = json.dumps(payload).encode()
    for content_type in (JSON, "application/x-www-form-urlencoded", "text/plain"):
        try:
            read_event(event, content_type, body)
        except Malformed:
            continue


def test_a_delivery_is_kept_as_it_came() -> None:
    """G-11: what is stored is read again to the same value, sent as JSON or as a form."""
    body = json.dumps(commented("/approve\nline")).encode()
    form = urlencode({"payload": body.decode()}).encode()
    told = read_event("issue_comment", JSON, body)
    assert reopened(stored("issue_comment", "application/json; charset=utf-8", body)) == told
    assert reopened(stored("issue_comment", "application/x-www-form-urlencoded", form)) == told


# triggers -----------------------------------------------------------------------------------------------------------------


def event(**changes: Any) -> Labeled:
    """Ann labels Bob's issue."""
    found = read("issues", labeled(**changes))
    assert isinstance(found, Labeled)
    return found


def test_which_trigger_waits() -> None:
    """G-02: by label and repository, in any letter case; no repository named: wherever."""
    here = TriggerConfig(label="Bug", graph="a", repositories=("Acme/Shop",))
    anywhere = TriggerConfig(label="bug", graph="b")
    others = (TriggerConfig(label="feature", graph="c"), TriggerConfig(label="bug", graph="d", repositories=("acme/other",)))  # fmt: skip
    assert concerns((here, anywhere, *others), event()) == [here, anywhere]


def test_the_run_that_a_label_begins() -> None:
    """G-02: input from the payload, the requester as the trigger says, labels for the channel; a thread for each graph on each issue."""
    run = run_of(TriggerConfig(label="bug", graph="sdlc-bugfix"), event())
    assert run.input == {
        "repository": "acme/shop",
        "issue": 12,
        "issue_url": "https://github.com/acme/shop/issues/12",
        "title": "It crashes",
        "body": "Always.",
    }
    assert run.labels == {"repository": "acme/shop", "issue": "12", "issue_url": run.input["issue_url"]}
    assert (run.requester, run.thread_id) == ("github:bob", "github:acme/shop#12:sdlc-bugfix")
    mapped = TriggerConfig(
        label="bug",
        graph="g",
        requester="labeller",
        input={"what": "issue.labels.0.name", "nr": "issue.number"},
    )
    run = run_of(mapped, event())
    assert (run.input, run.requester) == ({"what": "bug", "nr": 12}, "github:ann")


def test_a_copy_of_a_delivery_is_the_same_run() -> None:
    """G-02: under whatever delivery id, for no signature covers that; another act of labelling is another run."""
    trigger = TriggerConfig(label="bug", graph="g")
    assert run_of(trigger, event()).run_id == run_of(trigger, event()).run_id
    assert run_of(trigger, event()).run_id != run_of(trigger, event(sender={"login": "eve"})).run_id
    other = trigger.model_copy(update={"graph": "h"})
    assert run_of(trigger, event()).run_id != run_of(other, event()).run_id


def test_a_trigger_that_cannot_work_is_said() -> None:
    """E-04: a path that leads nowhere, a graph that nobody serves, a key that is misspelt."""
    with pytest.raises(PathMissing, match=r"takes 'x' from 'issue.nothing.at'"):
        run_of(TriggerConfig(label="bug", graph="g", input={"x": "issue.nothing.at"}), event())
    with pytest.raises(
        ConfigurationError, match=r"label 'bug' starts graph 'g', which is not served here\. Served: a, b"
    ):
        check_triggers([TriggerConfig(label="bug", graph="g")], ["b", "a"])
    check_triggers([TriggerConfig(label="bug", graph="a")], ["b", "a"])
    with pytest.raises(ValueError, match="requestor"):
        ConfigFile.model_validate({"triggers": [{"label": "bug", "graph": "g", "requestor": "author"}]})
