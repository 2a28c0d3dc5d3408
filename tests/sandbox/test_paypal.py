"""
PayPal's emulator against what is published: its OpenAPI of 2024-02, and its guides.

The specification is not in this repository: the keys, statuses and issues below are
copied from it, with one correction (a token's type ``SETUP_TOKEN``, which it lacks).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.sandbox.paypal_hooks import deliver
from reconciler.sandbox.paypal_orders import REFUSALS
from tests.support.contract import NOW
from tests.support.paypal import CLIENT, PAYER, SECRET, world
from tests.support.web import web

WORLD = World({"paypal": world(at_once=False)})
#: The statuses of the published enums.
ORDER = {"CREATED", "SAVED", "APPROVED", "VOIDED", "COMPLETED", "PAYER_ACTION_REQUIRED"}
AUTHORIZATION = {
    "id",
    "status",
    "status_details",
    "amount",
    "invoice_id",
    "custom_id",
    "network_transaction_reference",
    "seller_protection",
    "expiration_time",
    "links",
    "create_time",
    "update_time",
    "processor_response",
    "supplementary_data",
    "payee",
}
CAPTURE = AUTHORIZATION - {"expiration_time"} | {
    "final_capture",
    "seller_receivable_breakdown",
    "disbursement_mode",
}
ROW = {
    "paypal_account_id",
    "transaction_id",
    "paypal_reference_id",
    "paypal_reference_id_type",
    "transaction_event_code",
    "transaction_initiation_date",
    "transaction_updated_date",
    "transaction_amount",
    "fee_amount",
    "transaction_status",
    "invoice_id",
    "custom_field",
}
EVENT = {
    "id",
    "create_time",
    "resource_type",
    "event_version",
    "event_type",
    "summary",
    "resource_version",
    "resource",
    "links",
}
BACK = {"return_url": "https://agency.example/back", "cancel_url": "https://a.example"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


class Client:
    """Speaks to the emulator as anybody would, over a real socket."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.base = sandbox.endpoint("paypal")
        self.access = self.token().json()["access_token"]

    def token(self, secret: str = SECRET, **form: str) -> httpx.Response:
        basic = base64.b64encode(f"{CLIENT}:{secret}".encode()).decode()
        sent = form or {"grant_type": "client_credentials"}
        headers = {"Authorization": f"Basic {basic}"}
        return web("POST", f"{self.base}/v1/oauth2/token", data=sent, headers=headers)

    def ask(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        named = {k.replace("_", "-"): v for k, v in more.items()}
        headers = {"Authorization": f"Bearer {self.access}", **named}
        if method == "POST":
            body = {} if body is None else body
        return web(method, self.base + path, json=body, headers=headers)

    def order(self, intent: str = "AUTHORIZE", key: str = "key", **unit: Any) -> Any:
        value = {"currency_code": "EUR", "value": "12.10"}
        body = {
            "intent": intent,
            "purchase_units": [{"custom_id": "x", "amount": value, **unit}],
            "payment_source": {"paypal": {"vault_id": "wallet1x"}},
        }
        whole = "return=representation"
        path = "/v2/checkout/orders"
        return self.ask("POST", path, body, PayPal_Request_Id=key, Prefer=whole)

    def held(self, key: str = "key", **unit: Any) -> str:
        """Hold money, and return the authorization's id."""
        made = self.order(key=key, **unit).json()
        path = f"/v2/checkout/orders/{made['id']}/authorize"
        done = self.ask("POST", path, PayPal_Request_Id=key, Prefer=WHOLE).json()
        (one,) = done["purchase_units"][0]["payments"]["authorizations"]
        return str(one["id"])

    def capture(self, name: str, key: str = "key", **body: Any) -> Any:
        path = f"/v2/payments/authorizations/{name}/capture"
        return self.ask("POST", path, body, PayPal_Request_Id=key, Prefer=WHOLE)

    def void(self, name: str) -> Any:
        return self.ask("POST", f"/v2/payments/authorizations/{name}/void")

    def effects(self, operation: str) -> int:
        found = self.sandbox.ledger.effects("paypal")
        return sum(one.operation == operation for one in found)


WHOLE = "return=representation"


@pytest.fixture
def client(running: Sandbox) -> Client:
    running.clock.set(NOW, frozen=True)
    running.reset(WORLD)
    return Client(running)


def issue(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert {"name", "message", "debug_id"} <= set(body)
    assert body["debug_id"] == answer.headers["paypal-debug-id"]
    return answer.status_code, body["details"][0]["issue"]


class TestAccessTokens:
    def test_have_the_documented_fields(self, client: Client) -> None:
        said = client.token().json()
        assert set(said) == {
            "scope",
            "access_token",
            "token_type",
            "app_id",
            "expires_in",
            "nonce",
        }

    def test_need_the_secret_and_the_grant(self, client: Client) -> None:
        answer = client.token("no")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        answer = client.token(grant_type="password")
        assert answer.json()["error"] == "unsupported_grant_type"

    def test_end(self, client: Client) -> None:
        client.sandbox.clock.advance(timedelta(seconds=32401))
        answer = client.ask("GET", "/v1/reporting/balances")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


class TestTheVault:
    def test_lists_the_tokens_of_one_customer_in_pages(self, client: Client) -> None:
        path = "/v3/vault/payment-tokens?customer_id=customer_bakker&page_size=1"
        first = client.ask("GET", f"{path}&total_required=true").json()
        assert (first["total_items"], first["total_pages"]) == (2, 2)
        links = {one["rel"]: one["href"] for one in first["links"]}
        assert links["next"].startswith("https://api-m.paypal.com/v3/vault/")
        second = client.ask("GET", f"{path}&page=2").json()
        assert "next" not in {one["rel"] for one in second["links"]}
        names = [one["payment_tokens"][0]["id"] for one in (first, second)]
        assert names == ["wallet1x", "card1234"]
        card = second["payment_tokens"][0]["payment_source"]["card"]
        assert {"brand", "last_digits", "expiry"} <= set(card)
        without = client.ask("GET", "/v3/vault/payment-tokens")
        assert issue(without) == (400, "MISSING_REQUIRED_PARAMETER")

    def test_takes_a_wallet_once_its_payer_approved(self, client: Client) -> None:
        source = {"paypal": {"usage_type": "MERCHANT", "experience_context": BACK}}
        body = {"payment_source": source, "customer": {"id": "customer_new"}}
        path = "/v3/vault/setup-tokens"
        assert client.ask("POST", path, body).status_code == 400
        made = client.ask("POST", path, body, PayPal_Request_Id="k").json()
        assert made["status"] == "PAYER_ACTION_REQUIRED"
        assert "approve" in {one["rel"] for one in made["links"]}
        given = {"token": {"id": made["id"], "type": "SETUP_TOKEN"}}
        create = {"payment_source": given}
        tokens = "/v3/vault/payment-tokens"
        early = client.ask("POST", tokens, create, PayPal_Request_Id="early")
        assert issue(early) == (422, "PAYER_ACTION_REQUIRED")
        client.sandbox.edit("paypal", "setup", {"id": made["id"]})
        done = client.ask("POST", tokens, create, PayPal_Request_Id="k")
        assert done.status_code == 201
        again = client.ask("POST", tokens, create, PayPal_Request_Id="k")
        assert (again.status_code, again.json()) == (200, done.json())
        assert client.effects("createPaymentToken") == 1

    def test_takes_no_card(self, client: Client) -> None:
        card = {"payment_source": {"card": {"name": "x"}}}
        path = "/v3/vault/setup-tokens"
        answer = client.ask("POST", path, card, PayPal_Request_Id="k")
        assert answer.status_code == 400


class TestOrders:
    def test_are_authorized_by_a_second_request(self, client: Client) -> None:
        made = client.order().json()
        assert made["status"] in ORDER
        assert "payments" not in made["purchase_units"][0]
        assert client.effects("authorize") == 0
        path = f"/v2/checkout/orders/{made['id']}"
        done = client.ask("POST", f"{path}/authorize", Prefer=WHOLE)
        assert (done.status_code, done.json()["status"]) == (201, "COMPLETED")
        again = client.ask("POST", f"{path}/authorize")
        assert issue(again) == (422, "ORDER_ALREADY_AUTHORIZED")
        wrong = client.ask("POST", f"{path}/capture")
        assert issue(wrong) == (422, "ACTION_DOES_NOT_MATCH_INTENT")
        read = client.ask("GET", path).json()
        assert read["purchase_units"][0]["payments"]["authorizations"]

    def test_that_take_money_at_once_need_a_request_id(self, client: Client) -> None:
        body = {
            "intent": "CAPTURE",
            "purchase_units": [{"amount": {"currency_code": "EUR", "value": "1.00"}}],
            "payment_source": {"paypal": {"vault_id": "wallet1x"}},
        }
        answer = client.ask("POST", "/v2/checkout/orders", body)
        assert issue(answer) == (400, "PAYPAL_REQUEST_ID_REQUIRED")

    def test_say_little_unless_they_are_asked_for_all(self, client: Client) -> None:
        made = client.order().json()
        path = f"/v2/checkout/orders/{made['id']}/authorize"
        assert set(client.ask("POST", path).json()) <= {
            "id",
            "status",
            "payment_source",
            "links",
        }

    @pytest.mark.parametrize(
        ("unit", "status", "said"),
        [
            ({"amount": {"currency_code": "EUR"}}, 400, "MISSING_REQUIRED_PARAMETER"),
            (
                {"amount": {"currency_code": "EUR", "value": "0"}},
                422,
                "CANNOT_BE_ZERO_OR_NEGATIVE",
            ),
            (
                {"amount": {"currency_code": "EUR", "value": "1.001"}},
                422,
                "DECIMAL_PRECISION",
            ),
            ({"custom_id": "x" * 128}, 400, "INVALID_STRING_LENGTH"),
        ],
    )
    def test_that_cannot_be_are_refused(
        self, client: Client, unit: dict[str, Any], status: int, said: str
    ) -> None:
        assert issue(client.order(**unit)) == (status, said)

    @pytest.mark.parametrize("behaves", sorted(REFUSALS))
    def test_are_declined_as_published(self, client: Client, behaves: str) -> None:
        data = {"id": "wallet1x", "behaves": behaves}
        client.sandbox.edit("paypal", "token", data)
        made = client.order("CAPTURE")
        assert issue(made) == (422, REFUSALS[behaves])

    def test_of_a_token_that_is_gone_or_of_another_kind(self, client: Client) -> None:
        client.sandbox.edit("paypal", "token", {"id": "wallet1x", "delete": True})
        assert issue(client.order()) == (422, "TOKEN_ID_NOT_FOUND")

    def test_need_an_account_that_may_authorize(self, client: Client) -> None:
        data = {"client": CLIENT, "authorizes": False}
        client.sandbox.edit("paypal", "account", data)
        made = client.order().json()
        answer = client.ask("POST", f"/v2/checkout/orders/{made['id']}/authorize")
        assert issue(answer) == (422, "AUTH_CAPTURE_NOT_ENABLED")

    def test_wait_three_hours_for_it(self, client: Client) -> None:
        made = client.order().json()
        client.sandbox.clock.advance(timedelta(hours=3))
        answer = client.ask("POST", f"/v2/checkout/orders/{made['id']}/authorize")
        assert issue(answer) == (422, "ORDER_EXPIRED")

    def test_with_a_field_that_is_not_emulated_are_refused(
        self, client: Client
    ) -> None:
        answer = client.order(soft_descriptor="AGENCY")
        assert answer.status_code == 400
        assert "does not play" in answer.json()["details"][0]["description"]


class TestRequestIds:
    """``PayPal-Request-Id`` is kept for 6 hours, 45 days, 3 hours, or not at all."""

    @pytest.mark.parametrize(("hours", "orders"), [(5.9, 1), (6, 2)])
    def test_of_orders(self, client: Client, hours: float, orders: int) -> None:
        first = client.order("CAPTURE").json()
        client.sandbox.clock.advance(timedelta(hours=hours))
        client.access = client.token().json()["access_token"]
        again = client.order("CAPTURE").json()
        assert (first["id"] == again["id"]) == (orders == 1)
        assert len(client.sandbox.charges("paypal")) == orders

    @pytest.mark.parametrize(("days", "same"), [(44, True), (45, False)])
    def test_of_captures(self, client: Client, days: int, *, same: bool) -> None:
        name = client.held()
        first = client.capture(name).json()
        client.sandbox.clock.advance(timedelta(days=days))
        client.access = client.token().json()["access_token"]
        again = client.capture(name)
        if same:
            assert again.json() == first
        else:
            assert issue(again) == (422, "AUTHORIZATION_ALREADY_CAPTURED")
        assert len(client.sandbox.charges("paypal")) == 1

    def test_say_nothing_about_another_body(self, client: Client) -> None:
        """Nothing is documented: the answer is that of the first, whatever is asked."""
        first = client.order().json()
        value = {"currency_code": "EUR", "value": "99.00"}
        assert client.order(amount=value).json() == first

    def test_bring_a_decline_again(self, client: Client) -> None:
        data = {"id": "wallet1x", "behaves": "declined", "times": 1}
        client.sandbox.edit("paypal", "token", data)
        assert issue(client.order("CAPTURE")) == (422, "INSTRUMENT_DECLINED")
        assert issue(client.order("CAPTURE")) == (422, "INSTRUMENT_DECLINED")
        assert client.order("CAPTURE", key="other").status_code == 201

    def test_are_not_kept_of_what_is_malformed(self, client: Client) -> None:
        value = {"currency_code": "EUR"}
        assert client.order(amount=value).status_code == 400
        assert client.order().status_code == 201

    def test_are_108_characters_at_most(self, client: Client) -> None:
        assert client.order(key="x" * 108).status_code == 201
        assert issue(client.order(key="x" * 109)) == (400, "INVALID_STRING_LENGTH")


class TestPayments:
    def test_have_the_published_fields(self, client: Client) -> None:
        name = client.held(invoice_id="2026-1")
        held = client.ask("GET", f"/v2/payments/authorizations/{name}").json()
        assert set(held) <= AUTHORIZATION
        assert held["expiration_time"] == "2026-12-21T09:00:00Z"
        taken = client.capture(name, final_capture=True).json()
        assert set(taken) <= CAPTURE
        assert (taken["invoice_id"], taken["custom_id"]) == ("2026-1", "x")
        read = client.ask("GET", f"/v2/payments/captures/{taken['id']}").json()
        related = read["supplementary_data"]["related_ids"]
        assert related["authorization_id"] == name

    def test_are_taken_once(self, client: Client) -> None:
        name = client.held()
        client.capture(name)
        again = client.capture(name, key="other")
        assert issue(again) == (422, "AUTHORIZATION_ALREADY_CAPTURED")
        assert issue(client.void(name)) == (422, "PREVIOUSLY_CAPTURED")
        assert len(client.sandbox.charges("paypal")) == 1

    def test_are_void_for_good(self, client: Client) -> None:
        name = client.held()
        assert client.void(name).status_code == 204
        assert issue(client.void(name)) == (422, "PREVIOUSLY_VOIDED")
        assert issue(client.capture(name)) == (422, "AUTHORIZATION_VOIDED")

    def test_end_after_29_days(self, client: Client) -> None:
        name = client.held()
        client.sandbox.clock.advance(timedelta(days=29))
        client.access = client.token().json()["access_token"]
        assert issue(client.capture(name)) == (422, "AUTHORIZATION_EXPIRED")

    def test_are_blocked_for_an_invoice_that_was_paid(self, client: Client) -> None:
        first = client.held("a")
        second = client.held("b")
        client.capture(first, "a", invoice_id="2026-1")
        answer = client.capture(second, "b", invoice_id="2026-1")
        assert issue(answer) == (422, "DUPLICATE_INVOICE_ID")
        data = {"client": CLIENT, "unique_invoice_id": False}
        client.sandbox.edit("paypal", "account", data)
        assert client.capture(second, "c", invoice_id="2026-1").status_code == 201

    def test_are_never_more_than_is_held(self, client: Client) -> None:
        name = client.held()
        more = {"currency_code": "EUR", "value": "14.00"}
        answer = client.capture(name, amount=more)
        assert issue(answer) == (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
        other = {"currency_code": "USD", "value": "12.10"}
        answer = client.capture(name, key="b", amount=other)
        assert issue(answer) == (422, "AUTH_CAPTURE_CURRENCY_MISMATCH")

    def test_are_given_back_in_part_and_whole(self, client: Client) -> None:
        taken = client.capture(client.held()).json()
        path = f"/v2/payments/captures/{taken['id']}/refund"
        value = {"amount": {"currency_code": "EUR", "value": "2.10"}}
        first = client.ask("POST", path, value, PayPal_Request_Id="a").json()
        assert first["status"] == "COMPLETED"
        client.ask("POST", path, value, PayPal_Request_Id="a")
        assert client.effects("refund") == 1
        client.ask("POST", path, {}, PayPal_Request_Id="b")
        read = client.ask("GET", f"/v2/payments/captures/{taken['id']}").json()
        assert read["status"] == "REFUNDED"
        answer = client.ask("POST", path, {}, PayPal_Request_Id="c")
        assert answer.status_code == 422

    def test_that_are_nowhere_are_404(self, client: Client) -> None:
        for path in ("authorizations/X", "captures/X", "refunds/X"):
            answer = client.ask("GET", f"/v2/payments/{path}")
            assert issue(answer) == (404, "INVALID_RESOURCE_ID")


class TestTheBooks:
    SINCE = "start_date=2026-11-22T00:00:00Z"

    def search(self, client: Client, end: str = "2026-11-23T00:00:00Z") -> Any:
        path = f"/v1/reporting/transactions?{self.SINCE}&end_date={end}"
        return client.ask("GET", path)

    def test_show_it_three_hours_later(self, client: Client) -> None:
        client.capture(client.held())
        assert self.search(client).json()["transaction_details"] == []
        client.sandbox.clock.advance(timedelta(hours=3))
        said = self.search(client).json()
        (row,) = [one["transaction_info"] for one in said["transaction_details"]]
        assert set(row) <= ROW
        assert row["transaction_event_code"] == "T0006"
        assert row["fee_amount"]["value"] == "-0.35"
        assert said["last_refreshed_datetime"] == "2026-11-22T09:00:00Z"
        assert said["account_number"] == PAYER

    def test_show_what_is_held_only_where_asked(self, client: Client) -> None:
        client.held()
        client.sandbox.clock.advance(timedelta(hours=3))
        path = f"/v1/reporting/transactions?{self.SINCE}&end_date=2026-11-23T00:00:00Z"
        path += "&balance_affecting_records_only=N"
        (row,) = client.ask("GET", path).json()["transaction_details"]
        assert row["transaction_info"]["transaction_event_code"] == "T1300"

    def test_span_31_days(self, client: Client) -> None:
        answer = self.search(client, "2026-12-24T00:00:00Z")
        assert issue(answer) == (400, "INVALID_REQUEST")

    def test_are_for_whom_they_are_switched_on(self, client: Client) -> None:
        data = {"client": CLIENT, "reports": False}
        client.sandbox.edit("paypal", "account", data)
        assert issue(self.search(client)) == (403, "NOT_AUTHORIZED")


class TestInvoices:
    BODY = {
        "detail": {"currency_code": "EUR", "invoice_number": "2026-1"},
        "items": [
            {
                "name": "Hosting",
                "quantity": "1",
                "unit_amount": {"currency_code": "EUR", "value": "12.10"},
            }
        ],
    }
    PATH = "/v2/invoicing/invoices"

    def made(self, client: Client) -> Any:
        return client.ask("POST", self.PATH, self.BODY, Prefer=WHOLE).json()

    def test_are_told_apart_by_their_number_alone(self, client: Client) -> None:
        numbers = client.ask("POST", "/v2/invoicing/generate-next-invoice-number")
        assert numbers.json() == {"invoice_number": "0001"}
        self.made(client)
        again = client.ask("POST", self.PATH, self.BODY)
        assert again.status_code == 422
        search = "/v2/invoicing/search-invoices?total_required=true"
        found = client.ask("POST", search, {"invoice_number": "2026-1"}).json()
        assert found["total_items"] == 1

    def test_are_sent_and_paid(self, client: Client) -> None:
        made = self.made(client)
        path = f"{self.PATH}/{made['id']}"
        assert client.ask("POST", f"{path}/cancel").status_code == 422
        assert client.ask("POST", f"{path}/send").status_code == 200
        client.sandbox.edit("paypal", "invoice", {"id": made["id"]})
        read = client.ask("GET", path).json()
        assert (read["status"], read["due_amount"]["value"]) == ("PAID", "0.00")
        assert client.ask("POST", f"{path}/cancel").status_code == 422
        assert len(client.sandbox.charges("paypal")) == 1

    def test_are_cancelled_or_paid_elsewhere(self, client: Client) -> None:
        made = self.made(client)
        path = f"{self.PATH}/{made['id']}"
        client.ask("POST", f"{path}/send")
        part = {"amount": {"currency_code": "EUR", "value": "2.10"}, "method": "CASH"}
        client.ask("POST", f"{path}/payments", part)
        assert client.ask("GET", path).json()["status"] == "PARTIALLY_PAID"
        client.ask("POST", f"{path}/payments", {"method": "CASH"})
        assert client.ask("GET", path).json()["status"] == "MARKED_AS_PAID"


class TestEvents:
    def test_are_listed_for_30_days_in_pages(self, client: Client) -> None:
        path = "/v1/notifications/webhooks-events"
        first = client.ask("GET", f"{path}?page_size=2").json()
        assert set(first["events"][0]) == EVENT
        assert first["count"] == 2
        (more,) = [one["href"] for one in first["links"] if one["rel"] == "next"]
        second = client.ask("GET", more.removeprefix("https://api-m.paypal.com"))
        assert second.json()["count"] == 1
        client.sandbox.clock.advance(timedelta(days=30))
        client.access = client.token().json()["access_token"]
        assert client.ask("GET", path).json()["events"] == []

    def test_say_what_happened(self, client: Client) -> None:
        client.capture(client.held())
        path = "/v1/notifications/webhooks-events"
        events = client.ask("GET", path).json()["events"]
        kinds = [one["event_type"] for one in events][:2]
        assert kinds == ["PAYMENT.CAPTURE.COMPLETED", "PAYMENT.AUTHORIZATION.CREATED"]

    def test_are_tried_again_until_they_are_taken(self, client: Client) -> None:
        """Nobody listens there: each delivery is tried again later."""
        body = {"url": "http://127.0.0.1:9/hooks", "event_types": [{"name": "*"}]}
        client.ask("POST", "/v1/notifications/webhooks", body)
        client.held()
        deliver(client.sandbox.bench("paypal"), "due").join(10)
        (one,) = client.sandbox.look("paypal", "deliveries")
        assert (one["attempts"], one["status"]) == (1, "PENDING")


class TestByHand:
    @pytest.mark.parametrize(
        ("thing", "data"),
        [
            ("nothing", {}),
            ("token", {"id": "never"}),
            ("token", {}),
            ("account", {"client": "never"}),
            ("deliver", {"how": "never"}),
        ],
    )
    def test_what_is_not_there_is_told(
        self, client: Client, thing: str, data: dict[str, Any]
    ) -> None:
        with pytest.raises(ReconcilerError):
            client.sandbox.edit("paypal", thing, data)
        with pytest.raises(ReconcilerError):
            client.sandbox.look("paypal", "nothing")


def test_a_world_that_cannot_be_is_told() -> None:
    with pytest.raises(ReconcilerError, match="paypal"):
        Sandbox(World({"paypal": {"accounts": []}}), SandboxClock(NOW)).start()


def test_the_state_is_plain_data(client: Client) -> None:
    client.capture(client.held())
    state = client.sandbox.bench("paypal").state
    assert json.loads(json.dumps(state)) == state


def test_faults_meet_every_route(client: Client) -> None:
    fault = Fault(vendor="paypal", operation="authorizations.get", kind="status")
    client.sandbox.inject(fault)
    assert client.ask("GET", "/v2/payments/authorizations/X").status_code == 500
    assert client.ask("GET", "/v2/payments/authorizations/X").status_code == 404
