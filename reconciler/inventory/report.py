"""Errors and warnings as text, JSON, SARIF 2.1.0 and GitHub annotations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from reconciler.errors import InventoryError, ReconcilerError
from reconciler.inventory.codes import CODES, TABLE
from reconciler.model import Location

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = ("error", "warning")
_NOWHERE = Location("inventory", 1, 1)

Rule = dict[str, Any]

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


def annotation(level: str, what: str, title: str, at: Location | None) -> str:
    """
    Return one workflow command of GitHub Actions, with its line end.

    *level* is ``error``, ``warning`` or ``notice``. Everything is escaped as GitHub's
    toolkit does it (actions/toolkit, core/src/command.ts).
    """
    parts = []
    if at:
        parts = [f"file={_property(at.file)}", f"line={at.line}", f"col={at.column}"]
    parts.append(f"title={_property(title)}")
    return f"::{level} {','.join(parts)}::{_message(what)}\n"


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github(errors: Errors, warnings: Errors) -> str:
    return "".join(
        annotation(
            level,
            error.what + (f"\nhint: {error.hint}" if error.hint else ""),
            error.shown_code,
            error.at,
        )
        for level, error in _leveled(errors, warnings)
    )


def sarif_log(rules: Sequence[Rule], results: Sequence[Mapping[str, Any]]) -> str:
    """Return a SARIF 2.1.0 file; results name their rule with ``ruleId`` alone."""
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "reconciler", "rules": list(rules)}},
        "columnKind": "unicodeCodePoints",
        "results": [{**one, "ruleIndex": numbers[one["ruleId"]]} for one in results],
    }
    data = {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def sarif_result(
    rule: str, level: str, text: str, at: Location | None
) -> dict[str, Any]:
    """
    Return one result.

    What has no place is put at the head of the inventory: GitHub refuses a whole file
    for one result without a location (github/codeql-action issues 1738 and 2459).
    """
    at = at or _NOWHERE
    # A line or a column of 0 would be refused in the same way.
    region = {"startLine": max(1, at.line), "startColumn": max(1, at.column)}
    place = {"artifactLocation": {"uri": quote(at.file)}, "region": region}
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _sarif(errors: Errors, warnings: Errors) -> str:
    rows = list(_leveled(errors, warnings))
    rules = [_rule(code) for code in sorted({error.shown_code for _, error in rows})]
    return sarif_log(rules, [_result(level, error) for level, error in rows])


def _rule(code: str) -> Rule:
    row = TABLE.get(code)
    rule: Rule = {"id": code}
    if row:
        rule["shortDescription"] = {"text": row.meaning}
        rule["help"] = {"text": CODES[code]}
    return rule


def _result(level: str, error: ReconcilerError) -> dict[str, Any]:
    hint = f" ({error.hint})" if error.hint else ""
    return sarif_result(error.shown_code, level, f"{error.what}{hint}", error.at)


_FORMS: dict[str, Callable[[Errors, Errors], str]] = {
    "text": _text,
    "full": _full,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
}
