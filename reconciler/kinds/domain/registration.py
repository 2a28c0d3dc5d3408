"""A registration: flags, delegation and renewal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reconciler.kinds.domain.changes import (
    AutoRenew,
    Delegate,
    DomainChange,
    Lock,
    Privacy,
    Renew,
)
from reconciler.kinds.domain.spec import DomainSpec
from reconciler.kinds.domain.state import Phase, RegistrationState
from reconciler.model import FieldChange, Money, OnDrift, Severity, Share
from reconciler.model.resource import By

Note = tuple[str, Severity, str, str]

#: A registry may count a term in days and in its own time zone.
SLACK = timedelta(days=3)
_LOST = {Phase.REDEMPTION, Phase.PENDING_DELETE, Phase.TRANSFERRED}


def diff(
    spec: DomainSpec,
    share: Share,
    state: RegistrationState,
    nameservers: frozenset[str] | None,
    now: datetime,
) -> Iterator[DomainChange]:
    """Yield what has to happen at the registrar."""
    if state.phase in _LOST:
        return
    yield from _flags(spec, share, state)
    if (
        nameservers
        and state.nameservers is not None
        and nameservers != state.nameservers
    ):
        yield Delegate(
            share=share,
            fields=(
                FieldChange(
                    field="spec.nameservers",
                    before=tuple(sorted(state.nameservers)),
                    after=tuple(sorted(nameservers)),
                    on_drift=OnDrift.HOLD,
                ),
            ),
            because="the registrar lists other nameservers",
            waits_for=("records",),
        )
    yield from _renewal(spec, share, state, now)


def _flags(
    spec: DomainSpec, share: Share, state: RegistrationState
) -> Iterator[DomainChange]:
    if state.locked is not None and state.locked != spec.transfer_lock:
        yield Lock(
            share=share,
            fields=(_flag("spec.transferLock", state.locked, spec.transfer_lock),),
            because=f"the transfer lock is {_on(state.locked)}",
        )
    if state.privacy is not None and state.privacy != spec.privacy:
        yield Privacy(
            share=share,
            fields=(_flag("spec.privacy", state.privacy, spec.privacy),),
            because=f"privacy is {_on(state.privacy)}",
        )
    wanted = wanted_auto_renew(spec)
    if wanted is not None and state.auto_renew not in {None, wanted}:
        yield AutoRenew(
            share=share,
            fields=(_flag(_mode_field(spec), not wanted, wanted),),
            because=f"auto-renewal is {_on(not wanted)} at the registrar",
            due=state.expires,
        )


def wanted_auto_renew(spec: DomainSpec) -> bool | None:
    """Return what the registrar's own flag shall be; None leaves it alone."""
    if spec.lifecycle == "expire":
        return False
    return True if spec.renewal.mode == "registrar" else None


def _mode_field(spec: DomainSpec) -> str:
    return "spec.lifecycle" if spec.lifecycle == "expire" else "spec.renewal.mode"


def _flag(field: str, before: bool, after: bool) -> FieldChange:  # noqa: FBT001
    return FieldChange(field=field, before=before, after=after)


def _on(flag: bool) -> str:  # noqa: FBT001
    return "on" if flag else "off"


def opens(spec: DomainSpec, state: RegistrationState) -> datetime | None:
    """Return when this tool itself would renew; None where it never does."""
    if spec.lifecycle != "managed" or not state.renewable:
        return None
    before = {
        "reconciler": spec.renewal.window.open,
        "registrar": spec.renewal.takeover,
        "manual": None,
    }[spec.renewal.mode]
    return state.expires - before if before is not None else None


def renewed_by(spec: DomainSpec, state: RegistrationState) -> By:
    """Return who sees to the next renewal, as far as spec and state tell."""
    if spec.lifecycle == "expire":
        return "nobody"
    if state.auto_renew is True:
        return "auto"
    pays = opens(spec, state) is not None and ceiling_of(spec) is not None
    return "auto" if pays else "you"


def _renewal(
    spec: DomainSpec, share: Share, state: RegistrationState, now: datetime
) -> Iterator[DomainChange]:
    start = opens(spec, state)
    ceiling = ceiling_of(spec)
    if start is None or now < start or ceiling is None or state.renew_price is None:
        return
    after = spec.renewal.term.after(state.expires)
    left, ago = (state.expires - now).days, (now - state.expires).days
    yield Renew(
        share=share,
        fields=(
            FieldChange(
                field="spec.renewal",
                before=state.expires.date().isoformat(),
                after=after.date().isoformat(),
            ),
        ),
        because=f"expires in {left} d"
        if left >= 0
        else f"expired {ago} d ago and is in its grace period",
        generation=state.expires.date().isoformat(),
        cost=state.renew_price,
        ceiling=ceiling,
        max_increase=spec.renewal.max_increase,
        due=state.expires,
        not_before=state.renew_from,
        details={
            "years": spec.renewal.term.months // 12,
            "expires": state.expires.isoformat(),
        },
    )


def ceiling_of(spec: DomainSpec) -> Money | None:
    """Return the most one renewal of the wanted term may cost; None is *nothing*."""
    price = spec.renewal.max_price
    return price.over(spec.renewal.term.months) if price else None


def done(change: DomainChange, state: RegistrationState) -> bool | None:
    """Say whether *state* shows the effect of *change*."""
    wanted = change.fields[0].after
    match change:
        case Renew():
            until = datetime.fromisoformat(f"{wanted}T00:00:00+00:00")
            return state.expires >= until - SLACK
        case AutoRenew():
            live: bool | None = state.auto_renew
        case Lock():
            live = state.locked
        case Privacy():
            live = state.privacy
        case Delegate() if state.nameservers is not None:
            return tuple(sorted(state.nameservers)) == wanted
        case _:
            return None
    return None if live is None else live == wanted


def findings(
    spec: DomainSpec, state: RegistrationState, now: datetime
) -> Iterator[Note]:
    """Yield (code, severity, message, field) for what a person should know."""
    lost = {
        Phase.REDEMPTION: "is in redemption: it can only be bought back now",
        Phase.PENDING_DELETE: "is about to be deleted by the registry",
        Phase.TRANSFERRED: "has left this account",
    }
    if state.phase in lost:
        yield f"domain-{state.phase}", Severity.CRITICAL, lost[state.phase], ""
        return
    left = state.expires - now
    if state.phase is Phase.GRACE or left <= timedelta(0):
        yield (
            "domain-expired",
            Severity.CRITICAL,
            f"expired on {state.expires.date()}; it can still be renewed",
            "spec.renewal",
        )
    yield from _window_notes(spec, state, left)
    start = opens(spec, state)
    if start is not None and now >= start:
        yield from _price_notes(spec, state)


def _window_notes(
    spec: DomainSpec, state: RegistrationState, left: timedelta
) -> Iterator[Note]:
    if spec.lifecycle == "expire" or left <= timedelta(0):
        return
    when = f"expires on {state.expires.date()}, in {left.days} d"
    window = spec.renewal.window
    nobody = (
        spec.renewal.mode == "manual"
        or spec.lifecycle == "observe"
        or not state.renewable
    ) and state.auto_renew is not True
    if nobody and left <= window.critical:
        yield "domain-critical", Severity.CRITICAL, when, "spec.renewal"
    elif nobody and left <= window.urgent:
        yield "domain-urgent", Severity.ERROR, when, "spec.renewal"
    elif left <= window.critical:
        yield "domain-critical", Severity.CRITICAL, f"{when}, not renewed yet", ""
    elif warned := [w for w in spec.warn_at if left <= w]:
        severity = Severity.WARNING if nobody else Severity.INFO
        message = f"{when} ({min(warned).days} d warning)"
        yield "domain-expires", severity, message, "spec.renewal"


def _price_notes(spec: DomainSpec, state: RegistrationState) -> Iterator[Note]:
    ceiling = ceiling_of(spec)
    price = state.renew_price
    if ceiling is None:
        yield (
            "renewal-no-ceiling",
            Severity.ERROR,
            "is due, and renewal.maxPrice does not allow to pay anything",
            "spec.renewal",
        )
    elif price is None:
        yield (
            "renewal-no-quote",
            Severity.ERROR,
            "is due, and the registrar gives no price for its renewal",
            "spec.renewal",
        )
    elif price.currency != ceiling.currency:
        yield (
            "renewal-other-currency",
            Severity.ERROR,
            f"costs {price}, and maxPrice is in {ceiling.currency}",
            "spec.renewal.maxPrice",
        )


def moments(spec: DomainSpec, state: RegistrationState) -> Iterator[datetime]:
    """Yield every moment at which time alone may change diff or findings."""
    window = spec.renewal.window
    for before in (
        window.open,
        window.open + timedelta(days=1),
        window.urgent,
        window.critical,
        spec.renewal.takeover,
        *spec.warn_at,
        timedelta(0),
    ):
        yield state.expires - before
    if state.renew_from:
        yield state.renew_from
