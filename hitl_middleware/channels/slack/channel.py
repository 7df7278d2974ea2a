"""``ReviewChannel`` for Slack: cards by chat.postMessage and chat.update, notes to one person by chat.postEphemeral, reminders in threads.

A card's ref is ``channel:ts``, with the channel's id as Slack answered it. Each card (and each reminder) carries its own id in the
message's metadata, unseen; after a lost reply it is looked for instead of posting again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from hitl_middleware.channels.slack import late, render, words
from hitl_middleware.channels.slack.client import failure, web_client
from hitl_middleware.channels.slack.routing import Members, addresses
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.failpoints import failpoint
from hitl_middleware.records import Card, CardView, Notice, NoticeDraft, Occasion, ReviewRequest, Target

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

SLACK_SECONDS: Final = 60
"""How far Slack's clock and ours may be apart when we look for a message."""

PAGE: Final = 200
"""Messages per page of conversations.history, and channels per page of conversations.list: what Slack recommends as the most."""

MOST_PAGES: Final = 50
"""Where looking ends: 10,000 messages since the card was made."""


class SlackChannel:
    """Cards and notes in one workspace. The client is made on first use; nothing is opened before.

    ``members``: who is in a ``group:name`` of ``hitl.toml``, for direct messages.
    """

    name = "slack"

    def __init__(
        self,
        settings: SlackSettings,
        client: AsyncWebClient | None = None,
        *,
        members: Members = lambda _group: (),
    ) -> None:
        self._settings = settings
        self._members = members
        self._made = client
        self._ids: dict[str, str] = {}  # address → id, as Slack answered it

    @property
    def _client(self) -> AsyncWebClient:
        if self._made is None:
            self._made = web_client(self._settings)
        return self._made

    def targets(self, request: ReviewRequest) -> Sequence[Target]:
        """See ``routing.addresses``."""
        places = addresses(self._settings, request, self._members)
        return tuple(Target(channel=self.name, address=place) for place in places)

    def approvers(self, labels: Mapping[str, str]) -> Sequence[str]:  # noqa: ARG002 – whatever they are
        """Nobody but whom policies and settings name."""
        return ()

    def notices(self, request: ReviewRequest, card: Card, occasion: Occasion) -> Sequence[NoticeDraft]:
        """Nothing of a decision: the card says it. Of a deadline see ``late``."""
        return () if occasion.kind == "decided" else late.replies(request, card, occasion, self._members)

    async def post(self, view: CardView) -> str:
        """Post the card. A person's id as address opens the direct message; Slack answers with that conversation's id."""
        card = render.content(view)
        failpoint("post.before")
        answer = await self._call(
            self._client.chat_postMessage,
            channel=view.card.target.address,
            text=card.text,
            blocks=card.blocks,
            metadata=card.metadata,
            unfurl_links=False,
            unfurl_media=False,
        )
        failpoint("post.after")
        ref = _ref(answer.get("channel"), answer.get("ts"))
        self._ids[view.card.target.address] = ref.partition(":")[0]
        return ref

    async def update(self, view: CardView, ref: str) -> None:
        """Change the posted card. One that somebody deleted stays deleted: the failure is permanent."""
        channel, _, ts = ref.partition(":")
        card = render.content(view)
        failpoint("update.before")
        await self._call(
            self._client.chat_update,
            channel=channel,
            ts=ts,
            text=card.text,
            blocks=card.blocks,
            metadata=card.metadata,
        )
        failpoint("update.after")

    async def find(self, view: CardView) -> Sequence[str]:
        """The messages that carry this card's id, if Slack has any since the card was made."""
        channel = await self._conversation(view.card.target.address)
        if channel is None:
            return ()
        ours = (words.EVENT_TYPE, "card_id", view.card.id)
        return [_ref(channel, ts) for ts in await self._look(channel, view.card.created_at, ours)]

    async def remove(self, ref: str) -> None:
        """Delete a message of ours."""
        channel, _, ts = ref.partition(":")
        try:
            await self._call(self._client.chat_delete, channel=channel, ts=ts)
        except DeliveryFailed as error:
            if not error.permanent:  # else it is gone, or somebody else's that carries our card's id
                raise

    async def _look(
        self, channel: str, since: dt.datetime, ours: tuple[str, str, str], *, thread: str | None = None
    ) -> Sequence[str]:
        """The ``ts`` of messages since then that carry this in their metadata, oldest first; in a conversation, or in a thread of it."""
        where: dict[str, Any] = {"channel": channel} if thread is None else {"channel": channel, "ts": thread}
        read = self._client.conversations_history if thread is None else self._client.conversations_replies
        oldest = f"{since.timestamp() - SLACK_SECONDS:.6f}"
        cursor: str | None = None
        found: list[str] = []
        for _ in range(MOST_PAGES):
            answer = await self._call(
                read, **where, oldest=oldest, limit=PAGE, cursor=cursor, include_all_metadata=True
            )
            found += [
                str(message.get("ts")) for message in answer.get("messages", []) if _carries(message, *ours)
            ]
            cursor = _next(answer)
            if cursor is None:
                return sorted(found)
        # Not "there is none": posting again on a guess could put a second one beside the first.
        reason = f"it may be among more than {PAGE * MOST_PAGES} messages of the channel"
        raise DeliveryFailed(reason)

    async def notify(self, notice: Notice) -> None:
        """Deliver a one-off, our own markup in ``text``.

        With ``user`` it is for that person alone, in the conversation they acted in. Else everybody sees it, in the ``thread`` of a card
        where one is named; it carries the notice's id, and is looked for before a second attempt.
        """
        user, text, thread = (notice.body.get(name) for name in ("user", "text", "thread"))
        if not isinstance(text, str):
            reason = "the stored note has no text"
            raise DeliveryFailed(reason, permanent=True)
        if isinstance(user, str):
            await self._call(self._client.chat_postEphemeral, channel=notice.address, user=user, text=text)
            return
        if notice.attempts > 1 and await self._said(notice, thread):
            return
        await self._call(
            self._client.chat_postMessage,
            channel=notice.address,
            text=text,
            thread_ts=thread,
            metadata={"event_type": words.NOTICE_TYPE, "event_payload": {"notice_id": notice.id}},
            unfurl_links=False,
            unfurl_media=False,
        )

    async def _said(self, notice: Notice, thread: str | None) -> bool:
        channel = await self._conversation(notice.address)
        if channel is None:
            return False
        since = notice.created_at
        ours = (words.NOTICE_TYPE, "notice_id", notice.id)
        return bool(await self._look(channel, since, ours, thread=thread))

    async def _conversation(self, address: str) -> str | None:
        """The id under which Slack keeps the history of an address: posting takes people and names, too, reading does not."""
        if known := self._ids.get(address):
            return known
        if words.user_of(f"{words.PREFIX}{address}"):
            answer = await self._call(self._client.conversations_open, users=address)
            return _id(answer.get("channel"))
        if address[:1] in {"C", "G", "D"} and address.isalnum() and address.isupper():
            return address
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            answer = await self._call(
                self._client.conversations_list,
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=PAGE,
                cursor=cursor,
            )
            for channel in answer.get("channels", []):
                if channel.get("name") == address.removeprefix("#"):
                    return _id(channel)
            cursor = _next(answer)
            if cursor is None:
                break
        return None

    async def _call(
        self, method: Callable[..., Awaitable[AsyncSlackResponse]], **arguments: Any
    ) -> Mapping[str, Any]:
        try:
            answer = await method(**arguments)
        except Exception as error:  # noqa: BLE001 – whatever the SDK or its HTTP client raises, the message is not known to be there
            raise failure(error) from None
        return answer.data if isinstance(answer.data, dict) else {}


def _id(conversation: Any) -> str:
    found = conversation.get("id") if isinstance(conversation, dict) else None
    if not isinstance(found, str):
        reason = "Slack answered without the conversation's id"
        raise DeliveryFailed(reason)
    return found


def _ref(channel: object, ts: object) -> str:
    if not isinstance(channel, str) or not isinstance(ts, str):
        reason = "Slack answered without the message's place"
        raise DeliveryFailed(reason, unheard=True)
    return f"{channel}:{ts}"


def _carries(message: Any, event_type: str, name: str, key: str) -> bool:
    found = message.get("metadata") or {}
    return found.get("event_type") == event_type and found.get("event_payload", {}).get(name) == key


def _next(answer: Mapping[str, Any]) -> str | None:
    return (answer.get("response_metadata") or {}).get("next_cursor") or None
