"""
How the emulator's invoices are paid, and what its webhooks say, against Stripe's words.

docs.stripe.com/api/invoices/pay, docs.stripe.com/testing, docs.stripe.com/declines/codes,
docs.stripe.com/webhooks; signatures are checked by the SDK's own function.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Fault, Sandbox
from reconciler.sandbox.stripe_events import RETRIES
from tests.support.billing import account
from tests.support.contract import NOW
from tests.support.stripe_client import anew, client_of, drafted, opened, sandboxes


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    yield from sandboxes()


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    return anew(running)


@pytest.fixture
def client(sandbox: Sandbox) -> StripeClient:
    return client_of(sandbox)


def behaves(sandbox: Sandbox, **habit: Any) -> None:
    sandbox.edit("stripe", "method", {"id": "pm_ok", **habit})


def pay(client: StripeClient, name: str, key: str | None = None, **told: Any) -> Any:
    options: Any = {"idempotency_key": key} if key else {}
    return client.v1.invoices.pay(name, told, options)  # type: ignore[arg-type]


def declined(client: StripeClient, name: str, **told: Any) -> Any:
    with pytest.raises(stripe.CardError) as error:
        pay(client, name, **told)
    assert error.value.http_status == 402
    return error.value


def intent(client: StripeClient) -> stripe.PaymentIntent:
    """Return the newest intent."""
    return client.v1.payment_intents.list().data[-1]


def charges(sandbox: Sandbox) -> list[Any]:
    return sandbox.charges("stripe")


class TestPaying:
    def test_once_whatever_the_key(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        invoice = opened(client, metadata={"period": "x"})
        paid = pay(client, invoice.id, "k", payment_method="pm_ok", off_session=True)
        assert (paid.status, paid.amount_paid, paid.amount_remaining) == (
            "paid",
            1000,
            0,
        )
        assert paid.status_transitions.paid_at == int(NOW.timestamp())
        again = pay(client, invoice.id, "k", payment_method="pm_ok", off_session=True)
        assert again.last_response.headers["idempotent-replayed"] == "true"
        with pytest.raises(stripe.InvalidRequestError, match="already paid") as refused:
            pay(client, invoice.id, "k2")
        assert refused.value.code is None
        (charge,) = charges(sandbox)
        assert (charge.amount, charge.key, charge.name) == (
            "10.00 EUR",
            "k",
            invoice.id,
        )
        assert charge.details["metadata"] == {"period": "x"}
        (payment,) = client.v1.invoice_payments.list({"status": "paid"}).data
        assert (payment.invoice, payment.amount_paid) == (invoice.id, 1000)
        assert intent(client).status == "succeeded"
        read: Any = client.v1.payment_intents.retrieve(
            intent(client).id, {"expand": ["latest_charge"]}
        )
        assert read.latest_charge.paid

    def test_another_body_under_the_same_key(self, client: StripeClient) -> None:
        invoice = opened(client)
        pay(client, invoice.id, "k")
        with pytest.raises(stripe.IdempotencyError):
            pay(client, invoice.id, "k", off_session=True)

    def test_the_method_is_the_one_that_is_said_or_the_usual(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="must be attached"):
            pay(client, opened(client).id, payment_method="pm_soft")
        sandbox.edit("stripe", "customer", {"id": "cus_ok", "default": None})
        invoice = opened(client)
        error = declined(client, invoice.id)
        assert (error.code, error.param) == ("missing", "card")
        draft = drafted(client, default_payment_method="pm_ok")
        client.v1.invoices.finalize_invoice(draft.id)
        assert pay(client, draft.id).status == "paid"

    def test_elsewhere(self, sandbox: Sandbox, client: StripeClient) -> None:
        invoice = opened(client)
        assert pay(client, invoice.id, paid_out_of_band=True).status == "paid"
        assert charges(sandbox) == []

    def test_a_lock_is_no_answer_that_a_key_remembers(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        invoice = opened(client)
        sandbox.edit("stripe", "invoice", {"id": invoice.id, "lock": 1})
        with pytest.raises(stripe.RateLimitError) as refused:
            pay(client, invoice.id, "k")
        body: Any = refused.value.json_body
        assert body["error"]["code"] == "lock_timeout"
        assert pay(client, invoice.id, "k").status == "paid"

    @pytest.mark.parametrize("kind", ["lost-after", "status-after"])
    def test_a_lost_answer_was_a_payment(
        self, sandbox: Sandbox, client: StripeClient, kind: Any
    ) -> None:
        invoice = opened(client)
        sandbox.inject(Fault(vendor="stripe", operation="payInvoice", kind=kind))
        with pytest.raises((stripe.APIConnectionError, stripe.APIError)):
            pay(client, invoice.id, "k")
        assert client.v1.invoices.retrieve(invoice.id).status == "paid"
        assert len(charges(sandbox)) == 1


class TestDeclines:
    @pytest.mark.parametrize(
        ("last4", "code", "decline"),
        [
            ("0002", "card_declined", "generic_decline"),
            ("9995", "card_declined", "insufficient_funds"),
            ("9987", "card_declined", "lost_card"),
            ("9979", "card_declined", "stolen_card"),
            ("0069", "expired_card", "expired_card"),
            ("0119", "processing_error", "processing_error"),
            ("6975", "card_declined", "card_velocity_exceeded"),
            ("0341", "card_declined", "generic_decline"),
        ],
    )
    def test_of_the_published_test_cards(
        self,
        sandbox: Sandbox,
        client: StripeClient,
        last4: str,
        code: str,
        decline: str,
    ) -> None:
        behaves(sandbox, last4=last4)
        invoice = opened(client)
        error = declined(client, invoice.id)
        body: Any = error.json_body["error"]
        assert (error.code, body["decline_code"]) == (code, decline)
        assert body["payment_intent"]["status"] == "requires_payment_method"
        hard = decline in {"lost_card", "stolen_card"}
        assert (body.get("advice_code") == "do_not_try_again") is hard
        last: Any = intent(client).last_payment_error
        assert last.decline_code == decline
        (charge,) = client.v1.charges.list().data
        assert (charge.status, charge.failure_code, charge.paid) == (
            "failed",
            code,
            False,
        )
        assert client.v1.invoices.retrieve(invoice.id).status == "open"
        assert charges(sandbox) == []

    def test_a_card_that_ended_has_expired(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        behaves(sandbox, ends=-31)
        assert declined(client, opened(client).id).code == "expired_card"

    def test_attempts_are_counted_as_stripe_does(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        """ "Manual payment attempts after the first attempt do not" count."""
        behaves(sandbox, behaves="insufficient_funds", times=2)
        invoice = opened(client)
        for _ in range(2):
            declined(client, invoice.id)
        paid = pay(client, invoice.id)
        assert (paid.status, paid.attempt_count, paid.attempted) == ("paid", 1, True)
        assert len(client.v1.charges.list().data) == 3
        assert len(charges(sandbox)) == 1

    def test_a_decline_is_given_again_for_its_key(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        behaves(sandbox, behaves="insufficient_funds", times=1)
        invoice = opened(client)
        for _ in range(2):
            with pytest.raises(stripe.CardError):
                pay(client, invoice.id, "k")
        assert pay(client, invoice.id, "k2").status == "paid"

    def test_a_customer_who_is_not_there_cannot_confirm(
        self, client: StripeClient
    ) -> None:
        invoice = opened(client, "cus_sca")
        assert declined(client, invoice.id).code == "authentication_required"
        error = declined(client, invoice.id, off_session=False)
        assert error.code == "invoice_payment_intent_requires_action"
        assert intent(client).status == "requires_action"


class TestABankThatDecidesLater:
    @pytest.mark.parametrize("name", ["late", "bounce"])
    def test_until_it_has_nothing_else_happens(
        self, sandbox: Sandbox, client: StripeClient, name: str
    ) -> None:
        invoice = opened(client, f"cus_{name}")
        assert pay(client, invoice.id).status == "open"
        assert intent(client).status == "processing"
        for act in (client.v1.invoices.pay, client.v1.invoices.void_invoice):
            with pytest.raises(stripe.InvalidRequestError) as refused:
                act(invoice.id)
            assert refused.value.code == "payment_intent_unexpected_state"
        with pytest.raises(ReconcilerError, match="processing"):
            sandbox.edit("stripe", "invoice", {"id": invoice.id, "pay": True})
        assert charges(sandbox) == []
        sandbox.clock.advance(timedelta(days=2))
        found = client.v1.invoices.retrieve(invoice.id)
        good = name == "late"
        assert found.status == ("paid" if good else "open")
        assert len(charges(sandbox)) == (1 if good else 0)
        assert found.status_transitions.paid_at == (
            int(sandbox.clock().timestamp()) if good else None
        )
        if not good:
            assert intent(client).status == "requires_payment_method"
            client.v1.invoices.void_invoice(invoice.id)

    @pytest.mark.parametrize("which", [0, 1])
    def test_what_broke_while_banks_decided_is_decided_by_the_next_request(
        self,
        sandbox: Sandbox,
        client: StripeClient,
        monkeypatch: pytest.MonkeyPatch,
        which: int,
    ) -> None:
        made = [opened(client, name).id for name in ("cus_late", "cus_bounce")]
        for name in made:
            pay(client, name)
        sandbox.clock.advance(timedelta(days=2))
        add, outcomes = sandbox.ledger.add, [0, 0]
        outcomes[which] = 1

        def once(effect: Any) -> Any:
            if outcomes and outcomes.pop(0):
                raise FileNotFoundError
            return add(effect)

        monkeypatch.setattr(sandbox.ledger, "add", once)
        with pytest.raises(stripe.APIError):
            client.v1.invoices.list()
        rows = client.v1.invoices.list().data
        assert [row.status for row in rows] == ["paid", "open"]
        intents = client.v1.payment_intents.list().data
        stati = ["succeeded", "requires_payment_method"]
        assert [one.status for one in intents] == stati
        effects = [e.operation for e in sandbox.ledger.effects("stripe")]
        assert (effects.count("pay"), effects.count("declined")) == (1, 1)
        assert len(client.v1.charges.list().data) == 2

    @pytest.mark.parametrize(("last4", "end"), [("3000", "paid"), ("3202", "open")])
    def test_of_the_published_test_accounts(
        self, sandbox: Sandbox, client: StripeClient, last4: str, end: str
    ) -> None:
        account(sandbox)["habits"].clear()
        method = {"id": "pm_late", "last4": last4}
        sandbox.edit("stripe", "method", method)
        invoice = opened(client, "cus_late")
        pay(client, invoice.id)
        sandbox.clock.advance(timedelta(minutes=3))
        assert client.v1.invoices.retrieve(invoice.id).status == end


class TestTheHostedPage:
    def test_a_customer_pays_with_another_card(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        invoice = opened(client, "cus_hard")
        sandbox.edit("stripe", "invoice", {"id": invoice.id, "pay": True})
        assert client.v1.invoices.retrieve(invoice.id).status == "paid"
        (charge,) = charges(sandbox)
        assert charge.key is None
        with pytest.raises(ReconcilerError, match="already paid"):
            sandbox.edit("stripe", "invoice", {"id": invoice.id, "pay": True})

    def test_in_the_same_moment_there_is_one_payment(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        invoice = opened(client)
        sandbox.edit("stripe", "invoice", {"id": invoice.id, "pay": "meanwhile"})
        with pytest.raises(stripe.InvalidRequestError, match="already paid"):
            pay(client, invoice.id)
        assert len(charges(sandbox)) == 1

    def test_a_naive_payer_makes_a_second_invoice(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        invoice = opened(client, metadata={"a": "b"})
        pay(client, invoice.id)
        sandbox.edit("stripe", "copy", {"id": invoice.id})
        both = client.v1.invoices.list({"status": "paid"}).data
        assert [one.to_dict()["metadata"] for one in both] == [{"a": "b"}] * 2
        assert len(charges(sandbox)) == 2


class TestStripesOwnEngine:
    def test_collects_what_it_was_left_with(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        """Why ``auto_advance`` is off in every invoice of ours."""
        ours, its = drafted(client), drafted(client)
        client.v1.invoices.update(its.id, {"auto_advance": True})
        sandbox.clock.advance(timedelta(minutes=59))
        assert client.v1.invoices.retrieve(its.id).status == "draft"
        sandbox.clock.advance(timedelta(minutes=1))
        assert client.v1.invoices.retrieve(its.id).status == "paid"
        assert client.v1.invoices.retrieve(ours.id).status == "draft"

    def test_tries_again_by_itself(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        behaves(sandbox, behaves="insufficient_funds", times=2)
        invoice = opened(client)
        client.v1.invoices.update(invoice.id, {"auto_advance": True})
        account(sandbox)["invoices"][invoice.id]["next_payment_attempt"] = 1
        counts = []
        for _ in range(3):
            counts.append(client.v1.invoices.retrieve(invoice.id).attempt_count)
            sandbox.clock.advance(timedelta(days=3))
        assert counts == [1, 2, 3]
        assert client.v1.invoices.retrieve(invoice.id).status == "paid"

    def test_what_cannot_be_taxed_stays_a_draft(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        account(sandbox)["customers"]["cus_ok"]["address"] = None
        draft = drafted(client, automatic_tax={"enabled": True})
        client.v1.invoices.update(draft.id, {"auto_advance": True})
        sandbox.clock.advance(timedelta(hours=2))
        found = client.v1.invoices.retrieve(draft.id)
        assert found.status == "draft"
        assert found.last_finalization_error


class TestMoneyIsReadBack:
    def test_charges_and_payments_since(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        first = opened(client)
        pay(client, first.id)
        sandbox.clock.advance(timedelta(days=1))
        stray = {"customer": "cus_soft", "amount": 700}
        sandbox.edit("stripe", "charge", stray)
        later: Any = {"created": {"gte": int(NOW.timestamp()) + 1}}
        (charge,) = client.v1.charges.list(later).data
        assert (charge.amount, charge.customer) == (700, "cus_soft")
        assert client.v1.invoice_payments.list(
            {"payment": {"type": "payment_intent", "payment_intent": str(charge.payment_intent)}}
        ).data == []  # fmt: skip
        asked: Any = {"expand": ["data.invoice", "data.payment.payment_intent"]}
        (row,) = client.v1.invoice_payments.list(asked).data
        assert row.invoice.id == first.id  # type: ignore[union-attr]
        assert row.payment.payment_intent.status == "succeeded"  # type: ignore[union-attr]


class Ear:
    """A receiver that answers as it was told, and keeps what came."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], str]] = []
        self.answers: list[int] = []
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length).decode()
                ear.heard.append((dict(self.headers), body))
                self.send_response(ear.answers.pop(0) if ear.answers else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        self.thread = Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def events(self, number: int) -> list[dict[str, Any]]:
        """Wait until so many came; return them."""
        self.wait(lambda: len(self.heard) >= number)
        return [json.loads(body) for _, body in self.heard]

    def wait(self, done: Callable[[], bool]) -> None:
        until = time.monotonic() + 5
        while not done():
            assert time.monotonic() < until, "nobody was told"
            time.sleep(0.005)


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    yield made
    made.close()


class TestWebhooks:
    @pytest.fixture
    def secret(self, client: StripeClient, ear: Ear) -> str:
        told: Any = {
            "url": ear.url,
            "enabled_events": ["invoice.paid", "invoice.voided"],
        }
        return str(client.v1.webhook_endpoints.create(told).secret)

    def done(self, client: StripeClient) -> None:
        pay(client, opened(client).id)

    def told(self, secret: str, heard: tuple[dict[str, str], str]) -> Any:
        headers, body = heard
        return stripe.Webhook.construct_event(  # type: ignore[no-untyped-call]
            body, headers["Stripe-Signature"], secret, tolerance=None
        )

    def test_a_good_one(self, client: StripeClient, ear: Ear, secret: str) -> None:
        self.done(client)
        (event,) = ear.events(1)
        assert event["type"] == "invoice.paid"
        assert event["data"]["object"]["status"] == "paid"
        assert self.told(secret, ear.heard[0])["id"] == event["id"]
        assert client.v1.events.retrieve(event["id"]).type == "invoice.paid"
        signed = ear.heard[0][0]["Stripe-Signature"]
        assert signed.startswith(f"t={int(NOW.timestamp())},v1=")

    def test_late_twice_out_of_order_forged_and_unknown(
        self, sandbox: Sandbox, client: StripeClient, ear: Ear, secret: str
    ) -> None:
        odd = ["twice", "out-of-order", "unknown", "forged", "late"]
        sandbox.edit("stripe", "webhooks", {"next": odd})
        for _ in odd:
            self.done(client)
        events = ear.events(6)
        ids = [event["id"] for event in events]
        assert ids[0] == ids[1]
        names = [event["data"]["object"]["id"] for event in events]
        order = [names.index(name) for name in sorted(set(names))]
        assert order != sorted(order)
        assert [event["type"] for event in events].count("made.up") == 1
        good = [one for one in ear.heard if self.believed(secret, one)]
        assert len(good) == 5
        time.sleep(0.05)
        assert len(ear.heard) == 6  # the late one is not there yet
        sandbox.clock.advance(timedelta(hours=1))
        ear.events(7)

    def believed(self, secret: str, heard: tuple[dict[str, str], str]) -> bool:
        try:
            self.told(secret, heard)
        except stripe.SignatureVerificationError:
            return False
        return True

    def test_who_does_not_answer_is_told_again_for_three_days(
        self, sandbox: Sandbox, client: StripeClient, ear: Ear, secret: str
    ) -> None:
        ear.answers = [500, 302, 200]
        self.done(client)
        ear.events(1)
        for number, pause in enumerate(RETRIES[:2], 2):
            ear.wait(lambda: bool(sandbox.bench("stripe").state["post"]))
            sandbox.clock.advance(timedelta(seconds=pause))
            ear.events(number)
        ear.wait(lambda: not sandbox.bench("stripe").state["post"])
        assert len({body for _, body in ear.heard}) == 1
        assert (
            timedelta(days=2.5) < timedelta(seconds=sum(RETRIES)) <= timedelta(days=4)
        )

    def test_nobody_but_this_machine_is_told(self, client: StripeClient) -> None:
        told: Any = {"url": "https://agency.example/hooks", "enabled_events": ["*"]}
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.webhook_endpoints.create(told)

    def test_every_step_is_an_event(self, client: StripeClient) -> None:
        self.done(client)
        with pytest.raises(stripe.CardError):
            pay(client, opened(client, "cus_soft").id)
        client.v1.invoices.void_invoice(opened(client).id)
        kinds = {one.type for one in client.v1.events.list({"limit": 100}).data}
        assert kinds == {
            "charge.failed", "charge.succeeded", "invoice.created", "invoice.finalized",
            "invoice.paid", "invoice.payment_failed", "invoice.payment_succeeded",
            "invoice.voided", "payment_intent.canceled",
            "payment_intent.payment_failed", "payment_intent.succeeded",
        }  # fmt: skip
        only = client.v1.events.list({"type": "invoice.voided"}).data
        assert len(only) == 1

    def test_an_account_may_tell_nothing(self, running: Sandbox) -> None:
        client = client_of(anew(running, tells=False))
        self.done(client)
        assert client.v1.events.list().data == []
