"""
Stripe's emulator against the vendor's documentation, fixtures and own client.

Shapes are those of ``fixtures3.json`` (``stripe/openapi``, 2026-08) and of the types of
the installed SDK; the SDK's client speaks to it over a real socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe
from stripe import StripeClient

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.stripe import PER_SECOND, VERSION
from reconciler.sandbox.stripe_words import form, unknown
from tests.support.cards import ACCOUNT, KEY, world
from tests.support.contract import NOW
from tests.support.web import web

WORLD = World({"stripe": world()})
#: The keys of the published fixtures.
CUSTOMER = [
    "address",
    "balance",
    "created",
    "currency",
    "default_source",
    "delinquent",
    "description",
    "discount",
    "email",
    "id",
    "invoice_prefix",
    "invoice_settings",
    "livemode",
    "metadata",
    "name",
    "next_invoice_sequence",
    "object",
    "phone",
    "preferred_locales",
    "shipping",
    "tax_exempt",
    "test_clock",
]
METHOD = [
    "allow_redisplay",
    "billing_details",
    "card",
    "created",
    "customer",
    "id",
    "livemode",
    "metadata",
    "object",
    "type",
    "customer_account",
]
CARD = [
    "brand",
    "checks",
    "country",
    "display_brand",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "generated_from",
    "last4",
    "networks",
    "three_d_secure_usage",
    "wallet",
    "regulated_status",
]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(WORLD)
    return running


@pytest.fixture
def client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> StripeClient:
    """Return the vendor's own client, as anybody would use it."""
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    return StripeClient(
        KEY,
        base_addresses={"api": sandbox.endpoint("stripe")},
        max_network_retries=0,
    )


def ask(
    sandbox: Sandbox, method: str, path: str, *, key: str = KEY, **more: Any
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
    return web(method, sandbox.endpoint("stripe") + path, headers=headers, **more)


def wrong(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert set(error) <= {"code", "doc_url", "message", "param", "type"}
    return answer.status_code, error["type"], error.get("code")


REFUSED = "invalid_request_error"


def test_the_version_is_the_sdks(sandbox: Sandbox) -> None:
    assert stripe.api_version == VERSION
    answer = ask(sandbox, "GET", "/v1/account")
    assert answer.headers["stripe-version"] == VERSION
    old = {"Stripe-Version": "2020-08-27"}
    assert wrong(ask(sandbox, "GET", "/v1/account", headers=old))[0] == 400


class TestObjects:
    def test_have_the_keys_of_the_fixtures_and_no_others(
        self, client: StripeClient
    ) -> None:
        customer = client.v1.customers.retrieve("cus_bakker").to_dict()
        method = client.v1.payment_methods.retrieve("pm_first").to_dict()
        assert set(CUSTOMER) <= set(customer)
        assert set(customer) <= set(stripe.Customer.__annotations__)
        assert set(METHOD) == set(method)
        assert set(CARD) == set(method["card"])
        settings = stripe.Customer.InvoiceSettings.__annotations__
        assert set(customer["invoice_settings"]) == set(settings)

    def test_a_deleted_customer_says_so(self, client: StripeClient) -> None:
        assert client.v1.customers.delete("cus_bakker").deleted
        assert client.v1.customers.retrieve("cus_bakker").deleted
        assert client.v1.payment_methods.retrieve("pm_first").customer is None
        left = [one.id for one in client.v1.customers.list().data]
        assert left == ["cus_cafe", "cus_nobody"]
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.customers.update("cus_bakker", {"name": "x"})

    def test_what_is_not_there(self, sandbox: Sandbox) -> None:
        for path in ("/v1/customers/cus_x", "/v1/payment_methods/pm_x"):
            assert wrong(ask(sandbox, "GET", path)) == (
                404, REFUSED, "resource_missing",
            )  # fmt: skip
        assert wrong(ask(sandbox, "GET", "/v1/nothing"))[0] == 404


class TestLists:
    def test_page_by_page(self, client: StripeClient) -> None:
        for number in range(23):
            client.v1.customers.create({"name": f"C{number}"})
        pages = client.v1.customers.list({"limit": 10})
        assert (len(pages.data), pages.has_more) == (10, True)
        every = [one.id for one in pages.auto_paging_iter()]
        assert (len(every), len(set(every))) == (26, 26)
        assert every[-1] == "cus_nobody"  # the newest first
        before = client.v1.customers.list({"limit": 3, "ending_before": every[5]})
        assert [one.id for one in before.data] == every[2:5]

    @pytest.mark.parametrize("limit", ["0", "101", "many"])
    def test_limits(self, sandbox: Sandbox, limit: str) -> None:
        answer = ask(sandbox, "GET", "/v1/customers", params={"limit": limit})
        assert wrong(answer) == (400, REFUSED, "parameter_invalid_integer")

    def test_after_something_that_is_not_there(self, sandbox: Sandbox) -> None:
        after = {"starting_after": "cus_x"}
        answer = ask(sandbox, "GET", "/v1/customers", params=after)
        assert wrong(answer) == (400, REFUSED, "resource_missing")

    def test_a_default_is_expanded_where_it_is_asked_for(
        self, client: StripeClient
    ) -> None:
        wanted = ["data.invoice_settings.default_payment_method"]
        rows = client.v1.customers.list({"expand": wanted}).data
        found = {one.id: one.invoice_settings for one in rows}
        method = found["cus_bakker"].default_payment_method  # type: ignore[union-attr]
        assert isinstance(method, stripe.PaymentMethod)
        assert method.id == "pm_first"
        plain = client.v1.customers.retrieve("cus_bakker").invoice_settings
        assert plain
        assert plain.default_payment_method == "pm_first"
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.customers.list({"expand": ["data.sources"]})

    def test_methods_are_listed_by_customer_alone(self, client: StripeClient) -> None:
        """The list without a customer is "for Treasury flows"."""
        own = client.v1.customers.payment_methods.list("cus_bakker").data
        assert [one.id for one in own] == ["pm_first", "pm_second"]
        assert client.v1.payment_methods.list({}).data == []
        debit = {"customer": "cus_cafe", "type": "card"}
        assert client.v1.payment_methods.list(debit).data == []  # type: ignore[arg-type]


class TestAttaching:
    def test_what_was_detached_may_not_be_used_again(
        self, client: StripeClient
    ) -> None:
        client.v1.payment_methods.detach("pm_first")
        settings = client.v1.customers.retrieve("cus_bakker").invoice_settings
        assert settings
        assert settings.default_payment_method is None
        with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
            client.v1.payment_methods.attach("pm_first", {"customer": "cus_bakker"})
        with pytest.raises(stripe.InvalidRequestError, match="not attached"):
            client.v1.payment_methods.detach("pm_first")

    @pytest.mark.parametrize("method", ["pm_stray", "pm_gone", "pm_nowhere"])
    def test_a_default_must_be_attached_to_the_customer(
        self, client: StripeClient, method: str
    ) -> None:
        wanted: Any = {"invoice_settings": {"default_payment_method": method}}
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.customers.update("cus_bakker", {**wanted, "name": "changed"})
        assert refused.value.http_status == 400
        assert client.v1.customers.retrieve("cus_bakker").name == "Example Bakery BV"


class TestKeysOfRequests:
    NAME: Any = {"name": "New BV"}

    def test_the_same_again_is_answered_from_the_record(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        first = client.v1.customers.create(self.NAME, {"idempotency_key": "k"})
        again = client.v1.customers.create(self.NAME, {"idempotency_key": "k"})
        assert first.id == again.id
        assert again.last_response
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert len(sandbox.ledger.effects("stripe")) == 1

    def test_other_parameters_are_refused(self, client: StripeClient) -> None:
        client.v1.customers.create(self.NAME, {"idempotency_key": "k"})
        with pytest.raises(stripe.IdempotencyError) as refused:
            client.v1.customers.create({"name": "Other"}, {"idempotency_key": "k"})
        assert refused.value.http_status == 400
        with pytest.raises(stripe.IdempotencyError, match="endpoint"):
            client.v1.customers.update("cus_cafe", self.NAME, {"idempotency_key": "k"})

    def test_a_refusal_is_remembered_and_a_bad_form_is_not(
        self, sandbox: Sandbox
    ) -> None:
        key = {"Idempotency-Key": "k"}
        path = "/v1/customers/cus_x"
        first = ask(sandbox, "POST", path, headers=key, data=self.NAME)
        again = ask(sandbox, "POST", path, headers=key, data=self.NAME)
        assert first.status_code == again.status_code == 404
        assert again.headers["idempotent-replayed"] == "true"
        bad = {"Idempotency-Key": "bad"}
        answer = ask(sandbox, "POST", "/v1/customers", headers=bad, data={"nam": "x"})
        assert wrong(answer) == (400, REFUSED, "parameter_unknown")
        good = ask(sandbox, "POST", "/v1/customers", headers=bad, data=self.NAME)
        assert good.status_code == 200

    def test_after_a_day_it_is_another_request(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        first = client.v1.customers.create(self.NAME, {"idempotency_key": "k"})
        sandbox.clock.advance(timedelta(hours=24))
        later = client.v1.customers.create(self.NAME, {"idempotency_key": "k"})
        assert first.id != later.id

    def test_keys_have_a_length(self, sandbox: Sandbox) -> None:
        key = {"Idempotency-Key": "k" * 256}
        answer = ask(sandbox, "POST", "/v1/customers", headers=key, data=self.NAME)
        assert answer.status_code == 400


class TestWhoMay:
    def test_no_key_and_a_wrong_one(self, sandbox: Sandbox) -> None:
        url = sandbox.endpoint("stripe") + "/v1/customers"
        assert wrong(web("GET", url))[:2] == (401, REFUSED)
        said = ask(sandbox, "GET", "/v1/customers", key="rk_test_secret-part")
        assert wrong(said)[:2] == (401, REFUSED)
        assert "secret-part" not in said.text

    def test_the_official_client_knows_them(
        self, sandbox: Sandbox, client: StripeClient
    ) -> None:
        bad = StripeClient("x", base_addresses={"api": sandbox.endpoint("stripe")})
        with pytest.raises(stripe.AuthenticationError):
            bad.v1.customers.list()
        account = sandbox.bench("stripe").state["accounts"][0]
        account["may"] = ["rak_customer_read"]
        assert client.v1.customers.list().data
        with pytest.raises(stripe.PermissionError, match="rak_customer_write"):
            client.v1.customers.update("cus_cafe", {"name": "x"})

    def test_one_account_does_not_see_another(self, sandbox: Sandbox) -> None:
        other = ask(sandbox, "GET", "/v1/account", key="rk_test_other").json()
        assert (other["id"], other["object"]) == ("acct_other", "account")
        assert ask(sandbox, "GET", "/v1/account").json()["id"] == ACCOUNT
        found = ask(sandbox, "GET", "/v1/customers/cus_cafe", key="rk_test_other")
        assert found.status_code == 404


def test_too_many_in_a_second(sandbox: Sandbox) -> None:
    sandbox.bench("stripe").state["hits"][:] = [int(NOW.timestamp()), PER_SECOND - 1]
    assert ask(sandbox, "GET", "/v1/account").status_code == 200
    answer = ask(sandbox, "GET", "/v1/account")
    assert wrong(answer) == (429, REFUSED, "rate_limit")
    assert answer.headers["stripe-rate-limited-reason"]
    sandbox.clock.advance(timedelta(seconds=1))
    assert ask(sandbox, "GET", "/v1/account").status_code == 200


def test_every_request_has_a_number(sandbox: Sandbox) -> None:
    numbers = {
        ask(sandbox, "GET", path).headers["request-id"]
        for path in ("/v1/account", "/v1/customers/x", "/v1/customers")
    }
    assert len(numbers) == 3


class TestForms:
    def test_brackets(self) -> None:
        pairs = [
            ("a[b][c]", "1"), ("a[b][d]", "2"), ("e[]", "3"), ("e[]", "4"), ("f[0]", "5"),
        ]  # fmt: skip
        assert form(pairs) == {
            "a": {"b": {"c": "1", "d": "2"}},
            "e": ["3", "4"],
            "f": ["5"],
        }

    def test_parameters_are_held_against_the_sdks_types(self) -> None:
        from stripe.params import CustomerUpdateParams as Typed

        good = {"invoice_settings": {"default_payment_method": "pm"}, "name": "x"}
        assert unknown(good, Typed) is None
        assert unknown({"nam": "x"}, Typed) == "nam"
        nested = {"invoice_settings": {"default": "pm"}}
        assert unknown(nested, Typed) == "invoice_settings[default]"

    def test_what_the_sdk_knows_and_nobody_plays_is_refused(
        self, sandbox: Sandbox
    ) -> None:
        answer = ask(sandbox, "GET", "/v1/customers", params={"test_clock": "x"})
        assert "does not play" in answer.json()["error"]["message"]


class TestByHand:
    def test_a_card_and_a_default(self, sandbox: Sandbox, client: StripeClient) -> None:
        card = {"id": "pm_first", "ends": 40, "last4": "1111"}
        sandbox.edit("stripe", "method", card)
        found = client.v1.payment_methods.retrieve("pm_first").card
        assert found
        assert (found.last4, found.exp_month, found.exp_year) == ("1111", 1, 2027)
        wanted = {"id": "cus_bakker", "default": "pm_second"}
        sandbox.edit("stripe", "customer", wanted)
        settings = client.v1.customers.retrieve("cus_bakker").invoice_settings
        assert settings
        assert settings.default_payment_method == "pm_second"

    @pytest.mark.parametrize(
        ("thing", "data"),
        [("method", {"id": "pm_x"}), ("invoice", {"id": "in_1"}), ("customer", {})],
    )
    def test_what_is_not_there(
        self, sandbox: Sandbox, thing: str, data: dict[str, Any]
    ) -> None:
        with pytest.raises(ReconcilerError):
            sandbox.edit("stripe", thing, data)


def test_a_world_that_cannot_be() -> None:
    from reconciler.sandbox.stripe import EMULATOR

    bench = Sandbox(WORLD, SandboxClock(NOW, frozen=True)).bench("stripe")
    bench.world = {"accounts": [{"account": "x", "key": "y"}]}
    with pytest.raises(ReconcilerError, match="world of stripe"):
        EMULATOR.make(bench)
