"""Every malformed inventory is refused with place, code and hint, and no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.errors import InventoryErrors
from reconciler.inventory import WorkTree, load
from reconciler.inventory.codes import TABLE
from reconciler.inventory.report import render
from tests.support.bad_inventories import CASES, BadCase

_SHOWN = re.compile(r"[^\n:]+:[1-9]\d*:[1-9]\d*: E1\d\d \S[^\n]*\n  hint: \S[^\n]*\Z")


def write(root: Path, case: BadCase) -> None:
    for path, data in case.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_is_refused(case: BadCase, tmp_path: Path) -> None:
    write(tmp_path, case)
    with pytest.raises(InventoryErrors) as caught:
        load(WorkTree(tmp_path))
    errors = caught.value.errors
    found = [error for error in errors if error.shown_code == case.code]
    assert found, [str(error) for error in errors]
    if case.line is not None:
        assert case.line in {error.at.line for error in found if error.at}, str(
            caught.value
        )
    for error in errors:
        assert _SHOWN.fullmatch(str(error)), str(error)
        assert "Input should" not in error.what
    ordinary = [e.at for e in errors if e.shown_code not in {"E151", "E152"}]
    assert len(ordinary) == len(set(ordinary)), "one cause, one error"
    if case.secret:
        for form in ("text", "json", "sarif", "github"):
            assert case.secret not in render(errors, (), form)


def test_there_are_many_and_each_is_another() -> None:
    assert len(CASES) >= 220
    assert len({case.id for case in CASES}) == len(CASES)
    assert len({str(sorted(case.files.items())) for case in CASES}) == len(CASES)


def test_every_code_of_a_single_file_occurs() -> None:
    occurring = {case.code for case in CASES}
    assert {code for code in TABLE if code.startswith("E")} - occurring == set()
