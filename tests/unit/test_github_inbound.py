import pytest

from hitl_middleware.actions import MAX_MESSAGE
from hitl_middleware.channels.github.inbound import Command, parse_command
from hitl_middleware.channels.github.words import MOST_BODY, card_marker

CODE = "7k3m9x2q"


class TestCommands:
    """G-05, form by form."""

    @pytest.mark.parametrize(
        ("body", "command"),
        [
            ("/approve", ("approve", None, "")),
            ("/approve ", ("approve", None, "")),
            ("/approve\t", ("approve", None, "")),
            ("/approve\n", ("approve", None, "")),
            ("/approve\r\n", ("approve", None, "")),
            (f"/approve {CODE}", ("approve", CODE, "")),
            (f"/approve \t {CODE}\t", ("approve", CODE, "")),
            (f"/approve {CODE} Thank you, Bob", ("approve", CODE, "Thank you, Bob")),
            ("/approve Thank you", ("approve", None, "Thank you")),
            ("/reject", ("reject", None, "")),
            ("/reject too risky", ("reject", None, "too risky")),
            (f"/reject {CODE}", ("reject", CODE, "")),
            (f"/reject {CODE} too risky", ("reject", CODE, "too risky")),
            (f"/reject {CODE}\nbecause\n\nof this", ("reject", CODE, "because\n\nof this")),
            ("/reject\r\nbecause\r\nof this\r\n", ("reject", None, "because\nof this")),
            ("/feedback  use the API \n\n- one\n- two\n\n", ("feedback", None, "use the API \n\n- one\n- two")),
            (f"/feedback {CODE}\tuse the API", ("feedback", CODE, "use the API")),
            ("/feedback\n\nuse the API", ("feedback", None, "use the API")),
            ("/hitl help", ("hitl", None, "help")),
            ("/hitl\tstatus ", ("hitl", None, "status")),
            ("/hitl help\n\n--\nAnn", ("hitl", None, "help")),
            ("\n \t \r\n\n/approve", ("approve", None, "")),
        ],
    )  # fmt: skip
    def test_is_read(self, body, command):
        """Name, code and text; the text over all its lines, trimmed at its ends."""
        assert parse_command(body) == Command(*command)

    @pytest.mark.parametrize(
        "body",
        [
            "", " ", "\n\n", "approve", "Looks good", "/rejected", "/approved", "/approve.", "/approve:", "/approve,now", "/approve/now",
            "/Approve", "/APPROVE", "/apprové", "/approv\u0435", "/aprove", "/ approve", "//approve", "/", "/usr/bin/x", "/deploy",
            " /approve", "\t/approve", "   /approve", "x\n/approve", "\n x\n/approve",
            "> /approve", "`/approve`", "```\n/approve\n```", "    /approve", "- /approve", "# /approve", "**/approve**", "\\/approve",
            "<!--\n/approve\n-->", "<!-- x -->/approve", "<!-- x -->\n/approve", "<details>\n/approve\n</details>", "<b>/approve</b>",
            "[x]: y\n/approve", "&#47;approve",
            "/feedback", "/feedback ", "/feedback \n\n", f"/feedback {CODE}", f"/feedback {CODE} \n ", "/feedback \u200b\u2060",
            "/feedback \u00a0",
            "/feedback \x00", "/feedback \u2800\ufe0f",
            "/hitl", "/hitl ", "/hitl foo", "/hitl Help", f"/hitl status {CODE}", "/hitl\nhelp", "/hitl helpme",
            f"{card_marker('1')}\n/approve",
        ],
    )  # fmt: skip
    def test_is_none(self, body):
        """What is not exactly a command, or cannot be carried out, is none."""
        assert parse_command(body) is None

    @pytest.mark.parametrize(
        "end", ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\x00"]
    )
    def test_lines_end_at_lf_or_crlf_only(self, end):
        """What Python calls the end of a line is none to a reader: it hides no command and ends none."""
        assert parse_command(f"x{end}/approve") is None
        assert parse_command(f"{end}/approve") is None
        assert parse_command(f"{end} \n/approve") is None
        assert parse_command(f"/approve{end}") is None
        assert parse_command(f"/approve{end}x") is None
        assert parse_command(f"/reject a{end}b") == Command("reject", None, f"a{end}b")

    @pytest.mark.parametrize(
        "blank", ["\u00a0", "\u200b", "\ufeff", "\u2060", "\u3000", "\u2003", "\u1680", "\u202f"]
    )
    def test_only_spaces_and_tabs_are_blank(self, blank):
        """Not before the command, not behind it, not on the line before."""
        assert parse_command(f"{blank}/approve") is None
        assert parse_command(f"/approve{blank}") is None
        assert parse_command(f"/approve{blank}{CODE}") is None
        assert parse_command(f"{blank}\n/approve") is None

    @pytest.mark.parametrize(
        "word",
        [
            "7K3M9X2Q",
            "7k3m9x2",
            "7k3m9x2qq",
            "7k3m9xiq",
            "7k3m9xoq",
            "7k3m9xuq",
            f"{CODE}.",
            f"`{CODE}`",
            f"{CODE}\u00a0x",
        ],
    )
    def test_a_word_that_is_no_code_is_text(self, word):
        """8 characters of lower-case Crockford base32, to the letter; anything else is what somebody says."""
        assert parse_command(f"/reject {word}") == Command("reject", None, word)

    def test_a_code_stands_on_the_line_of_its_command(self):
        """A paragraph that happens to begin with such a word names no request."""
        assert parse_command(f"/reject\n{CODE} is why") == Command("reject", None, f"{CODE} is why")

    def test_a_second_code_is_text(self):
        """One command answers one request."""
        assert parse_command(f"/reject {CODE} {CODE}") == Command("reject", CODE, CODE)

    def test_long_text_is_no_command(self):
        """What the desk would not take is refused here, never cut; so is what GitHub would not have taken."""
        most = "x" * MAX_MESSAGE
        assert parse_command(f"/feedback {most}") == Command("feedback", None, most)
        for name in ("approve", "reject", "feedback"):
            assert parse_command(f"/{name} {most}x") is None
        assert parse_command("/approve" + " " * (MOST_BODY - 8)) == Command("approve", None, "")
        assert parse_command("/approve" + " " * MOST_BODY) is None
