"""The committed schemas are the generated ones, and agree with the models."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.errors import InventoryErrors
from reconciler.inventory import load
from reconciler.inventory.schemas import schemas
from reconciler.kinds import kinds
from tests.house.tree import ROOT
from tests.unit.inventory.test_properties import SEED
from tests.unit.inventory.tree import HEAD, HOUSE, Texts

MADE = schemas()


@pytest.mark.parametrize("name", sorted(MADE))
def test_is_committed_as_generated(name):
    path = ROOT / "schemas" / name
    assert path.is_file(), "run: make schemas"
    assert path.read_text(encoding="utf-8") == MADE[name], "run: make schemas"


@pytest.mark.parametrize("name", sorted(MADE))
def test_is_a_schema(name):
    Draft202012Validator.check_schema(json.loads(MADE[name]))


def test_there_is_one_for_each_kind():
    assert {f"{kind}.schema.json" for kind in kinds()} <= set(MADE)


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(MADE[f"{name}.schema.json"]))


GOOD = [*yaml.safe_load_all(SEED), *yaml.safe_load_all(HOUSE)]
BAD = """
Domain/a.example: {provider: none, colour: red}
Domain/a.example: {}
Domain/a.example: {provider: 5}
Domain/a.example: {provider: none, renewal: {window: {open: 1y}}}
Domain/a.example: {provider: none, renewal: {maxPrice: 15}}
Domain/a.example: {provider: none, transferLock: "true"}
Domain/a.example: {provider: none, labels: {a: 5}}
Domain/a.example: {provider: none, lifecycle: delete}
Domain/a.example: {provider: none, dns: {records: [{name: a, type: SPF}]}}
Provider/x: {type: AWS, credentials: {}}
Provider/x: {type: aws, credentials: {k: hunter2}}
Provider/x: {type: aws}
Zone/x: {}
name: x
""".strip().splitlines()


@pytest.mark.parametrize("document", GOOD, ids=lambda each: str(each)[:40])
def test_good_documents_are_valid(document):
    assert [e.message for e in schema("inventory").iter_errors(document)] == []
    if "kind" in document:
        assert [e.message for e in schema(document["kind"]).iter_errors(document)] == []


@pytest.mark.parametrize("text", BAD)
def test_schema_and_model_refuse_the_same(text):
    document = yaml.safe_load(HEAD + text)
    assert not schema("inventory").is_valid(document)
    with pytest.raises(InventoryErrors):
        load(Texts({"inventory/a.yaml": (HEAD + text).encode()}))


def test_a_long_form_is_checked_by_its_kind():
    good = {
        "apiVersion": "reconciler/v1",
        "kind": "Domain",
        "metadata": {"name": "a.example"},
        "spec": {"provider": "none"},
    }
    for name in ("Domain", "inventory"):
        assert schema(name).is_valid(good)
        assert not schema(name).is_valid({**good, "status": {}})
        assert not schema(name).is_valid({**good, "spec": {}})
        assert not schema(name).is_valid({**good, "apiVersion": "v1"})


def test_defaults_need_nothing_and_allow_nothing_unknown():
    head = {"apiVersion": "reconciler/v1"}
    good = {"renewal": {"term": "2y"}, "dns": {"maxDeletes": {"count": 5}}}
    assert schema("defaults").is_valid({**head, "Domain": good, "Provider": {}})
    assert not schema("defaults").is_valid({**head, "Domain": {"renewl": {}}})
    assert not schema("defaults").is_valid({**head, "Domain/a.example": {}})
    assert not schema("defaults").is_valid({"Domain": good})


def test_the_shipped_inventory_is_valid():
    for path in sorted((ROOT / "inventory").rglob("*.yaml")):
        name = "defaults" if path.name == "_defaults.yaml" else "inventory"
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            assert [e.message for e in schema(name).iter_errors(document)] == [], path
