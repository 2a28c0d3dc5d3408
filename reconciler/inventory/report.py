"""Errors and warnings as text, JSON, SARIF 2.1.0 and GitHub annotations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from reconciler.errors import InventoryError, ReconcilerError
from reconciler.inventory.codes import CODES, TABLE

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = ("error", "warning")

Errors = Sequence[ReconcilerError]


def render(errors: Errors, warnings: Errors, form: str) -> str:
    """
    Return *errors* and *warnings* in one of the forms ``text json sarif github``.

    ``full`` is text that names everybody who inherits an error.

    Nothing at all is an empty string in ``text`` and ``github``, and an empty list
    in the others.

    Raises:
        KeyError: There is no such form.
    """
    return _FORMS[form](errors, warnings)


def _leveled(errors: Errors, warnings: Errors) -> Iterator[tuple[str, ReconcilerError]]:
    for level, each in zip(_LEVELS, (errors, warnings), strict=True):
        for error in each:
            yield level, error


def _text(errors: Errors, warnings: Errors) -> str:
    return "".join(f"{error}\n" for _, error in _leveled(errors, warnings))


def _full(errors: Errors, warnings: Errors) -> str:
    return "".join(
        f"{error}\n" + "".join(f"  used by {user}\n" for user in _users(error))
        for _, error in _leveled(errors, warnings)
    )


def _users(error: ReconcilerError) -> Sequence[str]:
    return error.users if isinstance(error, InventoryError) else ()


def _row(error: ReconcilerError) -> dict[str, Any]:
    at = error.at
    return {
        "code": error.shown_code,
        "message": error.what,
        "hint": error.hint,
        "file": at.file if at else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
    }


def _json(errors: Errors, warnings: Errors) -> str:
    data = {
        "format": "reconciler.validation/v1",
        "errors": [_row(error) for error in errors],
        "warnings": [_row(warning) for warning in warnings],
    }
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _message(text: str) -> str:
    """Escape as GitHub's toolkit does (actions/toolkit, core/src/command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github(errors: Errors, warnings: Errors) -> str:
    rows = []
    for level, error in _leveled(errors, warnings):
        parts = []
        if error.at:
            parts = [
                f"file={_property(error.at.file)}",
                f"line={error.at.line}",
                f"col={error.at.column}",
            ]
        parts.append(f"title={_property(error.shown_code)}")
        hint = f"\nhint: {error.hint}" if error.hint else ""
        rows.append(f"::{level} {','.join(parts)}::{_message(error.what + hint)}\n")
    return "".join(rows)


def _sarif(errors: Errors, warnings: Errors) -> str:
    rows = list(_leveled(errors, warnings))
    codes = sorted({error.shown_code for _, error in rows})
    driver = {
        "name": "reconciler",
        "rules": [_rule(code) for code in codes],
    }
    results = [_result(level, error, codes) for level, error in rows]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints"}
    data = {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [{**run, "results": results}],
    }
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _rule(code: str) -> dict[str, Any]:
    row = TABLE.get(code)
    rule: dict[str, Any] = {"id": code}
    if row:
        rule["shortDescription"] = {"text": row.meaning}
        rule["help"] = {"text": CODES[code]}
    return rule


def _result(level: str, error: ReconcilerError, codes: Sequence[str]) -> dict[str, Any]:
    hint = f" ({error.hint})" if error.hint else ""
    result: dict[str, Any] = {
        "ruleId": error.shown_code,
        "ruleIndex": codes.index(error.shown_code),
        "level": level,
        "message": {"text": f"{error.what}{hint}"},
    }
    if error.at:
        region = {"startLine": error.at.line, "startColumn": error.at.column}
        file = {"uri": quote(error.at.file)}
        place = {"artifactLocation": file, "region": region}
        result["locations"] = [{"physicalLocation": place}]
    return result


_FORMS: dict[str, Callable[[Errors, Errors], str]] = {
    "text": _text,
    "full": _full,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
}
