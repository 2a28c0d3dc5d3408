"""What an invoice of ours says: from the records, its customer and who sells."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from reconciler.cli import secrets
from reconciler.errors import ReconcilerError
from reconciler.model import OWN, Ref, SecretRef

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.kinds.customer import Customer
    from reconciler.kinds.subscription import Invoiced, Subscription
    from reconciler.model import Seller
    from reconciler.report.invoice_pdf import Sheet


def seller(project: Project) -> Seller:
    """
    Return who sells, by the trusted document of the account ``own``.

    Raises:
        ReconcilerError: There is none.
    """
    provider = project.accounts_declared.get(OWN)
    if provider is None or provider.spec.seller is None:
        raise ReconcilerError(
            f"nobody says who sells: there is no Provider/{OWN}",
            hint="docs/invoices.md shows the document",
            code="E612",
        )
    return provider.spec.seller


def issued(project: Project, one: Invoiced) -> date:
    """Return the day that *one* is dated by: the seller's, where one is declared."""
    provider = project.accounts_declared.get(OWN)
    sells = provider.spec.seller if provider else None
    return _day(one.at, sells.time_zone if sells else "UTC")


def sheet(project: Project, want: Subscription, one: Invoiced) -> Sheet:
    """
    Return the invoice *one* of *want*.

    It is dated by the seller's day, and due by the customer's.

    Raises:
        ReconcilerError: Nobody says who sells, or an address cannot be had.
    """
    from reconciler.kinds.subscription.amounts import Line
    from reconciler.report.invoice_pdf import Row, Sheet
    from reconciler.report.invoice_words import words

    sells, customer = seller(project), _customer(project, want)
    say = words(customer.spec.language)
    fact = want.books.fact(f"{one.of.fact}/invoice")
    listed = fact.get("lines")
    lines = [Line.of(line) for line in listed] if isinstance(listed, list) else []
    if not lines or one.number is None:
        raise ReconcilerError(
            f"{want.ref}: the record of {one.of.period} has no lines",
            hint="it was made before invoices had them, or by another program",
            code="E612",
        )
    return Sheet(
        number=one.number,
        issued=issued(project, one),
        begins=one.begins,
        last=one.ends - timedelta(days=1),
        due=_day(datetime.fromisoformat(str(fact["due"])), _zone(want)),
        seller=sells,
        to=_to(project, customer),
        rows=tuple(
            Row(say.things(line.about), line.amount, line.rate, line.tax)
            for line in lines
        ),
        language=customer.spec.language,
        collected=one.provider != OWN,
    )


def _zone(want: Subscription) -> str:
    return want.spec.terms.time_zone if want.spec.terms else "UTC"


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def _customer(project: Project, want: Subscription) -> Customer:
    found = project.inventory.get(Ref("Customer", want.spec.customer))
    return cast("Customer", found)


def _to(project: Project, customer: Customer) -> tuple[str, ...]:
    """Return name, address and tax numbers; the address is kept nowhere."""
    spec, postal = customer.spec, customer.spec.contacts.postal
    if isinstance(postal, SecretRef):
        postal = secrets.resolve(postal, project.environ, project.root)
        project.secrets.add(postal)
    lines = [line.strip() for line in (postal or "").splitlines()]
    return (spec.legal_name, *filter(None, lines), spec.country, *spec.tax_ids)
