"""Every published schema is committed as it is generated, and holds for our files."""

import json

import pytest
from jsonschema import Draft202012Validator

from reconciler.cli.schema_command import all_schemas
from reconciler.inventory.parse import parse
from tests.house.tree import ROOT

MADE = all_schemas()


@pytest.mark.parametrize("name", sorted(MADE))
def test_is_committed_as_generated(name):
    assert (ROOT / "schemas" / name).read_text(encoding="utf-8") == MADE[name]
    Draft202012Validator.check_schema(json.loads(MADE[name]))


def test_nothing_else_is_committed():
    assert {path.name for path in (ROOT / "schemas").iterdir()} == set(MADE)


@pytest.mark.parametrize(
    ("folder", "schema"), [("inventory", "inventory"), ("policies", "policies")]
)
def test_the_example_agency_is_valid(folder, schema):
    validator = Draft202012Validator(json.loads(MADE[f"{schema}.schema.json"]))
    paths = [p for p in (ROOT / folder).rglob("*.yaml") if p.name != "_defaults.yaml"]
    assert paths
    for path in paths:
        for document in parse(path.read_text(encoding="utf-8")).documents:
            errors = [error.message for error in validator.iter_errors(document)]
            assert not errors, f"{path.name}: {errors[0]}"
