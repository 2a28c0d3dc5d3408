"""What keeps a subscription from being paid, and should be known. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.facts import Invoiced
from reconciler.model import AnyResource, Finding, Severity


def findings(want: AnyResource, case: Case) -> Iterator[Finding]:
    """Yield the facts about *want* that are no steps."""
    if case.terms.holds:
        held = ", ".join(case.terms.holds)
        message = f"is held ({held}): nothing is charged, suspended or deleted"
        yield want.found("subscription-held", Severity.WARNING, message, "customer")
    if case.books.known is None:
        message = "is new here: the first apply takes note of it, and charges nothing"
        yield want.found("subscription-new", Severity.INFO, message, "since")
    owed = {(one.of.period, one.of.purpose) for one in case.unpaid()}
    for about, missed in case.books.unreached.items():
        period, purpose, step = about.split("/")
        if (period, purpose) in owed and isinstance(missed, dict):
            since = str(missed.get("since"))[:10]
            message = (
                f"{period}: its customer was not told {step} since {since}: no channel "
                "took it; nothing is suspended before the final warning is there"
            )
            yield want.found("customer-unreached", Severity.ERROR, message, "customer")
    for one in case.unpaid():
        yield from _owed(want, case, one)


def _owed(want: AnyResource, case: Case, one: Invoiced) -> Iterator[Finding]:
    first = case.failed_at(one)
    if first is None:
        return
    tries = case.books.tries(one.of)
    period, total = one.of.period, one.total
    message = f"{period}: {total} is not paid since {first.date()}"
    if tries:
        last = tries[-1]
        message += f"; attempt {len(tries)} was {last.kind} ({last.code or 'no code'})"
    yield want.found("payment-failed", Severity.ERROR, message, "customer")
    proposed = [s for s in case.terms.dunning.steps if "propose-termination" in s.do]
    if proposed and case.after(first, proposed[0].after) <= case.now:
        message = (
            f"{period}: unpaid for {(case.now - first).days} days: terminate it? "
            "Two people decide: write state: terminated"
        )
        yield want.found("termination-proposed", Severity.ERROR, message, "state")
