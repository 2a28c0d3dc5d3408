"""Gandi, DNSimple and Cloudflare in one estate: planned, done once, nothing left."""

from __future__ import annotations

from collections import Counter

import pytest

from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory

ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/gandi-main:
  type: gandi
  account: 7f9c1bd6-2f76-11e9-9dfb-00163ec4cb00
  endpoint: {gandi}
  credentials: {{token: {{file: .sandbox/secrets/gandi-token}}}}
Provider/dnsimple-main:
  type: dnsimple
  account: "2460"
  endpoint: {dnsimple}
  credentials: {{token: {{file: .sandbox/secrets/dnsimple-token}}}}
Provider/cloudflare-main:
  type: cloudflare
  endpoint: {cloudflare}
  credentials: {{token: {{file: .sandbox/secrets/cloudflare-token}}}}
"""
RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
RECORDS = """\
dns: {targets: [cloudflare-main], records: [\
{name: www, type: A, value: 192.0.2.1}, \
{name: "@", type: MX, value: 10 mail.example.net.}, \
{name: "@", type: TXT, value: v=spf1 -all}]}"""
FILES = inventory(
    domain("due-g.example", "gandi-main", spec=RENEWED),
    domain("flags-g.example", "gandi-main", spec="privacy: false"),
    domain("due-d.example", "dnsimple-main", spec=RENEWED),
    domain("flags-d.example", "dnsimple-main"),
    domain("auto-c.example", "cloudflare-main"),
    domain("zone-c.example", "cloudflare-main", spec=RECORDS),
    domain("gone-c.example", "cloudflare-main"),
)
ODDITIES = {
    "due-g.example": Oddity({"expires": 20}),
    "flags-g.example": Oddity({"autoRenew": False, "locked": False}),
    "due-d.example": Oddity({"expires": -4}),
    "flags-d.example": Oddity({"locked": False, "privacy": False}),
    "auto-c.example": Oddity({"autoRenew": False}),
    "zone-c.example": Oddity({}, {"www/A": ("300", "192.0.2.9")}),
    "gone-c.example": Oddity(absent=True),
}
WANTED = Counter(
    {
        "renew due-g.example": 1,
        "auto-renew flags-g.example": 1,
        "lock flags-g.example": 1,
        "renew due-d.example": 1,
        "lock flags-d.example": 1,
        "privacy flags-d.example": 1,
        "auto-renew auto-c.example": 1,
        "records zone-c.example": 1,
    }
)


@pytest.fixture
def agency(tmp_path):
    with Agency(tmp_path, FILES, ODDITIES, accounts=ACCOUNTS) as agency:
        yield agency


def actions(plan):
    return Counter(f"{one.change.verb} {one.want.name}" for one in plan.allowed())


def test_everything_is_done_once(agency):
    plan = agency.plan()
    assert actions(plan) == WANTED
    agency.apply()
    charges = Counter(charge.name for charge in agency.charges())
    assert charges == {"due-g.example": 1, "due-d.example": 1}
    after = agency.plan()
    assert actions(after) == Counter()
    # A Cloudflare account that is not declared proves nothing about what it lacks.
    assert [str(unread.ref) for unread in after.unknown] == ["Domain/gone-c.example"]


@pytest.mark.parametrize("kind", ["lost-before", "lost-after"])
def test_a_lost_renewal_is_paid_once(agency, kind):
    for vendor, operation in (("gandi", "renew"), ("dnsimple", "renewDomain")):
        agency.sandbox.inject(Fault(vendor=vendor, operation=operation, kind=kind))
    agency.apply()
    agency.later(minutes=75)
    agency.apply()
    begun = len(agency.charges())
    assert begun == (0 if kind == "lost-before" else 2)  # it may be an order that waits
    agency.later(hours=24)
    for _ in range(2):
        agency.apply()
    charges = Counter(charge.name for charge in agency.charges())
    assert charges == {"due-g.example": 1, "due-d.example": 1}
    assert actions(agency.plan()) == Counter()
