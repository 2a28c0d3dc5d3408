"""PayPal's transaction search: what happened, as its books show it hours later."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.paypal_words import (
    Account,
    Route,
    Thing,
    link,
    money,
    problem,
    stamp,
)
from reconciler.sandbox.rest import Answer, Call

#: Documented: the most that one question may span, and how far back it may go.
SPAN: Final = timedelta(days=31)
BACK: Final = timedelta(days=3 * 365)
_MOST: Final = 500
_PAGE: Final = 100
_ZERO: Final = Decimal(0)


def report(
    bench: Bench,
    account: Account,
    name: str,
    code: str,
    thing: Thing,
    *,
    affects: bool = True,
    fee: str = "0",
    **related: str,
) -> None:
    """
    Write a row that the search shows later, of the transaction event *code*.

    ``T0006`` is a payment, ``T1107`` a refund by the merchant, ``T1300`` an
    authorization, which does not affect the balance.
    """
    now, value = stamp(bench.clock()), dict(thing["amount"])
    if code == "T1107":
        value["value"] = f"-{value['value']}"
    row = {
        "paypal_account_id": account["payer_id"],
        "transaction_id": name,
        "transaction_event_code": code,
        "transaction_initiation_date": now,
        "transaction_updated_date": now,
        "transaction_amount": value,
        "transaction_status": "P" if thing["status"] == "PENDING" else "S",
    }
    if Decimal(fee) != _ZERO:
        row["fee_amount"] = money(-Decimal(fee), value["currency_code"])
    of = related.get("capture_id") or related.get("authorization_id")
    if of:
        row |= {"paypal_reference_id": of, "paypal_reference_id_type": "TXN"}
    if "invoice_id" in thing:
        row["invoice_id"] = thing["invoice_id"]
    if "custom_id" in thing:
        row["custom_field"] = thing["custom_id"]
    account["report"].append({**row, "affects": affects})


def _search(call: Call, account: Account) -> Answer:
    if not account["reports"]:
        return problem(403, "NOT_AUTHORIZED")
    query, now = call.query, call.bench.clock()
    try:
        since = datetime.fromisoformat(query["start_date"].replace(" ", "+"))
        until = datetime.fromisoformat(query["end_date"].replace(" ", "+"))
        size = int(query.get("page_size", _PAGE))
        page = int(query.get("page", 1))
    except (KeyError, ValueError):
        return problem(400, "INVALID_REQUEST", field="start_date")
    if until - since > SPAN or until < since:
        said = "Date range is greater than 31 days"
        return problem(400, "INVALID_REQUEST", said, field="end_date")
    if now - since > BACK or not 1 <= size <= _MOST or page < 1:
        return problem(400, "INVALID_REQUEST", field="start_date")
    fresh = now - timedelta(minutes=account["report_delay"])
    every = query.get("balance_affecting_records_only", "Y") == "N"
    found = [
        {k: v for k, v in row.items() if k != "affects"}
        for row in account["report"]
        if since <= _at(row) <= until
        and _at(row) <= fresh
        and (row["affects"] or every)
        and query.get("transaction_id") in {None, row["transaction_id"]}
    ]
    page = 1 if call.faulty == "duplicate-page" else page
    part = [] if call.faulty == "empty" else found[(page - 1) * size : page * size]
    body = {
        "transaction_details": [{"transaction_info": row} for row in part],
        "account_number": account["payer_id"],
        "start_date": stamp(since),
        "end_date": stamp(min(until, fresh)),
        "last_refreshed_datetime": stamp(fresh),
        "page": page,
        "total_items": len(found),
        "total_pages": math.ceil(len(found) / size),
        "links": [link("self", call.where)],
    }
    return Answer(200, body)


def _at(row: Thing) -> datetime:
    return datetime.fromisoformat(row["transaction_initiation_date"])


def _balances(call: Call, account: Account) -> Answer:
    if not account["reports"]:
        return problem(403, "NOT_AUTHORIZED")
    now = stamp(call.bench.clock())
    zero = money(_ZERO, "EUR")
    body = {
        "balances": [
            {"currency": "EUR", "primary": True, "total_balance": zero,
             "available_balance": zero, "withheld_balance": zero}
        ],
        "account_id": account["payer_id"],
        "as_of_time": now,
        "last_refresh_time": now,
    }  # fmt: skip
    return Answer(200, body)


ROUTES: Final = (
    Route("search.get", "GET", "/v1/reporting/transactions", _search),
    Route("balances.get", "GET", "/v1/reporting/balances", _balances),
)
