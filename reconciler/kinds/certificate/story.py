"""The three states in three lines: what ``explain`` says of a certificate. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.kinds.certificate.serving import whole
from reconciler.kinds.certificate.state import (
    TLS,
    InstalledState,
    IssuanceState,
    TlsState,
    end,
)
from reconciler.model import Chapter, Have, Severity, Unknown

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

#: So much of a fingerprint tells one from the other.
SHORT = 8
_LOUD = frozenset({Severity.CRITICAL, Severity.ERROR})


def story(want: Certificate, have: Have, now: datetime) -> Iterator[Chapter]:
    """Yield one chapter for each state with something to say; whether it can wait."""
    if want.spec.mode != "observe":
        yield Chapter("issued", tuple(_issued(want, have)))
        if want.makings.places:
            yield Chapter("installed", tuple(_installed(want, have)))
    if TLS in have:
        yield Chapter("served", tuple(_served(have)))
        if want.spec.mode != "observe" and _amiss(want, have, now):
            yield Chapter("can wait", (_can_wait(want, have, now),))


def _amiss(want: Certificate, have: Have, now: datetime) -> bool:
    """Whether anything is to be done, or known that somebody should act on."""
    loud = any(one.severity in _LOUD for one in want.findings(have, now))
    return loud or any(True for _ in want.diff(have, now))


def _can_wait(want: Certificate, have: Have, now: datetime) -> str:
    """Say until when no visitor meets anything of what is amiss."""
    state = have.get(TLS)
    if not isinstance(state, TlsState):
        return "nobody knows: nobody has looked at what is served"
    issued = want.issued(have)
    revoked = isinstance(issued, IssuanceState) and issued.revoked and issued.kept
    for one in state.served:
        at = f"{one.name} at {one.address}"
        if one.not_after is None or one.not_after <= now:
            return f"no: visitors of {at} get nothing that is good"
        if not (one.matches and one.trusted):
            return f"no: visitors of {at} are warned by their browsers"
        if revoked and one.fingerprint == revoked.fingerprint:
            return f"no: what {at} serves was revoked"
    first = min(whole(state), key=end, default=None)
    if first is None:
        return "nobody knows: nothing is served anywhere"
    until = end(first)
    return f"until {until:%Y-%m-%d %H:%M}: all that is served is good until then"


def _issued(want: Certificate, have: Have) -> Iterator[str]:
    match want.issued(have):
        case IssuanceState(kept=kept) as state if kept is not None:
            until = f"{kept.not_after:%Y-%m-%d}"
            said = f"{kept.fingerprint[:SHORT]} to {until}, signed by {kept.issuer}"
            yield said if kept.wrong is None else f"{said}: {kept.wrong}"
            if state.revoked:
                yield f"revoked {state.revoked:%Y-%m-%d %H:%M}"
            if state.trouble:
                yield f"its authority: {state.trouble}"
        case IssuanceState(began=began):
            yield f"an order is open since {began:%Y-%m-%d %H:%M}" if began else "never"
        case Unknown(why=why):
            yield f"unknown: {why}"
        case None:
            yield "by its own server" if want.spec.mode == "provider" else "nowhere"


def _installed(want: Certificate, have: Have) -> Iterator[str]:
    for place in want.makings.places:
        state = have.get(place.share)
        if isinstance(state, Unknown):
            yield f"{place.mark}: unknown: {state.why}"
            continue
        sites = state.sites if isinstance(state, InstalledState) else {}
        site = sites.get(place.mark)
        if site is None or site.fingerprint is None:
            yield f"{place.mark}: {(site and site.trouble) or 'nothing'}"
            continue
        until = f" to {site.not_after:%Y-%m-%d}" if site.not_after else ""
        by = f", renewed by {site.renews}" if site.renews else ""
        yield f"{place.mark}: {site.fingerprint[:SHORT]}{until}{by}"


def _served(have: Have) -> Iterator[str]:
    state = have.get(TLS)
    if not isinstance(state, TlsState):
        yield "nobody has looked yet"
        return
    for one in state.served:
        if one.problem:
            yield f"{one.name} at {one.address}: {one.problem}"
    for one in whole(state):
        mark = (one.fingerprint or "?")[:SHORT]
        yield f"{one.name} at {one.address}: {mark} to {end(one):%Y-%m-%d}"
