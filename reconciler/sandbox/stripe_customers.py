"""Stripe's customers and their payment methods, as the emulator keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.stripe_words import (
    EXPAND,
    PAGE,
    Account,
    Params,
    Route,
    copied,
    error,
    expanded,
    missing,
    paged,
)

_DEFAULT: Final = "invoice_settings.default_payment_method"
_NO_ADDRESS: Final = dict.fromkeys(
    ("city", "country", "line1", "line2", "postal_code", "state")
)


_FIELDS: Final = frozenset(
    {"name", "email", "address", "preferred_locales", "metadata", "invoice_settings"}
)


def customer_object(name: str, created: int) -> dict[str, Any]:
    """Return a customer, in the form of the published fixture."""
    return {
        "id": name,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": name[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def method_object(
    name: str, created: int, kind: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a payment method of *kind* that is attached to nobody yet."""
    return {
        "id": name,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": dict(_NO_ADDRESS),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "created": created,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
        kind: dict(body),
    }


def card_object(brand: str, last4: str, month: int, year: int) -> dict[str, Any]:
    """Return the ``card`` of a payment method."""
    return {
        "brand": brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": "NL",
        "display_brand": brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": f"fp{brand}{last4}",
        "funding": "credit",
        "generated_from": None,
        "last4": last4,
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _shown(account: Account, row: Mapping[str, Any], wanted: set[str]) -> Any:
    shown = copied(dict(row))
    if _DEFAULT in wanted:
        settings = shown["invoice_settings"]
        settings["default_payment_method"] = account["methods"].get(
            settings["default_payment_method"]
        )
    return shown


def _list(call: Call, account: Account, params: Params) -> Answer:
    wanted, refusal = expanded(params, (_DEFAULT,), "data.")
    if refusal:
        return refusal
    live = [row for row in account["customers"].values() if not row.get("deleted")]
    email = params.get("email")
    chosen = [row for row in live if email in {None, row["email"]}]
    page = paged(call, params, chosen, "customer")
    if page.status == 200:
        page.data["data"] = [_shown(account, one, wanted) for one in page.data["data"]]
    return page


def _own(call: Call, account: Account) -> tuple[dict[str, Any] | None, Answer]:
    name = call.path["customer"]
    return account["customers"].get(name), missing("customer", name, "id")


def _get(call: Call, account: Account, params: Params) -> Answer:
    row, refusal = _own(call, account)
    wanted, wrong = expanded(params, (_DEFAULT,))
    if row is None or wrong:
        return wrong or refusal
    if row.get("deleted"):
        return Answer(200, {"id": row["id"], "object": "customer", "deleted": True})
    return Answer(200, _shown(account, row, wanted))


def _create(call: Call, account: Account, params: Params) -> Answer:
    account["made"] += 1
    name = f"cus_sandbox{account['made']:06}"
    created = int(call.bench.clock().timestamp())
    row = customer_object(name, created)
    if (refusal := _change(account, row, params)) is not None:
        return refusal
    account["customers"][name] = row
    call.bench.effect("createCustomer", name, key=call.headers.get("idempotency-key"))
    return Answer(200, _shown(account, row, set()))


def _update(call: Call, account: Account, params: Params) -> Answer:
    row, refusal = _own(call, account)
    if row is None or row.get("deleted"):
        return refusal
    if (wrong := _change(account, row, params)) is not None:
        return wrong
    method = row["invoice_settings"]["default_payment_method"]
    set_default = "default_payment_method" in params.get("invoice_settings", {})
    call.bench.effect(
        "set-default" if set_default else "updateCustomer",
        str(method) if set_default else str(row["id"]),
        key=call.headers.get("idempotency-key"),
        customer=row["id"],
    )
    return Answer(200, _shown(account, row, set()))


def _change(account: Account, row: dict[str, Any], params: Params) -> Answer | None:
    """Set what is asked for, or nothing at all where a part of it is refused."""
    settings = params.get("invoice_settings", {})
    if method := settings.get("default_payment_method"):
        held = account["methods"].get(method)
        if held is None:
            where = "invoice_settings[default_payment_method]"
            return missing("PaymentMethod", method, where, 400)
        if held["customer"] != row["id"]:
            said = (
                f"The customer does not have a payment method with the ID {method}. "
                "The payment method must be attached to the customer."
            )
            param = "invoice_settings[default_payment_method]"
            return error(400, said, "resource_missing", param)
    for name in _FIELDS & params.keys() - {"invoice_settings", "expand"}:
        old = row[name] if isinstance(row[name], dict) else {}
        new = params[name]
        row[name] = {**old, **new} if isinstance(new, dict) else new
    row["invoice_settings"] |= {k: v or None for k, v in settings.items()}
    return None


def _delete(call: Call, account: Account, params: Params) -> Answer:
    del params
    row, refusal = _own(call, account)
    if row is None or row.get("deleted"):
        return refusal
    row["deleted"] = True
    for method in account["methods"].values():
        if method["customer"] == row["id"]:
            method["customer"] = None
    call.bench.effect("deleteCustomer", row["id"])
    return Answer(200, {"id": row["id"], "object": "customer", "deleted": True})


def _methods(call: Call, account: Account, params: Params) -> Answer:
    row, refusal = _own(call, account)
    if row is None or row.get("deleted"):
        return refusal
    return _attached(call, account, params, row["id"])


def _attached(call: Call, account: Account, params: Params, customer: str) -> Answer:
    kind = params.get("type")
    found = [
        copied(method)
        for method in account["methods"].values()
        if method["customer"] == customer and kind in {None, method["type"]}
    ]
    return paged(call, params, found, "payment_method")


def _treasury(call: Call, account: Account, params: Params) -> Answer:
    """Return nothing without a customer: the list is for Treasury flows."""
    if customer := params.get("customer"):
        if customer not in account["customers"]:
            return missing("customer", customer, "customer", 400)
        return _attached(call, account, params, customer)
    return paged(call, params, [], "payment_method")


def _method(call: Call, account: Account, params: Params) -> Answer:
    del params
    name = call.path["method"]
    found = account["methods"].get(name)
    if found is None:
        return missing("PaymentMethod", name, "payment_method")
    return Answer(200, copied(found))


def _attach(call: Call, account: Account, params: Params) -> Answer:
    name, customer = call.path["method"], params.get("customer")
    found = account["methods"].get(name)
    if found is None:
        return missing("PaymentMethod", name, "payment_method")
    owner = account["customers"].get(customer)
    if owner is None or owner.get("deleted"):
        return missing("customer", str(customer), "customer", 400)
    if found.get("spent"):
        said = (
            "This PaymentMethod was previously used without being attached to a "
            "Customer or was detached from a Customer, and may not be used again."
        )
        return error(400, said)
    found["customer"] = customer
    call.bench.effect("attach", name, key=call.headers.get("idempotency-key"))
    return Answer(200, copied(found))


def _detach(call: Call, account: Account, params: Params) -> Answer:
    del params
    name = call.path["method"]
    found = account["methods"].get(name)
    if found is None:
        return missing("PaymentMethod", name, "payment_method")
    if found["customer"] is None:
        said = "The payment method you provided is not attached to a customer"
        return error(400, f"{said} so detachment is impossible.")
    detach(account, found)
    call.bench.effect("detach", name, key=call.headers.get("idempotency-key"))
    return Answer(200, {k: v for k, v in found.items() if k != "spent"})


def detach(account: Account, method: dict[str, Any]) -> None:
    """Take *method* from its customer, whose default it is no longer."""
    owner = account["customers"].get(method["customer"])
    method |= {"customer": None, "spent": True}
    if owner:
        settings = owner["invoice_settings"]
        if settings["default_payment_method"] == method["id"]:
            settings["default_payment_method"] = None


_C, _P = "rak_customer", "rak_payment_method"
_ONE, _OWN = "/v1/customers/{customer}", "/v1/payment_methods/{method}"
_WRITE: Final = _FIELDS | EXPAND
ROUTES: Final = (
    Route(
        "listCustomers", "GET", "/v1/customers", _list, f"{_C}_read",
        "CustomerListParams", PAGE | {"email"},
    ),
    Route(
        "createCustomer", "POST", "/v1/customers", _create, f"{_C}_write",
        "CustomerCreateParams", _WRITE,
    ),
    Route(
        "getCustomer", "GET", _ONE, _get, f"{_C}_read",
        "CustomerRetrieveParams", EXPAND,
    ),
    Route(
        "updateCustomer", "POST", _ONE, _update, f"{_C}_write",
        "CustomerUpdateParams", _WRITE,
    ),
    Route(
        "deleteCustomer", "DELETE", _ONE, _delete, f"{_C}_write",
        "CustomerDeleteParams", frozenset(),
    ),
    Route(
        "listPaymentMethods", "GET", f"{_ONE}/payment_methods", _methods, f"{_P}_read",
        "CustomerListPaymentMethodsParams", PAGE - EXPAND | {"type"},
    ),
    Route(
        "listAllPaymentMethods", "GET", "/v1/payment_methods", _treasury, f"{_P}_read",
        "PaymentMethodListParams", PAGE - EXPAND | {"customer", "type"},
    ),
    Route(
        "getPaymentMethod", "GET", _OWN, _method, f"{_P}_read",
        "PaymentMethodRetrieveParams", frozenset(),
    ),
    Route(
        "attach", "POST", f"{_OWN}/attach", _attach, f"{_P}_write",
        "PaymentMethodAttachParams", frozenset({"customer"}),
    ),
    Route(
        "detach", "POST", f"{_OWN}/detach", _detach, f"{_P}_write",
        "PaymentMethodDetachParams", frozenset(),
    ),
)  # fmt: skip
