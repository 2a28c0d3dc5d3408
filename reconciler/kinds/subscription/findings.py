"""What keeps a subscription from being paid, and should be known. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.kinds.subscription import native
from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.facts import Invoiced
from reconciler.kinds.subscription.proration import credit
from reconciler.model import OWN, AnyResource, Finding, Severity

_CUSTOMER: Final = "spec.customer"


def findings(want: AnyResource, case: Case) -> Iterator[Finding]:
    """Yield the facts about *want* that are no steps."""
    if case.terms.holds:
        held = ", ".join(case.terms.holds)
        message = f"is held ({held}): nothing is charged, suspended or deleted"
        yield want.found("subscription-held", Severity.WARNING, message, _CUSTOMER)
    if case.books.known is None:
        message = "is new here: the first apply takes note of it, and charges nothing"
        yield want.found("subscription-new", Severity.INFO, message, "spec.since")
    owed = {(one.of.period, one.of.purpose) for one in case.unpaid()}
    for about, missed in case.books.unreached.items():
        period, purpose, step = about.split("/")
        if (period, purpose) in owed and isinstance(missed, dict):
            since = str(missed.get("since"))[:10]
            message = (
                f"{period}: its customer was not told {step} since {since}: no channel "
                "took it; nothing is suspended before the final warning is there"
            )
            yield want.found(
                "customer-unreached", Severity.ERROR, message, "spec.customer"
            )
    if case.spec.state == "terminated":
        message = "is terminated: nothing is invoiced for it any more"
        yield want.found("subscription-ended", Severity.INFO, message, "spec.state")
    yield from _payable_twice(want, case)
    yield from native.findings(want, case)
    if case.terms.invoicing.collector != "reconciler":
        return  # whoever collects sees to the rest
    if case.terms.collect == "auto" and case.spec.state != "terminated":
        yield from _uncollectible(want, case)
    if owed_back := credit(case):
        message = (
            f"became cheaper within a period: a credit note of {owed_back}? A person "
            "decides, and makes it at the gateway; the next invoice forgets it"
        )
        yield want.found("credit-proposed", Severity.WARNING, message, "spec.price")
    for one in case.unpaid():
        yield from _owed(want, case, one)


def _payable_twice(want: AnyResource, case: Case) -> Iterator[Finding]:
    """Yield what somebody said is paid, and its gateway still takes money for."""
    for one in case.invoiced:
        how, bill = case.books.fact(f"{one.of.fact}/paid").get("how"), case.bill(one)
        if how != "transfer" or one.provider == OWN or bill is None:
            continue
        if bill.state == "open":
            message = (
                f"{one.of.period}: is paid by transfer, and {bill.number or bill.id} "
                f"can still be paid on its page: mark it as paid at {one.provider}"
            )
            yield want.found("payable-twice", Severity.WARNING, message, _CUSTOMER)


def _uncollectible(want: AnyResource, case: Case) -> Iterator[Finding]:
    """Yield what keeps a period from being charged, before it is due."""
    given, price = case.terms.agreed, case.terms.price
    if given is not None and case.agreed is None:
        message = f"the consent is of {given.date}: nothing is charged before that day"
        yield want.found("consent-to-come", Severity.ERROR, message, _CUSTOMER)
    elif given is not None and case.most and not price <= case.most:
        message = f"{price} is due for each period, and no charge is above {case.most}"
        yield want.found("above-limit", Severity.ERROR, message, _CUSTOMER)
    if not case.terms.methods:
        message = "there is no payment method with a token yet: nothing is charged"
        yield want.found("no-method-yet", Severity.ERROR, message, _CUSTOMER)
    backup = [method.name for method in case.terms.methods[1:]]
    if backup and given is not None and not given.backup:
        message = f"{', '.join(backup)} can never step in: consent.backup is not given"
        yield want.found("backup-without-consent", Severity.WARNING, message, _CUSTOMER)


def _owed(want: AnyResource, case: Case, one: Invoiced) -> Iterator[Finding]:
    first, tries = case.failed_at(one), case.books.tries(one.of)
    if tries and tries[-1].kind == "refused":
        message = (
            f"{one.of.period}: to charge {one.total} was refused on "
            f"{tries[-1].at.date()}, and by no bank: `audit show` says why"
        )
        yield want.found("charge-refused", Severity.ERROR, message, _CUSTOMER)
    if first is None:
        return
    period, total = one.of.period, one.total
    message = f"{period}: {total} is not paid since {first.date()}"
    if tries:
        last = tries[-1]
        message += f"; attempt {len(tries)} was {last.kind} ({last.code or 'no code'})"
    yield want.found("payment-failed", Severity.ERROR, message, _CUSTOMER)
    proposed = [s for s in case.terms.dunning.steps if "propose-termination" in s.do]
    if proposed and case.after(first, proposed[0].after) <= case.now:
        message = (
            f"{period}: unpaid for {(case.now - first).days} days: terminate it? "
            "Two people decide: write state: terminated"
        )
        yield want.found("termination-proposed", Severity.ERROR, message, "spec.state")
