"""When what is covered is taken off the net, and when it comes back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.facts import Invoiced
from reconciler.kinds.subscription.period import allowed
from reconciler.model import Ref, Sway
from reconciler.model.terms import WARNED

SUSPENDED, OWES, ACTIVE = "suspended", "owes", "active"
TERMINATED = "terminated"
_PAID = (ACTIVE, "", "", None)
WARNING = "final-warning"


def sways(case: Case, by: Ref) -> Iterator[Sway]:
    """
    Yield what everything covered shall be; nothing where that is not known.

    Nothing is suspended while a gateway cannot be read, nor under a hold. Where a debt
    is being paid, or its gateway does not show it as open, nothing is said: what runs
    goes on, and what is off the net stays so. What is terminated ends what it covers.
    """
    if not case.readable or case.terms.holds:
        return
    wanted = _wanted(case)
    if wanted is None:
        return
    says, why, about, since = wanted
    for address in case.spec.covers:
        kind, _, name = address.partition("/")
        # A run at night finds what has been over since noon: it waits for the day.
        ready = _fit(case, case.now) if since is not None else None
        yield Sway(Ref(kind, name), by, says, why, about, since, ready)


def _wanted(case: Case) -> tuple[str, str, str, datetime | None] | None:
    if case.spec.state == TERMINATED:
        return TERMINATED, "its subscription has ended", "by-hand", None
    if case.spec.state == SUSPENDED:
        return SUSPENDED, "its subscription says so", "by-hand", None
    mine, doubt = [*filter(case.theirs, case.unpaid())], False
    for one in mine:
        since = suspended_from(case, one)
        if since is not None and since <= case.now:
            if _payable(case, one):
                why = f"{one.of.period} was not paid"
                return SUSPENDED, why, one.of.generation, since
            doubt = True
    if doubt:
        return None
    owed = next((one for one in mine if case.failed_at(one)), None)
    return (OWES, f"{owed.of.period} is not paid yet", "", None) if owed else _PAID


def _payable(case: Case, one: Invoiced) -> bool:
    """Say whether its gateway shows that *one* could be paid, and is not."""
    bill = case.bill(one)
    if bill is None or case.books.voided(one.of):
        return False
    return bill.state == "open" and bill.payment != "processing"


def suspended_from(case: Case, one: Invoiced) -> datetime | None:
    """
    Return from when *one*, while it is unpaid, suspends what is covered.

    Never before the final warning arrived three days ago, nor before the day that it
    named; never in quiet hours, never on a weekend unless the policy says that it is a
    day like others. None: never yet.
    """
    planned = _planned(case, one)
    warned = case.books.told(one.of, warning(case, one))
    if planned is None or warned is None:
        return None
    named = case.books.promised(one.of) or warned
    return _fit(case, max(planned, warned + WARNED, named))


def warning(case: Case, one: Invoiced) -> str:
    """
    Return the step whose warning counts about *one*.

    After a hold it is warned anew: who was told to wait does not expect what was said
    months ago. What is off the net already is not warned of once more.
    """
    held, said = case.books.held, case.books.said(one.of)
    first = case.failed_at(one)
    if held is None or first is None or case.terms.holds or SUSPENDED in said:
        return WARNING
    until = held.until or case.now  # lifted just now: this run takes note of it
    if until <= first or WARNING not in said:
        return WARNING
    return f"{WARNING}-{held.since:%Y%m%d}"


def foreseen(case: Case, one: Invoiced) -> datetime | None:
    """
    Return from when *one* will suspend what is covered, if a warning arrives now.

    What a customer was told stays so for as long as it leaves three days; None: the
    policy has no such step.
    """
    planned = _planned(case, one)
    if planned is None:
        return None
    named, least = case.books.promised(one.of), case.now + WARNED
    if named is not None and named >= least:
        return _fit(case, max(planned, named))
    # A day more: what is on its way today is not late tomorrow.
    return _fit(case, planned if planned >= least else least + timedelta(days=1))


def _planned(case: Case, one: Invoiced) -> datetime | None:
    first = case.failed_at(one)
    step = next((s for s in case.terms.dunning.steps if "suspend" in s.do), None)
    if first is None or step is None:
        return None
    return case.after(first, step.after)


def _fit(case: Case, when: datetime) -> datetime:
    dunning = case.terms.dunning
    zone, weekends = case.terms.time_zone, not dunning.skip_weekends
    return allowed(when, zone, dunning.quiet_hours, weekends=weekends)
