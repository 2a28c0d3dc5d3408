"""What should be known about a certificate, beside what is done about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from reconciler.kinds.certificate.changes import MISPLACED
from reconciler.kinds.certificate.failures import failures
from reconciler.kinds.certificate.memory import lost, refused
from reconciler.kinds.certificate.renewal import part, reserve
from reconciler.kinds.certificate.serving import (
    CRITICAL,
    ERROR,
    broken_chain,
    left_text,
    serving,
    whole,
)
from reconciler.kinds.certificate.slack import weaknesses
from reconciler.kinds.certificate.state import (
    TLS,
    InstalledState,
    IssuanceState,
    Kept,
    Site,
    TlsState,
)
from reconciler.kinds.certificate.steps import last_time, usable, was_ours
from reconciler.model import Finding, Have, Place, Severity, Unknown, duration_text

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

#: How far apart runs are, as far as can be expected.
RUNS: Final = timedelta(hours=6)
#: A renewal is late when so much of the time that was left at it is gone.
_LATE: Final = Decimal("0.8")


def findings(want: Certificate, have: Have, now: datetime) -> Iterator[Finding]:
    """Yield everything that a person should know."""
    issued = want.issued(have)
    if isinstance(issued, IssuanceState):
        yield from _issued(want, issued, now)
        yield from _places(want, have, issued, now)
    elif want.spec.mode == "provider":
        yield from _own_renewals(want, have)
    kept = issued.kept if isinstance(issued, IssuanceState) else None
    match have.get(TLS):
        case TlsState() as state:
            yield from serving(want, state, _warnings(want, kept), now)
            if isinstance(issued, IssuanceState):
                yield from _not_served(want, have, issued, state, now)
        case Unknown(later=True):
            yield want.found("not-looked-at-yet", Severity.INFO, "is not looked at yet")
        case None if want.spec.mode == "observe":
            message = "nothing looks at what is served"
            yield want.found("watched-only", Severity.INFO, message)
        case None:
            message = "nothing looks at what is served: it may be another one"
            yield want.found("tls-not-seen", Severity.WARNING, message)
        case _:
            pass


def _warnings(want: Certificate, kept: Kept | None) -> Sequence[timedelta]:
    """Return when to warn of an end: of what renews itself, only once that is late."""
    if want.spec.mode != "acme" or kept is None:
        return want.spec.warn_at
    renewal = want.spec.renewal
    late = part(kept.life, reserve(kept.life, renewal) * _LATE)
    found = [early for early in want.spec.warn_at if early < late]
    return found or [part(kept.life, renewal.emergency)]


def _issued(
    want: Certificate, issued: IssuanceState, now: datetime
) -> Iterator[Finding]:
    kept = issued.kept
    if issued.revoked is not None:
        message = f"was revoked on {issued.revoked:%Y-%m-%d %H:%M}"
        yield want.found("certificate-revoked", Severity.CRITICAL, message)
    if kept is not None and kept.wrong:
        message = f"what is kept cannot be used: {kept.wrong}"
        yield want.found("certificate-unusable", Severity.CRITICAL, message, "spec.key")
    gone = lost(want, issued, now)
    if gone is not None:
        message = f"its key store has lost {gone.fingerprint[:8]}, which was issued"
        yield want.found("key-lost", Severity.ERROR, message, "spec.key.store")
    if issued.trouble:
        message = f"its authority cannot be asked: {issued.trouble}"
        where = "spec.issuers"
        yield want.found("issuer-unreachable", Severity.WARNING, message, where)
    if want.spec.mode == "acme":
        yield from failures(want)
        yield from _tight(want, kept)
    elif kept is not None:
        yield from _bought(want, kept, now)
    if not want.makings.places:
        message = "is installed nowhere: name its places in deploy"
        code, where = "certificate-without-place", "spec.deploy"
        yield want.found(code, Severity.WARNING, message, where)


def _tight(want: Certificate, kept: Kept | None) -> Iterator[Finding]:
    """Yield where one accident would be too many."""
    if kept is None:
        return
    many = len(want.spec.issuers)
    for one in weaknesses(kept.life, want.spec.renewal, RUNS, many):
        yield want.found(one.code, Severity.WARNING, one.message, one.field)


def _bought(want: Certificate, kept: Kept, now: datetime) -> Iterator[Finding]:
    left = kept.not_after - now
    reached = [early for early in want.spec.warn_at if left <= early]
    if left <= timedelta(0) or reached:
        severity = Severity.WARNING
        if left <= ERROR:
            severity = Severity.CRITICAL if left <= CRITICAL else Severity.ERROR
        lead = duration_text(min(reached)) if left > timedelta(0) else "over"
        message = f"what was bought {left_text(left)}: buy another one"
        code, where = "bought-certificate-ends", "spec.bought"
        yield want.found(code, severity, message, where, f"bought/{lead}")


def _places(
    want: Certificate, have: Have, issued: IssuanceState, now: datetime
) -> Iterator[Finding]:
    kept = usable(issued, now)
    for place in want.makings.places:
        state = have.get(place.share)
        site = (
            state.sites.get(place.mark) if isinstance(state, InstalledState) else None
        )
        if site is None:
            continue
        where = "spec.deploy"
        if not site.reads:
            message = f"{place.target} cannot be read: {site.trouble}"
            yield want.found("place-unreadable", Severity.ERROR, message, where)
            continue
        if site.trouble:
            message = f"{place.target}: {site.trouble}"
            yield want.found("place-in-trouble", Severity.WARNING, message, where)
        if site.renews:
            message = (
                f"{site.renews} renews a certificate of its own at {place.target}: "
                "two cannot both be served; exclude the names there, or use "
                "mode: provider"
            )
            yield want.found("two-renew", Severity.WARNING, message, where)
        if kept and site.fingerprint != kept.fingerprint:
            yield _missing(want, place, site, kept)


def _missing(want: Certificate, place: Place, site: Site, kept: Kept) -> Finding:
    """Return why a place does not have what was issued, as far as is known."""
    where, mark = "spec.deploy", kept.fingerprint[:8]
    why = refused(want.recorded, place.mark)
    if why == MISPLACED:
        message = f"{place.target} put {mark} at another site than its own"
        return want.found("installed-elsewhere", Severity.ERROR, message, where)
    if why is not None:
        message = f"{mark} was issued, and {place.target} did not take it"
        return want.found("not-installed", Severity.ERROR, message, where)
    ours = f"installed/{place.mark}" in want.recorded
    if ours and site.fingerprint and not was_ours(want, place.mark, site.fingerprint):
        message = f"what we installed at {place.target} was replaced by another one"
        return want.found("installation-replaced", Severity.ERROR, message, where)
    message = f"{mark} was issued, and is not installed at {place.target} yet"
    return want.found("not-installed", Severity.WARNING, message, where)


def _own_renewals(want: Certificate, have: Have) -> Iterator[Finding]:
    for place in want.makings.places:
        state = have.get(place.share)
        site = (
            state.sites.get(place.mark) if isinstance(state, InstalledState) else None
        )
        if site is None:
            continue
        where = "spec.deploy"
        if site.trouble:
            message = f"{place.target}: {site.trouble}"
            yield want.found("own-renewal-fails", Severity.ERROR, message, where)
        elif site.renews is None:
            message = f"{place.target} does not renew it by itself: nobody does"
            yield want.found("nobody-renews", Severity.ERROR, message, where)


def _chains(want: Certificate, kept: Kept, seen: TlsState) -> Iterator[Finding]:
    """Yield each address that serves the right one after somebody else's chain."""
    for one in broken_chain(seen, kept):
        message = (
            f"{one.address} serves {kept.fingerprint[:8]} for {one.name} with another "
            "chain than it was issued with: browsers cannot follow it"
        )
        yield want.found("chain-not-served", Severity.CRITICAL, message, "spec.deploy")


def _not_served(
    want: Certificate,
    have: Have,
    issued: IssuanceState,
    seen: TlsState,
    now: datetime,
) -> Iterator[Finding]:
    """Yield each address that serves another one than all places have."""
    kept = usable(issued, now)
    if kept is None or not want.makings.places:
        return
    yield from _chains(want, kept, seen)
    for place in want.makings.places:
        state = have.get(place.share)
        site = (
            state.sites.get(place.mark) if isinstance(state, InstalledState) else None
        )
        if site is None or site.fingerprint != kept.fingerprint:
            return  # it is not installed everywhere: that comes first
    helps = "" if _may_help(want, seen) else "; to load it again did not help"
    for one in whole(seen):
        if one.fingerprint != kept.fingerprint:
            mark = (one.fingerprint or "?")[:8]
            message = (
                f"{one.address} serves {mark} for {one.name}, and "
                f"{kept.fingerprint[:8]} is installed{helps}"
            )
            yield want.found("not-served", Severity.ERROR, message, "spec.deploy")


def _may_help(want: Certificate, seen: TlsState) -> bool:
    """Whether some place was not told to load it again before *seen* was looked at."""
    for place in want.makings.places:
        last = last_time(want, f"reloaded/{place.mark}")
        placed = last_time(want, f"installed/{place.mark}")
        if last is None or last > seen.seen or (placed is not None and placed > last):
            return True
    return False
