"""Rich text: the only blocks in which Slack interprets nothing that stands in a `text` element.

Shape and styles: docs.slack.dev, "Reference: Block Kit", "Rich text block".
"""

from __future__ import annotations

from typing import Final

from hitl_middleware.testing.fake_slack.schema import (
    array,
    boolean,
    choice,
    integer,
    kind,
    record,
    string,
    subset,
    tagged,
)

_STYLE = record(
    {}, {"bold": boolean, "italic": boolean, "strike": boolean, "underline": boolean, "code": boolean}
)
_MENTION_STYLE = record(
    {},
    {
        "bold": boolean,
        "italic": boolean,
        "strike": boolean,
        "highlight": boolean,
        "client_highlight": boolean,
        "unlink": boolean,
    },
)

PIECES: Final = {
    "text": kind("text", {"text": string()}, {"style": _STYLE}),
    "link": kind("link", {"url": string()}, {"text": string(), "unsafe": boolean, "style": _STYLE}),
    "user": kind("user", {"user_id": string()}, {"style": _MENTION_STYLE}),
    "usergroup": kind("usergroup", {"usergroup_id": string()}, {"style": _MENTION_STYLE}),
    "channel": kind("channel", {"channel_id": string()}, {"style": _MENTION_STYLE}),
    "emoji": kind("emoji", {"name": string()}, {"unicode": string(), "style": _STYLE}),
    "broadcast": kind("broadcast", {"range": choice("here", "channel", "everyone")}, {"style": _STYLE}),
    "date": kind(
        "date",
        {"timestamp": integer(0), "format": string()},
        {"url": string(), "fallback": string(), "style": _STYLE},
    ),
    "color": kind("color", {"value": string(pattern="#[0-9a-fA-F]{6}")}, {"style": _STYLE}),
}

_LINE = array(tagged(PIECES))
_BORDER = {"border": integer(0, 1)}
_SECTION = kind("rich_text_section", {"elements": _LINE})

RICH_TEXT = kind(
    "rich_text",
    {
        "elements": array(
            tagged(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_quote": kind("rich_text_quote", {"elements": _LINE}, _BORDER),
                    "rich_text_preformatted": kind(
                        "rich_text_preformatted",
                        {"elements": array(subset(PIECES, "text", "link"))},
                        {**_BORDER, "language": string()},
                    ),
                    "rich_text_list": kind(
                        "rich_text_list",
                        {
                            "style": choice("bullet", "ordered"),
                            "elements": array(tagged({"rich_text_section": _SECTION}), least=1),
                        },
                        {**_BORDER, "indent": integer(0, 8), "offset": integer(0)},
                    ),
                }
            ),
            least=1,
        )
    },
    {"block_id": string(255)},
)
