"""G-05 against a CommonMark renderer: what a reader does not see as a comment's first line never decides."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hitl_middleware.channels.github.hints import explain
from hitl_middleware.channels.github.inbound import Command, parse_command

from tests.kit.reader import first_line, seen

CODE = "7k3m9x2q"
FRAGMENTS = [
    "/approve", "/reject", "/feedback", "/hitl help", "/Approve", "/rejected", "/usr/bin", CODE, CODE.upper(), "approve",
    "\n", "\n\n", "\r\n", "\r", " ", "    ", "\t", "\u2028", "\u2029", "\x0b", "\x0c", "\x85",
    "\u00a0", "\u200b", "\u202e", "\x00", "\ufeff",
    "```", "~~~", "`", "``", "```text\n", "> ", ">", "- ", "1. ", "# ", "***", "---", "===", "| a |", "|---|", "\n---|---\n",
    "<!--", "-->", "<!-- x -->", "<details>", "</details>", "<b>", "<script>", "</script>", "<?x", "?>", "<![CDATA[", "]]>", "<!X",
    "<pre>", "<a href='",
    "[a]: /b", "[a]:", "[a]: <b> '", "'", '"', "[a](", ")", "![x](y)", "[^1]: ", "&#47;approve",
    "&nbsp;", "&Tab;", "&#10;", "\\", "\\/approve",
    "*", "_", "~~", "@ann", "#12", "words", ".", ":",
]  # fmt: skip
BODIES = st.lists(st.sampled_from(FRAGMENTS) | st.characters(), max_size=9).map("".join)
COMMANDS = st.tuples(
    st.sampled_from(["/approve", "/reject", "/feedback", "/hitl help", "/hitl status"]), BODIES
).map("".join)
AFTER_BLANK = st.tuples(st.text(" \t\r\n\x0b\x0c\u2028\u00a0\ufeff", max_size=5), COMMANDS).map("".join)


@settings(max_examples=300)
@given(BODIES | COMMANDS | AFTER_BLANK)
@example("[a]: /b\n/approve")
@example("<!--\n/approve -->")
@example("/approve\n===")
@example("/approve | x\n---|---")
@example("/approve\\\n/reject")
@example("\t\n/approve <!-- 7k3m9x2q -->")
def test_a_command_is_the_first_thing_a_reader_sees(body):
    """Wherever there is a command, the first visible line begins with its word and code, as plain text of no quote, code or list."""
    command = parse_command(body)
    if command is None:
        return
    line, inside = first_line(body)
    said = " ".join(filter(None, (f"/{command.name}", command.code)))
    assert " ".join(line.split()).startswith(said)
    assert set(inside) <= {"p", "h1", "h2", "table", "thead", "tr", "th"}


@settings(max_examples=300)
@given(BODIES | COMMANDS | AFTER_BLANK)
def test_nothing_breaks_and_every_hint_is_one_quiet_sentence(body):
    """Any comment gets a command, a hint or neither. A hint is one paragraph; what others wrote stands in it as code alone."""
    hint = explain(body)
    if hint is None:
        return
    read = seen(hint)
    assert set(read.tags) == {"p", "code"}
    assert not read.comments
    ours = "".join(piece.text for piece in read.pieces if not piece.is_code)
    assert not set("@#<&\\\u202e\u200b") & set(ours)


@settings(max_examples=200)
@given(
    name=st.sampled_from(["approve", "reject", "feedback"]),
    code=st.none() | st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=8, max_size=8),
    words=st.lists(st.sampled_from(["too", "risky:", "*see*", "it's"]), min_size=1, max_size=4).map(" ".join),
    blank=st.text(" \t\n", max_size=4),
    space=st.sampled_from([" ", "\t", "  "]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_as_it_should_be_is_read(name, code, words, blank, space, end):
    """Every command in the right form is one, whatever the lines before it are blank with and whichever way its lines end."""
    before = f"{blank}\n" if blank else ""
    body = before + f"/{name}" + (f"{space}{code}" if code else "") + f"{space}{words}{end}{end}more{end}"
    assert parse_command(body) == Command(name, code, f"{words}\n\nmore")
    assert explain(body) is None


@pytest.mark.parametrize(
    "body",
    [
        "> /approve",
        "<!--\n/approve\n-->",
        "    /approve",
        "```\n/approve\n```",
        "[a]: /b\n/approve",
        "- /approve",
        "x\r/approve",
    ],
)
def test_the_oracle_can_tell(body):
    """What the oracle is for: it sees none of these as a plain first line. (Of the definition it sees the line after it; we do not.)"""
    line, inside = first_line(body)
    plain = line.startswith("/approve") and set(inside) <= {"p"}
    assert plain == body.startswith("[a]")
    assert parse_command(body) is None
