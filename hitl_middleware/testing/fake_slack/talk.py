"""People who write, react and type commands, and Slack itself asking for the request URL."""

from __future__ import annotations

import functools
import json
import secrets
from typing import Any

from hitl_middleware.testing.fake_slack import chat, hooks, payloads
from hitl_middleware.testing.fake_slack.acting import Actor
from hitl_middleware.testing.fake_slack.delivering import Prepared, awaited, blocking
from hitl_middleware.testing.fake_slack.errors import CannotHappen
from hitl_middleware.testing.fake_slack.records import Message, Reply
from hitl_middleware.testing.fake_slack.refusals import Refusal
from hitl_middleware.testing.fake_slack.state import ResponseUrl
from hitl_middleware.testing.fake_slack.web_api import Arguments
from hitl_middleware.testing.fake_slack.words import Json


class Talk(Actor):
    """Events and commands."""

    def _react(self, user: str, message: Message | tuple[str, str], name: str) -> Prepared:
        """React to a message with an emoji, named without colons."""
        with self._workspace.changing():
            who, stored = self._person(user), self._message(message)
            self._channel(stored.channel, who)
            try:
                chat.react(self._workspace, stored, name, user)
            except Refusal as refusal:
                msg = f"{user} has reacted with {name!r} before."
                raise CannotHappen(msg) from refusal
            return self._event(payloads.reaction("reaction_added", user, name, stored))

    react = blocking(_react)
    areact = awaited(_react)

    def _take_back(self, user: str, message: Message | tuple[str, str], name: str) -> Prepared:
        """Take one's reaction from a message; a removed reaction is an event of its own."""
        with self._workspace.changing():
            who, stored = self._person(user), self._message(message)
            self._channel(stored.channel, who)
            try:
                chat.unreact(self._workspace, stored, name, user)
            except Refusal as refusal:
                msg = f"{user} has not reacted with {name!r}."
                raise CannotHappen(msg) from refusal
            return self._event(payloads.reaction("reaction_removed", user, name, stored))

    unreact = blocking(_take_back)
    aunreact = awaited(_take_back)

    def _bot_reaction(self, message: Message | tuple[str, str], name: str) -> Prepared:
        """The event that the app gets of its own `reactions.add`."""
        with self._workspace.changing():
            stored, bot = self._message(message), self._workspace.app.bot_user_id
            chat.react(self._workspace, stored, name, bot)
            return self._event(payloads.reaction("reaction_added", bot, name, stored))

    react_as_bot = blocking(_bot_reaction)
    areact_as_bot = awaited(_bot_reaction)

    def _open_home(self, user: str, *, tab: str = "home") -> Prepared:
        """Open the app's home (or `messages`) tab; `home_of` is what is shown there then."""
        workspace = self._workspace
        with workspace.changing():
            self._person(user)
            channel = workspace.direct((user,))
            event: dict[str, Any] = {
                "type": "app_home_opened",
                "user": user,
                "channel": channel.id,
                "tab": tab,
            }
            shown = workspace.home_of(user)
            if tab == "home" and shown is not None:
                event["view"] = shown.payload
            return self._event(event)

    open_home = blocking(_open_home)
    aopen_home = awaited(_open_home)

    def _say(self, user: str, channel: str, text: str, *, thread_ts: str | None = None) -> Prepared:
        """Write a message into a channel, a thread, or the direct conversation with the bot."""
        with self._workspace.changing():
            where = self._channel(channel, self._person(user))
            stored = self._workspace.post(channel, text, user=user, thread_ts=thread_ts)
            event = {
                **payloads.message(stored, self._workspace.app),
                "channel": channel,
                "channel_type": where.kind,
            }
            return self._event(event, ts=stored.ts)

    say = blocking(_say)
    asay = awaited(_say)

    def _verify_url(self) -> Prepared:
        """Ask what Slack asks of a request URL before it uses it; the app has to give the challenge back."""
        challenge = secrets.token_urlsafe(24)
        body = payloads.as_json(payloads.url_verification(challenge))

        def settle(reply: Reply) -> str:
            return "" if challenge in reply.text else "The app did not give the challenge back."

        return Prepared(self._signed("url_verification", body, payloads.JSON), settle)

    verify_url = blocking(_verify_url)
    averify_url = awaited(_verify_url)

    def _event(self, event: Json, ts: str | None = None) -> Prepared:
        workspace = self._workspace
        full = {**event, "event_ts": ts or workspace.new_ts("events")}
        payload = payloads.event_callback(
            full, workspace.app, event_id=workspace.new_id("Ev"), at=workspace.now()
        )
        return Prepared(self._signed("event_callback", payloads.as_json(payload), payloads.JSON))

    # -------------------------------------------------------------------------------------------------------- commands

    def _command(self, user: str, name: str, text: str = "", *, channel: str) -> Prepared:
        """Type a slash command; words in the answer appear as a message to this person or to all."""
        workspace = self._workspace
        with workspace.changing():
            who = self._person(user)
            where = self._channel(channel, who)
            key = workspace.issue_response_url(user, channel, None)
            fields = payloads.command(
                who,
                workspace.app,
                where=where,
                name=name,
                text=text,
                trigger_id=workspace.issue_trigger(user),
                response_url=f"{self.base_url}/response/{key}",
            )
            hook = workspace.response_urls[key]
            delivery = self._signed("command", payloads.as_fields(fields), payloads.FORM)
        return Prepared(delivery, functools.partial(self._after_command, hook))

    command = blocking(_command)
    acommand = awaited(_command)

    def _after_command(self, hook: ResponseUrl, reply: Reply) -> str:
        if not reply.body.strip():
            return ""
        try:
            answer = json.loads(reply.body)
        except ValueError:
            answer = {"text": reply.text}
        try:
            hooks.message(self._workspace, hook, Arguments(answer if isinstance(answer, dict) else {}), None)
        except Refusal as refusal:
            return f"The answer is refused: {refusal.answer}"
        return ""
