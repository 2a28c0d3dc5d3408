"""What an invoice says, by language. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from reconciler.model import Money
from reconciler.model.money import MINOR_DIGITS


class Words(NamedTuple):
    """
    The words of one language.

    Attributes:
        transfer: How to pay by transfer, with ``{total}``, ``{due}`` and ``{number}``.
        collected: That nobody has to do anything, with ``{total}``.
        kinds: What a kind is called.
        months: From January on.
        marks: Between thousands, and before decimals.
    """

    language: str
    invoice: str
    number: str
    issued: str
    period: str
    until: str
    due: str
    to: str
    description: str
    tax: str
    tax_on: str
    amount: str
    subtotal: str
    total: str
    how_to_pay: str
    transfer: str
    collected: str
    in_the_name_of: str
    page: str
    kinds: Mapping[str, str]
    months: tuple[str, ...]
    marks: tuple[str, str]

    def day(self, day: date) -> str:
        """Return a date as it is written out."""
        return f"{day.day} {self.months[day.month - 1]} {day.year}"

    def money(self, money: Money) -> str:
        """Return an amount with its currency in front and all of its decimals."""
        text = f"{money.amount:,.{MINOR_DIGITS.get(money.currency, 2)}f}"
        thousands, decimals = self.marks
        swapped = text.replace(",", "\0").replace(".", decimals)
        return f"{money.currency} {swapped.replace(chr(0), thousands)}"

    def things(self, about: Iterable[str]) -> str:
        """Return what is paid for, each given as ``Kind/name``."""
        parts = (one.partition("/") for one in about)
        return ", ".join(f"{self.kinds.get(k, k)} {name}" for k, _, name in parts)

    def rate(self, rate: str) -> str:
        """Return a percentage."""
        return rate.replace(".", self.marks[1])


_ENGLISH: Final = Words(
    language="en",
    invoice="Invoice",
    number="Number",
    issued="Date",
    period="Period",
    until="to",
    due="Due",
    to="To",
    description="Description",
    tax="VAT",
    tax_on="VAT {rate} on {amount}",
    amount="Amount",
    subtotal="Subtotal",
    total="Total",
    how_to_pay="How to pay",
    transfer="Please transfer {total} by {due} at the latest, and mention {number}.",
    collected="{total} is collected by the payment method you agreed to: you need not "
    "do anything.",
    in_the_name_of="in the name of",
    page="page",
    kinds={
        "HostingAccount": "Hosting",
        "Domain": "Domain name",
        "Price": "New price since",
    },
    months=(
        *("January", "February", "March", "April", "May", "June", "July", "August"),
        *("September", "October", "November", "December"),
    ),
    marks=(",", "."),
)
_DUTCH: Final = Words(
    language="nl",
    invoice="Factuur",
    number="Nummer",
    issued="Datum",
    period="Periode",
    until="t/m",
    due="Vervaldatum",
    to="Aan",
    description="Omschrijving",
    tax="Btw",
    tax_on="Btw {rate} over {amount}",
    amount="Bedrag",
    subtotal="Subtotaal",
    total="Totaal",
    how_to_pay="Betalen",
    transfer="Wilt u {total} uiterlijk op {due} overmaken, onder vermelding van "
    "{number}?",
    collected="{total} wordt afgeschreven via de betaalwijze die u hebt afgesproken: u "
    "hoeft niets te doen.",
    in_the_name_of="ten name van",
    page="pagina",
    kinds={
        "Price": "Nieuwe prijs sinds",
        "HostingAccount": "Hosting",
        "Domain": "Domeinnaam",
        "Certificate": "Certificaat",
        "Backup": "Back-up",
    },
    months=(
        *("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus"),
        *("september", "oktober", "november", "december"),
    ),
    marks=(".", ","),
)
_KNOWN: Final = {"en": _ENGLISH, "nl": _DUTCH}


def words(language: str) -> Words:
    """Return the words of *language* (``nl-BE``), or the nearest there are."""
    base = language.partition("-")[0]
    return _KNOWN.get(language) or _KNOWN.get(base) or _ENGLISH
