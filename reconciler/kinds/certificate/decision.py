"""What is to be done about one certificate now, or when, and why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from reconciler.kinds.certificate.budget import Budgets, Names
from reconciler.kinds.certificate.failure import (
    TRIES_LEFT,
    Attempt,
    Failover,
    Issuing,
    Standing,
    patience,
    rehearse,
    standing,
)
from reconciler.kinds.certificate.renewal import (
    Ari,
    Lifetime,
    NoAri,
    Reason,
    Renewal,
    When,
    emergency,
    part,
    rest,
    turns,
    when,
)
from reconciler.model.windows import coming

#: When so much of the lifetime is left, windows are not waited for any longer ...
_LAST_CALL: Final = Decimal("0.1")
#: ... nor when an emergency is so many runs away.
_LAST_RUNS: Final = 2
#: It may be revoked twice in a week before it is no accident any more.
_TWICE: Final = 2
_WEEK: Final = timedelta(days=7)


class Case(NamedTuple):
    """
    Everything that decides about one certificate.

    Attributes:
        uid: The identity of the resource.
        names: Its names, in A-labels.
        life: That of the one that was issued last; None: none was.
        issued_by: Its issuer, by name.
        revoked: Whether its issuer took it back.
        changed: In what it is not the one that is wanted.
        fresh: Whether a name of it never had a certificate of ours.
        ari: What its issuer suggests about it, or why nothing.
        issuers: Who is asked, in order.
        attempts: Orders since it was issued, in order.
        interval: How long it is to the next run, as far as that can be expected.
    """

    uid: str
    names: Names
    life: Lifetime | None
    issuers: tuple[Issuing, ...]
    issued_by: str = ""
    revoked: bool = False
    changed: tuple[Reason, ...] = ()
    fresh: bool = False
    ari: Ari | NoAri = NoAri("")
    renewal: Renewal = Renewal()
    failover: Failover = Failover()
    attempts: tuple[Attempt, ...] = ()
    interval: timedelta = timedelta(hours=6)


class Hold(StrEnum):
    """What is waited for."""

    TIME = "time"
    WINDOW = "window"
    BACKOFF = "backoff"
    LIMIT = "limit"


class Wait(NamedTuple):
    """Until when nothing is done, for what, and in words why."""

    until: datetime
    hold: Hold
    why: str = ""


class Decision(NamedTuple):
    """
    What is to be done, or until when nothing is.

    Attributes:
        at: When it is due; None: at once.
        wait: None: order now.
        issuer: Who is, or would be, asked.
        rehearsal: Whether at the staging server.
        replaces: Whether the order names the certificate that it replaces.
        notes: What was not followed, and why.
        until: The next moment at which time alone may change any of this.
    """

    at: datetime | None
    reason: Reason
    issuer: str
    wait: Wait | None = None
    rehearsal: bool = False
    replaces: bool = False
    notes: tuple[str, ...] = ()
    until: datetime | None = None

    @property
    def go(self) -> bool:
        """Whether an order is placed now."""
        return self.wait is None


def decide(case: Case, budgets: Budgets, now: datetime) -> Decision:
    """
    Return what is to be done about *case* at *now*.

    The same inputs give the same decision; nothing of it changes before ``until`` but
    by another input.
    """
    due, seen = _due(case, budgets, now)
    notes = [due.note] if due.note else []
    found = Decision(due.at, due.reason, case.issuers[0].name)
    later = [moment for moment in seen if moment > now]
    if due.opens is not None and now < due.opens:
        wait = Wait(due.opens, Hold.TIME)
        return found._replace(
            wait=wait, notes=tuple(notes), until=min([due.opens, *later])
        )
    held = _window(case, due.reason, now, notes, later)
    chosen = _issuer(case, budgets, due.reason, now, later)
    found = found._replace(
        issuer=chosen.issuer.name,
        rehearsal=chosen.rehearsal,
        replaces=_replaces(case, chosen.issuer.name),
        wait=held or chosen.wait,
    )
    if chosen.note:
        notes.append(chosen.note)
    return found._replace(notes=tuple(notes), until=min(later, default=None))


def _due(
    case: Case, budgets: Budgets, now: datetime
) -> tuple[When, tuple[datetime, ...]]:
    """Return when it is due, and the moments at which that changes by itself."""
    life = case.life
    if life is None:
        return When(None, None, Reason.MISSING), ()

    def lately() -> int:
        # What is renewed every few days in good order was not issued lately.
        return budgets.lately(case.names, life.begins, min(_WEEK, life.length / 4))

    if case.revoked:
        return _again(life, Reason.REVOKED, lately() - _TWICE), (life.ends,)
    found = when(case.uid, life, case.ari, case.renewal, case.interval, now, lately)
    seen = turns(life, case.ari, case.renewal, case.interval)
    if case.changed and not _now(found, now):
        again = _again(life, case.changed[0], lately() - 1)
        usual = found.opens
        if again.opens is None or (usual is not None and again.opens <= usual):
            return again._replace(note=found.note), seen
    return found, seen


def _now(found: When, now: datetime) -> bool:
    """Say whether *found* is due, and more than that something was changed."""
    return found.reason.pressing and (found.opens is None or found.opens <= now)


def _again(life: Lifetime, reason: Reason, times: int) -> When:
    """
    Return when it is issued again out of turn: at once, but not time after time.

    An issuer that never gives what is wanted is not asked for it in every run.
    """
    if times < 0:
        return When(None, None, reason)
    opens = life.begins + rest(life, times + 1)
    return When(opens, opens, reason)


def _window(
    case: Case, reason: Reason, now: datetime, notes: list[str], later: list[datetime]
) -> Wait | None:
    """Return which window is waited for."""
    if not case.renewal.windows or reason.pressing or case.life is None:
        return None
    last = _last_call(case, case.life)
    span = coming(case.renewal.windows, now)
    if span is None or span.start >= last:
        notes.append("no window opens before it is urgent")
        return None
    later += [moment for moment in (last, span.start, span.end) if moment > now]
    return Wait(span.start, Hold.WINDOW) if span.start > now else None


def _last_call(case: Case, life: Lifetime) -> datetime:
    urgent = emergency(life, case.renewal, case.interval)
    share = life.ends - part(life.length, _LAST_CALL)
    return min(share, urgent - _LAST_RUNS * case.interval)


class _Chosen(NamedTuple):
    issuer: Issuing
    wait: Wait | None
    rehearsal: bool
    note: str = ""


def _issuer(
    case: Case,
    budgets: Budgets,
    reason: Reason,
    now: datetime,
    later: list[datetime],
) -> _Chosen:
    """Return the first issuer that is not out, or else whoever is ready first."""
    found: list[tuple[Standing, _Chosen]] = []
    for number, issuer in enumerate(case.issuers):
        stands = standing(issuer, case.attempts, case.failover, case.life, reason, now)
        fresh = case.fresh and number == 0
        trial = rehearse(issuer, case.attempts, reason, fresh=fresh)
        stands, wait = _afforded(case, budgets, stands, now, rehearsal=trial)
        later += [turn for turn in (*stands.turns, stands.ready) if turn > now]
        chosen = _Chosen(issuer, wait, trial)
        if not stands.out and (number == 0 or not _refused(case, issuer)):
            return chosen._replace(note=_passed(found))
        found.append((stands, chosen))
    stands, chosen = min(found, key=lambda one: one[0].ready)
    return chosen._replace(note=f"{stands.issuer.name} {stands.why}")


def _afforded(
    case: Case, budgets: Budgets, stands: Standing, now: datetime, *, rehearsal: bool
) -> tuple[Standing, Wait | None]:
    """Add what the limits of the issuer say; a staging server has others."""
    name = stands.issuer.name
    wait = None
    if stands.ready > now:
        wait = Wait(stands.ready, Hold.BACKOFF, f"{name} {stands.why}")
    if rehearsal:
        return stands, wait
    limited = budgets.ask(name, case.names, now, replaces=_replaces(case, name))
    if limited is None:
        return stands, wait
    most = patience(case.failover, case.life, now)
    long = limited.until - now > most
    if limited.until > stands.ready:
        why = f"{name} allows {limited.why}"
        wait = Wait(limited.until, Hold.LIMIT, why)
        stands = stands._replace(ready=limited.until, why=f"allows {limited.why}")
    turning = _short(case, limited.until)
    return stands._replace(
        out=stands.out or long, turns=(*stands.turns, *turning)
    ), wait


def _short(case: Case, until: datetime) -> tuple[datetime, ...]:
    """Return when the wait until then is no longer a long one, by either measure."""
    soon = until - case.failover.after
    if case.life is None:
        return (soon,)
    # until - t = (ends - t) / 8, solved for t
    return soon, until - (case.life.ends - until) / (TRIES_LEFT - 1)


def _refused(case: Case, issuer: Issuing) -> bool:
    """Say whether one that is only asked instead of another was refused by us."""
    mine = [one.fault for one in case.attempts if one.issuer == issuer.name]
    return bool(mine) and mine[-1] is not None and not mine[-1].theirs


def _passed(found: Sequence[tuple[Standing, _Chosen]]) -> str:
    return "; ".join(f"{stands.issuer.name} {stands.why}" for stands, _ in found)


def _replaces(case: Case, issuer: str) -> bool:
    return isinstance(case.ari, Ari) and case.renewal.ari and case.issued_by == issuer
