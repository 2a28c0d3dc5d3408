"""The independent witness, from the command line down to real sockets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.engine import Exit
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory

ZONE = (
    'dns: {targets: [aws], records: [{name: "@", type: A, value: 192.0.2.%d}, '
    '{name: "@", type: TXT, value: v=spf1 -all}, '
    "{name: _dmarc, type: TXT, value: v=DMARC1; p=reject}, "
    '{name: "@", type: CAA, value: \'0 issue "ca.example"\'}]}'
)
RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
MANUAL = "renewal: {mode: manual}"
LAME = "ns-2049.awsdns-65.net"
NAMES = {
    "sound.example": domain("sound.example", "namecom-main", spec=ZONE % 1),
    "due.example": domain("due.example", spec=RENEWED),
    "grace.example": domain("grace.example", "namecom-main", spec=MANUAL),
    "entering.example": domain("entering.example", "namecom-main", spec=MANUAL),
    "disagrees.example": domain("disagrees.example", "namecom-main"),
    "lame.example": domain("lame.example", "namecom-main", spec=ZONE % 2),
    "stale.example": domain("stale.example", "namecom-main", spec=ZONE % 3),
    "moving.example": domain("moving.example", "namecom-main"),
    "watched.example": domain("watched.example", "none"),
}
FILES = inventory(
    *NAMES.values(), "Certificate/sound: {mode: observe, names: [sound.example]}\n"
)
ODDITIES = {
    "due.example": Oddity({"expires": 20}),
    "grace.example": Oddity({"expires": -4, "autoRenew": False}),
    "entering.example": Oddity({"expires": -24, "autoRenew": False}),
    "disagrees.example": Oddity(public={"registryExpires": 20}),
    "lame.example": Oddity(public={"lame": [LAME]}),
    "stale.example": Oddity(public={"ds": ["1 13 2 " + "AB" * 32]}),
    "moving.example": Oddity(
        public={"statuses": ["client transfer prohibited", "pending transfer"]}
    ),
}
FOUND = {
    ("Domain/grace.example", "registry-date-provisional"): "paid is until 2026-11-18",
    ("Domain/entering.example", "entering-redemption"): "was paid until 2026-10-29",
    ("Domain/disagrees.example", "registry-disagrees"): "the registry on 2026-12-12",
    ("Domain/lame.example", "lame-nameserver"): f"{LAME} does not answer",
    ("Domain/stale.example", "stale-ds"): "no key of the zone fits the DS",
    ("Domain/moving.example", "transfer-pending"): "a transfer away",
}
#: What the accounts themselves say of those that expired.
OWN = {"domain-expired", "registry-date-provisional"}


@pytest.fixture
def agency(tmp_path):
    with Agency(tmp_path, FILES, ODDITIES, public=True) as made:
        yield made


def witnessed(plan):
    """The findings that are loud, by resource and code."""
    return {
        (f"{f.kind}/{f.name}", f.code): f.message
        for f in plan.findings
        if str(f.severity) != "info"
    }


def asked(agency):
    found = agency.sandbox.ledger.requests().get("public", {})
    agency.sandbox.ledger.reset_requests()
    return found


def test_each_fault_is_found_and_named(agency):
    plan = agency.plan()
    found = witnessed(plan)
    for key, said in FOUND.items():
        assert said in found.pop(key)
    assert {code for _, code in found} <= OWN
    assert plan.complete
    assert {a.want.name for a in plan.actions} == {"due.example"}
    assert ("watched.example", "certificate ends (observed only)") not in plan.due
    (watched,) = (
        d for d in agency.plan(horizon=_far()).due if d.name == "watched.example"
    )
    assert watched.what == "expires (observed only)"


def _far():
    from datetime import timedelta

    return timedelta(days=365)


def test_one_look_a_day(agency):
    agency.plan()
    first = asked(agency)
    assert first["registry"] == first["registrar"] == len(NAMES)
    for _ in range(2):
        agency.later(hours=3)
        agency.plan()
    again = asked(agency)
    assert again.get("registry", 0) == again.get("bootstrap", 0) == 0
    # Only what is in trouble in the DNS is looked at more often.
    assert again["dns-SOA"] <= 2 * 2 * 4
    agency.later(hours=18, minutes=1)
    agency.plan()
    assert asked(agency)["registry"] == len(NAMES)


def test_what_was_done_is_looked_at_again(agency):
    agency.plan()
    asked(agency)
    agency.edit("inventory/domains.yaml", "192.0.2.1}", "192.0.2.100}")
    agency.commit()
    result = agency.apply()
    assert {d.status for d in result.done} == {"applied"}
    seen = asked(agency)
    assert seen["registry"] == 1  # of the renewal; no registry sees a record
    assert seen["dns-SOA"] == 4 + 2  # of both, at each of their nameservers
    # What was renewed is so at the registry too: nobody disagrees.
    found = {f.name for f in agency.plan().findings if f.code == "registry-disagrees"}
    assert found == {"disagrees.example"}


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("registry", "status"), ("registry", "malformed"), ("bootstrap", "lost-before")],
)
def test_what_rdap_does_not_tell_is_unknown_and_stops_nothing(agency, operation, kind):
    fault = Fault(vendor="public", operation=operation, kind=kind, times=0)
    agency.sandbox.inject(fault)
    plan = agency.plan()
    codes = {f.code for f in plan.findings}
    assert not codes & {"not-registered", "not-at-registry", "not-at-registrar"}
    assert {a.want.name for a in plan.actions} == {"due.example"}
    # Nothing else tells about the name that is only watched; it, or its turn, is open.
    assert {u.ref.name for u in plan.unknown} <= {"watched.example"}
    assert "not-looked-at-yet" in codes or not plan.complete


def test_a_snapshot_has_what_the_witnesses_saw(agency):
    live = witnessed(agency.plan())
    out = agency.root / ".sandbox" / "observed.json"
    said = agency.cli("observe", "--out", str(out))
    assert said.code == Exit.DONE, said.err
    shares = [
        (s["provider"], s["family"]) for s in json.loads(out.read_text())["shares"]
    ]
    assert [f for p, f in shares if p == "public"] == [
        "delegation",
        "rdap",
        "surface",
        "tls",
    ]
    agency.sandbox.ledger.reset_requests()
    for _ in range(2):  # the second time from what is known to be quiet
        assert witnessed(agency.plan(observed=Path(out))) == live
    assert asked(agency) == {}


def test_explaining_shows_what_was_seen(agency):
    for name, words in {
        "Certificate/sound": [
            "public (tls)",
            "    served: name sound.example · address 192.0.2.1 · fingerprint",
            "· trusted yes",
            "public (surface)",
            "    sites: name sound.example · grade A+ · score 115",
            "Sandbox Authority",
        ],
        "Domain/lame.example": ["public (delegation)", f"{LAME} REFUSED"],
        "Domain/watched.example": ["public (rdap)", "registrar expires"],
    }.items():
        said = agency.cli("explain", name)
        assert said.code == 0, said.err
        assert [word for word in words if word not in said.out] == []


def test_without_the_account_nobody_is_asked(tmp_path):
    with Agency(tmp_path, FILES) as agency:
        plan = agency.plan()
        assert not {share for a in plan.unknown for share in [a.share.provider]}
        said = {f.code for f in plan.findings if f.name in {"watched.example", "sound"}}
        assert said == {"watched-only"}


def test_more_names_than_one_run_looks_at(tmp_path):
    names = [domain(f"n{at:02}.example", "none") for at in range(12)]
    with Agency(tmp_path, inventory(*names), public=True) as agency:
        agency.edit(
            "inventory/accounts.yaml",
            "credentials: {}",
            "credentials: {}, limits: {lookups: 5}",
        )
        agency.commit()
        for waiting in (7, 2, 0):
            plan = agency.plan()
            assert plan.complete
            later = [f for f in plan.findings if f.code == "not-looked-at-yet"]
            own = [f for f in later if f.kind == "Domain"]
            assert len(own) == waiting
            assert asked(agency)["registry"] == min(5, 12)
            if waiting == 2:
                break
        agency.plan()
        assert asked(agency)["registry"] == 2
