"""
What stands on Stripe's invoices: items, their tax, and what an invoice comes to.

After docs.stripe.com/api/invoiceitems, /tax_rates, docs.stripe.com/tax/invoicing and
docs.stripe.com/invoicing/customer/balance. Tax is worked out line by line, half a cent
up; ``automaticTax`` of the world is what Stripe Tax would say, in per cent by country.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.stripe_words import (
    EXPAND,
    PAGE,
    Account,
    Params,
    Route,
    Row,
    chosen,
    copied,
    found_in,
    key_of,
    labelled,
    malformed,
    missing,
    new_id,
    now_of,
    paged,
    refuse,
    required,
    stated,
    truth,
    whole,
)
from reconciler.sandbox.stripe_words import Refused as _Refused

#: The id under which Stripe Tax's own rates are shown here.
_AUTOMATIC: Final = "txr_automatic"


def live_customer(account: Account, name: str, param: str = "customer") -> Row:
    """Return a customer that a parameter names, or refuse."""
    row: Row | None = account["customers"].get(name)
    if row is None or row.get("deleted"):
        raise _Refused(missing("customer", name, param, 400))
    return row


def rates_of(account: Account, params: Params, name: str) -> list[str]:
    """Return the tax rates that a parameter names; refuse one that is not there."""
    asked = params.get(name) or []
    for one in asked:
        if one not in account["rates"]:
            raise _Refused(missing("tax rate", one, name, 400))
    return [str(one) for one in asked]


def _item(name: str, created: int, customer: Row) -> Row:
    return {
        "id": name,
        "object": "invoiceitem",
        "amount": 0,
        "currency": "eur",
        "customer": customer["id"],
        "customer_account": None,
        "date": created,
        "description": None,
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "net_amount": 0,
        "parent": None,
        "period": {"start": created, "end": created},
        "pricing": {
            "price_details": None,
            "type": "price_details",
            "unit_amount_decimal": None,
        },
        "proration": False,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": None,
    }


def _create(call: Call, account: Account, params: Params) -> Answer:
    customer = live_customer(account, required(params, "customer"))
    if params.get("amount") is None:
        malformed("You must pass `amount` and `currency`.", None, "amount")
    row = _item(new_id(account, "ii"), now_of(call), customer)
    row["amount"] = row["net_amount"] = whole(params, "amount")
    row["currency"] = str(required(params, "currency")).lower()
    row["pricing"]["unit_amount_decimal"] = str(row["amount"])
    row["description"] = params.get("description")
    if period := params.get("period"):
        row["period"] = {"start": whole(period, "start"), "end": whole(period, "end")}
    row["tax_rates"] = rates_of(account, params, "tax_rates")
    labelled(row, params)
    invoice = params.get("invoice")
    if invoice is not None:
        _put_on(account, row, invoice)
    elif customer["currency"] not in {None, row["currency"]}:
        refuse("The currency of the item is not that of the customer.")
    account["items"][row["id"]] = row
    call.bench.effect(
        "createInvoiceItem", row["id"], key=key_of(call), invoice=row["invoice"]
    )
    return Answer(200, shown_item(account, row))


def _put_on(account: Account, row: Row, name: str) -> None:
    invoice = account["invoices"].get(name)
    if invoice is None:
        raise _Refused(missing("invoice", name, "invoice", 400))
    if invoice["customer"] != row["customer"]:
        refuse("The invoice does not belong to the customer of the item.")
    if invoice["status"] != "draft":
        said = "This invoice is no longer editable."
        refuse(said, "invoice_not_editable")
    if invoice["currency"] != row["currency"]:
        refuse(
            f"The invoice is in {invoice['currency']}, and the item in "
            f"{row['currency']}.",
            param="currency",
        )
    add_line(account, invoice, row)


def add_line(account: Account, invoice: Row, item: Row) -> None:
    """Put an item on a draft, and work out again what that comes to."""
    item["invoice"] = invoice["id"]
    account["items"][item["id"]] = item
    invoice["lines"]["data"].append(
        {
            "id": new_id(account, "il"),
            "object": "line_item",
            "amount": item["amount"],
            "currency": item["currency"],
            "description": item["description"],
            "discount_amounts": [],
            "discountable": True,
            "discounts": [],
            "invoice": invoice["id"],
            "livemode": False,
            "metadata": dict(item["metadata"]),
            "parent": {
                "invoice_item_details": {
                    "invoice_item": item["id"],
                    "proration": False,
                    "proration_details": None,
                    "subscription": None,
                },
                "subscription_item_details": None,
                "type": "invoice_item_details",
            },
            "period": dict(item["period"]),
            "pretax_credit_amounts": [],
            "pricing": dict(item["pricing"]),
            "quantity": 1,
            "quantity_decimal": "1",
            "subscription": None,
            "subtotal": item["amount"],
            "taxes": [],
        }
    )
    sum_up(account, invoice)


def sum_up(account: Account, invoice: Row) -> None:
    """Work out tax, total and what is due of a draft."""
    lines = invoice["lines"]["data"]
    subtotal, added, included = 0, 0, 0
    by_rate: dict[str, Row] = {}
    usual = _usual(account, invoice)
    for line in lines:
        subtotal += line["amount"]
        item = line["parent"]["invoice_item_details"]["invoice_item"]
        line["taxes"] = []
        for name in account["items"][item]["tax_rates"] or usual:
            part = _tax(account, name, line["amount"])
            line["taxes"].append(part)
            inclusive = part["tax_behavior"] == "inclusive"
            included += part["amount"] if inclusive else 0
            added += 0 if inclusive else part["amount"]
            whole_tax = by_rate.setdefault(
                name, {**part, "amount": 0, "taxable_amount": 0}
            )
            whole_tax["amount"] += part["amount"]
            whole_tax["taxable_amount"] += part["taxable_amount"]
    customer = account["customers"][invoice["customer"]]
    total = subtotal + added
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - included,
        "total": total,
        "total_excluding_tax": total - added - included,
        "total_taxes": list(by_rate.values()),
        "starting_balance": customer["balance"],
    }
    due = max(0, total + customer["balance"])
    invoice |= {"amount_due": due, "amount_remaining": due}


def _usual(account: Account, invoice: Row) -> list[str]:
    """Return the rates of a line that has none of its own."""
    if not invoice["automatic_tax"]["enabled"]:
        return list(invoice["default_tax_rates"])
    address = account["customers"][invoice["customer"]]["address"] or {}
    country = address.get("country")
    found = "complete" if country else "requires_location_inputs"
    invoice["automatic_tax"]["status"] = found
    return [f"{_AUTOMATIC}_{country}"] if country in account["tax"] else []


def _tax(account: Account, name: str, amount: int) -> Row:
    rate = account["rates"].get(name)
    if rate is None:
        percent = Decimal(str(account["tax"][name.removeprefix(f"{_AUTOMATIC}_")]))
        inclusive = False
    else:
        percent, inclusive = Decimal(str(rate["percentage"])), rate["inclusive"]
    exact = amount * percent / ((100 + percent) if inclusive else 100)
    tax = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    return {
        "amount": tax,
        "tax_behavior": "inclusive" if inclusive else "exclusive",
        "tax_rate_details": {"tax_rate": name},
        "taxability_reason": "standard_rated" if percent else "zero_rated",
        "taxable_amount": amount - tax if inclusive else amount,
        "type": "tax_rate_details",
    }


def shown_item(account: Account, row: Row) -> Row:
    """Return an item as it is answered: its rates whole."""
    shown: Row = copied(row)
    shown["tax_rates"] = [copied(account["rates"][n]) for n in row["tax_rates"]]
    return shown


def _list(call: Call, account: Account, params: Params) -> Answer:
    within = stated(params, "created")
    pending = chosen(params, "pending", ("true", "false"))
    found = [
        {**row, "created": row["date"]}
        for row in account["items"].values()
        if params.get("customer") in {None, row["customer"]}
        and params.get("invoice") in {None, row["invoice"]}
        and pending in {None, "false" if row["invoice"] else "true"}
        and within(row["date"])
    ]
    page = paged(call, params, found, "invoiceitem")
    if page.status == 200:
        shown = [shown_item(account, row) for row in page.data["data"]]
        page.data["data"] = [
            {k: v for k, v in r.items() if k != "created"} for r in shown
        ]
    return page


def rate_object(name: str, created: int, percentage: float, *, inclusive: bool) -> Row:
    """Return a tax rate, in the form of the published fixture."""
    return {
        "id": name,
        "object": "tax_rate",
        "active": True,
        "country": None,
        "created": created,
        "description": None,
        "display_name": "VAT",
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": inclusive,
        "jurisdiction": None,
        "jurisdiction_level": None,
        "livemode": False,
        "metadata": {},
        "percentage": percentage,
        "rate_type": "percentage",
        "state": None,
        "tax_type": "vat",
    }


def _rates(call: Call, account: Account, params: Params) -> Answer:
    active = chosen(params, "active", ("true", "false"))
    found = [
        copied(row)
        for row in account["rates"].values()
        if active in {None, "true" if row["active"] else "false"}
    ]
    return paged(call, params, found, "tax_rate")


def _create_rate(call: Call, account: Account, params: Params) -> Answer:
    try:
        percentage = float(required(params, "percentage"))
    except ValueError:
        malformed("Invalid decimal", None, "percentage")
    name = new_id(account, "txr")
    inclusive = truth(params, "inclusive")
    row = rate_object(name, now_of(call), percentage, inclusive=inclusive)
    row["display_name"] = required(params, "display_name")
    row["country"] = params.get("country")
    account["rates"][name] = row
    call.bench.effect("createTaxRate", name, key=key_of(call))
    return Answer(200, copied(row))


def _rate(call: Call, account: Account, params: Params) -> Answer:
    del params
    row = found_in(account, "rates", "tax_rate", call.path["rate"])
    return Answer(200, copied(row))


_I, _T = "rak_invoice", "rak_tax_rate"
_ITEM: Final[Any] = {
    "customer", "invoice", "amount", "currency", "description", "period", "tax_rates",
    "metadata",
}  # fmt: skip
ROUTES: Final = (
    Route(
        "createInvoiceItem", "POST", "/v1/invoiceitems", _create, f"{_I}_write",
        "InvoiceItemCreateParams", frozenset(_ITEM),
    ),
    Route(
        "listInvoiceItems", "GET", "/v1/invoiceitems", _list, f"{_I}_read",
        "InvoiceItemListParams",
        PAGE - EXPAND | {"customer", "invoice", "pending", "created"},
    ),
    Route(
        "createTaxRate", "POST", "/v1/tax_rates", _create_rate, f"{_T}_write",
        "TaxRateCreateParams",
        frozenset({"display_name", "percentage", "inclusive", "country"}),
    ),
    Route(
        "listTaxRates", "GET", "/v1/tax_rates", _rates, f"{_T}_read",
        "TaxRateListParams", PAGE - EXPAND | {"active"},
    ),
    Route(
        "getTaxRate", "GET", "/v1/tax_rates/{rate}", _rate, f"{_T}_read",
        "TaxRateRetrieveParams", frozenset(),
    ),
)  # fmt: skip
