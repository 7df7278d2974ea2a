"""Tools of any signature that pydantic takes, their JSON Schema, and arguments that fit: for property tests of forms."""

import datetime as dt
import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional

from hypothesis import strategies as st
from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field, create_model


class Colour(enum.Enum):
    """As an application has them."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Level(enum.IntEnum):
    """Numbers as choices."""

    LOW = 1
    HIGH = 2


class Street(BaseModel):
    """Nested twice."""

    name: str
    number: int | None = None


class Address(BaseModel):
    """Nested, with choices in it."""

    street: Street
    city: str = Field(description="As on the letter")
    country: Literal["DE", "FR"] = "DE"
    since: dt.date | None = None


class Prefs(BaseModel):
    """Nothing in it has to be filled in."""

    loud: bool = False
    note: str | None = None


class Tree(BaseModel):
    """It refers to itself."""

    name: str
    children: list["Tree"] = []


@dataclass(frozen=True)
class Sample:
    """A type of an argument, and JSON values that fit it."""

    type: Any
    values: st.SearchStrategy[Any]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
DATES = st.dates().map(dt.date.isoformat)
STREETS = st.fixed_dictionaries(
    {"name": TEXT}, optional={"number": st.none() | st.integers(-(10**20), 10**20)}
)
ADDRESSES = st.fixed_dictionaries(
    {"street": STREETS, "city": TEXT},
    optional={"country": st.sampled_from(["DE", "FR"]), "since": st.none() | DATES},
)
PREFS = st.fixed_dictionaries({}, optional={"loud": st.booleans(), "note": st.none() | TEXT})
LEAVES = st.fixed_dictionaries({"name": TEXT})
TREES = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries({"name": TEXT, "children": st.lists(inner, max_size=2)}),
    max_leaves=3,
)
NUMBER_TEXT = st.text("0123456789", min_size=1, max_size=9)

SAMPLES: Mapping[str, Sample] = {
    "text": Sample(str, TEXT),
    "short text": Sample(
        Annotated[str, Field(min_length=1, max_length=5)], st.text("abc ", min_size=1, max_size=5)
    ),
    "form": Sample(Annotated[str, Field(pattern=r"^[0-9]+$", description="Digits")], NUMBER_TEXT),
    "letter": Sample(Annotated[str, Field(max_length=10_000)], st.lists(TEXT, max_size=5).map("\n".join)),
    "integer": Sample(int, st.integers()),
    "cents": Sample(Annotated[int, Field(gt=0, le=99_999_999)], st.integers(1, 99_999_999)),
    "number": Sample(float, FLOATS | st.integers()),
    "share": Sample(Annotated[float, Field(ge=0, le=1)], st.floats(0, 1) | st.integers(0, 1)),
    "flag": Sample(bool, st.booleans()),
    "literal": Sample(Literal["a", "b c", "", "(none)"], st.sampled_from(["a", "b c", "", "(none)"])),
    "one": Sample(Literal["only"], st.just("only")),
    "mixed": Sample(Literal["1", 1, True], st.sampled_from(["1", 1, True])),
    "enum": Sample(Colour, st.sampled_from(["red", "green", "blue"])),
    "level": Sample(Level, st.sampled_from([1, 2])),
    "many words": Sample(Literal["x" * 80, "y" * 80], st.sampled_from(["x" * 80, "y" * 80])),
    "date": Sample(dt.date, DATES),
    "moment": Sample(dt.datetime, st.datetimes().map(lambda at: at.isoformat() + "Z")),
    "list": Sample(list[str], st.lists(TEXT, max_size=3)),
    "numbers": Sample(list[int], st.lists(st.integers(), max_size=3)),
    "choices": Sample(
        list[Literal["a", "b", "c"]],
        st.lists(st.sampled_from(["a", "b", "c"]), max_size=4),
    ),
    "colours": Sample(set[Colour], st.lists(st.sampled_from(["red", "green", "blue"]), unique=True)),
    "models": Sample(list[Address], st.lists(ADDRESSES, max_size=2)),
    "nested": Sample(Address, ADDRESSES),
    "prefs": Sample(Prefs, PREFS),
    "tree": Sample(Tree, TREES),
    "mapping": Sample(dict[str, int], st.dictionaries(TEXT, st.integers(), max_size=3)),
    "union": Sample(int | str, st.integers() | TEXT),
    "reals": Sample(int | float, st.integers() | FLOATS),
    "anything": Sample(Any, JSON),
}

NAMES = st.sampled_from([*"abcdefg", "amount_cents", "to", "first_name", "ünïcode"])


@dataclass(frozen=True)
class Call:
    """A tool's schema, and arguments that fit it; ``others`` do, too."""

    schema: dict[str, Any]
    args: dict[str, Any]
    others: dict[str, Any]


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A tool with up to six arguments of any of these types – plain, nullable, optional, with a default – and two calls of it."""
    parameters: dict[str, Any] = {}
    calls: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for name in draw(st.lists(NAMES, min_size=1, max_size=6, unique=True)):
        sample = SAMPLES[draw(st.sampled_from(sorted(SAMPLES)))]
        shape = draw(st.sampled_from(["plain", "nullable", "optional", "default"]))
        nullable = shape in {"nullable", "optional"}
        values = st.none() | sample.values if nullable else sample.values
        default = {"optional": None, "default": draw(sample.values)}.get(shape, ...)
        parameters[name] = (Optional[sample.type] if nullable else sample.type, default)  # noqa: UP045 – not every type has |
        for call in calls:
            if default is ... or draw(st.booleans()):
                call[name] = draw(values)
    return Call(schema_of(parameters), *calls)


def schema_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The schema that a tool with these parameters shows to a model."""
    model = create_model("Args", **dict(parameters))
    tool = StructuredTool(name="tool", description="It does things.", func=str, args_schema=model)
    schema = tool.tool_call_schema
    assert isinstance(schema, type)
    assert issubclass(schema, BaseModel)
    found: dict[str, Any] = schema.model_json_schema()
    return found


def same(left: Any, right: Any) -> bool:
    """Equal to the letter: 1 is not 1.0 and not True, and names keep their order."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(value, right[name]) for name, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)
