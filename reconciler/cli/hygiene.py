"""What is unwise about declared DNS records, as findings of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.kinds.domain import Domain
from reconciler.model import AnyResource, Finding, Plan, Severity


def advised(plan: Plan) -> Plan:
    """Return *plan* with the advice on every zone that it would write."""
    written = {
        action.want.ref: action.want
        for action in plan.actions
        if action.change.verb == "records"
    }
    found = tuple(advice(written[ref] for ref in sorted(written)))
    return plan._replace(findings=(*plan.findings, *found))


def advice(wants: Iterable[AnyResource]) -> Iterator[Finding]:
    """Yield what octoDNS' validators say about the records of each domain."""
    from reconciler.providers._hygiene import lint  # octoDNS is slow to import

    for want in wants:
        if isinstance(want, Domain):
            for code, message in lint(want):
                yield want.found(code, Severity.WARNING, message, "spec.dns.records")
