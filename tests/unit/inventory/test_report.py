"""The four forms of a report."""

from __future__ import annotations

import json

import pytest

from reconciler.errors import InventoryError, PolicyError
from reconciler.inventory.codes import CODES, TABLE, table_markdown
from reconciler.inventory.report import render
from reconciler.model.location import Location

ERROR = InventoryError(
    "a, b: 100% wrong\nreally",
    at=Location("inventory/a,b: c.yaml", 3, 7),
    hint="mend it",
    code="E105",
)
PLACELESS = PolicyError("no policies")
WARNING = InventoryError("idle", at=Location("inventory/é x.yaml", 1, 1), code="W161")


def test_text():
    assert render([ERROR], [WARNING], "text") == (
        "inventory/a,b: c.yaml:3:7: E105 a, b: 100% wrong\nreally\n  hint: mend it\n"
        "inventory/é x.yaml:1:1: W161 idle\n"
    )
    assert render([], [], "text") == ""


def test_github():
    assert render([ERROR, PLACELESS], [WARNING], "github") == (
        "::error file=inventory/a%2Cb%3A c.yaml,line=3,col=7,title=E105::"
        "a, b: 100%25 wrong%0Areally%0Ahint: mend it\n"
        "::error title=E500::no policies\n"
        "::warning file=inventory/é x.yaml,line=1,col=1,title=W161::idle\n"
    )


def test_json():
    told = json.loads(render([ERROR, PLACELESS], [WARNING], "json"))
    assert told["format"] == "reconciler.validation/v1"
    assert told["errors"][0] == {
        "code": "E105", "message": "a, b: 100% wrong\nreally", "hint": "mend it",
        "file": "inventory/a,b: c.yaml", "line": 3, "column": 7,
    }  # fmt: skip
    assert told["errors"][1]["file"] is None
    assert [row["code"] for row in told["warnings"]] == ["W161"]


def test_sarif():
    told = json.loads(render([ERROR, PLACELESS], [WARNING], "sarif"))
    (run,) = told["runs"]
    assert told["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "E105",
        "E500",
        "W161",
    ]
    first, second, third = run["results"]
    assert (first["level"], first["ruleIndex"], third["level"]) == (
        "error",
        0,
        "warning",
    )
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "inventory/a%2Cb%3A%20c.yaml"
    assert place["region"] == {"startLine": 3, "startColumn": 7}
    # GitHub refuses the whole file for one result without a location.
    nowhere = second["locations"][0]["physicalLocation"]
    assert nowhere["artifactLocation"]["uri"] == "inventory"
    assert nowhere["region"] == {"startLine": 1, "startColumn": 1}


def test_no_such_form():
    with pytest.raises(KeyError):
        render([], [], "xml")


def test_the_table_of_codes():
    assert list(CODES) == sorted(TABLE)
    assert all("|" not in row for row in CODES.values())
    assert table_markdown().count("\n") == len(TABLE) + 2
