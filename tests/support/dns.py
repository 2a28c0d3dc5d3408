"""What the tests of every DNS driver need: accounts, domains, random records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from reconciler.kinds.domain import Domain, DomainChange, ZoneState
from reconciler.kinds.domain.zone import create, diff
from reconciler.model import Account, Share


class MemoryCache(dict[str, Any]):
    """A cache that forgets nothing by itself."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, default)

    def put(self, key: str, value: Any, until: datetime) -> None:
        self[key] = value


def now() -> datetime:
    return datetime.now(UTC)


def account(
    name: str,
    endpoint: str,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime] = now,
    sleep: Callable[[float], None] = time.sleep,
    cache: MemoryCache | None = None,
    identity: str | None = None,
) -> Account:
    kept = cache if cache is not None else MemoryCache()
    return Account(name, endpoint, identity, dict(secrets), clock, sleep, kept)


def domain(
    name: str,
    target: str,
    records: Iterable[Mapping[str, Any]],
    nameservers: tuple[str, ...] = ("ns1.host.example", "ns2.host.example"),
    **dns: Any,
) -> Domain:
    return Domain.model_validate(
        {
            "metadata": {"name": name},
            "spec": {
                "provider": "registrar",
                "nameservers": list(nameservers),
                "dns": {"targets": [target], "records": list(records), **dns},
            },
        }
    )


def made(want: Domain, target: str) -> DomainChange:
    """The change that makes the zone."""
    (change,) = create(want.spec.dns, Share(target, "dns"))
    return change


def changes(want: Domain, target: str, live: Any) -> list[DomainChange]:
    assert isinstance(live, ZoneState), live
    return list(diff(want.spec.dns, Share(target, "dns"), live))


EVERY_TYPE: tuple[dict[str, Any], ...] = (
    {"name": "@", "type": "A", "values": ["192.0.2.2", "192.0.2.1"]},
    {"name": "@", "type": "AAAA", "value": "2001:DB8:0:0::1"},
    {"name": "@", "type": "MX", "values": ["10 mx.example.net.", "0 ."]},
    {"name": "@", "type": "CAA", "values": ['0 issue ";"', '128 iodef "mailto:a@b.c"']},
    {"name": "@", "type": "TXT", "values": ["v=spf1 a; -all", 'q"u\\o"', "é" * 300]},
    {"name": "*.wild", "type": "CNAME", "value": "Target.example.NET."},
    {"name": "_sip._tcp", "type": "SRV", "value": "1 2 3 ."},
    {"name": "sub", "type": "NS", "values": ["ns.example.net.", "ns.example.org."]},
    {"name": "sub", "type": "DS", "value": "1 8 2 " + "AB" * 32},
    {"name": "n", "type": "NAPTR", "value": '100 10 U E2U+sip "!^.*$!sip:x@y!" .'},
    {"name": "ptr", "type": "PTR", "value": "host.example.net."},
    {"name": "bücher", "type": "A", "value": "192.0.2.3"},
)

_LABEL = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
_HOST = st.builds(lambda a, b: f"{a}.{b}.", _LABEL, _LABEL)
_SMALL = st.integers(0, 65535)
_TEXT = st.one_of(
    st.text(st.sampled_from("ab \"\\;,()@$'=%é€😀\x7f"), min_size=1, max_size=12),
    st.text(
        st.characters(min_codepoint=32, exclude_categories=("Cs",)),
        min_size=1,
        max_size=20,
    ),
    st.text(st.sampled_from('xé"\\; '), min_size=250, max_size=520),
)
_VALUES: dict[str, st.SearchStrategy[str]] = {
    "A": st.ip_addresses(v=4).map(str),
    "AAAA": st.ip_addresses(v=6).map(str),
    "CNAME": _HOST,
    "MX": st.builds("{} {}".format, _SMALL, _HOST),
    "SRV": st.builds("{} {} {} {}".format, _SMALL, _SMALL, _SMALL, _HOST),
    "TXT": _TEXT,
    "CAA": st.builds(
        '{} {} "{}"'.format,
        st.sampled_from([0, 128]),
        st.sampled_from(["issue", "issuewild", "iodef"]),
        st.from_regex(r"[a-z0-9.:@;= -]{1,30}", fullmatch=True).map(str.strip),
    ),
}


@st.composite
def record_sets(draw: Any) -> list[dict[str, Any]]:
    """Some sound records of one zone, no two of one name."""
    names = draw(st.lists(_LABEL, min_size=1, max_size=6, unique=True))
    found = []
    for name in names:
        rtype = draw(st.sampled_from(sorted(_VALUES)))
        most = 1 if rtype == "CNAME" else 3
        values = draw(st.lists(_VALUES[rtype], min_size=1, max_size=most, unique=True))
        prefix = "_s._tcp." if rtype == "SRV" else draw(st.sampled_from(["", "*."]))
        ttl = draw(st.sampled_from(["60s", "5m", "1h"]))
        found.append(
            {"name": prefix + name, "type": rtype, "values": values, "ttl": ttl}
        )
    return found
