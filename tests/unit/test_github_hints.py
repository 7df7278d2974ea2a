import pytest

from hitl_middleware.actions import MAX_MESSAGE
from hitl_middleware.channels.github.hints import explain
from hitl_middleware.channels.github.inbound import parse_command
from hitl_middleware.channels.github.words import MOST_BODY

from tests.kit.reader import seen

CODE = "7k3m9x2q"


class TestNearMisses:
    """G-05: close misses get a hint, with the right form."""

    @pytest.mark.parametrize(
        ("body", "why", "right"),
        [
            ("/Approve", "lower case", "`/approve`"),
            ("/APPROVE 7k3m9x2q thanks", "lower case", "`/approve 7k3m9x2q`"),
            ("/Reject 7k3m9x2q", "lower case", "`/reject 7k3m9x2q <reason>`"),
            ("/Hitl help", "lower case", "`/hitl help`"),
            ("  /approve", "spaces", "`/approve`"),
            ("\t/reject no", "spaces", "`/reject <reason>`"),
            ("\u00a0/approve", "cannot be seen", "`/approve`"),
            ("\u200b/approve", "cannot be seen", "`/approve`"),
            ("\ufeff /Approve", "cannot be seen", "`/approve`"),
            ("/approve\u00a07k3m9x2q", "cannot be seen", "`/approve`"),
            ("/approve\u200b", "cannot be seen", "`/approve`"),
            ("/approve\u2028/reject", "cannot be seen", "`/approve`"),
            ("/approve\rnow", "cannot be seen", "`/approve`"),
            ("/approve.", "a space or the end", "`/approve`"),
            ("/approve!", "a space or the end", "`/approve`"),
            ("/reject: too risky", "a space or the end", "`/reject <reason>`"),
            ("/feedback:use the API", "a space or the end", "`/feedback <text>`"),
            ("/approve:7k3m9x2q", "a space or the end", "`/approve 7k3m9x2q`"),
            ("/aprove", "Did you mean", "`/approve`"),
            ("/approev 7k3m9x2q", "Did you mean", "`/approve 7k3m9x2q`"),
            ("/rejected", "Did you mean", "`/reject <reason>`"),
            ("/approved", "Did you mean", "`/approve`"),
            ("/accept", "Did you mean", "`/approve`"),
            ("/LGTM", "Did you mean", "`/approve`"),
            ("/deny it", "Did you mean", "`/reject <reason>`"),
            ("/feedbak x", "Did you mean", "`/feedback <text>`"),
            ("approve", "with a slash", "`/approve`"),
            ("Approved!", "with a slash", "`/approve`"),
            ("approve 7k3m9x2q", "with a slash", "`/approve 7k3m9x2q`"),
            ("\\approve", "with a slash", "`/approve`"),
            ("> /approve", "in a quote", "`/approve`"),
            ("> Please decide\n> \n> /reject x", "in a quote", "`/reject <reason>`"),
            ("```\n/approve\n```", "block of code", "`/approve`"),
            ("`/approve`", "without formatting", "`/approve`"),
            ("**/approve**", "without formatting", "`/approve`"),
            ("- /approve", "without formatting", "`/approve`"),
            ("# /reject", "without formatting", "`/reject <reason>`"),
            ("Looks good\n\n/approve", "first line", "`/approve`"),
            ("> what they said\n\n/approve", "first line", "`/approve`"),
            ("<!-- template -->\n/approve", "first line", "`/approve`"),
            ("```\ncode\n```\n/feedback x", "first line", "`/feedback <text>`"),
            ("/feedback", "needs words", "`/feedback <text>`"),
            ("/feedback 7k3m9x2q\n", "needs words", "`/feedback 7k3m9x2q <text>`"),
            ("/feedback \u200b", "needs words", "`/feedback <text>`"),
            ("/reject a\ud800b", "is broken", "`/reject <reason>`"),
            ("/hitl", "asked", "`/hitl help`"),
            ("/hitl foo", "`foo`", "`/hitl status`"),
            ("/approve " + "x" * (MAX_MESSAGE + 1), "20,001 characters", "`/approve`"),
        ],
    )  # fmt: skip
    def test_is_explained(self, body, why, right):
        """One sentence says what is wrong and shows what to write instead; the comment decides nothing."""
        hint = explain(body)
        assert hint is not None
        assert why in hint
        assert right in hint
        assert "\n" not in hint
        assert parse_command(body) is None

    @pytest.mark.parametrize(
        "body",
        [
            "/approve 7K3M9X2Q",
            "/approve 7k3m9xlq",
            "/approve `7k3m9x2q`",
            "/approve <7k3m9x2q>",
            "/reject 7k3m9xOq: no",
            "/reject\n7k3m9x2q",
        ],
    )
    def test_a_code_that_is_not_quite_one_is_asked_about(self, body):
        """It would count as text, and the command for whatever is pending: perhaps not the request that was meant."""
        command = parse_command(body)
        assert command is not None
        assert command.code is None
        hint = explain(body)
        assert hint is not None
        assert "not quite one" in hint
        assert f"`/{command.name} 7k3m9x" in hint


class TestLongComments:
    @pytest.mark.parametrize(
        "piece",
        [
            "*",
            "_",
            "`",
            "# ",
            "- ",
            "1. ",
            "(",
            "> ",
            "```\n",
            "<!--",
            " ",
            "\n",
            "a",
            "\u200b",
            "/",
            "/approve",
            "/a_",
            "*/",
        ],
    )
    @pytest.mark.parametrize("start", ["", "/approve.", "/feedback "])
    def test_are_read_at_once(self, start, piece):
        """O-08: whatever fills a comment to its end, it is looked at once (a rule that tries every way to read it would not return)."""
        body = (start + piece * MOST_BODY)[: MOST_BODY - 1]
        for text in (body, f"{body}!"):
            hint = explain(text)
            assert hint is None or len(hint) < 500
            parse_command(text)


class TestOrdinaryComments:
    @pytest.mark.parametrize(
        "body",
        [
            "", "\n", "Thanks!", "I approve of this approach", "Approve this when you can", "We should reject it, I think.",
            "feedback welcome",
            "Approved by the board, see minutes", "approve\n\nand here is why I would not", "reject 5 of them", "ok", "yes", "no", "LGTM",
            "/usr/bin/approve", "/approve/me", "/approve2", "/approve-all", "/deploy prod", "/retest", "/merge", "/close", "/assign @ann",
            "/hold", "/cc @ann", "/label bug", "/improve", "/project x", "/eslint", "/", "//", "/ approve", "s/approve/reject/",
            "> /approve\n\nWhy did that not work?", "```\n/approve\n```\nis what you write", "See `/approve` in the docs",
            "The /approve command",
            "<!--\n/approve\n-->", "1. first\n2. second", "```diff\n- /approve\n+ /reject\n```", "http://example.com/approve",
        ],
    )  # fmt: skip
    def test_get_no_hint(self, body):
        """Paths, prose, quotes that are talked about and the commands of other bots are none of our business."""
        assert explain(body) is None
        assert parse_command(body) is None

    @pytest.mark.parametrize(
        "body",
        [
            "/approve",
            f"/approve {CODE}",
            "/reject REJECTED by legal",
            "/reject illegal1y worded",
            "/feedback use 12345678 rows",
            "/hitl help",
        ],
    )
    def test_commands_get_none(self, body):
        """What is read needs no explanation."""
        assert explain(body) is None
        assert parse_command(body) is not None

    @pytest.mark.parametrize(
        "evil", ["@everyone", "#12", "<!--", "`x` @ann", "https://evil.example", "\u202e@ann"]
    )
    def test_what_is_repeated_stays_data(self, evil):
        """A hint that repeats somebody's words mentions nobody, links nothing and hides nothing."""
        hint = explain(f"/hitl {evil}")
        assert hint is not None
        read = seen(hint)
        assert "".join(piece.text for piece in read.pieces if not piece.is_code).count("@") == 0
        assert not read.links
        assert not read.comments
        assert "\u202e" not in hint
