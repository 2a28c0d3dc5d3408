"""The packages of an account's plans, taken from the plans."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.errors import InventoryErrors
from reconciler.inventory import Inventory, WorkTree, load
from reconciler.inventory.schemas import schemas
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import Ref
from tests.unit.inventory.tree import HEAD, errors, loaded, write

SERVERS = (
    HEAD
    + """\
Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}
Provider/whm-2: {type: whm, credentials: {user: {env: U}, token: {env: T}}}
"""
)
PLANS = (
    HEAD
    + """\
HostingPlan/small: {price: 1.00 EUR/month, packages: {whm: s, plesk: S}, up: middle}
HostingPlan/middle: {price: 2.00 EUR/month, packages: {whm: m, plesk: M, whm-2: own_m}, up: large}
HostingPlan/large: {price: 3.00 EUR/month, packages: {whm: l, plesk: L}, down: middle}
"""
)
ACCOUNTS = (
    HEAD
    + """\
HostingAccount/a.example: {provider: whm-1, plan: small}
HostingAccount/b.example: {provider: whm-2, plan: {min: small, max: large}}
"""
)
#: Sorted before and after the plans: the order of the files means nothing.
TREE = {"servers": SERVERS, "plans": PLANS, "accounts": ACCOUNTS}


def ladder(found: Inventory, name: str) -> list[tuple[str, str]]:
    want = found.get(Ref("HostingAccount", name))
    assert isinstance(want, HostingAccount)
    return [(step.plan, step.package) for step in want.spec.ladder]


def test_an_account_knows_the_packages_of_its_plans(tmp_path: Path) -> None:
    found = loaded(tmp_path, **TREE)
    assert ladder(found, "a.example") == [("small", "s")]
    assert ladder(found, "b.example") == [
        ("small", "s"),
        ("middle", "own_m"),
        ("large", "l"),
    ]


def test_nobody_sees_the_ladder_as_a_field(tmp_path: Path) -> None:
    found = loaded(tmp_path, **TREE)
    ref = Ref("HostingAccount", "b.example")
    assert not [leaf for leaf in found.origins(ref) if "ladder" in leaf.path]
    assert [name for name, text in schemas().items() if "ladder" in text] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("plans", "whm-2: own_m", "whm-2: other", [("middle", "other")]),
        ("plans", "whm: l,", "whm: xl,", [("large", "xl")]),
        ("servers", "whm-2: {type: whm,", "whm-2: {type: plesk,", [("small", "S")]),
    ],
)
def test_a_changed_plan_changes_its_accounts(
    tmp_path: Path, file: str, old: str, new: str, expected: list[tuple[str, str]]
) -> None:
    """From the cache too: the account's own file did not change, its digest does."""
    cache = tmp_path / "cache.sqlite"
    before = load(WorkTree(write(tmp_path, **TREE)), cache=cache)
    ref = Ref("HostingAccount", "b.example")
    digest = before.digest(ref)
    text = TREE[file].replace(old, new)
    assert text != TREE[file]
    changed = {**TREE, file: text}
    after = load(WorkTree(write(tmp_path, **changed)), cache=cache)
    cold = load(WorkTree(tmp_path))
    assert ladder(after, "b.example") == ladder(cold, "b.example")
    assert set(expected) <= set(ladder(after, "b.example"))
    assert after.digest(ref) == cold.digest(ref) != digest
    warm = load(WorkTree(tmp_path), cache=cache)
    assert ladder(warm, "b.example") == ladder(cold, "b.example")


def test_a_plan_that_was_missing_is_not_remembered_as_missing(tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    write(tmp_path, servers=SERVERS, accounts=ACCOUNTS)
    with pytest.raises(InventoryErrors, match="no HostingPlan/small"):
        load(WorkTree(tmp_path), cache=cache)
    found = load(WorkTree(write(tmp_path, **TREE)), cache=cache)
    assert ladder(found, "a.example") == [("small", "s")]


def test_what_stayed_the_same_keeps_its_digest(tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    before = load(WorkTree(write(tmp_path, **TREE)), cache=cache)
    changed = {**TREE, "plans": PLANS.replace("whm: l,", "whm: xl,")}
    after = load(WorkTree(write(tmp_path, **changed)), cache=cache)
    ref = Ref("HostingAccount", "a.example")
    assert after.digest(ref) == before.digest(ref)


def test_a_site_makes_an_account_with_its_packages(tmp_path: Path) -> None:
    site = f"""{HEAD}Customer/x: {{legalName: X, country: NL}}
SiteProfile/p: {{HostingAccount: {{plan: middle}}}}
Site/c.example: {{profile: p, customer: x, server: whm-2, account: cecil}}
"""
    found = loaded(tmp_path, servers=SERVERS, plans=PLANS, site=site)
    assert ladder(found, "c.example") == [("middle", "own_m")]
    want = found.get(Ref("HostingAccount", "c.example"))
    assert isinstance(want, HostingAccount)
    assert (want.spec.account, want.via[0]) == ("cecil", "Site/c.example")


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ("provider: dns, plan: small", "E141 .*no package for Provider/dns"),
        ("provider: whm-1, plan: {min: large, max: small}", "E142 .*no way up from"),
        ("provider: whm-1, plan: {min: ring, max: small}", "E142 .*ring to small"),
        ("provider: whm-1, plan: none", "E133 .*no HostingPlan/none"),
        ("provider: none, plan: small", "E133 .*no Provider/none"),
        ("provider: whm-1, plan: {min: small, max: none}", "E133 .*HostingPlan/none"),
        ("provider: whm-1, plan: small, ladder: []", "E120 .*is not written"),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(
    tmp_path: Path, account: str, said: str
) -> None:
    ring = "HostingPlan/ring: {price: 1.00 EUR/month, packages: {whm: r}, up: ring2}\n"
    ring += "HostingPlan/ring2: {price: 1.00 EUR/month, packages: {whm: r}, up: ring}\n"
    bad = f"{HEAD}HostingAccount/x.example: {{{account}}}\n"
    found = errors(tmp_path, servers=SERVERS, plans=PLANS + ring, bad=bad)
    assert len(found) == 1
    assert found[0].startswith("inventory/bad.yaml:2:")

    assert re.search(said, found[0]), found[0]
    assert "hint: " in found[0]
