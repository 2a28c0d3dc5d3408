"""What an invoice comes to, with its tax: line by line, to the least coin. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from pydantic import JsonValue, TypeAdapter

from reconciler.kinds.subscription.changes import Invoice
from reconciler.model import Money, Percent, Terms
from reconciler.model.money import MINOR_DIGITS

_RATE: TypeAdapter[Decimal] = TypeAdapter(Percent)


class Line(NamedTuple):
    """
    One line of an invoice.

    Attributes:
        about: What is paid for, each as ``Kind/name``.
        amount: Without tax.
        rate: As in ``21%``; None where there is no tax.
        tax: What comes on top.
    """

    about: tuple[str, ...]
    amount: Money
    rate: str | None
    tax: Money

    def fact(self) -> dict[str, JsonValue]:
        """Return the line as records keep it."""
        return {
            "about": [*self.about],
            "amount": str(self.amount),
            "rate": self.rate,
            "tax": str(self.tax),
        }

    @classmethod
    def of(cls, fact: JsonValue) -> Line:
        """Return the line that a record keeps."""
        if not isinstance(fact, dict) or not isinstance(fact["about"], list):
            raise TypeError("is no line of an invoice")
        amount, tax = map(Money.model_validate, (fact["amount"], fact["tax"]))
        rate = fact["rate"]
        about = tuple(map(str, fact["about"]))
        return cls(about, amount, str(rate) if rate else None, tax)


class Amounts(NamedTuple):
    """The lines of an invoice, and what they come to."""

    lines: tuple[Line, ...]
    total: Money


def nets(change: Invoice) -> list[Money]:
    """Return the amount of each line of *change*, without tax."""
    listed = change.details.get("lines")
    told = listed if isinstance(listed, list) and listed else [change.details]
    return [Money.model_validate(x["amount"]) for x in told if isinstance(x, dict)]


def amounts(change: Invoice) -> Amounts:
    """
    Return what *change* comes to where no gateway works it out.

    Raises:
        ValueError: Its tax is worked out by a gateway.
    """
    net, tax = Money.model_validate(change.details["amount"]), change.details["tax"]
    listed = change.details.get("lines")
    if isinstance(listed, list) and listed:
        lines = tuple(_line(one, tax) for one in listed)
    else:
        lines = (taxed(_about(change.details.get("covers")), net, tax),)
    return Amounts(lines, sum((x.amount + x.tax for x in lines), net.times(0)))


def _line(told: JsonValue, tax: JsonValue) -> Line:
    if not isinstance(told, dict):
        raise TypeError("is no line of an invoice")
    return taxed(_about(told["about"]), Money.model_validate(told["amount"]), tax)


def _about(names: JsonValue) -> tuple[str, ...]:
    return tuple(map(str, names)) if isinstance(names, list) else ()


def taxed(about: tuple[str, ...], net: Money, tax: JsonValue) -> Line:
    """Return a line with its tax, rounded half up."""
    if tax == "none":
        return Line(about, net, None, Money.of_minor(0, net.currency))
    if not isinstance(tax, str) or not tax.endswith("%"):
        raise ValueError("tax is worked out by no gateway here: write none, or a rate")
    return Line(about, net, tax, _on_top(net, _RATE.validate_python(tax)))


def _on_top(net: Money, rate: Decimal) -> Money:
    least = Decimal(1).scaleb(-MINOR_DIGITS.get(net.currency, 2))
    exact = (net.amount * rate).quantize(least, rounding=ROUND_HALF_UP)
    return Money(amount=exact, currency=net.currency)


def expected(terms: Terms) -> Money:
    """Return what a period will come to; without tax where a gateway works it out."""
    tax = terms.invoicing.tax
    rate = tax if isinstance(tax, Decimal) else Decimal(0)
    return terms.price + _on_top(terms.price, rate)
