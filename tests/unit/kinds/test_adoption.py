"""What is imported says what is live, and nothing of it could act or pay."""

from datetime import timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings

from reconciler.engine.adopt import stirs
from reconciler.inventory import load
from reconciler.inventory.draft import Document, Draft, head
from reconciler.inventory.secrets import leaks
from reconciler.kinds.domain import (
    DomainSpec,
    Phase,
    RegistrationState,
    Renew,
    ZoneState,
    zone,
)
from reconciler.kinds.domain.adopted_zone import pattern_of
from reconciler.kinds.domain.domain import Domain
from reconciler.model import Money, Ref
from tests.support.live import (
    HOST,
    HOSTS,
    NOW,
    OTHER,
    REGISTRAR,
    worlds,
)
from tests.unit.inventory.tree import HOUSE, Texts

REF = Ref("Domain", "a.example")
PATH = "inventory/imported/dns.yaml"
#: What a careless _defaults.yaml could add to every document.
DEFAULTS = """\
apiVersion: reconciler/v1
Domain:
  lifecycle: expire
  renewal: {mode: reconciler, maxPrice: 15.00 USD/year}
  transferLock: false
  privacy: false
  nameservers: [ns8.x.example, ns9.x.example]
  dns: {defaultTtl: 1h, targets: [dns], ignore: [theirs]}
"""
SECOND = "Provider/dns2: {type: powerdns, credentials: {}}\n"


def refuse(text):
    return next((f"looks like {leak.what}" for leak in leaks(text)), None)


def tree(text, defaults=""):
    files = {"inventory/house.yaml": HOUSE + SECOND, PATH: text}
    if defaults:
        files["inventory/_defaults.yaml"] = defaults
    return load(Texts({path: content.encode() for path, content in files.items()}))


def usual(defaults=""):
    text = "apiVersion: reconciler/v1\nDomain/a.example: {provider: porkbun-main}\n"
    return tree(text, defaults).get(REF).spec


def adopted(have, defaults=""):
    """Return the adoption, and the document as the loader reads it."""
    found = Domain.adopted(have, usual(defaults), refuse)
    if found.spec is None:
        return found, None
    document = Document(REF, "dns", found.spec, found.notes)
    text = Draft(PATH, head(PATH, []), [document]).text()
    return found, tree(text, defaults).get(REF)


@settings(max_examples=150, deadline=None)
@given(worlds())
@pytest.mark.parametrize("defaults", ["", DEFAULTS], ids=["plain", "defaults"])
def test_a_plan_of_what_was_imported_is_empty(defaults, have):
    """Now, in a year, and around its expiry; and nothing that is live is forgotten."""
    found, want = adopted(have, defaults)
    assert stirs(want, have, NOW) is None
    assert want.spec.renewal.max_price is None
    live = {key for state in zones_of(have, want) for key in state.records}
    said = {f"{record.name}/{record.type}" for record in want.spec.dns.records}
    told = {left.what for left in found.left}
    assert live <= said | told
    assert not any(
        isinstance(change, Renew)
        for days in (0, 30, 199, 201, 400)
        for change in want.diff(have, NOW + timedelta(days=days))
    )


def zones_of(have, want):
    return [have[share] for share in want.zones() if share in have]


def test_a_domain_that_left_the_account_is_named():
    state = RegistrationState(expires=NOW, phase=Phase.TRANSFERRED)
    found, want = adopted({REGISTRAR: state})
    assert want is None
    assert [left.why for left in found.left] == ["it has left the account"]


@pytest.mark.parametrize("phase", [Phase.GRACE, Phase.REDEMPTION])
def test_a_domain_in_danger_is_imported_and_shown(phase):
    state = RegistrationState(expires=NOW, phase=phase, nameservers=frozenset(HOSTS))
    _, want = adopted({REGISTRAR: state})
    assert want.spec.lifecycle == "managed"
    assert any(f.severity == "critical" for f in want.findings({REGISTRAR: state}, NOW))


def test_two_accounts_that_serve_other_records_are_told_apart_by_the_delegation():
    here = ZoneState(
        records={"@/A": ("300", "192.0.2.1")}, nameservers=frozenset(HOSTS[:1])
    )
    there = ZoneState(
        records={"@/A": ("300", "192.0.2.2")}, nameservers=frozenset(HOSTS[2:])
    )
    state = RegistrationState(expires=NOW, nameservers=frozenset(HOSTS[1:]))
    found, want = adopted({REGISTRAR: state, HOST: here, OTHER: there})
    assert want.spec.dns.targets == ("dns2",)
    assert [left.what for left in found.left] == ["zone at dns"]
    found, want = adopted({HOST: here, OTHER: there})
    assert want.spec.dns.targets == ()
    assert [left.what for left in found.left] == ["zone at dns", "zone at dns2"]


def test_what_looks_like_a_secret_stays_out():
    records = {"@/TXT": ("300", "4111 1111 1111 1111"), "www/A": ("300", "192.0.2.1")}
    found, want = adopted({HOST: ZoneState(records=records)})
    assert [(left.what, left.why) for left in found.left] == [
        ("@/TXT", "looks like a payment card number")
    ]
    assert [record.name for record in want.spec.dns.records] == ["www"]
    assert want.spec.dns.ignore[-1] == "@"


def test_the_most_common_ttl_is_the_default():
    records = {f"r{n}/A": ("3600" if n else "60", "192.0.2.1") for n in range(4)}
    found, _ = adopted({HOST: ZoneState(records=records)})
    assert found.spec["dns"]["defaultTtl"] == "1h"
    assert [r.get("ttl") for r in found.spec["dns"]["records"]] == [
        "1m",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("foreign", [{}, {"www/A": "it is an alias"}])
def test_a_cname_beside_others_is_left(foreign):
    """No document can hold it, and beside what is foreign no plan may write it."""
    records = {"www/CNAME": ("300", "a.example."), "x/A": ("300", "192.0.2.1")}
    if not foreign:
        records["www/TXT"] = ("300", "text")
    found, want = adopted({HOST: ZoneState(records=records, foreign=foreign)})
    assert [r.name for r in want.spec.dns.records] == ["x"]
    assert "www" in want.spec.dns.ignore
    why = {left.what: left.why for left in found.left}
    assert why["www/CNAME"] == "a CNAME stands beside other records"


def test_no_time_to_live_is_a_time_too():
    records = {f"r{n}/A": ("300" if n else "0", "192.0.2.1") for n in range(3)}
    found, want = adopted({HOST: ZoneState(records=records)})
    assert found.left == ()
    assert zone.wanted(want.spec.dns) == records


@pytest.mark.parametrize("name", ["*", "a?b", "[x]", "*.[a-z]", "4111111111111111"])
def test_a_pattern_is_that_name_alone(name):
    pattern = pattern_of(name, refuse)
    assert fnmatchcase(name, pattern)
    assert not fnmatchcase("other", pattern)
    assert refuse(pattern) is None


def test_two_registrars_cannot_both_be_right():
    with pytest.raises(ValueError, match="both say"):
        Domain.provisional("a.example", [REGISTRAR, REGISTRAR._replace(provider="x")])


def test_a_name_that_is_only_served_is_watched():
    found, want = adopted({HOST: ZoneState(records={})})
    assert (want.spec.provider, want.spec.lifecycle) == ("none", "observe")
    assert found.notes == ("registered at none of the accounts: only watched",)
    assert isinstance(usual(), DomainSpec)


@pytest.mark.parametrize("days", [10, 200, 364])
def test_what_would_pay_within_a_year_is_found_today(days):
    """So that an import never writes it: a ceiling, and a renewal that comes due."""
    state = RegistrationState(
        expires=NOW + timedelta(days=days),
        auto_renew=True,
        nameservers=frozenset(HOSTS),
        renew_price=Money.model_validate("11.08 USD"),
    )
    spec = {"provider": "porkbun-main", "nameservers": list(HOSTS)}
    calm = {"metadata": {"name": "a.example"}, "spec": spec}
    renewal = {"mode": "reconciler", "maxPrice": "15.00 USD/year"}
    paying = {**calm, "spec": {**spec, "renewal": renewal}}
    have = {REGISTRAR: state}
    assert stirs(Domain.model_validate(calm), have, NOW) is None
    assert "renew" in stirs(Domain.model_validate(paying), have, NOW)
