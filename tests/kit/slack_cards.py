"""A card as Slack gets it and as a person reads it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from hitl_middleware.channels.slack.render import blocks, content
from hitl_middleware.clock import ManualClock
from hitl_middleware.records import CardView, Target
from hitl_middleware.testing.channel_contract import sample_view
from hitl_middleware.testing.fake_slack import blocks as block_kit
from hitl_middleware.testing.fake_slack.words import plain

NOW = ManualClock().now()
ANN = "slack:U024BE7LH"
TARGET = Target(channel="slack", address="C0REVIEWS1")
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
LONG_TEXT = ANY_TEXT | st.builds(lambda text, times: text * times, ANY_TEXT, st.integers(1, 400))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | LONG_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)


def view_of(**changes: Any) -> CardView:
    """A card whose request differs from the sample in these fields."""
    return sample_view(TARGET, NOW, **changes)


def labels(view: CardView) -> list[str]:
    """What the buttons say."""
    return [
        each["text"]["text"]
        for block in blocks(view)
        if block["type"] == "actions"
        for each in block["elements"]
    ]


def read(view: CardView) -> str:
    """What a person reads."""
    return plain(blocks(view), "", {"U024BE7LH": "@ann"})


def strings(part: object, kind: str | None = None) -> Iterator[str]:
    """Every text in a structure; only those of text objects of a kind, if one is named."""
    if isinstance(part, dict):
        if kind is None or part.get("type") == kind:
            yield from (value for key, value in part.items() if key == "text" and isinstance(value, str))
        for inner in part.values():
            yield from strings(inner, kind)
    elif isinstance(part, list):
        for inner in part:
            yield from strings(inner, kind)


def assert_slack_takes(view: CardView) -> None:
    """Valid for Slack, within all its limits, and legal JSON in UTF-8."""
    message = content(view)
    json.dumps(message.blocks, ensure_ascii=False).encode()
    assert block_kit.in_message(message.blocks) == []
    named = [{**block, "block_id": str(number)} for number, block in enumerate(message.blocks)]
    assert not block_kit.too_long(named)
    assert 0 < len(message.text) < 300
    assert re.fullmatch(r"\w{1,255}", message.metadata["event_type"])
    for block in message.blocks:
        for element in block.get("elements", []):
            assert len(element.get("value", "")) <= 2_000
