"""When what is covered is taken off the net, and when it comes back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.facts import Invoiced
from reconciler.kinds.subscription.period import allowed
from reconciler.model import Ref, Sway
from reconciler.model.terms import WARNED

SUSPENDED, OWES, ACTIVE = "suspended", "owes", "active"
_PAID = (ACTIVE, "", "", None)
_WARNING = "final-warning"


def sways(case: Case, by: Ref) -> Iterator[Sway]:
    """
    Yield what everything covered shall be; nothing where that is not known.

    Nothing is suspended while a gateway cannot be read, nor under a hold.
    """
    if not case.readable or case.terms.holds:
        return
    says, why, about, since = _wanted(case)
    for address in case.spec.covers:
        kind, _, name = address.partition("/")
        yield Sway(Ref(kind, name), by, says, why, about, since)


def _wanted(case: Case) -> tuple[str, str, str, datetime | None]:
    if case.spec.state == SUSPENDED:
        return SUSPENDED, "its subscription says so", "by-hand", None
    for one in case.unpaid():
        since = suspended_from(case, one)
        if since is not None and since <= case.now:
            why = f"{one.of.period} was not paid"
            return SUSPENDED, why, one.of.generation, since
    owed = next((one for one in case.unpaid() if case.failed_at(one)), None)
    return (OWES, f"{owed.of.period} is not paid yet", "", None) if owed else _PAID


def suspended_from(case: Case, one: Invoiced) -> datetime | None:
    """
    Return from when *one*, while it is unpaid, suspends what is covered.

    Never before the final warning arrived three days ago, never in quiet hours, never
    on a weekend unless the policy says that it is a day like others. None: never yet.
    """
    first = case.failed_at(one)
    step = next((s for s in case.terms.dunning.steps if "suspend" in s.do), None)
    warned = case.books.told(one.of, _WARNING)
    if first is None or step is None or warned is None:
        return None
    dunning = case.terms.dunning
    earliest = max(case.after(first, step.after), warned + WARNED)
    return allowed(
        earliest,
        case.terms.time_zone,
        dunning.quiet_hours,
        weekends=not dunning.skip_weekends,
    )
