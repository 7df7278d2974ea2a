"""What a reader has before them (E-02)."""

import httpx
import pytest

from hitl_middleware.testing.fake_github import FakeGitHub, seen

from tests.kit.github_stage import SHOP


@pytest.mark.parametrize(
    ("body", "mentions"),
    [
        ("@ann and @acme/architects, @ann", ("ann", "acme/architects")),
        ("mail ann@example.com, `@bob`, x@cy", ()),
        ("```\n@ann\n```\n    @bob\n\n[@cy](http://x)", ()),
        ("<!-- @ann --> @bob", ("bob",)),
        ("\\@ann &#64;bob", ("ann", "bob")),  # an escape is none: GitHub looks after rendering
        ("@<!-- -->ann", ("ann",)),
        ("@\u200bann @-ann @ann-", ()),
        ("**@ann**(@bob) '@cy'", ("ann", "bob", "cy")),
        ("<code>@ann</code> <details><summary>@bob</summary></details>", ("bob",)),
    ],
)
def test_who_is_mentioned(body: str, mentions: tuple[str, ...]):
    """Names after an @ in the rendered text, outside code and links."""
    assert seen(body).mentions == mentions


@pytest.mark.parametrize(
    ("body", "references"),
    [
        ("#12 and acme/shop#13, GH-14", (("", 12), ("acme/shop", 13), ("", 14))),
        ("`#12` x#13 #014 &#35;15", (("", 15),)),
        ("http://127.0.0.1:1/acme/shop/issues/16", (("acme/shop", 16),)),
        ("[words](https://github.com/acme/shop/pull/17)", (("acme/shop", 17),)),
        ("<!-- #18 -->", ()),
    ],
)
def test_which_issues_are_referred_to(body: str, references: tuple[tuple[str, int], ...]):
    """Numbers after a # and addresses of issues, outside code."""
    assert seen(body).references == references


def test_what_is_hidden_is_not_read():
    """Comments, scripts, handlers and unknown addresses are gone; folded and tabled words are read; line breaks stay."""
    body = (
        "<!-- hitl:card:1 -->\n**Approve?**\nsecond line\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "<details><summary>More</summary>\n\n~~inside~~\n</details>\n\n<script>alert(1)</script>\n"
        '<b onclick="x()">bold</b> <a href="javascript:x()">here</a> ![alt](http://x/y.png)'
    )
    read = seen(body)
    assert read.lines == ["Approve?", "second line", "\ta\tb", "\t1\t2", "More", "inside", "bold here alt"]
    assert "hitl:card" not in read.html
    assert "onclick" not in read.html
    assert "javascript" not in read.html
    assert read.images == ("http://x/y.png",)


def test_a_bare_address_is_a_link():
    """Without what ends the sentence; not in code."""
    read = seen("See http://x/runs/1. Or (www.example.com), `http://y` [here](http://z)")
    assert read.links == ("http://x/runs/1", "www.example.com", "http://z")


def test_an_unfinished_comment_hides_the_rest():
    """What a reader does not see is not in the text, whatever the source says."""
    assert seen("hello\n\n<!-- oops\n\n/approve").lines == ["hello"]


def test_an_issue_has_a_page(fake: FakeGitHub):
    """The page that `html_url` leads to shows what is there, escaped, and runs nothing."""
    issue = fake.open_issue(SHOP, "ann", "<script>1</script>", "<!-- hidden -->\n\n*seen*")
    comment = fake.comment(SHOP, issue.number, "ann", "/approve")
    page = httpx.get(f"{fake.web_url}/{SHOP}/issues/{issue.number}", trust_env=False)
    assert "<em>seen</em>" in page.text
    assert f'id="issuecomment-{comment.id}"' in page.text
    assert "<script>" not in page.text
    assert "hidden" not in page.text
    assert httpx.get(f"{fake.web_url}/{SHOP}/issues/99", trust_env=False).status_code == 404
