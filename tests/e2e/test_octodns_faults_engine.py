"""Two measured faults of octoDNS' Manager: one zone's trouble is not another's."""

from __future__ import annotations

import pytest

from reconciler.sandbox import Fault
from reconciler.sandbox.aws_zones import Zones
from tests.support.agency import Agency, domain, inventory

RECORDS = ", ".join(
    f"{{name: host-{number}, type: A, value: 192.0.2.{number}}}"
    for number in range(1, 9)
)
DNS = f"dns: {{targets: [aws], records: [{RECORDS}]}}"
NAMES = ("a.example", "b.example", "c.example")
FILE = "inventory/domains.yaml"


@pytest.fixture
def agency(tmp_path):
    files = inventory(*(domain(name, "namecom-main", spec=DNS) for name in NAMES))
    with Agency(tmp_path, files) as agency:
        yield agency


def rows(agency, zone):
    zones = Zones(agency.sandbox.bench("aws")).as_json()
    found = next(z for z in zones if z["name"] == zone)
    return {r["Name"].partition(".")[0]: r for r in found["records"]}


def moved_in_git(agency):
    """Another address of one host, in all zones."""
    text = (agency.root / FILE).read_text()
    agency.write(FILE, text.replace("192.0.2.8}", "192.0.2.88}"))


def emptied_in_git(agency, name):
    """All records but the first are gone from one zone."""
    lines = (agency.root / FILE).read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if f"Domain/{name}" in line)
    start, end = lines[at].index("}, {"), lines[at].rindex("]")
    lines[at] = lines[at][: start + 1] + lines[at][end:]
    agency.write(FILE, "\n".join(lines) + "\n")


def test_fault_c_one_unsafe_zone_does_not_hold_the_others(agency):
    """Seven of eight records would go in one zone; the two others are changed."""
    moved_in_git(agency)
    emptied_in_git(agency, "a.example")
    agency.commit()

    held = {a.want.name: a for a in agency.plan().actions if a.decision}
    assert set(held) == {"a.example"}
    assert held["a.example"].change.verb == "prune"
    result = agency.apply()
    assert {d.action.want.name: d.status for d in result.done} == {
        "b.example": "applied",
        "c.example": "applied",
    }
    assert 6 in result.codes
    assert len(rows(agency, "a.example")) == 8
    for name in ("b.example", "c.example"):
        value = rows(agency, name)["host-8"]["ResourceRecords"]
        assert value == [{"Value": "192.0.2.88"}]


@pytest.mark.parametrize("kind", ["status", "lost-before", "lost-after", "throttle"])
def test_fault_d_an_error_in_one_zone_does_not_stop_the_others(agency, kind):
    moved_in_git(agency)
    agency.commit()
    how = {"status": {"status": 400}, "throttle": {"times": 5}}.get(kind, {})
    fault = Fault(vendor="aws", operation="ChangeResourceRecordSets", kind=kind, **how)
    agency.sandbox.inject(fault)
    result = agency.apply()
    statuses = {d.action.want.name: d.status for d in result.done}
    assert set(statuses) == set(NAMES)
    assert list(statuses.values()).count("applied") >= 2
    agency.later(minutes=31)
    agency.apply()
    agency.later(minutes=31)
    assert agency.apply().codes == {0}
    for name in NAMES:
        value = rows(agency, name)["host-8"]["ResourceRecords"]
        assert value == [{"Value": "192.0.2.88"}]


def test_one_zone_that_cannot_be_read_does_not_hold_the_others(agency):
    moved_in_git(agency)
    agency.commit()
    refused = {"kind": "status", "status": 403, "times": 1}
    agency.sandbox.inject(
        Fault(vendor="aws", operation="ListResourceRecordSets", **refused)
    )
    plan = agency.plan()
    assert not plan.complete
    assert len(plan.unknown) == 1
    unread = plan.unknown[0].ref.name
    assert {a.want.name for a in plan.allowed()} == set(NAMES) - {unread}
