"""Forms in Slack: what pydantic says of a tool → a modal that Slack takes → what was put into it → the same arguments."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl_middleware.actions import Decision
from hitl_middleware.channels.slack import answers, inputs, modals
from hitl_middleware.channels.slack.press import FormContext
from hitl_middleware.forms import FormSpec
from hitl_middleware.testing.channel_contract import HOSTILE
from hitl_middleware.testing.fake_slack import CannotHappen, views
from hitl_middleware.testing.fake_slack.words import plain

from tests.kit.schemas import SAMPLES, Address, Call, calls, same, schema_of
from tests.kit.slack_forms import CONTEXT, KINDS, editing, request_of, sent

EXPLAINED = (
    "What you send is approved and runs as you leave it here. "
    "The policy looks at it again: where it wants more for the edited call, people are asked again."
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(calls())
def test_any_tool_comes_back_through_slack(call: Call):
    """S-11, P-04: for any tool of pydantic types the edit form is valid for Slack to the letter, and sent as it was opened it is an
    approval of exactly the arguments that were asked about; where a form cannot hold them, it says so.
    """
    request = editing(call)
    if modals.unavailable("edit", request):
        return
    view = modals.opened("edit", CONTEXT, request)
    assert views.problems(view, "modal") == []
    json.dumps(view, ensure_ascii=False).encode()
    assert len(json.dumps(view)) < views.LARGEST
    spec = answers.spec_of("edit", request)
    assert spec is not None
    given = sent("edit", view, {}).given
    filled = spec.fill(inputs.entries(spec, given))
    assert (filled.errors, same(filled.value, call.args)) == ({}, True)
    assert answers.decision_of(sent("edit", view, {}), request) == Decision(type="approve")
    only = replace(request, plan=request.plan.model_copy(update={"allowed_decisions": ("edit",)}))
    decision = answers.decision_of(sent("edit", view, {}), only)
    assert isinstance(decision, Decision)
    assert decision.edited_action is not None
    assert same(decision.edited_action.args, call.args)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(SAMPLES.keys() - {"nested", "prefs", "tree"})), st.data())
def test_what_is_typed_and_chosen_is_what_runs(name: str, data: st.DataObject):
    """S-11: every kind of argument is changed to any other of its values by hand."""
    sample = SAMPLES[name]
    schema = schema_of({"x": (sample.type, ...)})
    before, after = data.draw(sample.values), data.draw(sample.values)
    request = editing(Call(schema, {"x": before}, {}))
    target = FormSpec.of(schema, {"x": after})
    mine = FormSpec.of(schema, {"x": before})
    typed: dict[str, Any] = {}
    if modals.unavailable("edit", request) or {e.key: e.kind for e in mine.fields} != {
        e.key: e.kind for e in target.fields
    }:
        return
    view = modals.opened("edit", CONTEXT, request)
    for number, field in enumerate(target.fields):
        element = view["blocks"][number + 2]["element"]
        if "options" in element:
            pairs = zip(element["options"], field.options, strict=True)
            chosen = [each for each, option in pairs if option.label in field.shown]
            typed[f"field-{number}"] = chosen if field.kind == "choices" else next(iter(chosen), None)
        elif element["type"] == "number_input" and "e" in str(field.shown):
            return  # Slack's own client takes no exponent
        elif isinstance(field.shown, str):
            typed[f"field-{number}"] = field.shown
        else:
            typed[f"field-{number}"] = "\n".join(field.shown)
    try:
        form = sent("edit", view, typed)
    except CannotHappen:
        return  # nothing where something is required, more than 3,000 characters: Slack does not send it
    spec = answers.spec_of("edit", request)
    assert spec is not None
    filled = spec.fill(inputs.entries(spec, form.given))
    assert filled.errors == {}
    if name in {"choices", "colours"}:
        assert sorted(filled.value["x"]) == sorted(after)
    elif not _has_odd_space(before, after):
        assert same(filled.value, {"x": after})


def _has_odd_space(*values: Any) -> bool:
    """A text whose ends are space, or that has other line ends than Slack's: it is not told from what was there."""
    return any(isinstance(text, str) and (text != text.strip() or "\r" in text) for text in values)


class TestElements:
    @pytest.mark.parametrize(
        ("name", "element"),
        [
            ("text", "plain_text_input"),
            ("letter", "plain_text_input"),
            ("integer", "number_input"),
            ("number", "number_input"),
            ("flag", "radio_buttons"),
            ("literal", "radio_buttons"),
            ("enum", "radio_buttons"),
            ("many words", "plain_text_input"),
            ("date", "datepicker"),
            ("choices", "checkboxes"),
            ("mapping", "plain_text_input"),
        ],
    )
    def test_each_kind_has_its_element(self, name, element):
        """S-11: what Slack has for it; a choice whose words are too long for a menu is typed, and its hint says what there is."""
        (block,) = inputs.blocks(FormSpec.of(schema_of({"x": (SAMPLES[name].type, ...)})))
        assert (block["element"]["type"], block["optional"]) == (element, name == "choices")
        if name == "many words":
            assert f"One of: {'x' * 80}, {'y' * 80}" in block["hint"]["text"]

    @pytest.mark.parametrize(
        ("count", "one", "many"),
        [
            (5, "radio_buttons", "checkboxes"),
            (6, "static_select", "checkboxes"),
            (11, "static_select", "multi_static_select"),
            (100, "static_select", "multi_static_select"),
            (101, "plain_text_input", "plain_text_input"),
        ],
    )
    def test_as_many_options_as_slack_takes(self, count, one, many):
        """10 boxes, 100 options of a menu; beyond that they are typed, one a line."""
        words = [f"w{number}" for number in range(count)]
        schema = {"properties": {"a": {"enum": words}, "b": {"type": "array", "items": {"enum": words}}}}
        spec = FormSpec.of(schema, {"a": "w1", "b": ["w2", "w3"]})
        first, second = inputs.blocks(spec)
        assert (first["element"]["type"], second["element"]["type"]) == (one, many)
        view = modals.opened("edit", CONTEXT, request_of(args=dict(spec.present), response_schema=schema))
        assert views.problems(view, "modal") == []
        chosen = ["w3", "w4"] if many != "plain_text_input" else "w3\n w4 \n"
        form = sent("edit", view, {"A": "w2", "B": chosen})
        assert spec.fill(inputs.entries(spec, form.given)).value == {"a": "w2", "b": ["w3", "w4"]}

    @pytest.mark.parametrize("number", [10**15, -(10**20), 0.1 + 0.2, 1e300, 5e-324])
    def test_numbers_that_a_client_might_round(self, number):
        """More than 15 digits, or an exponent: typed as text, so that nothing on the way makes a float of it."""
        schema = schema_of({"x": (float, ...)})
        (block,) = inputs.blocks(FormSpec.of(schema, {"x": number}))
        assert (block["element"]["type"], block["element"]["initial_value"]) == (
            "plain_text_input",
            repr(number),
        )

    def test_a_client_that_trims(self):
        """Some send a text without the space around it: that alone is no wish to change it."""
        spec = FormSpec.of(schema_of({"x": (str, ...)}), {"x": " a\r\n b \n"})
        texts: tuple[str | None, ...] = (" a\n b \n", "a\n b", None)
        for text in texts:
            entered = inputs.entries(spec, {"field-0": text})
            assert spec.fill(entered).value == {"x": " a\r\n b \n" if text else ""}
        assert spec.fill(inputs.entries(spec, {"field-0": "a\nb"})).value == {"x": "a\nb"}

    def test_hidden_characters_are_announced(self):
        """An input cannot show them: its hint says that they are there."""
        (block,) = inputs.blocks(FormSpec.of(schema_of({"x": (str, ...)}), {"x": "a\u202eb"}))
        assert "draw nothing" in block["hint"]["text"]
        (block,) = inputs.blocks(FormSpec.of(schema_of({"x": (str, ...)}), {"x": "a\tb"}))
        assert "hint" not in block


class TestModals:
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_is_valid_for_any_words(self, kind):
        """Slack takes it whatever the call, its schema and its title say; none of it is markup; and it leads back to the card."""
        much = HOSTILE * 20
        schema = {
            "properties": {
                HOSTILE: {"title": much, "description": much, "enum": [HOSTILE, much]},
                "x": {"type": "string", "description": much, "default": much},
            }
        }
        request = request_of(
            kind={"fill": "step", "respond": "question"}.get(kind, "tool_call"),
            title=much,
            response_schema=schema,
            args={HOSTILE: HOSTILE, "x": much},
        )
        view = modals.opened(kind, CONTEXT, request)
        assert views.problems(view, "modal") == []
        assert FormContext.model_validate_json(view["private_metadata"]) == CONTEXT
        marked = [each for block in view["blocks"] for each in block.get("elements", [])]
        assert "EVIL" not in json.dumps([each for each in marked if each["type"] == "mrkdwn"])

    def test_how_the_edit_form_reads(self):
        """As a person sees it: what it is about, what sending it does, each argument under its name with what it takes."""
        schema = schema_of(
            {
                "amount_cents": (SAMPLES["cents"].type, ...),
                "reason": (str, ...),
                "urgent": (bool, False),
                "address": (Address, ...),
                "copy_to": (str | None, None),
            }
        )
        args = {
            "amount_cents": 12_000,
            "reason": "Two words",
            "address": {"street": {"name": "High Street"}, "city": "Bath"},
            "copy_to": None,
        }
        view = modals.opened("edit", CONTEXT, request_of(args=args, response_schema=schema))
        assert plain(view["blocks"], "", {}).split("\n") == [
            "Refund",
            EXPLAINED,
            "Amount cents",
            "12000",
            "More than 0, at most 99999999.",
            "Reason",
            "Two words",
            "Urgent",
            "Yes",
            "No",
            "Left empty: false.",
            "Address – Street – Name",
            "High Street",
            "Address – Street – Number",
            "Left empty: none.",
            "Address – City",
            "Bath",
            "As on the letter.",
            "Address – Country",
            "DE",
            "FR",
            'Left empty: "DE".',
            "Address – Since",
            "Left empty: none.",
            "Copy to",
            "Left empty: none.",
        ]

    def test_too_much_for_one_view(self):
        """Slack takes 250,000 characters of JSON: 90 long texts are more."""
        args = {f"n{number}": "ü" * 2_900 for number in range(90)}
        schema = {"properties": {name: {"type": "string"} for name in args}}
        assert modals.unavailable("edit", request_of(args=args, response_schema=schema)) == (
            "All of it together is too long for a form in Slack."
        )


_KEYWORDS = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "$defs",
        "items",
        "title",
        "description",
        "default",
        "format",
        "maxLength",
        "minimum",
        "pattern",
        "additionalProperties",
        "prefixItems",
        "minItems",
    ]
)
_WORD = st.text(st.characters(exclude_categories=()), max_size=8)
_ODD = st.recursive(
    st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null", "date", "#/$defs/a", "#"])
    | st.none() | st.booleans() | st.integers() | st.floats() | _WORD,
    lambda inner: st.dictionaries(_KEYWORDS | _WORD, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=15,
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    st.dictionaries(_KEYWORDS, _ODD, max_size=5)
    | st.fixed_dictionaries({"properties": st.dictionaries(_WORD, _ODD, min_size=1, max_size=3)}),
    st.dictionaries(_WORD, _ODD, max_size=3),
)
def test_any_schema_of_anybody(schema: dict[str, Any], args: dict[str, Any]):
    """An interrupt nobody can render is a JSON box, never a card that cannot be drawn: whatever stands in a schema, the form is one that
    Slack takes, whatever is entered is answered, and what nobody touched is kept.
    """
    request = request_of(args=args, response_schema=schema)
    if modals.unavailable("edit", request):
        return
    view = modals.opened("edit", CONTEXT, request)
    assert views.problems(view, "modal") == []
    json.dumps(view, ensure_ascii=False).encode()
    spec = answers.spec_of("edit", request)
    assert spec is not None
    for entered in ("1", ""):
        spec.fill({each.key: entered for each in spec.fields})
    filled = spec.fill({each.key: each.shown for each in spec.fields})
    assert filled.errors or json.dumps(filled.value) == json.dumps(args)
