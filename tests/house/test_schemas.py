"""The committed schemas are the generated ones, and agree with the models."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.errors import InventoryErrors
from reconciler.inventory import load
from reconciler.inventory.parse import parse
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
SiteProfile/x: {Domian: {}}
SiteProfile/x: {Domain: {colour: red}}
SiteProfile/x: {Domain: {renewal: {mode: never}}}
SiteProfile/x: {Domain: {renewal: {term: 365d}}}
SiteProfile/x: {Domain: {privacy: "true"}}
SiteProfile/x: {Domain: {dns: {records: [{name: www}]}}}
SiteProfile/x: {Certificate: {names: $domain}}
SiteProfile/x: {Backup: nightly}
SiteProfile/x: {Subscription: {covers: [HostingPlan/x]}}
Subscription/x: {customer: c, since: 2026-01-01}
Subscription/x: {customer: c, since: 2026-01-01, covers: [x.example]}
Subscription/x: {customer: c, since: 2026-01-01, covers: [Domain/x.example], terms: {}}
InvoicePolicy/x: {collector: mollie}
DunningPolicy/x: {steps: [{after: 1mo, do: [charge]}]}
DunningPolicy/x: {steps: [{after: 1d, do: [{notify: threat}]}]}
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


HOUSE_OF_SITES = """
apiVersion: reconciler/v1
Customer/c: {legalName: C, country: NL, payment: {collect: invoice}}
Provider/s: {type: aws, credentials: {}, ipv4: 192.0.2.10}
HostingPlan/care-5: {price: 9.00 EUR/month, packages: {aws: care_5g}}
SiteProfile/p:
  Certificate: {mode: observe, names: [$domain, www.$domain], warnAt: [9d]}
  Subscription:
  HostingAccount: {plan: care-5}
  Domain:
    renewal: {maxPrice: 15.00 EUR/year}
    dns:
      targets: [$server]
      records:
        - {name: "@", type: A, value: $ipv4}
        - {name: www, type: CNAME, value: $domain., ttl: 1h}
        - {name: "@", type: TXT, values: [costs $$5]}
"""


def site_with(fields: str) -> tuple[str, dict]:
    """A whole inventory with one more Site, and that Site's own document."""
    base = "profile: p, customer: c, server: s, account: a, registrar: s"
    made = f"Site/a.example: {{{base}, since: '2024-03-01', {fields}}}\n"
    return HOUSE_OF_SITES + made, yaml.safe_load(HEAD + made)


@pytest.mark.parametrize(
    "fields",
    [
        "aliases: [b.example]",
        "without: [Certificate]",
        "with: {Domain: {renewal: {mode: manual}, warnAt: [9d]}}",
        "with: {Domain: {nameservers: [ns1.$domain, ns2.$domain]}}",
        "with: {HostingAccount: {php: keep}, Subscription: {price: 9.00 EUR/month}}",
    ],
)
def test_a_part_is_partial_and_open_for_tokens(fields):
    text, document = site_with(fields)
    load(Texts({"inventory/a.yaml": text.encode()}))
    for each in (yaml.safe_load(HOUSE_OF_SITES), document):
        assert [e.message for e in schema("inventory").iter_errors(each)] == []


@pytest.mark.parametrize(
    "fields",
    [
        "with: {Domain: {renewl: {}}}",
        "with: {Domain: {renewal: {maxPrice: 15}}}",
        "with: {Domain: {dns: {records: [{name: a, type: SPF}]}}}",
        "with: {Domian: {}}",
        "with: {Certificate: {names: []}}",
        "without: [Domian]",
    ],
)
def test_a_part_is_checked_as_its_kind_is(fields):
    text, document = site_with(fields)
    assert not schema("inventory").is_valid(document)
    with pytest.raises(InventoryErrors):
        load(Texts({"inventory/a.yaml": text.encode()}))


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
        # By YAML 1.2, as editors read it: a date is a text.
        for document in parse(path.read_text(encoding="utf-8")).documents:
            assert [e.message for e in schema(name).iter_errors(document)] == [], path
