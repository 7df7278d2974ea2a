"""Slack's markup and rich text, and comments of GitHub, as HTML: what is text stays text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_server.preview.fields import drawn, values_of
from hitl_server.preview.markdown import comment
from hitl_server.preview.slack_text import emoji, mrkdwn, rich_text, text_of

NAMES = {"U1": "@ann", "C1": "#reviews", "S1": "@finance"}
LINK = 'target="_blank" rel="nofollow noopener noreferrer"'
TAGS = {"b", "i", "s", "u", "code", "pre", "blockquote", "time", "span", "br", "a", "p", "ul", "ol", "li"}
IN_COMMENTS = TAGS | {
    *(
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "strong",
        "em",
        "del",
        "details",
        "summary",
        "sub",
        "sup",
        "hr",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
    ),
    *("td", "dl", "dt", "dd", "kbd", "q", "samp", "var", "mark", "small", "ins", "strike"),
}


class Read(HTMLParser):
    """The tags and attributes of some HTML, which has to be well-formed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(str(html))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in {"br", "hr"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


@pytest.mark.parametrize(
    ("said", "drawn_as"),
    [
        ("plain", "plain"),
        ("*bold* _it_ ~no~ a*b*c 2*3*4", "<b>bold</b> <i>it</i> <s>no</s> a*b*c 2*3*4"),
        ("*_both_*", "<b><i>both</i></b>"),
        ("* no *", "* no *"),
        ("`code *not bold* &lt;b&gt;`", "<code>code *not bold* &lt;b&gt;</code>"),
        ("```two\nlines```", "<pre>two\nlines</pre>"),
        ("a\nb", "a<br>b"),
        ("&gt; said\nanswered", "<blockquote>said</blockquote>answered"),
        ("&amp;lt; &lt;b&gt;", "&amp;lt; &lt;b&gt;"),
        (
            "<@U1> <#C1> <!subteam^S1>",
            '<span class="mention me">@ann</span> <span class="mention">#reviews</span> <span class="mention">@finance</span>',
        ),
        ("<@U9> <!channel>", '<span class="mention">@U9</span> <span class="mention">@channel</span>'),
        ("<!date^1700000000^{date} at {time}|2023-11-14>", "<time>2023-11-14</time>"),
        (
            "<https://a.example/x_y_z?a=1&amp;b=2|Open _it_>",
            f'<a href="https://a.example/x_y_z?a=1&amp;b=2" {LINK}>Open _it_</a>',
        ),
        ("*<https://a.example|x>*", f'<b><a href="https://a.example" {LINK}>x</a></b>'),
        ("<javascript:alert(1)|x> <data:text/html,x>", "x data:text/html,x"),
        ('"><script>', "&#34;&gt;script"),
    ],
)
def test_mrkdwn(said: str, drawn_as: str):
    """Each construct that Slack's markup has, and what merely looks like one."""
    assert mrkdwn(said, NAMES, "U1") == drawn_as


@given(
    st.lists(
        st.sampled_from(
            [
                *"*_~`<>&|\n@#!'\"^ x",
                "&lt;",
                "&gt;",
                "```",
                "<@U1>",
                "https://e.example",
                "<b>",
                "javascript:",
            ]
        )
    ).map("".join)
)
def test_no_text_gets_out_of_its_place(text: str):
    """Whatever is written: well-formed, our own elements, links to the web alone."""
    for kind in ("mrkdwn", "plain_text"):
        read = Read(text_of({"type": kind, "text": text}, NAMES))
        assert read.tags <= TAGS
        assert read.attributes <= {"href", "target", "rel", "class"}
        assert all(link.startswith(("http://", "https://", "mailto:")) for link in read.links)
    letters = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    assert Read(rich_text(letters, NAMES)).text == text.replace("\n", "")


def test_rich_text():
    """Every piece; what stands in it is shown to the letter."""
    pieces: list[dict[str, Any]] = [
        {"type": "text", "text": "*a* &lt;\nb", "style": {"bold": True, "strike": False}},
        {"type": "link", "url": "https://a.example", "text": "there", "style": {"italic": True}},
        {"type": "link", "url": "javascript:alert(1)"},
        {"type": "user", "user_id": "U1"},
        {"type": "usergroup", "usergroup_id": "S9"},
        {"type": "channel", "channel_id": "C1"},
        {"type": "broadcast", "range": "here"},
        {"type": "emoji", "name": "+1"},
        {"type": "date", "timestamp": 1, "format": "{date}", "fallback": "then"},
        {"type": "color", "value": "#ff0000"},
    ]
    section = {"type": "rich_text_section", "elements": pieces}
    assert rich_text({"type": "rich_text", "elements": [section]}, NAMES, "U1") == (
        f'<p class="rich"><b>*a* &amp;lt;<br>b</b><i><a href="https://a.example" {LINK}>there</a></i>javascript:alert(1)'
        '<span class="mention me">@ann</span><span class="mention">@S9</span>'
        '<span class="mention">#reviews</span><span class="mention">@here</span>'
        "👍<time>then</time><code>#ff0000</code></p>"
    )
    line = {"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}
    ordered = {"type": "rich_text_list", "style": "ordered", "elements": [line]}
    assert rich_text(ordered, NAMES) == '<ol><li><p class="rich">x</p></li></ol>'
    for kind, tag in (("rich_text_preformatted", "pre"), ("rich_text_quote", "blockquote")):
        assert rich_text({**line, "type": kind}, NAMES) == f"<{tag}>x</{tag}>"
    assert (emoji("thumbsup::skin-tone-2"), emoji("party_parrot")) == ("👍", ":party_parrot:")


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("### Head\n\n**b** `c` ~~d~~", ["<h3>Head</h3>", "<strong>b</strong>", "<code>c</code>"]),
        (
            "@ann, see #12 and #99, a@b.example, `@eve #12`",
            [
                '<b class="mention">@ann</b>',
                '<a href="/i/12">#12</a>',
                "#99",
                "a@b.example",
                "<code>@eve #12</code>",
            ],
        ),
        (
            "<details><summary>More</summary>\n\n```text\n<b>&amp;\n```\n</details>",
            ["<details><summary>More</summary>", "&lt;b&gt;&amp;amp;", "</details>"],
        ),
        (
            "[x](https://a.example) [y](javascript:alert(1)) [z](/sign-out)",
            [f'<a href="https://a.example" {LINK}>x</a>', "<a>z</a>"],
        ),
        ("![alt <b>](https://a.example/x.png)", ["🖼 alt &lt;b&gt;"]),
        (
            "```diff\n--- a\n+++ b\n@@ -1 +1 @@\n-<old>\n+new\n same\n```",
            ['<span class="minus">-&lt;old&gt;\n</span>', '<span class="plus">+new\n</span>', " same"],
        ),
        ("<!-- hitl:card:1 -->seen", ["seen"]),
        ("a\u202eb", ["a⟦U+202E⟧b"]),
    ],
)
def test_a_comment(body: str, parts: list[str]):
    """As GitHub draws it, with links that lead where they say."""
    html = comment(body, lambda number: f"/i/{number}" if number == 12 else None)
    assert [part for part in parts if part not in html] == [], html


@given(
    st.lists(
        st.sampled_from(
            [
                *"<>&'\"`*_~[]()!\n @#1x/=-",
                "<script>",
                "</script>",
                "<img src=x onerror=alert(1)>",
                "<svg/onload=alert(1)>",
                "<a href='javascript:x'>",
                "<details open ontoggle=alert(1)>",
                "</details>",
                "<math><mi>",
                "<style>",
                "<iframe srcdoc=x>",
                "<p id=main style=x>",
                "<form action=/x>",
                "<!--",
                "-->",
                "```",
                "\n\n",
                "    ",
                "<input type=submit formaction=/x>",
                "<table><tr><td>",
                "<base href=//e>",
                "&#x3c;b&#x3e;",
                "<textarea>",
                "<pre>",
                "<h1>",
                "| a |\n|---|\n",
            ]
        ),
        max_size=12,
    ).map("".join)
)
def test_no_comment_has_any_power(body: str):
    """Raw HTML goes through two allow-lists: what is left is well-formed and can do nothing."""
    read = Read(comment(body))
    assert read.tags <= IN_COMMENTS
    assert read.attributes <= {"href", "target", "rel", "class", "open"}
    assert all(link.startswith(("http://", "https://", "mailto:")) for link in read.links)


BLOCKS: list[dict[str, Any]] = [
    {
        "type": "input",
        "block_id": "a",
        "element": {"type": "plain_text_input", "action_id": "e", "initial_value": "old"},
    },
    {
        "type": "input",
        "block_id": "b",
        "element": {
            "type": "checkboxes",
            "action_id": "e",
            "options": [{"value": "1"}, {"value": "2"}],
            "initial_options": [{"value": "2"}],
        },
    },
    {
        "type": "input",
        "block_id": "c",
        "element": {"type": "radio_buttons", "action_id": "e", "options": [{"value": "1"}]},
    },
    {
        "type": "input",
        "block_id": "d",
        "element": {"type": "datepicker", "action_id": "e", "initial_date": "2026-01-01"},
    },
    {"type": "actions", "elements": [{"type": "button", "action_id": "e"}]},
]


def test_what_a_form_sends():
    """Each kind of element as ``FakeSlack.submit_view`` takes it; a box that nobody ticked is an empty list."""
    sent = {"a/e": ["one\r\ntwo"], "c/e": ["1"], "csrf": ["x"]}
    assert values_of(BLOCKS, sent) == {"a/e": "one\ntwo", "b/e": [], "c/e": "1", "d/e": None}
    assert values_of(BLOCKS, {"a/e": [""], "b/e": ["1", "2"]})["b/e"] == ["1", "2"]


def test_what_stands_in_a_form():
    """At first what the app put there; then what was sent and found wrong; or, not sent at all, what was typed."""
    text, boxes, _, date, _ = BLOCKS
    entered = {
        "a": {"e": {"type": "plain_text_input", "value": "new"}},
        "b": {"e": {"type": "checkboxes", "selected_options": [{"value": "1"}]}},
    }
    assert drawn(text, text["element"], {}).text == "old"
    assert drawn(date, date["element"], {}).text == "2026-01-01"
    assert drawn(boxes, boxes["element"], {}).chosen == {"2"}
    assert drawn(text, text["element"], entered).text == "new"
    assert drawn(boxes, boxes["element"], entered).chosen == {"1"}
    assert drawn(text, text["element"], entered, {"a/e": ["typed"]}).text == "typed"
    assert drawn(boxes, boxes["element"], entered, {"a/e": ["typed"]}).chosen == frozenset()
