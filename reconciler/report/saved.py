"""A plan that was written to a file: read only if it is what it says."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from reconciler.errors import ReconcilerError
from reconciler.report.plan_document import FORMAT, PlanDocument


def read(data: bytes, name: str) -> PlanDocument:
    """
    Return the plan in *data*, the bytes of a file called *name*.

    Raises:
        ReconcilerError: E205, it is no plan document.
    """
    try:
        return TypeAdapter(PlanDocument).validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    raise ReconcilerError(
        f"{name} is no {FORMAT} document ({where or 'the file'}: {first['msg']})",
        hint="make one with `reconciler plan --out FILE`",
        code="E205",
    )
