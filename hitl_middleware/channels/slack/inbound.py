"""What Slack sends us, as values. Pure: bytes and JSON in; a click, a form, or a reason why it is ignored out.

Shapes: docs.slack.dev, "block_actions payload" and "view_submission payload". Whatever is not exactly what our own cards and forms
produce is ignored, never guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hitl_middleware.channels.slack.press import (
    BUTTONS,
    ENTRY,
    FORMS,
    MOST_WORDS,
    ButtonKind,
    FormContext,
    FormKind,
    Given,
    Press,
)
from hitl_middleware.channels.slack.words import PREFIX

# --------------------------------------------------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Somebody pressed one of our buttons. ``key`` names this very click."""

    press: Press
    kind: ButtonKind
    user_id: str
    user_name: str | None
    channel_id: str
    message_ts: str
    trigger_id: str
    key: str

    @property
    def identity(self) -> str:
        """The person, as everywhere else in this library."""
        return PREFIX + self.user_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSent:
    """Somebody sent one of our forms. ``given``: what stands in each of its input blocks; ``key`` names this very form.

    ``attempt``: see ``FormContext``.
    """

    press: Press
    kind: FormKind
    given: Mapping[str, Given]
    attempt: int | None
    user_id: str
    user_name: str | None
    channel_id: str
    message_ts: str
    key: str

    @property
    def identity(self) -> str:
        """The person, as everywhere else in this library."""
        return PREFIX + self.user_id


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing of ours; ``reason`` is for the log."""

    reason: str


def read(payload: Mapping[str, Any]) -> Click | FormSent | Ignored:
    """What an interaction means. Never raises."""
    try:
        match payload.get("type"):
            case "block_actions":
                return _click(_Clicked.model_validate(payload))
            case "view_submission":
                return _form(_Submitted.model_validate(payload))
            case _:
                return Ignored("not an interaction of ours")
    except ValidationError as error:
        # Only where it is wrong: the values may be anybody's text.
        return Ignored(
            "; ".join(".".join(map(str, each["loc"])) for each in error.errors(include_input=False)[:5])
        )


def _click(clicked: _Clicked) -> Click | Ignored:
    (action,) = clicked.actions
    kind, press = BUTTONS.get(action.action_id), Press.read(action.value)
    if kind is None or press is None:
        return Ignored("not a button of ours")
    place, user = clicked.container, clicked.user
    return Click(
        press=press,
        kind=kind,
        user_id=user.id,
        user_name=user.shown,
        channel_id=place.channel_id,
        message_ts=place.message_ts,
        trigger_id=clicked.trigger_id,
        key=f"{place.channel_id}:{place.message_ts}:{user.id}:{action.action_ts}",
    )


def _form(submitted: _Submitted) -> FormSent | Ignored:
    view, user = submitted.view, submitted.user
    kind = FORMS.get(view.callback_id)
    if kind is None:
        return Ignored("not a form of ours")
    context = FormContext.model_validate_json(view.private_metadata)
    press = Press.read(context.press)
    if press is None:
        return Ignored("not a form of ours")
    return FormSent(
        press=press,
        kind=kind,
        given={block: fields[ENTRY].given for block, fields in view.state.values.items() if ENTRY in fields},
        attempt=context.attempt,
        user_id=user.id,
        user_name=user.shown,
        channel_id=context.channel,
        message_ts=context.ts,
        key=f"{view.id}:{user.id}",
    )


# --------------------------------------------------------------------------------------------------------------- shapes

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,40}$")]
_UserId = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{1,30}$")]
_Ts = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}\.[0-9]{1,20}$")]
_Short = Annotated[str, StringConstraints(max_length=300)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class _User(_Shape):
    id: _UserId
    name: _Short | None = None
    username: _Short | None = None

    @property
    def shown(self) -> str | None:
        """The name Slack gives them; they may change it, so it decides nothing."""
        return self.username or self.name or None


class _Container(_Shape):
    type: Literal["message"]
    channel_id: _Id
    message_ts: _Ts


class _Action(_Shape):
    type: Literal["button"]
    action_id: _Short
    value: Annotated[str, StringConstraints(max_length=2_000)]
    action_ts: _Ts


class _Clicked(_Shape):
    user: _User
    container: _Container
    trigger_id: _Short
    actions: Annotated[list[_Action], Field(min_length=1, max_length=1)]


class _Option(_Shape):
    value: Annotated[str, StringConstraints(max_length=150)]


class _Field(_Shape):
    """What stands in an input element: each kind of element has a name of its own for it."""

    value: Annotated[str, StringConstraints(max_length=MOST_WORDS)] | None = None
    selected_date: _Short | None = None
    selected_option: _Option | None = None
    selected_options: Annotated[list[_Option], Field(max_length=100)] | None = None

    @property
    def given(self) -> Given:
        if self.selected_options is not None:
            return tuple(option.value for option in self.selected_options)
        if self.selected_option is not None:
            return self.selected_option.value
        return self.value if self.value is not None else self.selected_date


class _State(_Shape):
    values: Annotated[dict[str, dict[str, _Field]], Field(max_length=100)]


class _View(_Shape):
    id: _Short
    callback_id: _Short
    private_metadata: Annotated[str, StringConstraints(max_length=3_000)]
    state: _State


class _Submitted(_Shape):
    user: _User
    view: _View
