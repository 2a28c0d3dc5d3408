"""A registration: flags, transfer, renewal and restoration. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reconciler.kinds.domain import delegation
from reconciler.kinds.domain.changes import (
    RESTORE_SHOWS,
    AutoRenew,
    BlockTransfer,
    DomainChange,
    Lock,
    Privacy,
    Renew,
    Restore,
)
from reconciler.kinds.domain.delegation import Around
from reconciler.kinds.domain.spec import DomainSpec
from reconciler.kinds.domain.state import Phase, RegistrationState
from reconciler.model import FieldChange, Money, Severity, Share, duration_text
from reconciler.model.due import By

Note = tuple[str, Severity, str, str]

#: A registry may count a term in days and in its own time zone.
SLACK = timedelta(days=3)
_LOST = {Phase.REDEMPTION, Phase.PENDING_DELETE, Phase.TRANSFERRED}
#: Findings that are steps of one thing that comes nearer.
_STEPS = frozenset(
    {
        "domain-expires",
        "domain-urgent",
        "domain-critical",
        "domain-expired",
        f"domain-{Phase.REDEMPTION}",
        f"domain-{Phase.PENDING_DELETE}",
    }
)


def diff(
    spec: DomainSpec,
    share: Share,
    state: RegistrationState,
    around: Around,
    now: datetime,
) -> Iterator[DomainChange]:
    """Yield what has to happen at the registrar."""
    if state.phase is Phase.REDEMPTION:
        yield from _restoration(spec, share, state)
    if state.phase in _LOST:
        return
    if state.transfer is not None and spec.transfer_lock:
        yield _stopped(share, state.transfer)
    yield from _flags(spec, share, state)
    yield from delegation.diff(spec, share, state, around, now)
    yield from _renewal(spec, share, state, now)


def _stopped(share: Share, transfer: str) -> BlockTransfer:
    """A locked name is not given away: whoever asked for it, the answer is no."""
    return BlockTransfer(
        share=share,
        fields=(FieldChange(field="spec.transferLock.transfer", before=transfer),),
        because=f"it is being transferred away ({transfer})",
        generation=transfer,
    )


def _restoration(
    spec: DomainSpec, share: Share, state: RegistrationState
) -> Iterator[DomainChange]:
    wanted = spec.lifecycle == "managed" and spec.renewal.restore == "approve"
    if not wanted or state.restore_price is None:
        return
    yield Restore(
        share=share,
        fields=(
            FieldChange(
                field="spec.renewal.restore",
                before=str(state.phase),
                after=str(Phase.ACTIVE),
            ),
        ),
        because=f"was deleted after {state.expires.date()}; it can be bought back",
        generation=state.expires.date().isoformat(),
        cost=state.restore_price,
        ceiling=spec.renewal.max_restore,
        hold="a name is bought back only when a person says so",
        details={
            "expires": state.expires.isoformat(),
            "holds_off": {"renew": int(RESTORE_SHOWS.total_seconds())},
        },
    )


def _flags(
    spec: DomainSpec, share: Share, state: RegistrationState
) -> Iterator[DomainChange]:
    if state.locked is not None and state.locked != spec.transfer_lock:
        yield Lock(
            share=share,
            fields=(_flag("spec.transferLock", state.locked, spec.transfer_lock),),
            because=f"the transfer lock is {_on(state.locked)}",
            waits_for=("block-transfer",),
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
    if state.phase in _LOST:
        return "you"
    if state.auto_renew is True:
        return "auto"
    pays = opens(spec, state) is not None and _affordable(spec, state)
    return "auto" if pays else "you"


def _affordable(spec: DomainSpec, state: RegistrationState) -> bool:
    """Say whether the ceiling allows the price of today, where one is known."""
    ceiling, price = ceiling_of(spec), state.renew_price
    if ceiling is None or price is None:
        return ceiling is not None
    return price.currency == ceiling.currency and price <= ceiling


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
        case Restore():
            return state.phase in {Phase.ACTIVE, Phase.GRACE}
        case BlockTransfer():
            return state.transfer != change.generation
        case _:
            return delegation.done(change, state)
    return None if live is None else live == wanted


def findings(
    spec: DomainSpec, state: RegistrationState, around: Around, now: datetime
) -> Iterator[Note]:
    """Yield (code, severity, message, field) for what a person should know."""
    if state.phase in _LOST:
        yield _lost(spec, state)
        return
    if state.transfer is not None:
        yield (
            "transfer-out",
            Severity.CRITICAL if spec.transfer_lock else Severity.WARNING,
            f"is being transferred away ({state.transfer})",
            "spec.transferLock",
        )
    yield from delegation.findings(spec, state, around)
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


def lead(spec: DomainSpec, state: RegistrationState, code: str, now: datetime) -> str:
    """Return how near the end has come, for the findings that speak of it."""
    if code not in _STEPS:
        return ""
    left = state.expires - now
    if state.phase in _LOST:
        return f"expiry/{state.phase}"
    if state.phase is Phase.GRACE or left <= timedelta(0):
        return "expiry/over"
    reached = [early for early in spec.warn_at if left <= early]
    return f"expiry/{duration_text(min(reached))}" if reached else "expiry/early"


def _lost(spec: DomainSpec, state: RegistrationState) -> Note:
    code = f"domain-{state.phase}"
    if state.phase is Phase.REDEMPTION:
        message = f"is in redemption: {_way_back(spec, state)}"
        return code, Severity.CRITICAL, message, "spec.renewal.restore"
    message = {
        Phase.PENDING_DELETE: "is about to be deleted by the registry",
        Phase.TRANSFERRED: "has left this account",
    }[state.phase]
    return code, Severity.CRITICAL, message, ""


def _way_back(spec: DomainSpec, state: RegistrationState) -> str:
    """Say how the name can be had again."""
    price = f" for {state.restore_price}" if state.restore_price else ""
    if spec.lifecycle != "managed" or spec.renewal.restore == "never":
        return (
            f"it can only be bought back{price} now; "
            "write renewal.restore: approve and maxRestore to do so"
        )
    if state.restore_price is None:
        return "it can only be bought back now, and the registrar gives no price for it"
    return f"buying it back{price} waits for a person's approval"


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
