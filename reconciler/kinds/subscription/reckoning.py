"""
What gateways took, held against what the records say was paid. Pure.

Money that names none of our periods is other business of the account, and left alone.
Nothing here gives money back: what is one too many is named, with where a person gives
it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal, NamedTuple

from reconciler.kinds.subscription.facts import Books, Invoiced, Payment
from reconciler.kinds.subscription.state import Of
from reconciler.model import Money, Severity
from reconciler.model.billing import Capture, Hold, hashed

#: A bank may decide so long after a payment was begun: what was taken is looked for so
#: much earlier than what was recorded.
LEAD: Final = timedelta(days=15)
#: Gateways show a payment this late, and a daily run takes note of it this late.
SETTLED: Final = timedelta(hours=26)
#: How the fact of a hold that was lost is called, before its id.
_HELD: Final = "held-"
RUNBOOK: Final = "docs/runbooks/charged-twice.md"
#: What a gateway should show; a transfer it cannot.
_TAKEN: Final = frozenset({"charge", "capture", "elsewhere"})

Status = Literal["paid", "twice", "unrecorded", "differs", "refunded", "other"]


class Past(NamedTuple):
    """What the records remember of one subscription, wanted still or not."""

    uid: str
    name: str
    books: Books


class Window(NamedTuple):
    """
    The time that is looked at.

    Attributes:
        now: When the gateways were asked.
    """

    since: datetime
    until: datetime
    now: datetime

    @property
    def asked_since(self) -> datetime:
        """From when on gateways are asked for what they took."""
        return self.since - LEAD

    def has(self, at: datetime) -> bool:
        """Say whether *at* lies in it."""
        return self.since <= at < self.until


class Row(NamedTuple):
    """
    One capture, and what it is to us.

    Attributes:
        name: Of the subscription; its uid where no record knows it.
        number: Of the invoice it paid, by the records.
    """

    account: str
    capture: Capture
    status: Status = "other"
    name: str = ""
    of: Of | None = None
    number: str | None = None


class Remark(NamedTuple):
    """Something that a person should know; *uid* and *name* are a subscription's."""

    account: str
    code: str
    severity: Severity
    uid: str
    name: str
    message: str


class Reckoning(NamedTuple):
    """What came of the comparison."""

    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...]

    def sums(self, choose: Callable[[Row], bool]) -> list[Money]:
        """Return what the chosen captures come to, after refunds, by currency."""
        found: dict[str, int] = defaultdict(int)
        for row in filter(choose, self.rows):
            found[row.capture.amount.currency] += _kept(row.capture)
        return [Money.of_minor(found[code], code) for code in sorted(found)]


def remembered(books: Books) -> Iterator[str]:
    """Yield the holds that a record knows of, by the gateway's ids."""
    for key, fact in books.facts.items():
        head, _, tail = key.rpartition("/")
        if tail == "authorized" and isinstance(fact, dict):
            yield str(fact.get("id"))
        elif head.endswith("/try") and tail.startswith(_HELD):
            yield tail.removeprefix(_HELD)


def forgotten(
    account: str, holds: Iterable[Hold], pasts: Iterable[Past], window: Window
) -> Iterator[Remark]:
    """
    Yield what *account* holds, and no record remembers: nobody will ever take it.

    What was held just now may be on its way into the records.
    """
    names = {past.uid: past.name or past.uid for past in pasts}
    names |= {hashed(uid): name for uid, name in names.items()}
    for hold in holds:
        if window.now - hold.at <= SETTLED:
            continue
        period = hold.generation.partition("/")[0]
        message = (
            f"{period}: {account} holds {hold.amount} since {hold.at.date()} "
            f"({hold.id}), and no record remembers it: void it"
            + (f" at {hold.page}" if hold.page else "")
        )
        uid = hold.subscription
        name = names.get(uid, uid)
        yield Remark(account, "held-unknown", Severity.WARNING, uid, name, message)


def reckon(
    pasts: Iterable[Past], taken: Mapping[str, Sequence[Capture]], window: Window
) -> Reckoning:
    """
    Compare what accounts took with what is recorded.

    Args:
        pasts: Every subscription there ever was.
        taken: By account, whatever it took since ``window.asked_since``; an account
            that could not be read is not in it.
        window: What is looked at.
    """
    known = {past.uid: past for past in pasts}
    known |= {hashed(past.uid): past for past in known.values()}
    paid_for: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    rows: list[Row] = []
    for account, captures in sorted(taken.items()):
        for capture in sorted(captures, key=lambda each: (each.at, each.id)):
            of = _of(capture)
            if of is None or capture.subscription is None:
                rows.append(Row(account, capture))
                continue
            past = known.get(capture.subscription)
            uid = past.uid if past else capture.subscription
            row = Row(account, capture, name=past.name if past else uid, of=of)
            paid_for[uid, of.period, of.purpose].append(row)
    remarks: list[Remark] = []
    accounts = frozenset(taken)
    for key in sorted({*paid_for, *_recorded(known.values(), window)}):
        period = _Period(known.get(key[0]), key, paid_for[key], accounts, window)
        rows += period.rows()
        if period.concerns:
            remarks += period.remarks()
    shown = [row for row in rows if window.has(row.capture.at)]
    shown.sort(key=lambda row: (row.capture.at, row.account, row.capture.id))
    return Reckoning(tuple(shown), tuple(remarks))


def _recorded(pasts: Iterable[Past], window: Window) -> Iterator[tuple[str, str, str]]:
    for past in pasts:
        for payment in past.books.payments():
            if window.has(payment.at):
                yield past.uid, payment.of.period, payment.of.purpose


def _of(capture: Capture) -> Of | None:
    """Return the period that a capture names; None where it is none of ours."""
    parts = (capture.generation or "").split("/")
    if len(parts) != len(Of._fields) or not parts[2].isdigit():
        return None
    return Of(parts[0], parts[1], int(parts[2]))


def _kept(capture: Capture) -> int:
    return capture.amount.minor - capture.refunded.minor


class _Period:
    """What was taken for one period of one subscription, and what is recorded of it."""

    def __init__(
        self,
        past: Past | None,
        key: tuple[str, str, str],
        rows: Sequence[Row],
        accounts: frozenset[str],
        window: Window,
    ) -> None:
        self._past = past
        self._uid, self._period, self._purpose = key
        self._rows = sorted(rows, key=lambda r: (r.capture.at, r.capture.id))
        self._window = window
        books = past.books if past else Books({})
        same = (self._period, self._purpose)
        self._paid = [p for p in books.payments() if (p.of[0], p.of[1]) == same]
        self._made = [o for o in books.invoiced() if (o.of[0], o.of[1]) == same]
        #: Recorded payments that none of the captures can be.
        self._apart = [p for p in self._paid if not self._visible(p, accounts)]
        self._shown = [p for p in self._paid if p not in self._apart]
        self._live = [row for row in self._rows if _kept(row.capture) > 0]

    def _visible(self, paid: Payment, accounts: frozenset[str]) -> bool:
        """Say whether what *paid* names had to be among the captures."""
        asked = paid.provider in accounts and paid.how in _TAKEN
        return asked and paid.at >= self._window.asked_since

    @property
    def concerns(self) -> bool:
        """Whether something of it happened in the window."""
        has = self._window.has
        return any(has(row.capture.at) for row in self._rows) or any(
            has(paid.at) for paid in self._paid
        )

    # -- what each capture is ------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """Yield the captures, each with what it is."""
        extra = {row.capture.id for row in self._extra}
        for row in self._rows:
            made = self._invoice(row)
            number = made.number if made else None
            yield row._replace(status=self._status(row, extra), number=number)

    def _invoice(self, row: Row) -> Invoiced | None:
        same = (one for one in self._made if one.of == row.of)
        return next(same, None)

    def _status(self, row: Row, extra: set[str]) -> Status:
        if row.capture.id in extra:
            return "twice"
        if _kept(row.capture) <= 0:
            return "refunded"
        if not self._paid:
            return "unrecorded"
        return "differs" if self._differs else "paid"

    @cached_property
    def _extra(self) -> list[Row]:
        """The captures that are too much: those that are not the recorded payment."""
        if len(self._live) + len(self._apart) < 2:  # noqa: PLR2004  (two are too many)
            return []
        owed = self._owed
        total = sum(_kept(row.capture) for row in self._live)
        total += sum(paid.amount.minor for paid in self._apart)
        if owed is not None and total <= owed.minor:
            return []  # paid in parts
        if self._apart:
            return self._live
        recorded = {paid.provider for paid in self._shown}
        first = min(self._live, key=lambda r: (r.account not in recorded, r.capture.at))
        return [row for row in self._live if row is not first]

    @property
    def _owed(self) -> Money | None:
        if self._paid:
            return self._paid[0].amount
        return self._made[-1].total if self._made else None

    @property
    def _differs(self) -> bool:
        """Whether another amount was taken than what is recorded."""
        if not self._shown or not self._live or self._extra:
            return False
        sums: dict[str, int] = defaultdict(int)
        for row in self._live:  # what was all given back took nothing
            sums[row.capture.amount.currency] += row.capture.amount.minor
        recorded = self._shown[0].amount
        return sums != {recorded.currency: recorded.minor}

    # -- what is to be said about it -------------------------------------------------

    def remarks(self) -> Iterator[Remark]:
        """Yield what a person should know."""
        if self._extra:
            yield self._twice()
        elif self._live and not self._paid:
            yield self._unrecorded()
        elif self._differs:
            yield self._another_amount()
        elif self._shown and not self._rows:
            yield from self._not_taken()
        for row in self._rows:
            yield from self._afterwards(row)

    def _said(
        self, code: str, severity: Severity, message: str, account: str
    ) -> Remark:
        name = self._past.name if self._past else self._uid
        said = f"{self._period}: {message}"
        return Remark(account, code, severity, self._uid, name or self._uid, said)

    def _twice(self) -> Remark:
        kept = [_taken(row) for row in self._live if row not in self._extra]
        kept += [f"{p.amount} on {p.at.date()} ({p.how})" for p in self._apart]
        back = "; ".join(
            f"give back {_left(row.capture)} of {row.account} {row.capture.id}"
            + (f" at {row.capture.page}" if row.capture.page else "")
            for row in self._extra
        )
        too_much = ", and ".join([*kept, *map(_taken, self._extra)])
        message = f"was paid more than once: {too_much}. {back}; see {RUNBOOK}"
        account = self._extra[0].account
        return self._said("captured-twice", Severity.CRITICAL, message, account)

    def _unrecorded(self) -> Remark:
        row = self._live[-1]
        took = _taken(row)
        if self._past is None:
            message = f"{took}, for a subscription that no record knows"
            return self._said("captured-unknown", Severity.ERROR, message, row.account)
        if not self._made:
            message = f"{took}, and nothing was invoiced for it here"
            return self._said("captured-unknown", Severity.ERROR, message, row.account)
        old = self._window.now - row.capture.at > SETTLED
        severity = Severity.ERROR if old else Severity.INFO
        message = f"{took}, and no run has taken note of it"
        message += "" if old else " yet: the next apply does"
        return self._said("captured-unrecorded", severity, message, row.account)

    def _another_amount(self) -> Remark:
        recorded = self._shown[0]
        took = " and ".join(map(_taken, self._live))
        message = f"{took}, and {recorded.amount} is recorded as paid"
        return self._said("amount-differs", Severity.ERROR, message, recorded.provider)

    def _not_taken(self) -> Iterator[Remark]:
        for paid in self._shown:
            late = paid.at > self._window.now - SETTLED
            if late or paid.amount.minor == 0 or not self._window.has(paid.at):
                continue
            by_us = paid.how != "elsewhere"
            message = (
                f"is recorded as paid ({paid.amount} on {paid.at.date()}), and "
                f"{paid.provider} shows no payment for it"
            )
            if not by_us:
                message += ": was it marked as paid there by hand?"
            severity = Severity.ERROR if by_us else Severity.WARNING
            yield self._said("paid-not-captured", severity, message, paid.provider)

    def _afterwards(self, row: Row) -> Iterator[Remark]:
        capture = row.capture
        if capture.disputed:
            message = (
                f"{_taken(row)}, and the payer disputes it: write holds: [dispute] on "
                f"the Customer, and answer{_at(capture)}"
            )
            yield self._said("disputed", Severity.ERROR, message, row.account)
        if capture.refunded.minor:
            mended = bool(_kept(capture) <= 0 and (self._live or self._apart))
            message = f"{_taken(row)}, and {capture.refunded} of it was given back"
            message += "" if mended else ": the period still counts as paid"
            severity = Severity.INFO if mended else Severity.WARNING
            yield self._said("refunded", severity, message, row.account)


def _taken(row: Row) -> str:
    capture = row.capture
    return f"{row.account} took {capture.amount} on {capture.at.date()} ({capture.id})"


def _left(capture: Capture) -> Money:
    return Money.of_minor(_kept(capture), capture.amount.currency)


def _at(capture: Capture) -> str:
    return f" at {capture.page}" if capture.page else ""
