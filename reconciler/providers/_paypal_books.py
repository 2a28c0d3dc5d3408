"""
What PayPal's own books say was taken, held and given back: the transaction search.

Source: developer.paypal.com/docs/api/transaction-search/v1, the reference of T-codes.

* The app needs *transaction search*, which is switched on for it by hand.
* A row shows up to three hours late; ``last_refreshed_datetime`` says how fresh it is.
* One question spans 31 days at most, and the last three years.
* T00nn are payments, T11nn reversals and refunds, T12nn adjustments (chargebacks),
  T13nn authorizations: those do not affect the balance, and are shown where asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from reconciler.errors import Rejected
from reconciler.model import Money
from reconciler.model.billing import Capture
from reconciler.providers._answers import mapping, rows
from reconciler.providers._paypal import PayPal
from reconciler.providers._paypal_billing import moment, named

#: Documented, and an hour more.
LATE: Final = timedelta(hours=4)
_SPAN: Final = timedelta(days=31)
_PAGE: Final = 500
_PATH: Final = "/v1/reporting/transactions"
#: Where a merchant sees one payment, and gives it back.
ACTIVITY: Final = "https://www.paypal.com/activity/payment"
_KINDS: Final[Mapping[str, Literal["taken", "given-back", "held"]]] = {
    "T00": "taken",
    "T11": "given-back",
    "T12": "given-back",
    "T13": "held",
}


class Entry(NamedTuple):
    """
    One thing in the gateway's books.

    Attributes:
        id: The gateway's name of it.
        kind: ``taken``: money came; ``given-back``: a refund, a reversal or a
            chargeback; ``held``: an authorization.
        amount: What moved; never negative.
        status: ``S`` done, ``P`` pending, ``D`` denied, ``V`` reversed.
        custom: What the payer of it was called (``custom_id``), where it was.
        number: The invoice's number, where it has one.
        of: What it gives back, or what held the money that it took.
    """

    id: str
    kind: Literal["taken", "given-back", "held"]
    at: datetime
    amount: Money
    status: str
    custom: str | None
    number: str | None
    of: str | None


class Pages(NamedTuple):
    """
    What one look at the books brought.

    Attributes:
        fresh: Nothing later than this can be expected to show.
    """

    entries: tuple[Entry, ...]
    fresh: datetime


def entries(
    paypal: PayPal, since: datetime, until: datetime, *, held: bool = False
) -> Pages:
    """
    Return everything from *since* to *until*; what is *held*, too, where asked for.

    Raises:
        Forbidden: The app may not search transactions.
        Rejected: An answer is not what is documented.
    """
    found: list[Entry] = []
    fresh = until
    start = since
    while start < until:
        end = min(start + _SPAN, until)
        for data in _pages(paypal, start, end, held=held):
            told = moment(data.get("last_refreshed_datetime"))
            fresh = min(fresh, told) if told else since
            for row in rows(data.get("transaction_details") or [], "transactions"):
                entry = _entry(mapping(row.get("transaction_info")))
                if entry is not None:
                    found.append(entry)
        start = end
    return Pages(tuple(found), fresh)


def taken(pages: Pages) -> Iterator[Capture]:
    """Yield the money that came, with what was given back of each."""
    back: defaultdict[str, list[Money]] = defaultdict(list)
    for entry in pages.entries:
        if entry.kind == "given-back" and entry.of and entry.status != "D":
            back[entry.of].append(entry.amount)
    for entry in pages.entries:
        if entry.kind != "taken" or entry.status not in {"S", "V"}:
            continue
        ours = named(entry.custom)
        nothing = entry.amount.times(0)
        same = (m for m in back[entry.id] if m.currency == nothing.currency)
        yield Capture(
            id=entry.id,
            at=entry.at,
            amount=entry.amount,
            refunded=sum(same, nothing),
            operation=entry.custom if ours else None,
            object=entry.of or entry.number,
            subscription=ours[0] if ours else None,
            generation=ours[1] if ours else None,
            page=f"{ACTIVITY}/{entry.id}",
        )


def _pages(
    paypal: PayPal, start: datetime, end: datetime, *, held: bool
) -> Iterator[Mapping[str, Any]]:
    asked: dict[str, str | int] = {
        "start_date": _text(start),
        "end_date": _text(end),
        "fields": "transaction_info",
        "page_size": _PAGE,
        "balance_affecting_records_only": "N" if held else "Y",
    }
    page, last = 1, 1
    while page <= last:
        data = paypal.get("searchTransactions", _PATH, {**asked, "page": page})
        if data.get("page") != page:
            raise Rejected("searchTransactions: a page comes twice")
        last = int(data.get("total_pages") or 0)
        yield data
        page += 1


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(row: Mapping[str, Any]) -> Entry | None:
    """Return what a row says; None where it is about something else (a payout)."""
    kind = _KINDS.get(str(row.get("transaction_event_code"))[:3])
    at = moment(row.get("transaction_initiation_date"))
    if kind is None:
        return None
    value = mapping(row.get("transaction_amount"))
    text = str(value.get("value"))
    if kind == "taken" and text.startswith("-"):
        return None  # what we paid to somebody
    try:
        money = Money.model_validate(f"{text.lstrip('-')} {value.get('currency_code')}")
    except ValueError:
        raise Rejected("searchTransactions: a row has no amount") from None
    if at is None:
        raise Rejected("searchTransactions: a row has no date")
    return Entry(
        id=str(row["transaction_id"]),
        kind=kind,
        at=at,
        amount=money,
        status=str(row.get("transaction_status")),
        custom=row.get("custom_field"),
        number=row.get("invoice_id"),
        of=row.get("paypal_reference_id"),
    )
