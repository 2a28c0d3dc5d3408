"""Stripe's emulator as anybody speaks to it: by the vendor's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import stripe
from stripe import StripeClient

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.billing import world
from tests.support.cards import KEY
from tests.support.contract import NOW


def sandboxes() -> Iterator[Sandbox]:
    """Yield a sandbox of Stripe's."""
    with Sandbox(World({"stripe": world()}), SandboxClock(NOW, frozen=True)) as made:
        yield made


def anew(sandbox: Sandbox, **account: Any) -> Sandbox:
    """Return the sandbox as it was at its start."""
    sandbox.clock.set(NOW, frozen=True)
    sandbox.reset(World({"stripe": world(**account)}))
    return sandbox


def client_of(sandbox: Sandbox) -> StripeClient:
    """Return the vendor's client, without its own retries."""
    stripe.enable_telemetry = False
    where = {"api": sandbox.endpoint("stripe")}
    return StripeClient(KEY, base_addresses=where, max_network_retries=0)


def drafted(client: StripeClient, customer: str = "cus_ok", **more: Any) -> Any:
    """Return a new draft of 10.00 EUR."""
    told: Any = {"customer": customer, "auto_advance": False, **more}
    draft = client.v1.invoices.create(told)
    line: Any = {
        "customer": customer,
        "invoice": draft.id,
        "amount": 1000,
        "currency": "eur",
    }
    client.v1.invoice_items.create(line)
    return client.v1.invoices.retrieve(draft.id)


def opened(client: StripeClient, customer: str = "cus_ok", **more: Any) -> Any:
    """Return a new invoice that can be paid."""
    return client.v1.invoices.finalize_invoice(drafted(client, customer, **more).id)
