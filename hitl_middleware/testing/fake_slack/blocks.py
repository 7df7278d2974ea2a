"""Block Kit as strictly as Slack takes it: which blocks there are, what each may hold, how much of it. Pure.

Limits: docs.slack.dev, "Reference: Block Kit", one page per block. Known here: section, header, divider, context,
actions, input, rich_text, image, markdown. Newer blocks (table, video, card, plan, …) are refused as unsupported.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from hitl_middleware.testing.fake_slack import elements as el
from hitl_middleware.testing.fake_slack.rich_text import RICH_TEXT
from hitl_middleware.testing.fake_slack.schema import (
    Check,
    array,
    boolean,
    exactly_one,
    integer,
    kind,
    problem,
    string,
    subset,
    tagged,
)
from hitl_middleware.testing.fake_slack.words import interactive, plain

Json = Mapping[str, Any]

MOST_IN_MESSAGE: Final = 50
MOST_IN_VIEW: Final = 100
MOST_MARKDOWN: Final = 12_000
# Slack documents no limit for all blocks of a message together but enforces one, as `msg_blocks_too_long`. Measured by
# its users (slackapi/bolt-js, issues 2509 and 2867): near 13,200 characters, each block counting for 100 to 125 more.
MOST_WEIGHT: Final = 13_200
WEIGHT_OF_BLOCK: Final = 125

_ID = {"block_id": string(255)}


def _some_text(section: Json) -> Iterator[str]:
    if "text" not in section and "fields" not in section:
        yield "must have at least one of: text, fields"


RICH_TEXT_INPUT = kind(
    "rich_text_input",
    {},
    {
        "action_id": string(255),
        "initial_value": RICH_TEXT,
        "dispatch_action_config": el.DISPATCH,
        "focus_on_load": boolean,
        "placeholder": el.plain_text(150),
        "multiline": boolean,
        "min_lines": integer(1),
    },
)
_IN_INPUT = tagged(
    {**{name: el.ELEMENTS[name] for name in el.IN_INPUT_NAMES}, "rich_text_input": RICH_TEXT_INPUT}
)

BLOCKS: Final[Mapping[str, Check]] = {
    "section": kind(
        "section",
        {},
        {
            **_ID,
            "text": el.text(3000),
            "fields": array(el.text(2000), least=1, most=10),
            "accessory": el.IN_SECTION,
            "expand": boolean,
        },
        _some_text,
    ),
    "header": kind("header", {"text": el.plain_text(150)}, _ID),
    "divider": kind("divider", {}, _ID),
    "context": kind("context", {"elements": array(el.IN_CONTEXT, least=1, most=10)}, _ID),
    "actions": kind("actions", {"elements": array(el.IN_ACTIONS, least=1, most=25)}, _ID),
    "input": kind(
        "input",
        {"label": el.plain_text(2000), "element": _IN_INPUT},
        {**_ID, "hint": el.plain_text(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": RICH_TEXT,
    "image": kind(
        "image",
        {"alt_text": string(2000)},
        {**_ID, "title": el.plain_text(2000), "image_url": string(3000), "slack_file": el.SLACK_FILE},
        exactly_one("image_url", "slack_file"),
    ),
    "markdown": kind("markdown", {"text": string(MOST_MARKDOWN)}, _ID),
}

_ACTIONABLE = {*el.ELEMENTS, "rich_text_input"} - {"image"}
_IN_MESSAGE = array(tagged(BLOCKS), most=MOST_IN_MESSAGE)
_IN_VIEW = array(subset(BLOCKS, *(name for name in BLOCKS if name != "markdown")), most=MOST_IN_VIEW)


def in_message(blocks: Any, pointer: str = "/blocks") -> list[str]:
    """What is wrong with the blocks of a message; empty: nothing."""
    found = [*_IN_MESSAGE(blocks, pointer)] or [*_duplicates(blocks, pointer)]
    if not found:
        written = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
        if written > MOST_MARKDOWN:
            found.append(
                problem(f"markdown blocks must be less than {MOST_MARKDOWN + 1} characters in all", pointer)
            )
    return found


def in_view(blocks: Any, pointer: str = "/view/blocks") -> list[str]:
    """What is wrong with the blocks of a modal or a home tab; empty: nothing."""
    found = [*_IN_VIEW(blocks, pointer)] or [*_duplicates(blocks, pointer)]
    if not found and sum(element.get("focus_on_load", False) for _, element in interactive(blocks)) > 1:
        found.append(problem("only one element may have focus_on_load", pointer))
    return found


def too_long(blocks: Sequence[Json]) -> bool:
    """More in one message than Slack takes, though every block is right for itself."""
    return len(plain(blocks, "", {})) + WEIGHT_OF_BLOCK * len(blocks) > MOST_WEIGHT


def completed(blocks: Sequence[Json], token: Callable[[], str]) -> tuple[Json, ...]:
    """The blocks as Slack stores and returns them: missing ids made up, the text objects' defaults filled in."""

    def fill(part: Any) -> Any:
        if isinstance(part, list):
            return [fill(each) for each in part]
        if not isinstance(part, dict):
            return part
        filled = {key: fill(value) for key, value in part.items()}
        if filled.get("type") == "plain_text":
            filled.setdefault("emoji", True)
        elif filled.get("type") == "mrkdwn":
            filled.setdefault("verbatim", False)
        elif filled.get("type") in _ACTIONABLE:
            filled.setdefault("action_id", token())
        return filled

    return tuple({**fill(block), "block_id": block.get("block_id") or token()} for block in blocks)


def _duplicates(blocks: Sequence[Json], pointer: str) -> Iterator[str]:
    """`block_id` is unique in a message or view, `action_id` in its block."""
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        if (name := block.get("block_id")) in seen:
            yield problem(f"block_id already exists: {name}", f"{pointer}/{index}")
        seen |= {name} if name else set()
    for index, block in enumerate(blocks):
        names = [element["action_id"] for _, element in interactive([block]) if "action_id" in element]
        for first, second in itertools.pairwise(sorted(names)):
            if first == second:
                yield problem(f"action_id already exists: {first}", f"{pointer}/{index}")
