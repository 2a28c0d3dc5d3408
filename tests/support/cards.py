"""Payment methods and the world they are in, for tests."""

from __future__ import annotations

from typing import Any

from reconciler.kinds.payment_method import PaymentMethod
from reconciler.model import Naming, Ref

ACCOUNT = "acct_1PgafTB7WZ01zgkW"
KEY = "rk_test_sandbox"


def method(name: str, *named: str, **spec: Any) -> PaymentMethod:
    """
    Return a payment method of account ``main``; its token is its name.

    *named* are who names it: ``Provider/x``, or ``Customer/x`` as its primary one.
    """
    whole = {"provider": "main", "token": name, **spec}
    made = PaymentMethod.model_validate({"metadata": {"name": name}, "spec": whole})
    fields = {"Provider": "spec.fundedBy", "Customer": "spec.payment.primary"}
    namings = tuple(
        Naming(Ref(*one.split("/")), fields[one.split("/")[0]]) for one in named
    )
    return made.placed(lambda _: None, (), lambda: namings)


def card(**seed: Any) -> dict[str, Any]:
    """Return a card's seed."""
    return {"ends": 700, **seed}


def world() -> dict[str, Any]:
    """Return one account with three customers, and another account."""
    return {
        "accounts": [
            {
                "account": ACCOUNT,
                "key": KEY,
                "customers": {
                    "cus_bakker": {
                        "name": "Example Bakery BV",
                        "email": "canary@bakker.example",
                        "country": "NL",
                        "currency": "eur",
                        "locales": ["nl-NL"],
                        "methods": {
                            "pm_first": card(),
                            "pm_second": card(brand="mastercard", last4="4444"),
                        },
                        "default": "pm_first",
                    },
                    "cus_cafe": {
                        "name": "Cafe Example",
                        "country": "BE",
                        "methods": {"pm_stray": card(type="sepa_debit", last4="3000")},
                        "default": "pm_stray",
                    },
                    "cus_nobody": {},
                },
                "detached": {"pm_gone": card(ends=-30)},
            },
            {"account": "acct_other", "key": "rk_test_other"},
        ]
    }
