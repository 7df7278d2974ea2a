import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from hitl_middleware.forms import ABSENT, FormSpec, misfits

from tests.kit.schemas import JSON, SAMPLES, Address, Call, Prefs, calls, same, schema_of

NOT_JSON = (
    "This is not JSON: Expecting property name enclosed in double quotes (line 1, column 2). "
    "A text stands in double quotes."
)

slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def form(type_: Any, present: Any = ABSENT, *, default: Any = ...) -> FormSpec:
    """The form of a tool with one argument ``x``."""
    values = {} if present is ABSENT else {"x": present}
    return FormSpec.of(schema_of({"x": (type_, default)}), values)


class TestAnyTool:
    @slow
    @given(calls())
    def test_what_nobody_touched_comes_back_to_the_letter(self, call: Call):
        """P-04: for any signature and any call, a form that is sent as it was shown gives the same arguments: same types, same order."""
        spec = FormSpec.of(call.schema, call.args)
        for entered in ({}, {each.key: each.shown for each in spec.fields}):
            filled = spec.fill(entered)
            assert (filled.errors, same(filled.value, call.args)) == ({}, True), filled

    @slow
    @given(calls())
    def test_what_is_entered_is_what_comes_out(self, call: Call):
        """S-11: what the form of another call would show, entered here, gives that call's value; everything else stays."""
        mine, other = (FormSpec.of(call.schema, args) for args in (call.args, call.others))
        for field in other.fields:
            if (
                field.key not in {each.key for each in mine.fields}
                or not field.shown
                or field.present is ABSENT
            ):
                continue
            if (mine[field.key].kind, field.present) != (field.kind, field.present):
                continue
            filled = mine.fill({field.key: field.shown})
            if filled.errors.keys() - {field.key}:
                continue  # the rest of a nested object that was not there is still to be filled in
            assert filled.errors == {}
            found: Any = filled.value
            for name in field.path:
                found = found[name]
            wanted = field.present
            if field.kind in {"text", "lines"}:
                wanted = wanted.replace("\r\n", "\n").replace("\r", "\n")
            if field.kind == "choices":
                found, wanted = sorted(found), sorted(wanted)
            assert same(found, wanted)
            untouched = {name: value for name, value in filled.value.items() if name != field.path[0]}
            assert same(untouched, {name: call.args[name] for name in untouched})

    @slow
    @given(JSON, st.none() | JSON)
    def test_any_schema_at_all(self, schema, present):
        """A schema of somebody else may be anything: there is a form, and it takes anything that is entered, without an error of ours."""
        spec = FormSpec.of(schema if isinstance(schema, dict) else {"properties": schema}, present)
        spec.fill({each.key: "1" for each in spec.fields})
        spec.fill({each.key: "" for each in spec.fields})

    @pytest.mark.parametrize("name", sorted(SAMPLES))
    def test_every_field_explains_itself(self, name):
        """A label, and a sentence where there is something to say."""
        for field in form(SAMPLES[name].type).fields:
            assert field.label.startswith("X")
            assert field.hint == field.hint.strip()


class TestKinds:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("text", "text"),
            ("letter", "lines"),
            ("integer", "integer"),
            ("number", "number"),
            ("reals", "number"),
            ("flag", "boolean"),
            ("literal", "choice"),
            ("one", "choice"),
            ("enum", "choice"),
            ("level", "choice"),
            ("date", "date"),
            ("moment", "text"),
            ("choices", "choices"),
            ("colours", "choices"),
            ("list", "json"),
            ("mapping", "json"),
            ("union", "json"),
            ("anything", "json"),
            ("tree", "text"),
        ],
    )
    def test_each_type_has_its_form(self, name, kind):
        """S-11: text, number, boolean, choice, date, list of choices; else JSON; null beside them changes nothing."""
        assert form(SAMPLES[name].type).fields[0].kind == kind
        if name != "tree":  # an object that may be null is JSON as a whole
            assert form(SAMPLES[name].type | None).fields[0].kind == kind

    def test_a_nested_model_is_fields(self):
        """``address.street.name``, labelled by its way; one that may be null is JSON."""
        spec = form(Address)
        assert [(each.key, each.label, each.kind) for each in spec.fields] == [
            ("x.street.name", "X – Street – Name", "text"),
            ("x.street.number", "X – Street – Number", "integer"),
            ("x.city", "X – City", "text"),
            ("x.country", "X – Country", "choice"),
            ("x.since", "X – Since", "date"),
        ]
        assert spec["x.city"].hint == "As on the letter."
        filled = spec.fill({"x.street.name": "High Street", "x.city": "Bath", "x.since": "2026-01-31"})
        assert filled.value == {
            "x": {"street": {"name": "High Street"}, "city": "Bath", "since": "2026-01-31"}
        }
        assert form(Address | None, None).fields[0].kind == "json"

    def test_an_object_of_which_nothing_is_needed(self):
        """It is there, and empty; where it may be missing, it is missing until something is filled in."""
        assert form(Prefs).fill({}).value == {"x": {}}
        spec = FormSpec.of({"type": "object", "properties": {"x": Prefs.model_json_schema()}}, {})
        assert spec.fill({"x.loud": "", "x.note": ""}).value == {}
        assert spec.fill({"x.loud": "Yes", "x.note": ""}).value == {"x": {"loud": True}}

    def test_half_an_address_is_none(self):
        """What is missing in it is said at its field."""
        spec = FormSpec.of(
            {"properties": {"x": Address.model_json_schema()}, "$defs": Address.model_json_schema()["$defs"]},
            {},
        )
        assert spec.fill({"x.city": "Bath"}).errors == {"x.street.name": "This is required."}

    def test_a_value_that_its_kind_cannot_show(self):
        """A number where the schema has a text, a list with the same choice twice: shown as JSON, kept as it is, and judged."""
        assert (form(str, 5).fields[0].kind, form(str, 5).fields[0].shown) == ("json", "5")
        assert form(str, 5).fill({}).errors == {"x": "This must be a text."}
        twice = form(SAMPLES["choices"].type, ["a", "a"])
        assert twice.fields[0].kind == "json"
        assert twice.fill({}).value == {"x": ["a", "a"]}

    def test_names_with_dots(self):
        """Two ways to one key: nothing is nested then, and nothing is mixed up."""
        schema = {
            "properties": {
                "a.b": {"type": "string"},
                "a": {"type": "object", "properties": {"b": {"type": "string"}}},
            }
        }
        spec = FormSpec.of(schema, {"a.b": "1", "a": {"b": "2"}})
        assert [(each.key, each.kind) for each in spec.fields] == [("a.b", "text"), ("a", "json")]
        assert spec.fill({"a.b": "3"}).value == {"a.b": "3", "a": {"b": "2"}}

    def test_labels_are_told_apart(self):
        """Two fields with one title carry their names."""
        schema = {"properties": {"a": {"title": "Name"}, "b": {"title": "Name"}}}
        assert [each.label for each in FormSpec.of(schema, {}).fields] == ["Name (a)", "Name (b)"]


class TestEmpty:
    @pytest.mark.parametrize(
        ("type_", "present", "entered", "value"),
        [
            (str, "", "", {"x": ""}),
            (str, "a", "", {"x": ""}),
            (str | None, None, "", {"x": None}),
            (str | None, "", "", {"x": ""}),
            (str | None, "a", "", {"x": None}),
            (str | None, ABSENT, "", {"x": None}),
            (int | None, 5, "", {"x": None}),
            (int | None, 5, None, {"x": None}),
            (SAMPLES["choices"].type, ["a"], [], {"x": []}),
            (SAMPLES["choices"].type | None, ["a"], [], {"x": []}),
            (SAMPLES["choices"].type | None, None, [], {"x": None}),
            (SAMPLES["flag"].type | None, True, "(none)", {"x": None}),
            (SAMPLES["flag"].type | None, None, "(none)", {"x": None}),
        ],
    )
    def test_what_left_empty_means(self, type_, present, entered, value):
        """An empty text, null and an empty list are three things; what was empty stays what it was."""
        assert form(type_, present).fill({"x": entered}).value == value

    @pytest.mark.parametrize(
        "type_", [str, int, float, bool, dt.date, SAMPLES["enum"].type, SAMPLES["form"].type]
    )
    def test_what_must_not_be_left_empty(self, type_):
        """Nothing is guessed: a value that must be there is asked for, in words and by ``required``."""
        spec = form(type_)
        assert spec.fields[0].required
        for entered in ({}, {"x": ""}, {"x": None}):
            assert spec.fill(entered).errors == {"x": "This is required."}

    @pytest.mark.parametrize("type_", [int, float, bool, dt.date, SAMPLES["enum"].type])
    def test_a_default_is_the_tools_own(self, type_):
        """Left empty, an argument with a default is left out, and its field says so; it was left out: it stays out."""
        schema = schema_of({"x": (type_ | None, None)})
        spec = FormSpec.of(schema, {})
        assert not spec.fields[0].required
        assert spec.fill({"x": ""}).value == {}
        schema = {"type": "object", "properties": {"x": {"type": "integer", "default": 5}}}
        assert FormSpec.of(schema, {"x": 7}).fill({"x": ""}).value == {}
        assert FormSpec.of(schema, {"x": 7}).fields[0].hint == "Left empty: 5."


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "entered", "why"),
        [
            ("integer", "ten", "A whole number, for example 12000."),
            ("integer", "1.0", "A whole number, for example 12000."),
            ("integer", "१२", "A whole number, for example 12000."),
            ("cents", "0", "This must be more than 0."),
            ("cents", "100000000", "This must be 99999999 or less."),
            ("number", "1,5", "A number, for example 12.5."),
            ("number", "NaN", "A number, for example 12.5."),
            ("number", "1e999", "This number is too large."),
            ("share", "1.5", "This must be 1 or less."),
            ("date", "2026-02-30", "A date, for example 2026-01-31."),
            ("flag", "perhaps", "One of: Yes, No."),
            ("enum", "pink", "One of: red, green, blue."),
            ("short text", "abcabc", "This must have at most 5 characters."),
            ("form", "12a", "This does not have the form ^[0-9]+$"),
            ("mapping", "{", NOT_JSON),
            ("mapping", '{"a": 1, "a": 2}', "A name stands twice in this JSON."),
            ("mapping", '{"a": "1"}', "a: This must be a whole number."),
            ("anything", "NaN", "NaN is no number in JSON."),
            ("anything", "[" * 100_000, "This JSON is nested too deeply."),
            ("numbers", "[1, 2, null]", "2: This must be a whole number."),
            ("choices", ["a", "z"], "One of: a, b, c."),
            ("text", ["a", "b"], "One value is wanted here, not several."),
        ],
    )  # fmt: skip
    def test_each_has_its_sentence_at_its_field(self, name, entered, why):
        """S-11: what does not fit is said at the field it belongs to, in a sentence that says what would."""
        assert form(SAMPLES[name].type).fill({"x": entered}).errors == {"x": why}

    def test_all_of_them_at_once(self):
        """Nobody has to send a form three times to learn of three mistakes."""
        schema = schema_of({"a": (int, ...), "b": (dt.date, ...), "c": (str, ...)})
        assert FormSpec.of(schema, {}).fill({"a": "x", "b": "y", "c": "z"}).errors.keys() == {"a", "b"}
        assert FormSpec.of(schema, {"a": "q", "b": 1, "c": None}).fill({}).errors.keys() == {"a", "b", "c"}

    def test_a_field_that_is_not_there(self):
        """A name that is mistyped on the command line is not dropped."""
        assert form(int, 5).fill({"y": "6"}).errors == {"y": "There is no such field. There are: x."}

    def test_a_rule_over_several_fields(self):
        """What belongs to no single field is said at the first one: no place shows an error without a field."""
        schema = {"properties": {"a": {"type": "integer"}}, "not": {"required": ["a"]}}
        errors = FormSpec.of(schema, {"a": 1}).fill({}).errors
        assert list(errors) == ["a"]

    def test_a_schema_that_cannot_be_used(self):
        """It fits nothing, and says so; what it refers to elsewhere is not fetched."""
        (found,) = misfits(1, {"$ref": "https://example.com/x"})
        assert "cannot be used" in found.why
        (found,) = misfits(1, {"type": "money"})
        assert "cannot be used" in found.why


class TestWholes:
    def test_without_a_schema(self):
        """A foreign call: all arguments in one JSON field, which stays an object."""
        spec = FormSpec.of(None, {"a": [1], "b": "ü"})
        (field,) = spec.fields
        assert (field.key, field.kind, field.label) == ("answer", "json", "Arguments")
        assert spec.fill({"answer": field.shown}).value == {"a": [1], "b": "ü"}
        assert spec.fill({"answer": '{"a": [2]}'}).value == {"a": [2]}
        assert spec.fill({"answer": "[]"}).errors == {"answer": "This must be an object."}

    @pytest.mark.parametrize(
        ("schema", "entered", "value"),
        [
            ({"type": "integer"}, "5", 5),
            ({"type": "string"}, "five", "five"),
            ({"enum": ["a", "b"], "title": "Which?"}, "a", "a"),
            ({}, '{"a": 1}', {"a": 1}),
            ({"type": "array", "items": {"enum": ["a", "b"]}}, ["b"], ["b"]),
        ],
    )
    def test_a_schema_that_is_no_object(self, schema, entered, value):
        """A question that wants one value: one field, and that value."""
        spec = FormSpec.of(schema)
        (field,) = spec.fields
        assert field.label == schema.get("title", "Answer")
        assert spec.fill({"answer": entered}).value == value

    def test_an_object_without_names(self):
        """Nothing to fill in; and what is there all the same is shown."""
        assert FormSpec.of({"type": "object", "properties": {}}, {}).fields == ()
        assert FormSpec.of({"type": "object", "properties": {}}, {}).fill({}).value == {}
        assert [each.key for each in FormSpec.of({"properties": {}}, {"more": 1}).fields] == ["more"]

    def test_what_is_hidden_is_not_in_the_form(self):
        """P-04: not shown, not entered, not judged, not in the result; where all stands in one JSON field, too."""
        schema = schema_of({"card": (str, ...), "cents": (int, ...)})
        present = {"card": 4242, "cents": 5}
        for spec in (
            FormSpec.of(schema, present, hidden=["card"]),
            FormSpec.of(None, present, hidden=["card"]),
        ):
            assert "4242" not in repr(spec.fields)
            assert "card" not in repr(spec.fields)
            assert spec.fill({}).value == {"cents": 5}
        spec = FormSpec.of(schema, present, hidden=["card"])
        assert spec.fill({"cents": "6"}).value == {"cents": 6}
        assert list(spec.fill({"card": "4343"}).errors) == ["card"]

    def test_what_pydantic_says_of_itself(self):
        """References, titles of classes, unions with null: looked through; a class's name is no label."""

        class Args(BaseModel):
            home: Address
            work: Address | None = None

        spec = FormSpec.of(Args.model_json_schema(), {"home": {"street": {"name": "A"}, "city": "B"}})
        assert spec.fields[0].label == "Home – Street – Name"
        assert spec["work"].label == "Work"
        assert spec.fill({"home.city": "C"}).value == {"home": {"street": {"name": "A"}, "city": "C"}}

    def test_a_schema_that_turns_in_a_circle(self):
        """It ends."""
        circle = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
        assert FormSpec.of(circle, {"x": 1}).fields[0].kind == "json"

    def test_more_than_anybody_fills_in(self):
        """500 fields are the most: then it is one."""
        schema = {"properties": {f"n{number}": {"type": "integer"} for number in range(501)}}
        (field,) = FormSpec.of(schema, {"n1": 5}).fields
        assert field.kind == "json"
        assert FormSpec.of(schema, {"n1": 5}).fill({"answer": '{"n1": 6}'}).value == {"n1": 6}
