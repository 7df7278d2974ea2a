"""The acting side: people who click, choose, submit and close (and, by `Talk`, write, react and type commands).

What a person cannot do in Slack raises `CannotHappen` here: click a button that is not there, submit a view that is
closed or leave a required field empty. Every act issues what Slack issues for it: a trigger, a response_url, an id.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hitl_middleware.testing.fake_slack import answers, modals, payloads
from hitl_middleware.testing.fake_slack.delivering import Prepared, awaited, blocking, unsent
from hitl_middleware.testing.fake_slack.errors import CannotHappen
from hitl_middleware.testing.fake_slack.records import Message, Reply, View
from hitl_middleware.testing.fake_slack.refusals import Refusal
from hitl_middleware.testing.fake_slack.talk import Talk
from hitl_middleware.testing.fake_slack.words import Json, interactive, unescaped

Somewhere = Message | View | tuple[str, str]


class People(Talk):
    """What people do. Each act comes in two kinds: `click` waits in its thread, `aclick` is awaited."""

    # ------------------------------------------------------------------------------------------------- clicks, choices

    def _click(
        self,
        user: str,
        message: Somewhere,
        *,
        action_id: str | None = None,
        text: str | None = None,
        value: str | None = None,
        stale: Message | None = None,
    ) -> Prepared:
        """Click a button of a message or of an open view, named by its action_id, its text, its value or several.

        The button has to be there now. `stale`, an earlier state of the message, stands for the card of somebody whose
        screen has not caught up: that one is clicked and sent.
        """
        wanted = {"action_id": action_id, "text": text, "value": value}
        wanted = {key: each for key, each in wanted.items() if each is not None}

        def is_meant(element: Json) -> bool:
            has = (
                {**element, "text": unescaped(element["text"]["text"])} if element["type"] == "button" else {}
            )
            return bool(has) and all(has.get(key) == each for key, each in wanted.items())

        return self._interact(user, message, is_meant, f"a button with {wanted or 'any name'}", None, stale)

    click = blocking(_click)
    aclick = awaited(_click)
    draft_click = unsent(_click)

    def _choose(
        self, user: str, message: Somewhere, *, action_id: str, value: Any, stale: Message | None = None
    ) -> Prepared:
        """Choose in a menu, a group of boxes or a picker that stands in a message or in an open view.

        `value` is an option's value or text, a list of them, or an id, date or time, as the element has it.
        """

        def is_meant(element: Json) -> bool:
            return element["type"] != "button" and bool(element["action_id"] == action_id)

        return self._interact(user, message, is_meant, f"a menu with action_id {action_id!r}", value, stale)

    choose = blocking(_choose)
    achoose = awaited(_choose)

    def _interact(
        self,
        user: str,
        place: Somewhere,
        is_meant: Callable[[Json], bool],
        wanted: str,
        value: Any,
        stale: Message | None,
    ) -> Prepared:
        workspace, app = self._workspace, self._workspace.app
        with workspace.changing():
            who = self._person(user)
            if isinstance(place, View):
                view = self._open_view(place, user)
                block, element = _the_one(view.blocks, is_meant, wanted, f"View {view.id}")
                payload = payloads.action_in_view(
                    who,
                    app,
                    view=view.payload,
                    action=answers.action(block, element, value, at=f"{workspace.now():.6f}"),
                    state=answers.state(view.blocks),
                    trigger_id=workspace.issue_trigger(user, {"type": "view", "view_id": view.id}),
                )
            else:
                stored = stale or self._message(place)
                channel = self._channel(stored.channel, who)
                if stored.visible_to not in {None, user}:
                    msg = f"Only {stored.visible_to} sees this ephemeral message, not {user}."
                    raise CannotHappen(msg)
                what = f"The message {stored.ts}" + ("" if stale else ", as it is now,")
                block, element = _the_one(stored.blocks, is_meant, wanted, what)
                key = workspace.issue_response_url(user, channel.id, (stored.channel, stored.ts))
                payload = payloads.action_in_message(
                    who,
                    app,
                    where=channel,
                    what=stored,
                    action=answers.action(block, element, value, at=f"{workspace.now():.6f}"),
                    state=answers.state(stored.blocks),
                    trigger_id=workspace.issue_trigger(
                        user, {"channel_id": channel.id, "message_ts": stored.ts}
                    ),
                    response_url=f"{self.base_url}/response/{key}",
                )
            return Prepared(self._signed("block_actions", payloads.as_form(payload), payloads.FORM))

    # ----------------------------------------------------------------------------------------------------------- views

    def _submit_view(self, user: str, view: View, values: Mapping[str, Any] | None = None) -> Prepared:
        """Fill in an open modal and submit it.

        A key of `values` is `block_id/action_id`, a block_id, an action_id or the field's label; a field that is not
        named keeps what it shows. The answer counts: `errors` leave the view open, with what was entered, and are
        shown in it, `update` and `push` change what is seen, `clear` closes every view of the modal, nothing closes
        this one.
        """
        workspace = self._workspace
        with workspace.changing():
            who = self._person(user)
            current = self._open_view(view, user)
            if current.payload.get("submit") is None:
                msg = f"View {current.id} has no submit button."
                raise CannotHappen(msg)
            entered = answers.submitted(current.blocks, values or {}, current.entered)
            workspace.views[current.id] = replace(
                current, entered=entered
            )  # it stays, whatever the app answers
            payload = payloads.view_submission(
                who,
                workspace.app,
                view=current.payload,
                state=entered,
                trigger_id=workspace.issue_trigger(user, {"type": "view", "view_id": current.id}),
            )
            delivery = self._signed("view_submission", payloads.as_form(payload), payloads.FORM)
        return Prepared(delivery, functools.partial(self._after_submission, current.id))

    submit_view = blocking(_submit_view)
    asubmit_view = awaited(_submit_view)
    draft_submit_view = unsent(_submit_view)

    def _after_submission(self, name: str, reply: Reply) -> str:
        """Do what the app answered; what Slack would not understand leaves the view open."""
        view = self._workspace.views[name]
        try:
            return self._obey(view, json.loads(reply.body) if reply.body.strip() else {})
        except ValueError:
            return f"The app answered something that is not JSON: {reply.text[:200]}"
        except Refusal as refusal:
            return f"The view in the answer is refused: {refusal.answer}"

    def _obey(self, view: View, answer: Any) -> str:
        workspace = self._workspace
        match answer:
            case {"response_action": "errors", "errors": dict(errors)} if errors:
                inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
                if strange := errors.keys() - inputs:
                    return f"The errors name {sorted(strange)}; the input blocks are {sorted(inputs)}."
                workspace.views[view.id] = replace(view, errors=errors)
            case {"response_action": "update", "view": changed}:
                checked = modals.checked(workspace, changed, "modal", instead_of=view.id)
                modals.changed(workspace, view, checked)
            case {"response_action": "push", "view": above}:
                modals.pushed(workspace, view, modals.checked(workspace, above, "modal"))
            case {"response_action": "clear"}:
                for each in modals.stack_of(workspace, view):
                    self._end(each, "submitted" if each.id == view.id else "closed")
            case dict() if not answer:
                self._end(view, "submitted")
            case _:
                return f"The app answered something that Slack does not know: {answer}"
        return ""

    def _end(self, view: View, status: str) -> None:
        self._workspace.views[view.id] = replace(view, status=status, errors={})

    def _closing(self, user: str, view: View) -> Prepared | None:
        workspace = self._workspace
        with workspace.changing():
            who, current = self._person(user), self._open_view(view, user)
            self._end(current, "closed")
            if not current.payload["notify_on_close"]:
                return None
            payload = payloads.view_closed(who, workspace.app, view=current.payload, is_cleared=False)
            return Prepared(self._signed("view_closed", payloads.as_form(payload), payloads.FORM))

    def close_view(self, user: str, view: View) -> Reply | None:
        """Close an open modal; the app hears of it, and there is a reply, only if it asked to (`notify_on_close`)."""
        prepared = self._closing(user, view)
        return self._send(prepared) if prepared else None

    async def aclose_view(self, user: str, view: View) -> Reply | None:
        """`close_view` as a coroutine."""
        prepared = self._closing(user, view)
        return await self._asend(prepared) if prepared else None


def _the_one(
    blocks: Sequence[Json], is_meant: Callable[[Json], bool], wanted: str, where: str
) -> tuple[Json, Json]:
    found = [(block, element) for block, element in interactive(blocks) if is_meant(element)]
    if len(found) != 1:
        there = ", ".join(
            f"{element['type']} {element['action_id']!r}"
            + (f" {unescaped(element['text']['text'])!r}" if element["type"] == "button" else "")
            for _, element in interactive(blocks)
        )
        msg = f"{where} has {len(found)} times {wanted}. It has: {there or 'nothing to click'}."
        raise CannotHappen(msg)
    return found[0]
