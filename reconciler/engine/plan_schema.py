"""The JSON Schema of ``reconciler.plan/v1``."""

from __future__ import annotations

import json
from typing import Any, get_args

from reconciler.engine.document import FORMAT
from reconciler.model import Decision, OpClass, Risk, Severity
from reconciler.model.due import By
from reconciler.model.finding import Standing

PLAN_SCHEMA = "plan.v1.schema.json"

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 0}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_VALUE = {
    "type": ["string", "integer", "boolean", "array", "null"],
    "items": {"type": "string"},
}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _one_of(words: Any) -> dict[str, Any]:
    return {"enum": [str(word) for word in words]}


_MONEY = _object(
    amount={"type": "string", "pattern": r"^\d+(\.\d+)?$"},
    currency={"type": "string", "pattern": "^[A-Z]{3}$"},
)
_PLACE = _or_null(_object(file=_TEXT, line=_COUNT, column=_COUNT))
_ACTION = _object(
    id={"type": "string", "pattern": "^[0-9a-f]{32}$"},
    digest=_DIGEST,
    kind=_TEXT,
    name=_TEXT,
    uid=_TEXT,
    verb=_TEXT,
    provider=_TEXT,
    decision=_one_of(Decision),
    op_class=_one_of(OpClass),
    risk=_one_of(Risk),
    reversible=_FLAG,
    because=_TEXT,
    source=_PLACE,
    entry=_PLACE,
    via=_list(_TEXT),
    wave=_COUNT,
    resumes=_FLAG,
    changes=_list(_object(field=_TEXT, before=_VALUE, after=_VALUE)),
    cost=_or_null(_MONEY),
    charge=_or_null(_MONEY),
    only_holds=_FLAG,
    ceiling=_or_null(_MONEY),
    needs=_list(_TEXT),
    due=_or_null(_TIME),
    policy=_list(_object(rule=_TEXT, decision=_one_of(Decision), why=_TEXT)),
)
_SHARES = _list({"type": "integer", "minimum": 0})
_ACTION["properties"]["chart"] = _object(
    metric=_TEXT, past=_SHARES, ahead=_SHARES, worst=_SHARES
)
_COUNTS = {"type": "object", "additionalProperties": _COUNT}


def plan_schema() -> str:
    """Return the schema as text, as it is committed."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A reconciler plan",
        "description": "What would be done, what waits, and what is known.",
        **_object(
            format={"const": FORMAT},
            digest=_DIGEST,
            env=_TEXT,
            as_of=_TIME,
            base=_or_null(_TEXT),
            commit=_or_null(_TEXT),
            observed=_or_null(_TIME),
            complete=_FLAG,
            summary=_object(
                noop=_FLAG,
                actions=_COUNT,
                by_verb=_COUNTS,
                by_decision=_COUNTS,
                cost=_list(_MONEY),
                charge=_list(_MONEY),
            ),
            actions=_list(_ACTION),
            findings=_list(
                _object(
                    id=_TEXT,
                    standing={"enum": list(get_args(Standing))},
                    code=_TEXT,
                    severity=_one_of(Severity),
                    kind=_TEXT,
                    name=_TEXT,
                    message=_TEXT,
                    source=_PLACE,
                    entry=_PLACE,
                )
            ),
            drift=_list(
                _object(
                    kind=_TEXT,
                    name=_TEXT,
                    provider=_TEXT,
                    field=_TEXT,
                    wanted=_VALUE,
                    live=_VALUE,
                    disposition=_TEXT,
                )
            ),
            unmanaged=_list(_object(kind=_TEXT, name=_TEXT, provider=_TEXT)),
            unknown=_list(
                _object(kind=_TEXT, name=_TEXT, provider=_TEXT, family=_TEXT, why=_TEXT)
            ),
            deferred=_list(
                _object(kind=_TEXT, name=_TEXT, verb=_TEXT, because=_TEXT, until=_TIME)
            ),
            due=_list(
                _object(
                    at=_TIME,
                    kind=_TEXT,
                    name=_TEXT,
                    what=_TEXT,
                    cost={"type": ["string", "null"]},
                    charge={"type": ["string", "null"]},
                    by={"enum": list(get_args(By))},
                )
            ),
        ),
    }
    return json.dumps(schema, indent=2) + "\n"
