"""PayPal's world, for tests."""

from __future__ import annotations

from typing import Any

PAYER = "WDJJHEBZ4X2LY"
CLIENT = "client-canary-1"
SECRET = "secret-canary-1"
OTHER = "MERCHANT2PAYX"
SECRETS = {"clientId": CLIENT, "secret": SECRET}


def token(**seed: Any) -> dict[str, Any]:
    """Return a wallet's seed."""
    return {"customer": "customer_bakker", **seed}


def world(**settings: Any) -> dict[str, Any]:
    """Return one account with the tokens of two customers, and another account."""
    vault = {
        "wallet1x": token(email="canary@bakker.example", name="Example Bakery BV"),
        "card1234": token(type="card", brand="MASTERCARD", last4="4444"),
        "stray999": token(customer="customer_cafe", name="Cafe Example", country="BE"),
        "old00001": token(customer="customer_old", created=-100, type="card"),
    }
    return {
        "accounts": [
            {
                "payer_id": PAYER,
                "client": CLIENT,
                "secret": SECRET,
                "vault": vault,
                **settings,
            },
            {"payer_id": OTHER, "client": "client-other", "secret": "secret-other"},
        ]
    }


def held(custom: str, value: str = "12.10", token: str = "wallet1x") -> dict[str, Any]:
    """Return the seed of money that is held."""
    return {"custom": custom, "value": value, "token": token}
