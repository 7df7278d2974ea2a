"""Block Kit and views, checked as strictly as Slack checks them (E-02)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware.testing.fake_slack import blocks, views, words
from hitl_middleware.testing.fake_slack.elements import ELEMENTS

Json = dict[str, Any]


WORDS = [
    *blocks.BLOCKS,
    *ELEMENTS,
    "type",
    "text",
    "elements",
    "element",
    "blocks",
    "title",
    "label",
    "options",
    "fields",
]


def plain(text: str) -> Json:
    """Plain text."""
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    """Markup."""
    return {"type": "mrkdwn", "text": text}


def button(action_id: str = "approve", **fields: Any) -> Json:
    """A button that says Approve."""
    return {"type": "button", "action_id": action_id, "text": plain("Approve"), **fields}


def section(text: str = "words", **fields: Any) -> Json:
    """A section."""
    return {"type": "section", "text": mrkdwn(text), **fields}


def actions(*elements: Json, **fields: Any) -> Json:
    """A row of elements."""
    return {"type": "actions", "elements": list(elements), **fields}


def rich(*elements: Json) -> Json:
    """Rich text."""
    return {"type": "rich_text", "elements": list(elements)}


def code(text: str) -> Json:
    """A code box."""
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}


def field(element: Json, **fields: Any) -> Json:
    """An input block."""
    return {"type": "input", "label": plain("Reason"), "element": element, **fields}


def options(count: int) -> list[Json]:
    """So many different options."""
    return [{"text": plain(f"option {number}"), "value": str(number)} for number in range(count)]


CONFIRM = {"title": plain("Sure?"), "text": mrkdwn("*Really*"), "confirm": plain("Yes"), "deny": plain("No")}

RIGHT: dict[str, list[Json]] = {
    "nothing": [],
    "every block": [
        section(fields=[plain("a"), mrkdwn("b")]),
        {"type": "header", "text": plain("Refund")},
        {"type": "divider"},
        {
            "type": "context",
            "elements": [
                mrkdwn("by _agent_"),
                {"type": "image", "image_url": "https://x/y", "alt_text": "y"},
            ],
        },
        actions(button(style="primary", value="1", confirm=CONFIRM), button("reject", style="danger")),
        field({"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": 3000}),
        rich(
            code('{"amount_cents": 12000}'),
            {
                "type": "rich_text_section",
                "elements": [{"type": "user", "user_id": "U1"}, {"type": "link", "url": "https://x"}],
            },
            {
                "type": "rich_text_quote",
                "elements": [{"type": "text", "text": "said", "style": {"bold": True}}],
            },
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [{"type": "rich_text_section", "elements": []}],
            },
        ),
        {"type": "image", "image_url": "https://x/y", "alt_text": "y", "title": plain("y")},
        {"type": "markdown", "text": "# words"},
    ],
    "most of everything": [
        section("x" * 3000),
        {"type": "header", "text": plain("x" * 150)},
        actions(*(button(f"a{number}", text=plain("x" * 75), value="v" * 2000) for number in range(25))),
        {"type": "context", "elements": [mrkdwn("x")] * 10},
        {"type": "section", "fields": [mrkdwn("x" * 2000)] * 10},
        actions(
            {"type": "static_select", "options": options(100), "action_id": "x" * 255}, block_id="x" * 255
        ),
        *[{"type": "divider"}] * 44,
    ],
    "the same action_id in two blocks": [actions(button()), actions(button())],
    "elements beside a text": [
        section(accessory={"type": "overflow", "options": options(5)}),
        section(accessory=button()),
    ],
}

WRONG: dict[str, tuple[Any, str]] = {
    "not a list": ({}, "must be an array [json-pointer:/blocks]"),
    "not an object": (["text"], "must be an object [json-pointer:/blocks/0]"),
    "no type": ([{"text": plain("x")}], "missing required field: type [json-pointer:/blocks/0]"),
    "unknown block": ([{"type": "buttons"}], "unsupported type: buttons [json-pointer:/blocks/0/type]"),
    "unknown property": (
        [section(color="red")],
        "invalid additional property: color [json-pointer:/blocks/0]",
    ),
    "51 blocks": ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    "section too long": (
        [section("x" * 3001)],
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    "section empty": ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "section without words": (
        [{"type": "section"}],
        "must have at least one of: text, fields [json-pointer:/blocks/0]",
    ),
    "11 fields": ([{"type": "section", "fields": [plain("x")] * 11}], "no more than 10 items allowed"),
    "field too long": (
        [{"type": "section", "fields": [plain("x" * 2001)]}],
        "must be less than 2001 characters",
    ),
    "header too long": ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151 characters"),
    "header in markup": ([{"type": "header", "text": mrkdwn("x")}], "must be a valid enum value: plain_text"),
    "verbatim plain text": (
        [{"type": "header", "text": plain("x") | {"verbatim": True}}],
        "invalid additional property: verbatim",
    ),
    "emoji in markup": (
        [section() | {"text": mrkdwn("x") | {"emoji": True}}],
        "invalid additional property: emoji",
    ),
    "11 in context": ([{"type": "context", "elements": [mrkdwn("x")] * 11}], "no more than 10 items allowed"),
    "button in context": ([{"type": "context", "elements": [button()]}], "unsupported type: button"),
    "no elements": ([actions()], "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    "26 elements": ([actions(*(button(str(n)) for n in range(26)))], "no more than 25 items allowed"),
    "field in actions": ([actions({"type": "plain_text_input"})], "unsupported type: plain_text_input"),
    "button too long": (
        [actions(button(text=plain("x" * 76)))],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    "button in markup": ([actions(button(text=mrkdwn("x")))], "must be a valid enum value: plain_text"),
    "value too long": ([actions(button(value="x" * 2001))], "must be less than 2001 characters"),
    "value no string": ([actions(button(value=7))], "must be a string"),
    "unknown style": ([actions(button(style="default"))], "must be a valid enum value: primary, danger"),
    "action_id too long": ([actions(button("x" * 256))], "must be less than 256 characters"),
    "action_id twice in a block": (
        [actions(button(), button())],
        "action_id already exists: approve [json-pointer:/blocks/0]",
    ),
    "block_id twice": (
        [section(block_id="b"), section(block_id="b")],
        "block_id already exists: b [json-pointer:/blocks/1]",
    ),
    "block_id too long": ([section(block_id="x" * 256)], "must be less than 256 characters"),
    "confirm in part": ([actions(button(confirm={"title": plain("x")}))], "missing required field: deny"),
    "101 options": (
        [actions({"type": "static_select", "options": options(101)})],
        "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "no options": ([actions({"type": "static_select"})], "must have exactly one of: options, option_groups"),
    "strange first option": (
        [actions({"type": "static_select", "options": options(1), "initial_option": options(2)[1]})],
        "initial option must match exactly one of the options",
    ),
    "6 in overflow": (
        [section(accessory={"type": "overflow", "options": options(6)})],
        "no more than 5 items allowed",
    ),
    "label in markup": (
        [field({"type": "plain_text_input"}, label=mrkdwn("x"))],
        "must be a valid enum value: plain_text",
    ),
    "button as input": ([field(button())], "unsupported type: button"),
    "lengths crossed": (
        [field({"type": "plain_text_input", "min_length": 5, "max_length": 4})],
        "min_length must not be greater than max_length",
    ),
    "number without kind": ([field({"type": "number_input"})], "missing required field: is_decimal_allowed"),
    "empty rich text": ([rich(code(""))], "must be more than 0 characters"),
    "mention in code": (
        [rich({"type": "rich_text_preformatted", "elements": [{"type": "user", "user_id": "U1"}]})],
        "unsupported type: user",
    ),
    "list without style": (
        [rich({"type": "rich_text_list", "elements": []})],
        "missing required field: style",
    ),
    "much markdown": (
        [{"type": "markdown", "text": "x" * 6001}] * 2,
        "markdown blocks must be less than 12001 characters in all",
    ),
}


@pytest.mark.parametrize("taken", RIGHT.values(), ids=RIGHT)
def test_what_slack_takes_is_taken(taken: list[Json]):
    """No problem is found, not even at the limits."""
    assert blocks.in_message(taken) == []


@pytest.mark.parametrize(("refused", "problem"), WRONG.values(), ids=WRONG)
def test_what_slack_refuses_is_refused(refused: Any, problem: str):
    """The problem is named in Slack's words, with the place where it is."""
    assert any(found.startswith(problem) for found in blocks.in_message(refused)), blocks.in_message(refused)


def modal(**fields: Any) -> Json:
    """A small modal."""
    return {"type": "modal", "title": plain("Reject"), "blocks": [section()], **fields}


WRONG_VIEWS: dict[str, tuple[Json, str]] = {
    "title too long": (
        modal(title=plain("x" * 25)),
        "must be less than 25 characters [json-pointer:/view/title/text]",
    ),
    "submit too long": (
        modal(submit=plain("x" * 25)),
        "must be less than 25 characters [json-pointer:/view/submit/text]",
    ),
    "close too long": (
        modal(close=plain("x" * 25)),
        "must be less than 25 characters [json-pointer:/view/close/text]",
    ),
    "callback_id too long": (modal(callback_id="x" * 256), "must be less than 256 characters"),
    "much metadata": (modal(private_metadata="x" * 3001), "must be less than 3001 characters"),
    "101 blocks": (
        modal(blocks=[section()] * 101),
        "no more than 100 items allowed [json-pointer:/view/blocks]",
    ),
    "field without submit": (
        modal(blocks=[field({"type": "plain_text_input"})]),
        "missing required field: submit",
    ),
    "markdown": (modal(blocks=[{"type": "markdown", "text": "x"}]), "unsupported type: markdown"),
    "no title": ({"type": "modal", "blocks": []}, "missing required field: title"),
    "home": ({"type": "home", "blocks": []}, "must be a modal [json-pointer:/view/type]"),
    "two focused": (
        modal(submit=plain("Go"), blocks=[field({"type": "plain_text_input", "focus_on_load": True})] * 2),
        "only one element may have focus_on_load",
    ),
}


@pytest.mark.parametrize(("view", "problem"), WRONG_VIEWS.values(), ids=WRONG_VIEWS)
def test_a_view_slack_refuses_is_refused(view: Json, problem: str):
    """The problem is named with its place in the view."""
    assert any(found.startswith(problem) for found in views.problems(view, "modal")), views.problems(
        view, "modal"
    )


def test_a_view_at_its_limits_is_taken():
    """A modal with every field at its limit and a home tab have no problem."""
    full = modal(
        title=plain("x" * 24),
        submit=plain("x" * 24),
        close=plain("x" * 24),
        callback_id="x" * 255,
        private_metadata="x" * 3000,
        notify_on_close=True,
        blocks=[field({"type": "plain_text_input"})] * 100,
    )

    assert views.problems(full, "modal") == []
    assert views.problems({"type": "home", "blocks": [section()]}, "home") == []


def test_blocks_together_have_a_limit_of_their_own():
    """Four sections fit; five, each right for itself, are more than one message holds."""
    assert not blocks.too_long([section("x" * 3000)] * 4)
    assert blocks.too_long([section("x" * 3000)] * 5)


def test_stored_blocks_have_all_that_slack_adds():
    """Ids that the app left out are made up and differ; ids that it gave stay; text objects have their defaults."""
    tokens = iter(("t1", "t2", "t3"))
    bare = {"type": "button", "text": plain("Yes")}

    first, second = blocks.completed([section(block_id="mine"), actions(bare)], lambda: next(tokens))

    assert first == {
        "type": "section",
        "block_id": "mine",
        "text": {"type": "mrkdwn", "text": "words", "verbatim": False},
    }
    assert second["block_id"] != second["elements"][0]["action_id"]
    assert second["elements"][0]["text"] == {"type": "plain_text", "text": "Yes", "emoji": True}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_is_judged(value: Any):
    """Whatever arrives instead of blocks or a view, there is an answer and no exception."""
    assert isinstance(blocks.in_message(value), list)
    assert isinstance(views.problems(value, "modal"), list)


NAMES = {"U1": "@ann", "C1": "#reviews", "S1": "@leads"}


@pytest.mark.parametrize(
    ("markup", "read"),
    [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("by <@U1> and <@U9>", "by @ann and @U9"),
        ("<#C1> <#C9|other>", "#reviews #other"),
        ("<!subteam^S1> <!here> <!channel>", "@leads @here @channel"),
        ("<https://x.org|the order> <https://y.org>", "the order https://y.org"),
        ("<!date^1700000000^{date}|yesterday>", "yesterday"),
        ("&amp;lt;", "&lt;"),
    ],
)
def test_markup_is_read_as_people_read_it(markup: str, read: str):
    """Mentions show names, links their label, the three entities their character, once."""
    assert words.mrkdwn(markup, NAMES) == read


def test_all_visible_words_are_one_text():
    """What is on the screen is there in its order; placeholders of the notification, values and ids are not."""
    card = [
        {"type": "header", "text": plain("Refund &amp; more")},
        section("*Order* A-1001", fields=[mrkdwn("by <@U1>")]),
        rich(
            code("a &lt; b"), {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}]}
        ),
        actions(button(value="secret")),
        field({"type": "plain_text_input", "initial_value": "because"}, hint=plain("say why")),
    ]

    shown = words.plain(card, "notification", NAMES)

    assert shown.splitlines() == [
        "Refund & more",
        "*Order* A-1001",
        "by @ann",
        "a &lt; b",  # rich text is not markup
        "@ann",
        "Approve",
        "Reason",
        "because",
        "say why",
    ]
    assert words.plain([], "only <@U1>", NAMES) == "only @ann"
