"""What Stripe's own engine collects: how it is read, and that we keep our hands off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from reconciler.kinds.subscription import BILLING, BillingState, Subscription
from reconciler.kinds.subscription.state import Native
from reconciler.model import Absent, Account, Share, Unknown
from reconciler.providers.stripe_billing import StripeBilling
from reconciler.sandbox import Fault, Sandbox, SandboxClock
from reconciler.sandbox.world import World
from tests.support.billing import account, known, subscription, terms, world
from tests.support.cards import ACCOUNT, KEY
from tests.support.contract import NOW, MemoryCache

MAIN = Share("main", BILLING)
SINCE = "2026-08-14"


class Bench:
    """A driver over one account; each looks once at what the engine has."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.driver = StripeBilling(
            Account(
                "main",
                sandbox.endpoint("stripe"),
                ACCOUNT,
                {"key": KEY},
                sandbox.clock,
                lambda _: None,
                MemoryCache(),
            )
        )

    def fault(self, **more: Any) -> None:
        """Refuse the list of what the engine has."""
        what = {"vendor": "stripe", "operation": "listSubscriptions", "kind": "status"}
        self.sandbox.inject(Fault.model_validate({**what, "status": 403, **more}))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    clock = SandboxClock(NOW, frozen=True)
    with Sandbox(World({"stripe": world()}), clock) as made:
        yield made


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    account(sandbox)["subscriptions"].clear()
    sandbox.faults.clear()
    made = Bench(sandbox)
    yield made
    made.driver.close()


def engine(bench: Bench, name: str = "sub_1", **seed: Any) -> None:
    """Have a subscription made at Stripe's own pages."""
    whole = {"id": name, "customer": "cus_ok", "price": "5.00 EUR", **seed}
    bench.sandbox.edit("stripe", "subscription", whole)


def looked_at(name: str = "sub_1") -> Subscription:
    """Return what an import looks with."""
    found = Subscription.provisional(name, [MAIN])
    assert found is not None
    return found


def seen(bench: Bench, want: Subscription | None = None) -> Any:
    """Return what another run would see now."""
    asked, run = want or looked_at(), Bench(bench.sandbox)
    found = run.driver.observe([asked]).states[asked.name]
    run.driver.close()
    return found


def native(bench: Bench, **seed: Any) -> Native:
    engine(bench, **seed)
    state = seen(bench)
    assert isinstance(state, BillingState)
    assert state.native is not None
    return state.native


def ours(uid: str = "sub_1") -> Subscription:
    """Return a subscription that our policy collects, and Stripe's engine knows."""
    return subscription(uid, terms("pm_ok"), known, SINCE)


class TestHowItIsRead:
    def test_price_period_and_whose_it_is(self, bench: Bench) -> None:
        found = native(bench, description="Care for Shop.Example, and mail@no.example")
        assert (str(found.price), found.months, found.why) == ("5.00 EUR", 1, None)
        assert found.since == date.fromisoformat(SINCE)
        assert found.until is not None
        assert NOW < found.until < NOW + timedelta(days=31)
        assert found.names == ("shop.example",)  # a mail address names no site
        assert found.payer is not None
        assert found.payer.name == "Canary BV"
        assert (found.method, found.status) == ("pm_ok", "active")
        state = seen(bench)
        assert state.customer == "cus_ok"
        assert "Canary" not in repr(state) + state.model_dump_json()

    @pytest.mark.parametrize(
        ("seed", "price", "months"),
        [
            ({"interval": "year", "price": "120.00 EUR"}, "120.00 EUR", 12),
            ({"count": 3}, "5.00 EUR", 3),
            ({"interval": "year", "count": 2}, "5.00 EUR", 24),
        ],
    )
    def test_other_periods(
        self, bench: Bench, seed: dict[str, Any], price: str, months: int
    ) -> None:
        found = native(bench, **seed)
        assert (str(found.price), found.months) == (price, months)

    @pytest.mark.parametrize(
        ("seed", "why"),
        [
            ({"interval": "week", "count": 2}, "every 2 week"),
            ({"tiers": True}, "tiers or is metered"),
        ],
    )
    def test_what_has_no_price_of_a_month(
        self, bench: Bench, seed: dict[str, Any], why: str
    ) -> None:
        found = native(bench, **seed)
        assert found.price is None
        assert why in str(found.why)

    def test_several_parts_and_their_numbers_are_one_price(self, bench: Bench) -> None:
        engine(bench)
        items = account(bench.sandbox)["subscriptions"]["sub_1"]["items"]["data"]
        items[0]["quantity"] = 2
        items.append({**items[0], "id": "si_2", "quantity": 1})
        assert str(seen(bench).native.price) == "15.00 EUR"
        other = {**items[0]["price"], "recurring": {**items[0]["price"]["recurring"]}}
        other["recurring"]["interval"] = "year"
        items[1]["price"] = other
        assert "different intervals" in seen(bench).native.why

    @pytest.mark.parametrize(
        ("status", "said"),
        [("past_due", "late"), ("unpaid", "late"), ("incomplete", "late"),
         ("trialing", "active"), ("paused", "paused")],
    )  # fmt: skip
    def test_what_becomes_of_it(self, bench: Bench, status: str, said: str) -> None:
        assert native(bench, status=status).status == said

    def test_what_ended_is_absent(self, bench: Bench) -> None:
        engine(bench, status="canceled")
        assert isinstance(seen(bench), Absent)
        assert isinstance(seen(bench, looked_at("sub_never")), Absent)

    def test_a_key_that_may_not_read_customers_tells_the_rest(
        self, bench: Bench
    ) -> None:
        engine(bench)
        bench.fault()
        found = seen(bench)
        assert found.native.payer is None
        assert str(found.native.price) == "5.00 EUR"

    def test_a_look_at_the_engine_asks_for_no_invoices(self, bench: Bench) -> None:
        engine(bench)
        asked = bench.driver.observe([looked_at()]).requests
        assert asked == {"listSubscriptions": 1}


class TestHandsOff:
    def steps(self, want: Subscription, state: Any) -> list[str]:
        have = {MAIN: state}
        later = (NOW + timedelta(days=day) for day in (0, 10, 20, 30))
        return [c.verb for at in later for c in want.diff(have, at)]

    def test_nothing_is_invoiced_while_its_engine_lives(self, bench: Bench) -> None:
        assert "invoice" in self.steps(ours(), seen(bench, ours()))
        engine(bench)
        state = seen(bench, ours())
        assert self.steps(ours(), state) == []
        found = {f.code for f in ours().findings({MAIN: state}, NOW)}
        assert "two-collectors" in found

    def test_nothing_is_known_where_the_engine_does_not_tell(
        self, bench: Bench
    ) -> None:
        """It has the id of one of Stripe's own: it may be alive."""
        engine(bench)
        bench.fault(times=0)
        for want in (ours(), looked_at()):
            assert isinstance(seen(bench, want), Unknown)
        assert isinstance(seen(bench, ours("acme")), BillingState)

    def test_ours_from_the_day_on_that_its_end_was_seen(self, bench: Bench) -> None:
        engine(bench)
        state = seen(bench, ours())
        told = ours().noticed({MAIN: state}, NOW)["known"]
        assert told == {
            "at": NOW.isoformat(), "collector": "stripe-billing", "engine": "main",
        }  # fmt: skip
        watched = ours().recalling(lambda: {"known": told})
        assert watched.shares() == (MAIN,)
        unread = {MAIN: Unknown(why="no answer")}
        later = NOW + timedelta(days=40)
        assert "known" not in watched.noticed(unread, later)
        gone = {MAIN: BillingState(way="invoice")}
        assert watched.noticed(gone, later)["known"] == {
            "at": later.isoformat(), "collector": "reconciler",
        }  # fmt: skip
