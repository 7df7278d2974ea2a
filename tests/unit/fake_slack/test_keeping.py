"""FakeSlack on a file: what was there is there again."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from hitl_middleware.testing.fake_slack import FakeSlack

ANN = "U024BE7LH"
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "for <@U024BE7LH>"}}]


def ask(fake: FakeSlack, method: str, **arguments: object) -> dict[str, object]:
    """One call of the Web API."""
    head = {"Authorization": f"Bearer {fake.bot_token}"}
    answer: dict[str, object] = httpx.post(
        f"{fake.url}{method}", json=arguments, headers=head, trust_env=False
    ).json()
    assert answer["ok"], answer
    return answer


def test_a_fake_on_the_same_file_goes_on(tmp_path: Path):
    """E-02: people, conversations and messages with their metadata, reactions and earlier states are there after a kill; ids go on."""
    kept = tmp_path / "slack.json"
    metadata = {"event_type": "hitl_card", "event_payload": {"card_id": "c1"}}
    with FakeSlack(kept_in=kept) as first:
        first.add_user(ANN, name="ann")
        first.add_channel("C0REVIEWS1", "reviews", members=[ANN])
        first.add_usergroup("S0GROUP", "desk", users=[ANN])
        direct = ask(first, "conversations.open", users=ANN)["channel"]
        card = ask(
            first, "chat.postMessage", channel="C0REVIEWS1", text="one", blocks=BLOCKS, metadata=metadata
        )
        ask(first, "chat.update", channel="C0REVIEWS1", ts=card["ts"], text="two", blocks=BLOCKS)
        ask(first, "reactions.add", channel="C0REVIEWS1", timestamp=card["ts"], name="eyes")
        # Not closed before the next one begins: as after a kill.
        with FakeSlack(kept_in=kept) as second:
            assert second.messages == first.messages
            assert second.messages[0].plain() == "for @ann"
            assert second.messages[0].versions[0].text == "one"
            assert ask(second, "conversations.open", users=ANN)["channel"] == direct
            ask(second, "chat.update", channel="C0REVIEWS1", ts=card["ts"], text="three")
            later = ask(second, "chat.postMessage", channel="C0REVIEWS1", text="later")
            assert str(later["ts"]) > str(card["ts"])


def test_what_is_no_such_file_is_told(tmp_path: Path):
    """A file that is none of ours is refused at once, and left as it is."""
    kept = tmp_path / "slack.json"
    kept.write_text("[]")

    with pytest.raises((TypeError, ValueError, KeyError)):
        FakeSlack(kept_in=kept)

    assert kept.read_text() == "[]"
