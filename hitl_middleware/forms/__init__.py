"""Forms: a JSON Schema and present values → fields that a person can fill in; what was entered → values, or a sentence per field. Pure.

One ``FormSpec`` stands behind every renderer (Slack's modals, the command line, a page, a notebook). A renderer draws ``spec.fields`` and
hands back what was entered under each field's ``key``; ``spec.fill`` makes values of it.

    spec = FormSpec.of(schema, {"amount_cents": 12_000})
    spec.fill({"amount_cents": "10000"}).value        # {"amount_cents": 10000}
    spec.fill({"amount_cents": "ten"}).errors         # {"amount_cents": "A whole number, for example 12000."}

What nobody touched comes back exactly as it was: a field that holds what it showed at first is not read at all.
"""

from hitl_middleware.forms.fields import ABSENT, Entered, Field, Kind, Option, lines
from hitl_middleware.forms.fit import Misfit, misfits
from hitl_middleware.forms.spec import Filled, FormSpec

__all__ = ["ABSENT", "Entered", "Field", "Filled", "FormSpec", "Kind", "Misfit", "Option", "lines", "misfits"]
