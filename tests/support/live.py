"""Random live domains: registrations as registrars show them, zones with oddities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from reconciler.kinds.domain import DNS, REGISTRATION, RegistrationState, ZoneState
from reconciler.model import Money, Share
from reconciler.model.record import canonical

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
REGISTRAR = Share("porkbun-main", REGISTRATION)
HOST = Share("dns", DNS)
OTHER = Share("dns2", DNS)
HOSTS = ("ns1.host.example", "ns2.host.example", "ns3.host.example")

FLAG = st.sampled_from([True, False, None])
NAMES = st.sampled_from(
    ["@", "www", "*", "*.wild", "_sip._tcp", "a.b.c", "xn--bcher-kva", "_acme-challenge",
     "mail._domainkey", "_dmarc", "0/25", "under_score", "4111111111111111", "old"]
)  # fmt: skip
TTLS = st.sampled_from(
    [0, 1, 60, 300, 300, 300, 3600, 86400, 90061, 1_000_001, 2**31 - 1]
)
TEXT = st.one_of(
    st.text(st.sampled_from("ab \"\\;,'#:{}[]é€\x7f"), min_size=1, max_size=12),
    st.text(st.sampled_from('xé"\\; '), min_size=250, max_size=520),
    st.sampled_from(["v=spf1 -all", "heritage=external-dns,external-dns/owner=k8s",
                     "card 4111 1111 1111 1111", "yes", "0x1f", "a: b", " lead", ""]),
)  # fmt: skip
VALUES: dict[str, st.SearchStrategy[str]] = {
    "A": st.ip_addresses(v=4).map(str),
    "AAAA": st.ip_addresses(v=6).map(str),
    "CNAME": st.sampled_from(["a.example.", "b_c.example.", "."]),
    "MX": st.sampled_from(["0 .", "10 mx.example.net.", "20 mx2.example.net."]),
    "SRV": st.sampled_from(["1 2 3 .", "1 2 443 sip.example.net."]),
    "CAA": st.sampled_from(['0 issue ";"', '128 iodef "mailto:a@b.c"']),
    "TXT": TEXT.filter(bool),
    "NS": st.sampled_from(["ns.example.net.", "ns.example.org."]),
    "DS": st.just("1 8 2 " + "ab" * 32),
}


@st.composite
def zones(draw: Any) -> ZoneState:
    """A zone: any record at any name, some of them foreign."""
    keys = draw(
        st.lists(
            st.tuples(NAMES, st.sampled_from(sorted(VALUES))), max_size=7, unique=True
        )
    )
    records, foreign = {}, {}
    for name, rtype in keys:
        key = f"{name}/{rtype}"
        most = 1 if rtype == "CNAME" else 3
        said = draw(st.lists(VALUES[rtype], min_size=1, max_size=most, unique=True))
        fate = draw(st.sampled_from(["plain", "plain", "plain", "refused", "unread"]))
        if fate != "plain":
            foreign[key] = f"it is {fate}"
        if fate != "unread":
            values = sorted({canonical(rtype, value) for value in said})
            records[key] = (str(draw(TTLS)), *values)
    hosts = draw(st.sampled_from([(), HOSTS[:2], HOSTS[1:]]))
    return ZoneState(records=records, nameservers=frozenset(hosts), foreign=foreign)


@st.composite
def registrations(draw: Any) -> RegistrationState:
    """A registration with any flags, near to its end or far from it."""
    days = draw(st.sampled_from([-4, 3, 15, 41, 200, 340]))
    hosts = draw(st.sampled_from([None, (), HOSTS[:1], HOSTS[:2], HOSTS[1:], HOSTS]))
    return RegistrationState(
        expires=NOW + timedelta(days=days),
        auto_renew=draw(FLAG),
        locked=draw(FLAG),
        privacy=draw(FLAG),
        nameservers=None if hosts is None else frozenset(hosts),
        renew_price=Money.model_validate("11.08 USD"),
    )


@st.composite
def worlds(draw: Any) -> dict[Share, Any]:
    """What the accounts have of one name: at least one of them has something."""
    have: dict[Share, Any] = {}
    if draw(st.booleans()):
        have[REGISTRAR] = draw(registrations())
    if draw(st.booleans()) or not have:
        have[HOST] = draw(zones())
    if HOST in have and draw(st.booleans()):
        same = draw(st.booleans())
        have[OTHER] = have[HOST] if same else draw(zones())
    return have
