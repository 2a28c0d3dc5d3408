"""Ask the gateways what they took, and compare it with the records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from reconciler.engine import books
from reconciler.engine.observe import another_account
from reconciler.errors import ProviderError
from reconciler.kinds.subscription import BILLING, Books, Subscription
from reconciler.kinds.subscription.reckoning import (
    Past,
    Reckoning,
    Remark,
    Window,
    forgotten,
    reckon,
    remembered,
)
from reconciler.model import Severity
from reconciler.model.billing import Capture, Collector, Hold, Holder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconciler.audit import Ledger
    from reconciler.engine import Accounts, Journal

_T = TypeVar("_T")
#: A run looks so far back: a payment that comes a month later is seen, too.
BACK = 35


class Taken(NamedTuple):
    """
    What accounts took, and what they hold, beside what is remembered.

    Attributes:
        failed: Why it is not known what an account took.
        unheld: Why it is not known what it holds; what it took may be.
    """

    captures: Mapping[str, tuple[Capture, ...]]
    failed: Mapping[str, str]
    holds: Mapping[str, tuple[Hold, ...]] = {}
    unheld: Mapping[str, str] = {}


def taken(
    accounts: Accounts, since: datetime, names: Iterable[str], ledger: Ledger
) -> Taken:
    """
    Ask the accounts called *names*; what goes wrong with one is its own trouble.

    What is held is asked for where *ledger* does not remember it.
    """
    known = {name for past in _pasts(ledger) for name in remembered(past.books)}
    captures: dict[str, tuple[Capture, ...]] = {}
    holds: dict[str, tuple[Hold, ...]] = {}
    failed: dict[str, str] = {}
    unheld: dict[str, str] = {}
    collectors = dict(_collectors(accounts))
    for name in sorted(set(names) & collectors.keys()):
        driver, declared = collectors[name], accounts.identities.get(name)
        took = _read(partial(_captures, driver, declared, since))
        if isinstance(took, str):
            failed[name] = took
            continue
        captures[name] = took
        if isinstance(driver, Holder):
            held = _read(partial(_holds, driver, since, known))
            if isinstance(held, str):
                unheld[name] = held
            else:
                holds[name] = held
    return Taken(captures, failed, holds, unheld)


def _captures(
    driver: Any, declared: str | None, since: datetime
) -> tuple[Capture, ...] | str:
    """Return what an account took, or that it is not the one that is declared."""
    other = another_account(declared, driver.identity())
    return other or tuple(driver.captures(since))


def _holds(driver: Holder, since: datetime, known: set[str]) -> tuple[Hold, ...]:
    return tuple(driver.holds(since, known))


def _read(ask: Callable[[], tuple[_T, ...] | str]) -> tuple[_T, ...] | str:
    """Return what there is to be read, or why it cannot be."""
    try:
        return ask()
    except ProviderError as error:
        return error.what
    except Exception as error:  # noqa: BLE001  (a fault of a driver proves nothing)
        return f"the driver failed: {type(error).__name__}"


def names_of(accounts: Accounts) -> list[str]:
    """Return the accounts whose books can be read."""
    return sorted(name for name, _ in _collectors(accounts))


def _collectors(accounts: Accounts) -> Iterator[tuple[str, Any]]:
    for share, driver in accounts.drivers.items():
        if share.family == BILLING and isinstance(driver, Collector):
            yield share.provider, driver


def compared(ledger: Ledger, found: Taken, window: Window) -> Reckoning:
    """Return what *found* comes to, by what *ledger* remembers."""
    pasts = [*_pasts(ledger)]
    reckoning = reckon(pasts, found.captures, window)
    more = [_unread(account, "took", why) for account, why in found.failed.items()]
    more += [_unread(account, "holds", why) for account, why in found.unheld.items()]
    for account, holds in found.holds.items():
        more += forgotten(account, holds, pasts, window)
    return reckoning._replace(remarks=(*reckoning.remarks, *more))


def _pasts(ledger: Ledger) -> Iterator[Past]:
    for (kind, uid), record in ledger.records().items():
        if kind == Subscription.kind:
            yield Past(uid, record.name or uid, Books(record.facts))


def _unread(account: str, what: str, why: str) -> Remark:
    message = f"what it {what} could not be compared with the records: {why}"
    return Remark(account, "books-unread", Severity.WARNING, account, "", message)


def daily(journal: Journal, accounts: Accounts, now: datetime) -> None:
    """
    Compare the books that were not compared today, and record what differs.

    Nothing that goes wrong at a gateway keeps the run from its work.
    """
    from reconciler.audit import Batch

    ledger = journal.ledger
    names = [n for n in names_of(accounts) if books.due(ledger, n, now)]
    if not names:
        return
    window = Window(now - timedelta(days=BACK), now + timedelta(seconds=1), now)
    found = taken(accounts, window.asked_since, names, ledger)
    reckoning = compared(ledger, found, window)
    notes = [
        books.note(
            name,
            now,
            [_said(one) for one in reckoning.remarks if one.account == name],
            len(found.captures.get(name, ())),
        )
        for name in names
    ]
    journal.record(Batch(entries=tuple(notes), phase="books"))


def _said(remark: Remark) -> books.Said:
    kind = Subscription.kind if remark.name else "Provider"
    return books.Said(
        remark.code, remark.severity, kind, remark.uid, remark.name, remark.message
    )
