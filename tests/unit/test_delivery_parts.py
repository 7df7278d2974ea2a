"""Software delivery, the pure parts: what an input may be, which changes may be proposed, and how words of others reach GitHub."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_graphs.delivery import proposals as p
from hitl_graphs.delivery.author import Author
from hitl_graphs.delivery.changes import MOST_FILES, ChangeRefused, check, diff, merged
from hitl_graphs.delivery.found import branch_name
from hitl_graphs.delivery.state import File, InputUnusable, read_given
from hitl_graphs.delivery.wording import body_of_issue, boxed, message_of_commit, plain

ISSUE = {
    "title": "Login fails on Safari",
    "body": "The form in app/login.py ends in a 500. It worked last week.",
}
KINDS = [p.Analysis, p.Options, p.Design, p.Plan, p.Audit, p.Changes]


# the input ---------------------------------------------------------------------------------------------------------------


def test_an_input_as_a_trigger_maps_it():
    """G-02: the payload's fields as they are: numbers or text, null for no body; a title is one line."""
    task = read_given({"repository": "acme/shop", "issue": "12", "title": " Login\nfails ", "body": None})
    assert task == {
        "repository": "acme/shop",
        "issue": 12,
        "issue_url": None,
        "title": "Login fails",
        "body": "",
        "base": None,
    }
    assert read_given({"repository": "acme/shop", "issue": 12})["title"] == ""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "there is no repository in it"),
        ({"repository": "shop", "title": "x"}, "'shop' is no repository"),
        ({"repository": "acme/../etc", "title": "x"}, "is no repository"),
        ({"repository": ["acme/shop"], "title": "x"}, "is no repository"),
        ({"repository": "acme/shop"}, "it names no issue and has no title"),
        ({"repository": "acme/shop", "title": "  "}, "it names no issue and has no title"),
        ({"repository": "acme/shop", "issue": 0}, "issue: 0 is no number of an issue"),
        ({"repository": "acme/shop", "issue": True}, "issue: True is no number of an issue"),
        ({"repository": "acme/shop", "issue": "#12"}, "issue: '#12' is no number of an issue"),
        ({"repository": "acme/shop", "title": 5}, "title: 5 is no text"),
        ({"repository": "acme/shop", "title": "x" * 257}, "title: 257 characters, at most 256"),
        ({"repository": "acme/shop", "title": "x", "body": "x" * 65_537}, "body: 65,537 characters"),
        (
            {"repository": "acme/shop", "title": "x", "issue_url": "javascript:alert(1)"},
            "no address of a page",
        ),
        ({"repository": "acme/shop", "title": "x", "base": "a..b"}, "base: 'a..b' is no branch"),
    ],
)
def test_a_bad_input_is_a_sentence(given: dict[str, Any], why: str):
    """E-04: what is wrong, and the right form."""
    with pytest.raises(InputUnusable) as refused:
        read_given(given)
    assert why in str(refused.value)
    assert 'Give {"repository": "acme/shop", "issue": 12}' in str(refused.value)


# file changes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("../etc/passwd", "leads elsewhere"),
        ("a/../b", "leads elsewhere"),
        ("a//b", "leads elsewhere"),
        ("./a", "leads elsewhere"),
        ("a/ b", "leads elsewhere"),
        ("/etc/passwd", "leads elsewhere"),
        ("a\\b", "with slashes"),
        ("C:/a", "with slashes"),
        ("", "no path of 1 to"),
        ("a" * 201, "no path of 1 to"),
        ("a\u202eb", "cannot be seen"),
        ("a\nb", "cannot be seen"),
        (".git/config", "git's own"),
        ("sub/.GIT/hooks/x", "git's own"),
        (".github/workflows/ci.yml", "DELIVERY_ALLOW_WORKFLOWS"),
        (".GitHub/Workflows/ci.yml", "DELIVERY_ALLOW_WORKFLOWS"),
    ],
)
def test_paths_that_are_refused(path: str, why: str):
    """Issue 4: a change stays inside the repository and starts nothing on GitHub unless that is allowed."""
    with pytest.raises(ChangeRefused, match=why):
        check([File(path=path, content="x")], allow_workflows=False)


def test_workflows_may_be_allowed():
    """The setting that the refusal names."""
    check([File(path=".github/workflows/ci.yml", content="on: push")], allow_workflows=True)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([], "names no files"),
        ([File(path=f"f{n}", content="") for n in range(MOST_FILES + 1)], "31 files, at most 30"),
        ([File(path="a", content="x" * 100_001)], "'a' has 100,001 characters, at most 100,000"),
        ([File(path=f"f{n}", content="x" * 90_000) for n in range(3)], "270,000 characters together"),
        ([File(path="a", content=""), File(path="A", content="")], "differ in letter case only"),
    ],
)
def test_changes_that_nobody_could_review(files: list[File], why: str):
    """Issue 4: caps on number and size, each with a sentence."""
    with pytest.raises(ChangeRefused, match=why):
        check(files, allow_workflows=False)


def test_a_diff_says_what_is_new_changed_and_gone():
    """G-04: the change as people know it from everywhere; a file that stays as it is is not in it."""
    before = {"old.py": "a = 1\nb = 2\n", "gone.py": "c = 3\n", "same.py": "d\n"}
    files = [
        File(path="old.py", content="a = 1\nb = 5\n"),
        File(path="gone.py", content=None),
        File(path="same.py", content="d\n"),
        File(path="new.py", content="e = 6"),
    ]
    assert str(diff(before, files)).split("\n") == [
        "--- a/old.py", "+++ b/old.py", "@@ -1,2 +1,2 @@", " a = 1", "-b = 2", "+b = 5",
        "--- a/gone.py", "+++ /dev/null", "@@ -1 +0,0 @@", "-c = 3",
        "--- /dev/null", "+++ b/new.py", "@@ -0,0 +1 @@", "+e = 6", "\\ No newline at end of file",
    ]  # fmt: skip
    assert diff(before, [File(path="same.py", content="d\n")]) is None
    assert diff({}, [File(path="empty", content="")]) == "--- /dev/null\n+++ b/empty"


def test_a_later_round_adds_to_the_ones_before():
    """G-06: what a second proposal does not speak of stays."""
    earlier = [File(path="a", content="1"), File(path="b", content="1")]
    assert merged(earlier, [File(path="b", content="2")]) == [
        File(path="a", content="1"),
        File(path="b", content="2"),
    ]


# words of others -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("fixes #99, says @acme/owners", "fixes no. 99, says (at)acme/owners"),
        ("closes acme/shop#7 and GH-8", "closes acme/shopno. 7 and GH 8"),
        ("closes https://github.com/acme/shop/issues/7", "closes https: github.com/acme/shop/issues/7"),
        ("a\nb\u202ec", "a b⟦U+202E⟧c"),
        ("", "Untitled"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_title_names_nobody_and_closes_nothing(line: str, shown: str):
    """Rule 9: a model's or a user's line in a title or a commit is text there."""
    assert plain(line) == shown


@given(st.text(alphabet=st.sampled_from("`~\n @#<!->ab")))
def test_no_text_leaves_its_box(text: str):
    """Rule 9: whatever is in it, the fence that ends the box is longer than every run of back-ticks inside."""
    first, *inside, last = boxed(text).split("\n")
    assert first.removesuffix("text") == last == "`" * len(last)
    assert all(last not in line for line in inside)


def test_our_marks_stand_where_others_cannot_put_them():
    """An issue is known by its first line, a commit by its last: texts of others stand in between."""
    assert body_of_issue("<!-- hitl:issue:k2 -->", "k1").split("\n")[:2] == [
        "<!-- hitl:issue:k1 -->",
        "```text",
    ]
    words = message_of_commit("Hitl-Change: other", 12, "mark")
    assert words == "Hitl-Change: other\n\nFor #12.\n\nHitl-Change: mark"


def test_a_branch_is_named_by_its_issue_and_its_act():
    """The same act finds its own branch, another one has another."""
    assert branch_name(12, "Login fails!", "0198-aaaa-1234abcd") == "hitl/12-login-fails-1234abcd"
    assert branch_name(None, "é", "0198-aaaa-1234abcd") == "hitl/change-1234abcd"


# proposals -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_scripted_proposal_is_the_same_twice_and_takes_feedback_up(kind: type[p.Proposal]):
    """G-01: drawn from the issue, deterministic; feedback shows first. Also for the emptiest and the longest issue."""
    author = Author()
    about = {"issue": ISSUE, "plan": "Tests:"}
    assert author.propose(kind, about) == author.propose(kind, about)
    again = author.propose(kind, {**about, "feedback": "Say 2"})
    assert again.text().startswith("Revised after feedback: Say 2\n\n")
    assert again.text() != author.propose(kind, about).text()
    for hard in (
        {"number": None, "title": "x", "body": ""},
        {"number": 1, "title": "a " * 128, "body": "b.py " * 13_000},
    ):
        kind.model_validate(author.propose(kind, {"issue": hard, "feedback": "c" * 9_000}).model_dump())
