import json
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hitl_middleware.clock import ManualClock
from hitl_middleware.display import CUT, one_line, shown_args, shown_text, visible
from hitl_middleware.records import Target
from hitl_middleware.testing.channel_contract import sample_view
from hitl_middleware.wording import person, status_words

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
VIEW = sample_view(Target(channel="slack", address="C1"), ManualClock().now())


class TestVisible:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("plain words, 120.00 €\nsecond line", "plain words, 120.00 €\nsecond line"),
            ("a\u202eb", "a⟦U+202E⟧b"),
            ("a\u200bb", "a⟦U+200B⟧b"),
            ("a\u2066b", "a⟦U+2066⟧b"),
            ("a\U000e0041b", "a⟦U+E0041⟧b"),
            ("a\u00a0b", "a⟦U+00A0⟧b"),
            ("a\u2028b", "a⟦U+2028⟧b"),
            ("a\x00\x1b[2Jb", "a⟦U+0000⟧⟦U+001B⟧[2Jb"),
            ("a\rb", "a⟦U+000D⟧b"),
            ("a\r\nb", "a\nb"),
            ("a\tb", "a⇥\tb"),
            ("a\u3164b\u2800", "a⟦U+3164⟧b⟦U+2800⟧"),
            ("a\ufe01b", "a⟦U+FE01⟧b"),
            ("❤\ufe0f", "❤\ufe0f"),
            ("a\ufe0f", "a⟦U+FE0F⟧"),
            ("\u2800\ufe0f", "⟦U+2800⟧⟦U+FE0F⟧"),
            ("\ud83d", "⟦U+D83D⟧"),
            ("日本語 العربية हिन्दी", "日本語 العربية हिन्दी"),
        ],
    )
    def test_writes_out_what_draws_nothing(self, text, shown):
        """Controls, bidi, zero width, tags, odd spaces, half characters become ⟦U+…⟧; everything else stays."""
        assert visible(text) == shown

    @given(ANY_TEXT)
    @example("\ufe0f\ufe0f")
    def test_hides_nothing_of_any_text(self, text):
        """No format, control or surrogate character is left but line feed and tab, and the result is valid UTF-8."""
        shown = visible(text)
        left = {char for char in shown if unicodedata.category(char) in {"Cf", "Cc", "Cs", "Co", "Cn"}}
        assert left <= {"\n", "\t"}
        assert shown.encode().decode() == shown


class TestArguments:
    def test_in_their_order_and_in_their_own_script(self):
        """Readable JSON, in the order of the call, nothing escaped that can be read."""
        shown = shown_args({"b": "Zürich", "a": [1, {"x": None}]}, 1_000)
        assert shown.complete
        assert json.loads(shown.text) == {"b": "Zürich", "a": [1, {"x": None}]}
        assert shown.text.index('"b"') < shown.text.index('"a"')
        assert "Zürich" in shown.text

    def test_a_text_of_several_lines_can_be_read(self):
        """Line by line, each marked, so that no line can pass for another argument."""
        shown = shown_args({"text": 'Dear Ann,\n\n"amount": 1', "to": "ann"}, 1_000)
        assert shown.text == ('{\n  "text":\n  │ Dear Ann,\n  │ \n  │ "amount": 1\n  "to": "ann"\n}')

    def test_too_long_is_cut_loudly(self):
        """It fits the limit, says so, counts what is missing, and is not complete."""
        shown = shown_args({"text": "x" * 10_000}, 500)
        assert not shown.complete
        assert len(shown.text) <= 500
        assert "CUT" in shown.text.splitlines()[-1]

    def test_what_is_made_visible_counts(self):
        """Text that only fits while it is invisible is cut."""
        assert not shown_text("\u200b" * 100, 200).complete
        assert shown_text("x" * 100, 200).complete

    @pytest.mark.parametrize("value", [float("nan"), 10**400, b"bytes", {1: 2}, ()])
    def test_anything_is_shown_somehow(self, value):
        """What JSON has no words for is written as text."""
        assert shown_args({"value": value}, 1_000).complete

    def test_endless_nesting_is_not_complete(self):
        """What cannot be written out cannot be approved here."""
        deep: list[object] = []
        for _ in range(5_000):
            deep = [deep]
        assert not shown_args({"deep": deep}, 1_000).complete

    @given(st.dictionaries(ANY_TEXT, JSON, max_size=5), st.integers(100, 600))
    def test_never_more_than_the_limit(self, args, limit):
        """For any arguments; complete only without a cut."""
        shown = shown_args(args, limit)
        assert len(shown.text) <= limit
        assert shown.complete == (CUT[:6] not in shown.text) or "⟦CUT" in str(args)


class TestOneLine:
    def test_short_text_stays(self):
        """Line breaks become spaces."""
        assert one_line("a\n  b", 10) == "a b"

    @given(ANY_TEXT, st.integers(1, 50))
    def test_any_text_fits_on_a_line(self, text, limit):
        """Never longer than the limit, never more than one line."""
        line = one_line(text, limit)
        assert len(line) <= limit
        assert "\n" not in line


class TestWords:
    @pytest.mark.parametrize(
        ("status", "word"),
        [
            ("pending", "Waiting for a decision"),
            ("rejected", "Rejected"),
            ("answered", "Answered"),
            ("revised", "Feedback sent"),
            ("expired", "Expired – nobody answered in time, so it was not done"),
            ("superseded", "Superseded"),
            ("cancelled", "Cancelled"),
        ],
    )
    def test_of_a_request(self, status, word):
        """One word per status."""
        assert status_words(replace(VIEW.request, status=status), VIEW.action).headline == word

    @pytest.mark.parametrize(
        ("status", "word"),
        [
            ("approved", "Approved"),
            ("executing", "Executing"),
            ("succeeded", "Executed"),
            ("failed", "Failed"),
            ("unknown", "Unknown"),
        ],
    )
    def test_of_an_act(self, status, word):
        """S-08, S-09: the outcome is the headline, the decision stays "Approved" beside it."""
        assert VIEW.action is not None
        words = status_words(replace(VIEW.request, status="approved"), replace(VIEW.action, status=status))
        assert words.headline == word
        assert words.decided("@ann") == "Approved by @ann"

    def test_an_unknown_outcome_says_what_to_do(self):
        """The command that settles it, with the action's id."""
        assert VIEW.action is not None
        words = status_words(replace(VIEW.request, status="approved"), replace(VIEW.action, status="unknown"))
        assert words.hint is not None
        assert f"hitl actions settle {VIEW.action.id}" in words.hint

    def test_a_foreign_question_ends_when_it_is_handed_back(self):
        """Without an act of ours nothing more is promised."""
        words = status_words(replace(VIEW.request, status="approved", kind="question"), None)
        assert words.headline == "Approved – handed back to the run"
        assert words.decided("@ann") == "Approved by @ann – handed back to the run"

    def test_feedback_on_a_step_is_a_revision(self):
        """A step is revised; a call got feedback."""
        request = replace(VIEW.request, status="revised", kind="question")
        assert status_words(request, None).headline == "Revision requested"

    def test_an_edited_call_that_is_asked_about_again(self):
        """The old card says why nothing happens."""
        words = status_words(replace(VIEW.request, status="approved"), VIEW.action)
        assert words.headline.startswith("Asked again")


@pytest.mark.parametrize(
    ("identity", "name", "shown"),
    [
        (None, None, None),
        ("policy", None, "the policy"),
        ("api", None, "api"),
        ("github:ann", "Ann\u202e", "Ann⟦U+202E⟧"),
        ("local:ann", "", "local:ann"),
    ],
)
def test_person(identity, name, shown):
    """The name if there is one, else the identity; visible."""
    assert person(identity, name) == shown
