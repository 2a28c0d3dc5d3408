"""A read that failed or proves nothing: nothing happens because of it."""

from __future__ import annotations

import copy

import pytest

from reconciler.model import Severity
from reconciler.sandbox import Fault
from reconciler.sandbox.aws_zones import Zones
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.shell import at

RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
ZONE = "dns: {targets: [aws], records: [{name: www, type: A, value: 192.0.2.1}]}"
ACCOUNTS = {"porkbun": "porkbun-main", "namecom": "namecom-main", "aws": "aws"}
LISTS = {"porkbun": "listAll", "namecom": "listDomains", "aws": "ListDomains"}
PAGE = {"porkbun": 1000, "namecom": 1000, "aws": 100}


def estate():
    """In each account one name that is due, one to mend, and two healthy ones."""
    documents, oddities = [], {}
    for vendor, account in ACCOUNTS.items():
        documents.append(domain(f"due-{vendor}.example", account, spec=RENEWED))
        documents += [
            domain(f"{word}-{vendor}.example", account)
            for word in ("flag", "good", "well")
        ]
        oddities[f"due-{vendor}.example"] = Oddity({"expires": 20})
        oddities[f"flag-{vendor}.example"] = Oddity({"autoRenew": False})
    return inventory(*documents), oddities


@pytest.fixture
def agency(tmp_path):
    with Agency(tmp_path, *estate()) as agency:
        yield agency


def crowd(agency, vendor):
    """Give the account so many names that its listing has a second page."""
    domains = agency.sandbox.bench(vendor).state["accounts"][0]["domains"]
    healthy = domains[f"good-{vendor}.example"]
    for number in range(PAGE[vendor]):
        domains[f"zz-{number:04}.example"] = copy.deepcopy(healthy)


BAD = {
    "wrong-account": {"operation": "*", "kind": "wrong-account"},
    "empty-list": {"kind": "empty"},
    "server-error": {"kind": "status", "status": 500},
    "throttled": {"kind": "throttle", "retry_after": 3600},
    "no-answer": {"kind": "lost-before"},
    "malformed": {"kind": "malformed"},
    "error-on-page-two": {"kind": "status", "status": 500, "skip": 1},
    "page-one-again": {"kind": "duplicate-page", "skip": 1},
}


@pytest.mark.parametrize("vendor", ACCOUNTS)
@pytest.mark.parametrize("bad", BAD)
def test_nothing_happens_because_of_a_bad_listing(agency, vendor, bad):
    if "page" in bad:
        crowd(agency, vendor)
    fault = {"operation": LISTS[vendor], "times": 0, **BAD[bad]}
    agency.sandbox.inject(Fault(vendor=vendor, **fault))

    plan = agency.plan()
    assert not plan.complete
    unread = {u.ref.name for u in plan.unknown}
    assert unread == {f"{w}-{vendor}.example" for w in ("due", "flag", "good", "well")}
    assert unread.isdisjoint(a.want.name for a in plan.actions)
    assert ACCOUNTS[vendor] in {f.name for f in plan.findings if f.kind == "Provider"}

    result = agency.apply()
    assert 3 in result.codes
    assert unread.isdisjoint(e.name for e in agency.sandbox.ledger.effects())
    others = {e.vendor for e in agency.sandbox.ledger.effects()}
    assert others == set(ACCOUNTS) - {vendor}  # who can be read is served

    agency.sandbox.faults.clear()
    agency.later(minutes=1)
    assert 3 not in agency.apply().codes
    assert len(agency.charges(f"due-{vendor}.example")) == 1


def test_the_exit_code_and_the_json_say_that_the_plan_is_incomplete(agency):
    fault = Fault(vendor="namecom", operation="*", kind="wrong-account", times=0)
    agency.sandbox.inject(fault)
    shown = at(agency, "plan", "--format", "json").out
    assert '"complete": false' in shown
    assert '"code": "wrong-account"' in shown
    assert at(agency, "apply", "--auto-approve").code == 3


def test_one_bad_line_of_a_listing_is_unknown_and_the_others_are_not(agency):
    row = agency.sandbox.bench("namecom").state["accounts"][0]["domains"]
    row["good-namecom.example"]["nameservers"] = None
    plan = agency.plan()
    assert [u.ref.name for u in plan.unknown] == ["good-namecom.example"]
    assert "due-namecom.example" in {a.want.name for a in plan.allowed()}


@pytest.mark.parametrize("zones", [1, 2, 5])
def test_zones_are_not_made_again_because_a_listing_is_empty(tmp_path, zones):
    names = [f"zone-{number}.example" for number in range(zones)]
    files = inventory(*(domain(name, spec=ZONE) for name in names))
    with Agency(tmp_path, files) as agency:
        Zones(agency.sandbox.bench("aws")).restore([])
        plan = agency.plan()
        assert {u.ref.name for u in plan.unknown} == set(names)
        assert not plan.actions
        assert 3 in agency.apply().codes
        assert agency.sandbox.ledger.effects("aws") == []


@pytest.mark.parametrize("operation", ["ListHostedZones", "ListResourceRecordSets"])
def test_a_zone_that_cannot_be_read_is_not_written(tmp_path, operation):
    files = inventory(domain("zone.example", spec=ZONE))
    with Agency(
        tmp_path, files, {"zone.example": Oddity({}, {"www/A": None})}
    ) as agency:
        refused = {"kind": "status", "status": 500, "times": 0}
        agency.sandbox.inject(Fault(vendor="aws", operation=operation, **refused))
        assert not agency.plan().complete
        assert 3 in agency.apply().codes
        assert agency.sandbox.ledger.effects("aws") == []


@pytest.mark.parametrize("vendor", ACCOUNTS)
def test_not_knowing_is_an_alarm_where_the_recorded_deadline_is_near(tmp_path, vendor):
    files = inventory(domain("due.example", ACCOUNTS[vendor], spec=RENEWED))
    with Agency(tmp_path, files, {"due.example": Oddity({"expires": 20})}) as agency:
        agency.apply()
        assert len(agency.charges("due.example")) == 1
        refused = {"kind": "status", "status": 403, "times": 0}
        agency.sandbox.inject(Fault(vendor=vendor, operation=LISTS[vendor], **refused))
        agency.later(days=300)
        calm = agency.plan()
        assert "unknown-and-urgent" not in {f.code for f in calm.findings}
        agency.later(days=80)
        alarm = [f for f in agency.plan().findings if f.code == "unknown-and-urgent"]
        assert [(f.severity, f.name) for f in alarm] == [
            (Severity.CRITICAL, "due.example")
        ]
        assert "2027-12-12" in alarm[0].message
        assert 3 in agency.apply().codes
        assert len(agency.charges("due.example")) == 1
