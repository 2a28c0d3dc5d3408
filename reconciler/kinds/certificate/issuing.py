"""
Whether its issuers would sign it, as far as the DNS tells before anybody asks. Pure.

Authorities have to look at CAA (RFC 8659) and, since March 2026, to validate DNSSEC
(CA/Browser Forum, ballot SC-085): what they would refuse is said in the plan, with the
record to add, while the certificate that is served is still good. It is a look, so that
it advises and never holds an order back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import AwareDatetime

from reconciler.kinds.certificate.surface import SURFACE, SurfaceState
from reconciler.model import (
    PUBLIC,
    Authority,
    Finding,
    Frozen,
    Have,
    Severity,
    Share,
    State,
    caa,
)

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

#: Whoever reads in the DNS what an authority reads there.
ISSUING: Final = Share(PUBLIC, "issuing")


class Rules(Frozen):
    """
    The CAA records in force for one name.

    Attributes:
        at: The name that has them; the name itself where there are none.
        rows: In zone-file notation.
    """

    at: str
    rows: tuple[str, ...] = ()


class IssuingState(State):
    """
    What an authority will find in the DNS.

    Attributes:
        hindered: Whether they forbade an issuer when they were looked at.
        rules: Name, as the certificate has it -> its CAA records.
        bogus: Zone -> why resolvers that validate refuse it.
        unknown: Name or zone -> why it cannot be read; an authority refuses then too.
    """

    seen: AwareDatetime
    hindered: bool = False
    rules: Mapping[str, Rules] = {}
    bogus: Mapping[str, str] = {}
    unknown: Mapping[str, str] = {}


def refusals(want: Certificate, have: Have, now: datetime) -> Iterator[Finding]:
    """Yield what an issuer would refuse, and how to mend it."""
    del now
    state = have.get(ISSUING)
    if not isinstance(state, IssuingState):
        return
    yield from _caa(want, state)
    scanned = have.get(SURFACE)
    known = {
        site.name
        for site in (scanned.sites if isinstance(scanned, SurfaceState) else ())
        if site.bogus is not None
    }
    for zone, why in sorted(state.bogus.items()):
        if any(name == zone or name.endswith(f".{zone}") for name in known):
            continue  # the scan of the surface says it
        message = (
            f"{zone}: authorities validate DNSSEC and refuse it: {why}; sign the zone "
            "anew, or take its DS out of the parent"
        )
        code, where = "issuing-dnssec-bogus", "spec.names"
        yield want.found(code, Severity.ERROR, message, where, about=zone)
    for name, why in sorted(state.unknown.items()):
        message = f"{name}: its CAA records cannot be read, an authority refuses: {why}"
        code, where = "issuing-dns-unreadable", "spec.names"
        yield want.found(code, Severity.WARNING, message, where, about=name)


def hindered(want: Certificate, rules: Mapping[str, Rules]) -> bool:
    """Say whether some issuer would refuse some name."""
    return any(True for _ in _refused(want, rules))


class _Refusal(NamedTuple):
    issuer: Authority
    name: str
    at: str
    why: str
    remedy: str


def _refused(want: Certificate, found: Mapping[str, Rules]) -> Iterator[_Refusal]:
    """Yield each name that an issuer would not sign; one without CAA names may be."""
    for issuer in want.makings.authorities:
        names = frozenset(one.lower() for one in issuer.caa)
        for name, rules in sorted(found.items()) if names else ():
            wild = name.startswith("*.")
            asked = caa.Asked(names, wild=wild, method=want.spec.challenge)
            known = caa.entries(rules.rows)
            why = caa.forbids(known, asked)
            if why is not None:
                remedy = caa.remedy(known, asked)
                yield _Refusal(issuer, name, rules.at, why, remedy)


def _caa(want: Certificate, state: IssuingState) -> Iterator[Finding]:
    """
    Yield what each issuer would refuse; worst of the first.

    Nobody takes over where the fault is ours: the order fails until it is mended.
    """
    told: dict[tuple[str, str, str, str], list[str]] = {}
    for one in _refused(want, state.rules):
        key = (one.issuer.name, one.at, one.why, one.remedy)
        told.setdefault(key, []).append(one.name)
    for (issuer, at, why, remedy), names in told.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        message = (
            f"{issuer} would refuse {names[0]}{others}: {why} (CAA at {at}); "
            f"add there: {remedy}"
        )
        first = issuer == want.makings.authorities[0].name
        severity = Severity.ERROR if first else Severity.WARNING
        where, about = "spec.issuers", f"{issuer}/{at}"
        yield want.found("caa-forbids", severity, message, where, about=about)
