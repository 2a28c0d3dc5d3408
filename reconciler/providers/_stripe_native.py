"""
What Stripe's own engine collects, in our words.

Source: docs.stripe.com/api/subscriptions/object, /api/prices/object,
/billing/subscriptions/overview (statuses). Since 2025 the period is that of an item.

* A subscription says what it is for nowhere. A domain name in its description or its
  metadata is the only sign there is.
* What has tiers, is metered, or is paid by the week has no price of a month or a year.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from reconciler.errors import ProviderError
from reconciler.kinds.subscription.state import Native, Payer
from reconciler.model import Money
from reconciler.providers._answers import mapping
from reconciler.providers._stripe import Forbidden, Stripe

_PATH: Final = "/v1/subscriptions"
#: At an end: nobody is charged by it any more.
_ENDED: Final = frozenset({"canceled", "incomplete_expired"})
_STATUS: Final[Mapping[str, Literal["active", "late", "paused"]]] = {
    "active": "active",
    "trialing": "active",
    "incomplete": "late",
    "past_due": "late",
    "unpaid": "late",
    "paused": "paused",
}
_MONTHS: Final = {"month": 1, "year": 12}
_DOMAIN: Final = re.compile(
    r"(?<![\w@.-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}(?![\w-])"
)

Row = Mapping[str, Any]


class Engine:
    """Stripe's own engine, asked once for everything that it collects."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe
        self._rows: dict[str, Row] | None = None
        self._failed: ProviderError | None = None
        self._owners = False

    def rows(self, *, owners: bool = False) -> Mapping[str, Row]:
        """
        Return its live subscriptions by their ids, with whose they are if asked for.

        Raises:
            ProviderError: They cannot be listed.
        """
        if owners and not self._owners:
            self._rows = self._failed = None
        self._owners = self._owners or owners
        if self._rows is None and self._failed is None:
            try:
                found = list(self._listed())
            except ProviderError as error:
                self._failed = error
            else:
                self._rows = {str(row["id"]): row for row in found}
        if self._rows is None:
            raise self._failed or ProviderError("subscriptions cannot be listed")
        return self._rows

    def _listed(self) -> Iterator[Row]:
        asked: dict[str, str | int] = {"status": "all"}
        if self._owners:
            try:
                yield from self._each({**asked, "expand[]": "data.customer"})
            except Forbidden:
                pass  # the key may not read customers: nobody is named then
            else:
                return
        yield from self._each(asked)

    def _each(self, asked: dict[str, str | int]) -> list[Row]:
        rows = self._stripe.each("listSubscriptions", _PATH, asked)
        return [row for row in rows if row.get("status") not in _ENDED]


def customer_of(row: Row) -> str:
    """Return the id of whose subscription it is."""
    customer = row["customer"]
    return str(customer["id"] if isinstance(customer, dict) else customer)


def native(row: Row) -> Native:
    """Return a subscription of the engine; raise ValueError where it is none."""
    items = [mapping(item) for item in mapping(row["items"])["data"]]
    price, months, why = _price(items)
    ends = [int(item["current_period_end"]) for item in items]
    anchor = row.get("billing_cycle_anchor") or row["start_date"]
    paused = isinstance(row.get("pause_collection"), dict)
    return Native(
        id=str(row["id"]),
        collector="stripe-billing",
        status="paused" if paused else _STATUS.get(str(row["status"]), "active"),
        price=price,
        months=months,
        why=why,
        since=_since(int(anchor), items),
        until=datetime.fromtimestamp(min(ends), UTC) if ends else None,
        ending=bool(row.get("cancel_at_period_end") or row.get("cancel_at")),
        discounted=bool(row.get("discounts")),
        method=_method(row),
        names=tuple(sorted(_names(_texts(row, items)))),
        payer=_payer(row["customer"]),
    )


def _method(row: Row) -> str | None:
    """Return what it is charged by: its own method, or its customer's default."""
    customer = row["customer"]
    settings = customer.get("invoice_settings") if isinstance(customer, dict) else None
    usual = settings.get("default_payment_method") if settings else None
    found = row.get("default_payment_method") or usual
    return found if isinstance(found, str) else None


def _since(anchor: int, items: Iterable[Row]) -> date:
    """Return the first day of the first period; of this one where that is to come."""
    begun = [int(item["current_period_start"]) for item in items]
    at = min([anchor, *begun])
    return datetime.fromtimestamp(at, UTC).date()


def _price(items: list[Row]) -> tuple[Money | None, int | None, str | None]:
    """Return what one period costs, how many months it is; or why nobody can say."""
    total: Money | None = None
    length: int | None = None
    for item in items:
        price = mapping(item["price"])
        recurring = mapping(price["recurring"])
        unit, count = str(recurring["interval"]), int(recurring["interval_count"])
        if unit not in _MONTHS:
            return None, None, f"is paid every {count} {unit}, not by month or year"
        minor = price.get("unit_amount")
        licensed = recurring.get("usage_type", "licensed") == "licensed"
        if not isinstance(minor, int) or not licensed or price.get("tiers_mode"):
            return None, None, "has tiers or is metered: what it costs is known after"
        if price.get("transform_quantity"):
            return None, None, "counts its quantity in packages"
        months = count * _MONTHS[unit]
        if length not in {None, months}:
            return None, None, "has parts with different intervals"
        amount = Money.of_minor(minor, str(price["currency"]).upper())
        amount = amount.times(int(item.get("quantity") or 1))
        total, length = (total + amount if total else amount), months
    if total is None:
        return None, None, "has no items"
    return total, length, None


def _payer(customer: Any) -> Payer | None:
    """Return whose it is, where the key may read it."""
    if not isinstance(customer, dict):
        return None
    address = customer.get("address")
    locales = customer.get("preferred_locales") or [""]
    currency = customer.get("currency")
    return Payer(
        name=customer.get("name"),
        country=address.get("country") if isinstance(address, dict) else None,
        currency=str(currency).upper() if currency else None,
        language=str(locales[0]).partition("-")[0] or None,
    )


def _texts(row: Row, items: Iterable[Row]) -> Iterator[str]:
    """Yield what may say what it is for."""
    for thing in (row, *items, *(mapping(item["price"]) for item in items)):
        metadata = thing.get("metadata")
        if isinstance(metadata, dict):
            yield from map(str, metadata.values())
        yield str(thing.get("description") or thing.get("nickname") or "")


def _names(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in _DOMAIN.findall(text.lower())}
