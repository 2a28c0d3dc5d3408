"""
Stripe's invoices in the emulator, against the vendor's words, shapes and client.

Words: docs.stripe.com/api/invoices, docs.stripe.com/invoicing/integration/
workflow-transitions, docs.stripe.com/billing/customer/balance, docs.stripe.com/testing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Fault, Sandbox
from tests.support.billing import account
from tests.support.cards import KEY
from tests.support.contract import NOW
from tests.support.stripe_client import anew, client_of, drafted, opened, sandboxes
from tests.support.stripe_keys import KEYS, keys
from tests.support.web import web

#: What the fixtures have, and the SDK of this version does not know any more.
GONE = {"invoice": {"subscription"}, "subscription_item": {"plan"}}

#: What the SDK calls them.
SDK: dict[str, Any] = {
    "invoice": stripe.Invoice,
    "line_item": stripe.InvoiceLineItem,
    "invoice_payment": stripe.InvoicePayment,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "credit_note": stripe.CreditNote,
    "refund": stripe.Refund,
    "event": stripe.Event,
    "webhook_endpoint": stripe.WebhookEndpoint,
    "customer_balance_transaction": stripe.CustomerBalanceTransaction,
    "invoiceitem": stripe.InvoiceItem,
    "tax_rate": stripe.TaxRate,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
    "price": stripe.Price,
    "billing_portal.session": stripe.billing_portal.Session,
}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    yield from sandboxes()


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    return anew(running)


@pytest.fixture
def client(sandbox: Sandbox) -> StripeClient:
    return client_of(sandbox)


def edit(sandbox: Sandbox, thing: str, **data: Any) -> None:
    sandbox.edit("stripe", thing, data)


def refused(call: Any, *args: Any) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as error:
        call(*args)
    return error.value


class TestObjects:
    @pytest.fixture
    def shown(self, sandbox: Sandbox, client: StripeClient) -> dict[str, Any]:
        """Return one of everything."""
        v1 = client.v1
        rate = v1.tax_rates.create(
            {"display_name": "VAT", "inclusive": False, "percentage": 9}
        )
        hook = v1.webhook_endpoints.create(
            {"url": "http://127.0.0.1:9/", "enabled_events": ["x"]}
        )
        balance = v1.customers.balance_transactions.create(
            "cus_soft", {"amount": -100, "currency": "eur"}
        )
        invoice = opened(client)
        v1.invoices.pay(invoice.id)
        intent = v1.payment_intents.list({"customer": "cus_ok"}).data[0]
        charge = v1.charges.list({"payment_intent": intent.id}).data[0]
        edit(sandbox, "charge", id=charge.id, refund=True)
        subscription = v1.subscriptions.list({"status": "all"}).data[0]
        made: dict[str, Any] = {
            "invoice": v1.invoices.retrieve(invoice.id),
            "line_item": invoice.lines.data[0],
            "invoice_payment": v1.invoice_payments.list({"invoice": invoice.id}).data[
                0
            ],
            "payment_intent": intent,
            "charge": v1.charges.retrieve(charge.id),
            "credit_note": v1.credit_notes.create(
                {"invoice": opened(client).id, "amount": 100}
            ),
            "refund": v1.refunds.list({"charge": charge.id}).data[0],
            "event": v1.events.list().data[0],
            "webhook_endpoint": hook,
            "customer_balance_transaction": balance,
            "invoiceitem": v1.invoice_items.list().data[0],
            "tax_rate": rate,
            "subscription": subscription,
            "subscription_item": subscription["items"].data[0],
            "price": subscription["items"].data[0].price,
            "billing_portal.session": v1.billing_portal.sessions.create(
                {"customer": "cus_ok"}
            ),
        }
        return {name: thing.to_dict() for name, thing in made.items()}

    def test_have_the_keys_of_the_fixtures_and_none_that_the_sdk_lacks(
        self, shown: dict[str, Any]
    ) -> None:
        assert set(shown) == set(KEYS)
        optional = {
            "charge": {"refunds"},
            "subscription": {"managed_payments", "billing_schedules"},
            "price": set(),
        }
        for name, thing in shown.items():
            wanted = keys(name) - GONE.get(name, set()) - optional.get(name, set())
            assert wanted - set(thing) == set(), name
            assert set(thing) - set(SDK[name].__annotations__) == set(), name

    def test_a_secret_is_shown_once(self, client: StripeClient) -> None:
        told: Any = {"url": "http://127.0.0.1:9/", "enabled_events": ["*"]}
        assert client.v1.webhook_endpoints.create(told).secret
        (listed,) = client.v1.webhook_endpoints.list().data
        assert "secret" not in listed.to_dict()


class TestFromDraftToOpen:
    def test_a_draft_has_no_number_and_no_page(self, client: StripeClient) -> None:
        draft = drafted(client)
        assert (draft.status, draft.number, draft.hosted_invoice_url) == (
            "draft", None, None,
        )  # fmt: skip
        assert (draft.total, draft.amount_due, draft.ending_balance) == (
            1000,
            1000,
            None,
        )
        invoice = client.v1.invoices.finalize_invoice(draft.id)
        assert (invoice.status, invoice.number) == ("open", "CUS_OK-0001")
        assert invoice.invoice_pdf
        assert invoice.status_transitions.finalized_at == int(NOW.timestamp())
        error = refused(client.v1.invoices.finalize_invoice, draft.id)
        assert "already finalized" in str(error)

    def test_numbers_are_one_series_of_the_account_where_that_is_set(
        self, running: Sandbox
    ) -> None:
        client = client_of(anew(running, numbering="account", prefix="INV"))
        numbers = [
            opened(client, one).number for one in ("cus_ok", "cus_soft", "cus_ok")
        ]
        assert numbers == ["INV-0001", "INV-0002", "INV-0003"]

    def test_what_is_open_is_not_edited(self, client: StripeClient) -> None:
        invoice = opened(client)
        line: Any = {
            "customer": "cus_ok", "invoice": invoice.id, "amount": 1, "currency": "eur",
        }  # fmt: skip
        assert (
            refused(client.v1.invoice_items.create, line).code == "invoice_not_editable"
        )
        error = refused(client.v1.invoices.update, invoice.id, {"description": "x"})
        assert error.code == "invoice_not_editable"
        told = client.v1.invoices.update(invoice.id, {"metadata": {"a": "b"}})
        assert told.to_dict()["metadata"] == {"a": "b"}
        assert "draft" in str(refused(client.v1.invoices.delete, invoice.id))

    def test_a_draft_may_be_deleted(self, client: StripeClient) -> None:
        draft = drafted(client)
        assert client.v1.invoices.delete(draft.id).deleted
        error = refused(client.v1.invoices.retrieve, draft.id)
        assert (error.http_status, error.code) == (404, "resource_missing")

    def test_an_empty_one_is_paid_at_once(self, client: StripeClient) -> None:
        draft = client.v1.invoices.create({"customer": "cus_ok"})
        assert client.v1.invoices.finalize_invoice(draft.id).status == "paid"

    @pytest.mark.parametrize("behaviour", ["exclude", "include"])
    def test_pending_items_come_only_where_they_are_wanted(
        self, client: StripeClient, behaviour: Any
    ) -> None:
        client.v1.invoice_items.create(
            {"customer": "cus_ok", "amount": 500, "currency": "eur"}
        )
        draft = client.v1.invoices.create(
            {"customer": "cus_ok", "pending_invoice_items_behavior": behaviour}
        )
        assert draft.total == (500 if behaviour == "include" else 0)

    @pytest.mark.parametrize(
        ("told", "said"),
        [
            ({"collection_method": "send_invoice"}, "days_until_due"),
            ({"days_until_due": 3}, "send_invoice"),
            ({"default_tax_rates": ["txr_x"]}, "tax rate"),
            ({"default_payment_method": "pm_soft"}, "must be attached"),
            ({"collection_method": "by_hand"}, "must be one of"),
            ({"customer": "cus_x"}, "No such customer"),
        ],
    )
    def test_what_a_draft_may_not_be(
        self, client: StripeClient, told: dict[str, Any], said: str
    ) -> None:
        error = refused(client.v1.invoices.create, {"customer": "cus_ok", **told})
        assert error.http_status == 400
        assert said in str(error)
        assert client.v1.invoices.list().data == []

    def test_who_is_sent_an_invoice_has_an_address(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        account(sandbox)["customers"]["cus_ok"]["email"] = None
        told: Any = {
            "customer": "cus_ok", "collection_method": "send_invoice",
            "days_until_due": 3,
        }  # fmt: skip
        assert "Missing email" in str(refused(client.v1.invoices.create, told))

    def test_currencies_do_not_mix(self, client: StripeClient) -> None:
        draft = client.v1.invoices.create({"customer": "cus_ok"})
        line: Any = {
            "customer": "cus_ok", "invoice": draft.id, "amount": 1, "currency": "usd",
        }  # fmt: skip
        assert refused(client.v1.invoice_items.create, line).http_status == 400


class TestEnds:
    @pytest.mark.parametrize(
        ("act", "end"),
        [("void_invoice", "void"), ("mark_uncollectible", "uncollectible")],
    )
    def test_of_what_is_open(self, client: StripeClient, act: str, end: str) -> None:
        invoice = opened(client)
        done = getattr(client.v1.invoices, act)(invoice.id)
        assert done.status == end

    def test_what_is_uncollectible_may_be_paid_or_void(
        self, client: StripeClient
    ) -> None:
        for act, end in (("pay", "paid"), ("void_invoice", "void")):
            invoice = opened(client)
            client.v1.invoices.mark_uncollectible(invoice.id)
            assert getattr(client.v1.invoices, act)(invoice.id).status == end

    def test_nothing_is_undone(self, client: StripeClient) -> None:
        paid, void = opened(client), opened(client)
        client.v1.invoices.pay(paid.id)
        client.v1.invoices.void_invoice(void.id)
        draft = drafted(client)
        for one in (paid, void, draft):
            for act in ("void_invoice", "mark_uncollectible"):
                error = refused(getattr(client.v1.invoices, act), one.id)
                assert "isn't open" in str(error)
        assert "already paid" in str(refused(client.v1.invoices.pay, paid.id))
        for one in (void, draft):
            assert "isn't open" in str(refused(client.v1.invoices.pay, one.id))

    def test_what_is_void_has_no_payment_left(self, client: StripeClient) -> None:
        invoice = opened(client)
        client.v1.invoices.void_invoice(invoice.id)
        (payment,) = client.v1.invoice_payments.list({"invoice": invoice.id}).data
        assert payment.status == "canceled"
        (intent,) = client.v1.payment_intents.list({"customer": "cus_ok"}).data
        assert (intent.status, intent.cancellation_reason) == (
            "canceled", "void_invoice",
        )  # fmt: skip

    def test_sending(self, client: StripeClient) -> None:
        error = refused(client.v1.invoices.send_invoice, opened(client).id)
        assert "send_invoice" in str(error)
        draft = drafted(client, collection_method="send_invoice", days_until_due=3)
        assert client.v1.invoices.send_invoice(draft.id).status == "open"


class TestBalance:
    @pytest.mark.parametrize(
        ("before", "due", "after", "status"),
        [
            (-400, 600, 0, "open"),
            (-1000, 0, 0, "paid"),
            (-1500, 0, -500, "paid"),
            (300, 1300, 0, "open"),
            (-970, 0, 30, "paid"),  # less than the smallest charge: owed later
        ],
    )
    def test_is_applied_when_an_invoice_is_finalised(
        self,
        sandbox: Sandbox,
        client: StripeClient,
        before: int,
        due: int,
        after: int,
        status: str,
    ) -> None:
        edit(sandbox, "customer", id="cus_ok", balance=before)
        invoice = opened(client)
        assert (invoice.starting_balance, invoice.total) == (before, 1000)
        assert (invoice.amount_due, invoice.ending_balance, invoice.status) == (
            due, after, status,
        )  # fmt: skip
        assert client.v1.customers.retrieve("cus_ok").balance == after
        moves = client.v1.customers.balance_transactions.list("cus_ok").data
        assert sum(one.amount for one in moves) == after - before

    @pytest.mark.parametrize("before", [-400, 300])
    def test_comes_back_where_it_is_made_void(
        self, sandbox: Sandbox, client: StripeClient, before: int
    ) -> None:
        edit(sandbox, "customer", id="cus_ok", balance=before)
        invoice = opened(client)
        client.v1.invoices.void_invoice(invoice.id)
        assert client.v1.customers.retrieve("cus_ok").balance == before

    def test_credit_notes(self, client: StripeClient) -> None:
        invoice = opened(client)
        note = client.v1.credit_notes.create({"invoice": invoice.id, "amount": 250})
        assert (note.type, note.number) == ("pre_payment", f"{invoice.number}-CN-01")
        assert client.v1.invoices.retrieve(invoice.id).amount_remaining == 750
        client.v1.invoices.pay(invoice.id)
        wrong: Any = {"invoice": invoice.id, "amount": 100}
        assert "sum of" in str(refused(client.v1.credit_notes.create, wrong))
        more: Any = {"invoice": invoice.id, "amount": 800, "credit_amount": 800}
        assert "more than" in str(refused(client.v1.credit_notes.create, more))
        client.v1.credit_notes.create(
            {
                "invoice": invoice.id,
                "amount": 300,
                "credit_amount": 100,
                "refund_amount": 200,
            }
        )
        assert client.v1.customers.retrieve("cus_ok").balance == -100
        (refund,) = client.v1.refunds.list().data
        assert refund.amount == 200

    def test_no_more_is_refunded_than_was_taken(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        client.v1.invoices.pay(opened(client).id)
        (charge,) = client.v1.charges.list().data
        edit(sandbox, "charge", id=charge.id, refund=400)
        with pytest.raises(ReconcilerError, match="greater than"):
            edit(sandbox, "charge", id=charge.id, refund=700)
        edit(sandbox, "charge", id=charge.id, refund=True)
        assert client.v1.charges.retrieve(charge.id).refunded


class TestTax:
    @pytest.mark.parametrize(
        ("percentage", "inclusive", "total", "tax"),
        [(21, False, 1210, 210), (21, True, 1000, 174), (0, False, 1000, 0)],
    )
    def test_by_a_rate(
        self,
        client: StripeClient,
        percentage: float,
        inclusive: bool,
        total: int,
        tax: int,
    ) -> None:
        rate = client.v1.tax_rates.create(
            {"display_name": "VAT", "percentage": percentage, "inclusive": inclusive}
        )
        invoice = opened(client, default_tax_rates=[rate.id])
        assert invoice.total == total
        assert [one.amount for one in invoice.total_taxes or ()] == [tax]
        assert invoice.total_excluding_tax == total - tax

    def test_half_a_cent_goes_up(self, client: StripeClient) -> None:
        rate = client.v1.tax_rates.create(
            {"display_name": "VAT", "percentage": 7.25, "inclusive": False}
        )
        draft = drafted(client, default_tax_rates=[rate.id])
        line: Any = {
            "customer": "cus_ok", "invoice": draft.id, "amount": 200, "currency": "eur",
        }  # fmt: skip
        client.v1.invoice_items.create(line)
        again = client.v1.invoices.retrieve(draft.id)
        assert again.total == 1200 + 73 + 15  # 72.5 and 14.5

    def test_by_stripe_tax(self, running: Sandbox) -> None:
        client = client_of(anew(running, automaticTax={"NL": 21}))
        invoice = opened(client, automatic_tax={"enabled": True})
        assert (invoice.total, invoice.automatic_tax.status) == (1210, "complete")
        account(running)["customers"]["cus_ok"]["address"] = None
        draft = drafted(client, automatic_tax={"enabled": True})
        assert draft.automatic_tax.status == "requires_location_inputs"
        error = refused(client.v1.invoices.finalize_invoice, draft.id)
        assert error.code == "customer_tax_location_invalid"
        assert client.v1.invoices.retrieve(draft.id).status == "draft"


class TestLists:
    def test_by_customer_status_time_and_method(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        first = opened(client)
        client.v1.invoices.pay(first.id)
        sandbox.clock.advance(timedelta(days=1))
        second = drafted(
            client, "cus_soft", collection_method="send_invoice", days_until_due=2
        )
        now = int(NOW.timestamp())

        def found(**asked: Any) -> list[str]:
            return [one.id for one in client.v1.invoices.list(asked).data]  # type: ignore[arg-type]

        assert found() == [second.id, first.id]
        assert found(customer="cus_ok") == found(status="paid") == [first.id]
        assert found(created={"gte": now + 86400}) == [second.id]
        assert found(created={"gt": now, "lt": now + 86400}) == []
        assert found(created=now) == found(created={"lte": now}) == [first.id]
        assert found(collection_method="send_invoice") == [second.id]
        assert found(due_date={"gte": now + 3 * 86400}) == [second.id]

    @pytest.mark.parametrize(
        "asked",
        ["status=maybe", "created[gte]=soon", "created[from]=1", "subscription=x"],
    )
    def test_what_cannot_be_asked(self, sandbox: Sandbox, asked: str) -> None:
        url = f"{sandbox.endpoint('stripe')}/v1/invoices?{asked}"
        answer = web("GET", url, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == 400

    def test_payments_are_shown_where_they_are_wanted_four_levels_deep(
        self, client: StripeClient
    ) -> None:
        invoice = opened(client)
        plain = client.v1.invoices.retrieve(invoice.id)
        assert "payments" not in plain.to_dict()
        deep = "payments.data.payment.payment_intent"
        shown = client.v1.invoices.retrieve(invoice.id, {"expand": [deep]})
        assert shown.payments
        intent: Any = shown.payments.data[0].payment.payment_intent
        assert intent.status == "requires_payment_method"
        error = refused(client.v1.invoices.list, {"expand": [f"data.{deep}"]})
        assert "more than 4 levels" in str(error)
        listed = client.v1.invoices.list({"expand": ["data.payments"]}).data[0]
        assert listed.payments
        assert listed.payments.data[0].payment.payment_intent == intent.id


class TestFaults:
    @pytest.mark.parametrize(
        "operation",
        ["createInvoice", "createInvoiceItem", "finalizeInvoice", "voidInvoice"],
    )
    def test_a_server_error_is_what_the_key_remembers(
        self, sandbox: Sandbox, client: StripeClient, operation: str
    ) -> None:
        v1, draft = client.v1, drafted(client)
        if operation == "voidInvoice":
            v1.invoices.finalize_invoice(draft.id)
        line: Any = {
            "customer": "cus_ok", "invoice": draft.id, "amount": 5, "currency": "eur",
        }  # fmt: skip
        key: Any = {"idempotency_key": "k"}
        calls: dict[str, Any] = {
            "createInvoice": lambda: v1.invoices.create({"customer": "cus_ok"}, key),
            "createInvoiceItem": lambda: v1.invoice_items.create(line, key),
            "finalizeInvoice": lambda: v1.invoices.finalize_invoice(draft.id, {}, key),
            "voidInvoice": lambda: v1.invoices.void_invoice(draft.id, {}, key),
        }
        before = len(sandbox.ledger.effects("stripe"))
        fault = Fault(vendor="stripe", operation=operation, kind="status-after")
        sandbox.inject(fault)
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                calls[operation]()
        assert len(sandbox.ledger.effects("stripe")) == before + 1

    def test_a_read_may_be_stale(self, sandbox: Sandbox, client: StripeClient) -> None:
        invoice = opened(client)
        stale = Fault(vendor="stripe", operation="getInvoice", kind="stale")
        sandbox.inject(stale)
        client.v1.invoices.pay(invoice.id)
        assert client.v1.invoices.retrieve(invoice.id).status == "open"
        assert client.v1.invoices.retrieve(invoice.id).status == "paid"


class TestByHand:
    @pytest.mark.parametrize(
        ("thing", "data"),
        [
            ("invoice", {"id": "in_x", "pay": True}),
            ("charge", {"id": "ch_x", "refund": True}),
            ("copy", {"id": "in_x"}),
            ("webhooks", {"next": ["rude"]}),
            ("subscription", {"id": "sub_native"}),
        ],
    )
    def test_what_cannot_be_done(
        self, sandbox: Sandbox, thing: str, data: dict[str, Any]
    ) -> None:
        with pytest.raises(ReconcilerError):
            sandbox.edit("stripe", thing, data)

    def test_an_invoice_has_three_things_to_be_done(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        with pytest.raises(ReconcilerError, match="to pay, to lock or to void"):
            edit(sandbox, "invoice", id=opened(client).id, burn=True)


class TestHostedPages:
    def test_a_page_to_enter_a_card_lasts_a_day(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        told: Any = {
            "mode": "setup", "customer": "cus_ok", "currency": "eur",
            "success_url": "https://agency.example/",
        }  # fmt: skip
        page = client.v1.checkout.sessions.create(told)
        assert page.url
        sandbox.clock.advance(timedelta(days=1))
        again = client.v1.checkout.sessions.retrieve(page.id)
        assert (again.status, again.url) == ("expired", None)
        late = {**told, "expires_at": int(NOW.timestamp()) + 5 * 86400}
        assert "24 hours" in str(refused(client.v1.checkout.sessions.create, late))
        for name in ("customer", "success_url", "currency"):
            less = {k: v for k, v in told.items() if k != name}
            assert refused(client.v1.checkout.sessions.create, less).http_status == 400

    def test_the_login_page_is_there_where_it_is_switched_on(
        self, running: Sandbox
    ) -> None:
        asked: Any = {"is_default": True}
        url = "https://billing.stripe.example/p/login/x"
        for login in (None, url):
            client = client_of(anew(running, login=login))
            (row,) = client.v1.billing_portal.configurations.list(asked).data
            assert (row.login_page.enabled, row.login_page.url) == (bool(login), login)

    def test_native_subscriptions(self, client: StripeClient) -> None:
        row = client.v1.subscriptions.retrieve("sub_native")
        item = row["items"].data[0]
        assert item.current_period_start <= NOW.timestamp() < item.current_period_end
        assert item.price.unit_amount == 500
        assert client.v1.subscriptions.list({"status": "canceled"}).data == []
        assert [p.id for p in client.v1.prices.list().data] == [item.price.id]
