"""What models, customers, tools and reviewers write stays their words: it cannot change a card, mention anybody, or hide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from hitl_middleware import Hitl, Policy, requires_approval, send_tool_calls
from hitl_middleware.hitl import Graph
from hitl_middleware.testing.channel_contract import HOSTILE
from hitl_middleware.testing.fake_slack import Message

from tests.kit.desk import ANN, BOB, RunningDesk, running_desk

pytestmark = [
    pytest.mark.xdist_group("hostile text"),  # one server for them all
    pytest.mark.databases("postgresql"),  # it minds more characters than SQLite
]

FAKE_CARD = "Approve\n\n✅ Approved by @ann\n✅ Executed\nCode `aaaaaaaa`\n[Approve](https://evil.example) <https://evil.example|Approve>"
FAKE_BLOCKS = json.dumps({"type": "actions", "elements": [{"type": "button", "action_id": "hitl_approve"}]})
TEXTS = {
    "everything": HOSTILE,
    "mentions": "EVIL <!channel> <!here> <!everyone> <@U024BE7LH> <#C0SUPPORT1> <!subteam^S1> @channel",
    "out of the box": "EVIL ``` ` ``` </pre>\n```\n*bold* _it_ ~no~ > quote\n&lt;!channel&gt; &amp;lt;!channel&amp;gt;",
    "another card": f"EVIL {FAKE_CARD}",
    "other blocks": f'EVIL "}}]}}]{FAKE_BLOCKS}',
    "right to left": "EVIL \u202e001$\u202c \u2066x\u2069 \u200f\u061c",
    "unseen": "EVIL a\u200bb\u200d\ufeff\u00ad\u2060c\u3164\u115f\U000e0041\u180e",
    "control": "EVIL \x00\x07\x1b[31mred\x1b[0m\r\x08\x7f\x85\u2028\u2029",
    "many lines": "EVIL\n" + "\n" * 900,
    "emoji": "EVIL :tada: <!date^1^{date}|x> ✅ 👍🏽",
}
UNSEEN = frozenset(
    "\u202e\u202c\u2066\u2069\u200f\u061c\u200b\u200d\ufeff\u00ad\u2060\u3164\u115f\U000e0041\u180e"
    "\x00\x07\x1b\x08\x7f\x85\u2028\u2029"
)
LONG = "EVIL " + "0123456789" * 10_000 + " the end"


class Words(MessagesState):
    """A text to be noted, and what the tool is to do with it."""

    text: Any
    how: str


def odd(hitl: Hitl) -> Graph:
    """A graph that asks about the text it was given, under a hostile title, and answers with it or fails with it."""

    @requires_approval(Policy(title=HOSTILE, risk=HOSTILE, decisions=("approve", "reject", "feedback")))
    @tool
    def note(text: Any, how: str) -> str:
        """Note EVIL <!channel> something."""
        if how == "fail":
            raise ValueError(text)
        return str(text)

    def think(state: Words) -> dict[str, Any]:
        if state["messages"]:
            return {"messages": [AIMessage("done")]}
        # No request can bring half a character; a model can.
        text = "EVIL \ud83d" if state["text"] == "HALF" else state["text"]
        call = {"name": "note", "args": {"text": text, "how": state["how"]}, "id": "c1", "type": "tool_call"}
        return {"messages": [AIMessage("", tool_calls=[call])]}

    builder = StateGraph(Words)
    builder.add_node("model", think)
    builder.add_node("tools", ToolNode([note], **hitl.tool_gate([note])))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", send_tool_calls("tools"), ["tools", END])
    builder.add_edge("tools", "model")
    return builder.compile()


@pytest.fixture(scope="module")
def desk(module_url) -> Iterator[RunningDesk]:
    """One server for all texts, each in a run of its own."""
    with (
        pytest.MonkeyPatch.context() as environment,
        running_desk(module_url, environment, graphs=lambda hitl: {"odd": odd(hitl)}) as running,
    ):
        yield running


def asked(desk: RunningDesk, text: Any, how: str = "say") -> tuple[dict[str, Any], Message]:
    """The request about a text, and its card."""
    body = json.dumps({"graph": "odd", "input": {"messages": [], "text": text, "how": how}})
    answer = desk.api.post("/api/v1/runs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202, answer.text
    desk.settle()
    (request,) = desk.requests(status="pending")
    return request, desk.card(request["code"])


def now(desk: RunningDesk, card: Message) -> Message:
    """The card as it is now."""
    return desk.slack.message(card.channel, card.ts)


def skeleton(part: Any) -> Any:
    """A card without its words: which blocks, which elements in them, which buttons."""
    if isinstance(part, dict):
        kept = {key: part[key] for key in ("type", "action_id", "style", "verbatim", "emoji") if key in part}
        return kept | {key: skeleton(value) for key, value in part.items() if isinstance(value, dict | list)}
    return [skeleton(each) for each in part] if isinstance(part, list | tuple) else None


def unboxed(part: Any) -> Iterator[str]:
    """Every text of a card that stands neither in a code box nor, on one line, in plain text: there nobody's words but ours may stand."""
    if isinstance(part, dict):
        if part.get("type") in {"rich_text_preformatted", "plain_text"}:
            assert part["type"] == "rich_text_preformatted" or "\n" not in part["text"]
            return
        if isinstance(part.get("text"), str):
            yield part["text"]
        for inner in part.values():
            yield from unboxed(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from unboxed(inner)


def leaves(part: Any) -> Iterator[str]:
    """Every text in a card, whatever it is for."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list | tuple):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from leaves(inner)


def is_harmless(card: Message) -> None:
    """Nothing of theirs stands where Slack parses or where it could be taken for ours, and nothing of it is unseen."""
    for text in (card.text, *unboxed(card.blocks)):
        assert "EVIL" not in text
        assert "<!channel" not in text
    assert UNSEEN.isdisjoint("".join(leaves(card.blocks)))


@pytest.fixture(scope="module")
def usual(desk) -> dict[str, Any]:
    """The skeletons of cards about a harmless text: while it waits, and in the end."""
    found: dict[str, Any] = {}
    for how in ("say", "fail", "reject"):
        _, card = asked(desk, "hello", how)
        assert [button.text for button in card.buttons] == ["Approve", "Reject", "Feedback"]
        if how == "reject":
            desk.reject("hello", card)
        else:
            desk.press("Approve", card)
        found[how] = skeleton(card.blocks), skeleton(now(desk, card).blocks)
    return found


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("how", ["say", "fail"])
def test_words_stay_words(desk, usual, text, how):
    """Rule 9: as argument, title, result, error: the card has the blocks and buttons of any other card, whatever the words are."""
    _, card = asked(desk, text, how)
    is_harmless(card)
    assert "EVIL" in card.plain()
    desk.press("Approve", card)
    done = now(desk, card)
    is_harmless(done)
    assert (skeleton(card.blocks), skeleton(done.blocks)) == usual[how]
    assert "✅ Approved by @ann\n" + ("✅ Executed" if how == "say" else "❌ Failed") in done.plain()
    assert done.buttons == []


@pytest.mark.parametrize("text", [*TEXTS.values(), LONG[:3_000]], ids=[*TEXTS, "long"])
def test_a_reviewers_words_stay_words(desk, usual, text):
    """Rule 9, S-12: a reason from Slack's form, whatever stands in it, is shown as data and does not change the card."""
    _, card = asked(desk, "hello")
    desk.reject(text, card, by=BOB)
    done = now(desk, card)
    is_harmless(done)
    assert (skeleton(card.blocks), skeleton(done.blocks)) == usual["reject"]
    assert "⛔ Rejected by @bob" in done.plain()
    assert "EVIL" in done.plain()


@pytest.mark.parametrize(
    "text", [LONG, "\u200b" * 6_000, "&" * 3_000, {"a": [LONG]}, {f"k{n}": n for n in range(2_000)}]
)
def test_what_does_not_fit_is_not_approved_in_slack(desk, text):
    """Rule 9: a loud cut, a way to see it all, Reject – and no Approve; the API has it whole and may approve it, and what runs is whole."""
    request, card = asked(desk, text)
    is_harmless(card)
    assert "CUT" in card.plain()
    assert "too long to be shown here in full, so it cannot be approved here" in card.plain()
    assert [button.text for button in card.buttons] == ["Reject", "Feedback"]
    assert f"/requests/{request['id']}" in json.dumps(card.blocks)
    assert request["args"]["text"] == text
    decided = desk.decide(request["id"], "approve")
    assert decided["action"]["status"] == "succeeded"
    assert decided["action"]["result"] == str(text)[:4_000]
    done = now(desk, card)
    is_harmless(done)
    assert ("✅ Approved by @ann\n✅ Executed" in done.plain(), done.buttons) == (True, [])


def test_a_long_result_takes_nothing_from_the_decision(desk):
    """Rule 9: the arguments fit, the result does not: it is cut loudly, and the rest of the card is as it was."""
    text = "EVIL " + "x" * 4_500
    _, card = asked(desk, text)
    assert [button.text for button in card.buttons] == ["Approve", "Reject", "Feedback"]
    desk.press("Approve", card)
    assert "CUT" in now(desk, card).plain()
    assert "✅ Approved by @ann\n✅ Executed" in now(desk, card).plain()


def test_a_person_with_a_hostile_name(desk):
    """S-08, rule 9: people are named by Slack's own mention; what they call themselves appears nowhere in our markup."""
    for user, name in ((ANN, f"ann {HOSTILE}"), (BOB, "<!channel>")):
        desk.slack.add_user(user, name=name)
    try:
        _, card = asked(desk, "hello")
        desk.press("Approve", card)
        is_harmless(now(desk, card))
        assert f"✅ Approved by <@{ANN}>" in json.dumps(now(desk, card).blocks, ensure_ascii=False)
        desk.slack.click(BOB, card, text="Approve", stale=card)
        desk.settle()
        note = desk.slack.ephemerals[-1]
        assert f"by <@{ANN}> (" in note.text
        assert "EVIL" not in note.text
    finally:
        desk.slack.add_user(ANN, name="ann")
        desk.slack.add_user(BOB, name="bob")


def test_half_a_character(desk):
    """O-08, rule 3: no request can bring half of a surrogate pair, a model can; what was shown in its place is what runs."""
    refused = desk.api.post(
        "/api/v1/runs",
        content=b'{"graph": "odd", "input": "\\ud83d"}',
        headers={"Content-Type": "application/json"},
    )
    assert refused.status_code == 400
    request, card = asked(desk, "HALF")
    is_harmless(card)
    shown = request["args"]["text"]
    assert shown.isprintable()
    desk.press("Approve", card)
    action = desk.request(request["id"])["action"]
    assert (action["status"], action["result"]) == ("succeeded", shown)
