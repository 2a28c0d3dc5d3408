"""
The way from issued over installed to served: what is missing on it now. Pure.

Each state is looked at by itself, and each difference has its own verb: what is not
issued is ordered; what is issued and not installed is installed, whoever issued it and
whenever; what is installed and not served is reloaded. None of them waits for another
one to be due.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from reconciler.kinds.certificate.changes import (
    MISPLACED,
    NEXT,
    Changes,
    Check,
    Install,
    Issue,
    Reload,
    Renew,
)
from reconciler.kinds.certificate.memory import refused
from reconciler.kinds.certificate.ordering import next_order
from reconciler.kinds.certificate.serving import broken_chain, whole
from reconciler.kinds.certificate.state import (
    TLS,
    InstalledState,
    IssuanceState,
    Kept,
    Site,
    TlsState,
)
from reconciler.model import FieldChange, Have, Place
from reconciler.model.names import covered

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

#: A place is told again to serve what it has, or to renew, so much later.
AGAIN: Final = timedelta(hours=6)
_DAILY: Final = timedelta(hours=20)
_SOON: Final = timedelta(hours=1)
_SHORT: Final = 8
#: The family of places that serve by themselves what they have.
_SERVES: Final = "install"


def steps(want: Certificate, have: Have, now: datetime) -> Iterator[Changes]:
    """Yield what has to be done now, or not before a time that is known."""
    mode = want.spec.mode
    if mode == "provider":
        yield from _checks(want, have, now)
        return
    issued = want.issued(have) if mode != "observe" else None
    if not isinstance(issued, IssuanceState):
        return
    order = next_order(want, issued, have, now) if mode == "acme" else None
    if order is not None:
        yield order
    soon = order is not None and (order.not_before is None or order.not_before <= now)
    for place in want.makings.places:
        state = have.get(place.share)
        if isinstance(state, InstalledState):
            site = state.sites.get(place.mark, Site())
            placed = [*_placed(want, place, site, issued, order if soon else None, now)]
            yield from placed or _chained(want, have, place, site, issued, now)
    yield from _reloads(want, have, issued, now)


def usable(issued: IssuanceState, now: datetime) -> Kept | None:
    """Return what is kept, where it may be installed at all."""
    kept = issued.kept
    if kept is None or kept.wrong or issued.revoked or kept.not_after <= now:
        return None
    return kept


def _placed(
    want: Certificate,
    place: Place,
    site: Site,
    issued: IssuanceState,
    order: Issue | Renew | None,
    now: datetime,
) -> Iterator[Install]:
    """Yield what puts the right one at *place*, if it is not there."""
    if not site.reads:
        return
    kept = usable(issued, now)
    if kept is not None and site.fingerprint != kept.fingerprint:
        yield _install(place, site, kept.fingerprint, kept, want)
    elif order is not None:
        yield _install(place, site, NEXT, kept, want, order)


def _install(
    place: Place,
    site: Site,
    fingerprint: str,
    kept: Kept | None,
    want: Certificate,
    order: Issue | Renew | None = None,
) -> Install:
    before = site.fingerprint[:_SHORT] if site.fingerprint else None
    after = fingerprint if order else fingerprint[:_SHORT]
    because = "what is issued is not installed there"
    if order is not None:
        because = f"follows the {order.verb}"
    return Install(
        share=place.share,
        fields=(FieldChange(field=f"deploy {place.mark}", before=before, after=after),),
        because=because,
        generation=_need(want, place, order.generation if order else fingerprint),
        hold=None if order else _stands_in_the_way(want, place, site, kept),
        due=kept.not_after if kept else None,
        waits_for=(order.verb,) if order else (),
        details={
            "mark": place.mark,
            "fingerprint": fingerprint,
            "names": list(want.spec.names),
        },
    )


def _chained(
    want: Certificate,
    have: Have,
    place: Place,
    site: Site,
    issued: IssuanceState,
    now: datetime,
) -> Iterator[Install]:
    """Yield what puts the right one at *place* again, with who signed it this time."""
    kept, seen = usable(issued, now), have.get(TLS)
    if kept is None or not isinstance(seen, TlsState) or place.family != _SERVES:
        return
    broken = broken_chain(seen, kept)
    if not broken or site.fingerprint != kept.fingerprint or not site.reads:
        return
    last = last_time(want, f"installed/{place.mark}")
    again = last + _SOON if last is not None else now
    yield Install(
        share=place.share,
        fields=(
            FieldChange(
                field=f"chain {place.mark}",
                before=(broken[0].chain or "")[:_SHORT],
                after=(kept.chain or "")[:_SHORT],
            ),
        ),
        because=f"{broken[0].address} serves it with another chain",
        generation=_need(want, place, kept.fingerprint),
        due=now,
        not_before=again if again > now else None,
        details={
            "mark": place.mark,
            "fingerprint": kept.fingerprint,
            "names": list(want.spec.names),
            "chain": kept.chain,
        },
    )


def _need(want: Certificate, place: Place, generation: str) -> str:
    """
    Return which need an installation meets.

    What was installed, and replaced by somebody since, is another need: the records
    must not say that it was met.
    """
    said = want.recorded.get(f"installed/{place.mark}")
    last = str(said.get("at")) if isinstance(said, dict) else ""
    return "/".join(part for part in (generation, place.mark, last) if part)


def was_ours(want: Certificate, mark: str, fingerprint: str | None) -> bool:
    """Whether *fingerprint* is what we put at the place *mark* last."""
    said = want.recorded.get(f"installed/{mark}")
    return isinstance(said, dict) and said.get("fingerprint") == fingerprint


def _stands_in_the_way(
    want: Certificate, place: Place, site: Site, kept: Kept | None
) -> str | None:
    """Say why a person should look before what is at *place* is replaced."""
    if refused(want.recorded, place.mark) == MISPLACED:
        return f"{place.target} took it, and put it at another site: look there first"
    if site.fingerprint is None or kept is None:
        return None
    if was_ours(want, place.mark, site.fingerprint):
        return None
    if site.opaque and site.fingerprint != kept.fingerprint:
        return f"{place.target} does not tell when what is installed there ends"
    if site.not_after and site.not_after > kept.not_after:
        who = f" ({site.renews} renews it there)" if site.renews else ""
        return f"what is installed at {place.target} ends later than ours{who}"
    bare = [name for name in site.names if not covered(name, want.spec.names)]
    if bare and f"installed/{place.mark}" not in want.recorded:
        return f"{place.target} also answers to {bare[0]}, which ours is not good for"
    return None


def _reloads(
    want: Certificate, have: Have, issued: IssuanceState, now: datetime
) -> Iterator[Reload]:
    """Yield a reload of every place that has the right one, if some address has not."""
    kept, seen = usable(issued, now), have.get(TLS)
    if kept is None or not isinstance(seen, TlsState):
        return
    others = [s for s in whole(seen) if s.fingerprint != kept.fingerprint]
    if not others:
        return
    for place in want.makings.places:
        state = have.get(place.share)
        site = (
            state.sites.get(place.mark) if isinstance(state, InstalledState) else None
        )
        if site is None or place.family != _SERVES:
            continue
        if site.fingerprint != kept.fingerprint or not _rested(
            want, f"reloaded/{place.mark}", AGAIN, now
        ):
            continue
        field = f"served {place.mark}"
        before = (others[0].fingerprint or "")[:_SHORT]
        yield Reload(
            share=place.share,
            fields=(
                FieldChange(
                    field=field, before=before, after=kept.fingerprint[:_SHORT]
                ),
            ),
            because=f"{others[0].address} still serves another one",
            due=others[0].not_after,
            details={"mark": place.mark, "fingerprint": kept.fingerprint},
        )


def _checks(want: Certificate, have: Have, now: datetime) -> Iterator[Check]:
    """Yield what wakes a place up that should have renewed by itself."""
    late = max(want.spec.warn_at, default=timedelta(0)) / 2
    for place in want.makings.places:
        state = have.get(place.share)
        site = (
            state.sites.get(place.mark) if isinstance(state, InstalledState) else None
        )
        if site is None or not site.reads or place.family != _SERVES:
            continue
        near = site.not_after is None or site.not_after - now <= late
        if not near or not _rested(want, f"checked/{place.mark}", _DAILY, now):
            continue
        until = f"{site.not_after:%Y-%m-%d}" if site.not_after else None
        yield Check(
            share=place.share,
            fields=(
                FieldChange(
                    field=f"deploy {place.mark}", before=until, after="renewed"
                ),
            ),
            because="its own renewal is late",
            due=site.not_after,
            details={"mark": place.mark},
        )


def _rested(want: Certificate, fact: str, pause: timedelta, now: datetime) -> bool:
    """Whether it is long ago that the same was done."""
    last = last_time(want, fact)
    return last is None or now - last >= pause


def last_time(want: Certificate, fact: str) -> datetime | None:
    """Return when the same was done last."""
    said = want.recorded.get(fact)
    at = said.get("at") if isinstance(said, dict) else None
    return None if at is None else datetime.fromisoformat(str(at))


def done(want: Certificate, change: Changes, have: Have) -> bool | None:
    """Say whether *have* shows that *change* took effect; None if it cannot tell."""
    issued = want.issued(have)
    kept = issued.kept if isinstance(issued, IssuanceState) else None
    if isinstance(change, (Issue, Renew)):
        if not isinstance(issued, IssuanceState):
            return None
        return kept is not None and fresh(change, kept)
    state = have.get(change.share)
    mark = str(change.details.get("mark"))
    site = state.sites.get(mark) if isinstance(state, InstalledState) else None
    if site is None:
        return None
    if isinstance(change, Install):
        asked = str(change.details.get("fingerprint"))
        wanted = kept.fingerprint if asked == NEXT and kept else asked
        if "chain" in change.details and kept is not None:
            seen = have.get(TLS)
            return (
                None if not isinstance(seen, TlsState) else not broken_chain(seen, kept)
            )
        return site.fingerprint == wanted
    if isinstance(change, Reload):
        return _everywhere(str(change.details.get("fingerprint")), have)
    return None


def fresh(change: Issue | Renew, kept: Kept) -> bool:
    """Whether *kept* is what *change* was to bring, and not what was there before."""
    names = change.details.get("names")
    same = isinstance(names, list) and sorted(map(str, names)) == sorted(kept.names)
    return same and kept.serial != change.details.get("serial")


def _everywhere(fingerprint: str, have: Have) -> bool | None:
    seen = have.get(TLS)
    if not isinstance(seen, TlsState):
        return None
    return all(one.fingerprint == fingerprint for one in whole(seen))
