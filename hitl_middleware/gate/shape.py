"""What an answer must look like, and the value it becomes: from a type that pydantic knows, or from a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from hitl_middleware.errors import ConfigurationError, DoesNotFit
from hitl_middleware.forms import misfits


@dataclass(frozen=True, slots=True)
class Shape:
    """``schema`` is what people see and the desk checks an answer against; ``adapter`` makes of it what the code asked for."""

    schema: dict[str, Any]
    adapter: TypeAdapter[Any] | None

    def value(self, answer: Any) -> Any:
        """The answer as the code wants it.

        Raises ``DoesNotFit``: a type may hold rules that JSON Schema has no words for, so the desk could not know them.
        """
        if self.adapter is None:
            if found := misfits(answer, self.schema):
                raise DoesNotFit.at(
                    [(".".join(map(str, misfit.path)) or "answer", misfit.why) for misfit in found]
                )
            return answer
        try:
            # As JSON, which it is: a model in strict mode takes a date from text there, and nowhere else.
            return self.adapter.validate_json(json.dumps(answer))
        except ValidationError as error:
            told = error.errors(include_url=False, include_context=False, include_input=False)
            raise DoesNotFit.at(
                [(".".join(map(str, each["loc"])) or "answer", each["msg"]) for each in told]
            ) from None


def shape_of(form: Any, where: str) -> Shape:
    """A pydantic model, a TypedDict, a dataclass, another type, or a JSON Schema as a mapping; ``where`` names the parameter.

    Raises ``ConfigurationError`` for what is none of these.
    """
    if isinstance(form, Mapping):
        schema = dict(form)
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            msg = f"{where}: this is no JSON Schema. {error.message[:300]}"
            raise ConfigurationError(msg) from None
        return Shape(schema, None)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(form)
        return Shape(adapter.json_schema(), adapter)
    except PydanticUserError as error:
        why = error.message.split("\n", 1)[0]
        msg = f"{where}: give a pydantic model, a TypedDict or a JSON Schema; of {form!r} none can be made. {why}"
        raise ConfigurationError(msg) from error
