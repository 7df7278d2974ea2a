"""Widgets: a form that decides, and a slider over the steps of a thread. Needs ipywidgets (the extra ``notebook``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import ipywidgets

from hitl_middleware.actions import DecisionType
from hitl_middleware.desk.form import form_of
from hitl_middleware.errors import DoesNotFit, HitlError
from hitl_middleware.forms import Entered, Field, FormSpec
from hitl_middleware.notebook.markup import STYLE, Html, tag
from hitl_middleware.notebook.places import Steps
from hitl_middleware.notebook.question import Question
from hitl_middleware.records import ReviewRequest

if TYPE_CHECKING:
    from hitl_middleware.notebook.opened import OpenRun

_BUTTONS: Final[Mapping[str, tuple[str, str]]] = {
    "approve": ("Approve", "success"),
    "edit": ("Approve with changes", "success"),
    "reject": ("Reject", "danger"),
    "feedback": ("Send feedback", "warning"),
    "respond": ("Answer", "info"),
    "done": ("It was done", "success"),
    "failed": ("It was not done", "danger"),
    "retry": ("Do it again", "warning"),
}
_WIDE: Final = {"width": "36rem"}


class DecisionForm(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The question, the fields of its answer, and a button for each decision that its plan allows.

    A click decides as ``run.decide(…)`` does; what does not count is said below the buttons, and what was typed stays.
    """

    def __init__(self, run: OpenRun, request: ReviewRequest) -> None:
        self._run = run
        self._request = request
        self.outcome = request.kind == "outcome"
        self.specs = _specs(request)
        self.inputs: dict[str, Any] = {}
        self.words = ipywidgets.Textarea(
            placeholder="Words: a reason, feedback, an answer", description="Message", layout=_WIDE
        )
        self.told = ipywidgets.HTML()
        answers = ("done", "failed", "retry") if self.outcome else request.plan.allowed_decisions
        self.buttons = {each: self._button(each) for each in answers}
        spec = next(iter(self.specs.values()), None)
        for field in spec.fields if spec is not None else ():
            self.inputs[field.key] = _input(field)
        card = ipywidgets.HTML(Question(request, run.facts)._repr_html_())
        hints = {field.key: field.hint for field in (spec.fields if spec is not None else ())}
        rows = [
            ipywidgets.VBox([each, ipywidgets.HTML(tag("small", hints[key]))]) if hints[key] else each
            for key, each in self.inputs.items()
        ]
        super().__init__([card, *rows, self.words, ipywidgets.HBox(list(self.buttons.values())), self.told])

    def _button(self, answer: str) -> Any:
        label, style = _BUTTONS[answer]
        button = ipywidgets.Button(description=label, button_style=style, layout={"width": "auto"})
        button.on_click(lambda _: self._clicked(answer))
        return button

    def _clicked(self, answer: str) -> None:
        try:
            words = self._settled(answer) if self.outcome else self._decided(cast("DecisionType", answer))
        except HitlError as error:
            self.told.value = _line("bad", str(error))
            return
        for button in self.buttons.values():
            button.disabled = True
        self.told.value = _line("good", words)

    def _settled(self, answer: str) -> str:
        what: Any = answer
        return self._run.settle(what, self.words.value.strip() or None, act=self._request.action_id).words

    def _decided(self, answer: DecisionType) -> str:
        given: dict[str, Any] = {"request": self._request.id}
        spec = self.specs.get(answer)
        if spec is not None:
            filled = spec.fill(self._entered(spec))
            if filled.errors:
                raise DoesNotFit.at(
                    [(spec[key].label if key else "answer", why) for key, why in filled.errors.items()]
                )
            given["args" if answer == "edit" else "answer"] = filled.value
        elif answer == "approve" and self._touched:
            raise DoesNotFit(
                field="decision", why="fields were changed. Click “Approve with changes”, or put them back."
            )
        return self._run.decide(answer, self.words.value.strip() or None, **given).words

    @property
    def _touched(self) -> bool:
        return any(
            not field.untouched(_holds(self.inputs[field.key]))
            for spec in self.specs.values()
            for field in spec.fields
        )

    def _entered(self, spec: FormSpec) -> dict[str, Entered]:
        return {field.key: _holds(self.inputs[field.key]) for field in spec.fields}

    def __repr__(self) -> str:
        labels = ", ".join(f"[{button.description}]" for button in self.buttons.values())
        return f"{Question(self._request, self._run.facts)!r}\n  {labels}"


class StepSlider(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """The thread at each of its checkpoints, and the graph as it stood then."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        last = max(len(steps) - 1, 0)
        self.slider = ipywidgets.IntSlider(value=last, min=0, max=last, description="Step", layout=_WIDE)
        self.shown = ipywidgets.HTML(steps.html(last))
        self.slider.observe(self._moved, names="value")
        super().__init__([self.slider, self.shown])

    def _moved(self, change: Mapping[str, Any]) -> None:
        self.shown.value = self._steps.html(change["new"])

    def __repr__(self) -> str:
        return self._steps.text(self.slider.value)


def _specs(request: ReviewRequest) -> dict[str, FormSpec]:
    """The forms of its answers. They show the same fields: those of a call to be edited, of a step or of a question."""
    found = {each: form_of(request, each) for each in request.plan.allowed_decisions}
    return {answer: spec for answer, spec in found.items() if spec is not None}


def _input(field: Field) -> Any:
    common: dict[str, Any] = {
        "description": field.label,
        "style": {"description_width": "initial"},
        "layout": _WIDE,
    }
    match field.kind:
        case "boolean" | "choice":
            labels = [option.label for option in field.options]
            options = labels if field.shown in labels else ["", *labels]
            return ipywidgets.Dropdown(
                options=options, value=field.shown if field.shown in options else "", **common
            )
        case "choices":
            return ipywidgets.SelectMultiple(
                options=[option.label for option in field.options], value=tuple(field.shown), **common
            )
        case "lines" | "json":
            return ipywidgets.Textarea(value=str(field.shown), **common)
    return ipywidgets.Text(value=str(field.shown), **common)


def _holds(widget: Any) -> Entered:
    value = widget.value
    return tuple(value) if isinstance(value, tuple) else str(value)


def _line(class_: str, words: str) -> str:
    return tag("div", tag("style", Html(STYLE)), tag("p", words, class_=class_), class_="hitl")
