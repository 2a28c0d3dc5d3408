"""What customers pay is booked beside what we pay, and neither is ever the other."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from reconciler.audit import (
    Batch,
    GitStore,
    Intent,
    Outcome,
    Spend,
    derive,
    rebuild,
    verify,
)
from reconciler.audit.books import Booked, Document, Month
from reconciler.audit.lines import Line, Stamp
from tests.unit.audit.world import NOW, TERM, intent, outcome, run

EUR = {"EUR": Decimal("12.10")}


def charge(name: str = "acme", **more: Any) -> Intent:
    """A charge of 12.10 EUR, of which up to 250 EUR were agreed."""
    fields = {
        "kind": "Subscription",
        "verb": "charge",
        "provider": "stripe",
        "family": "billing",
        "cost": None,
        "charge": "12.10 EUR",
        "ceiling": "250.00 EUR",
        "change": {"verb": "charge", "charge": "12.10 EUR"},
        **more,
    }
    return intent(name, **fields)


def booked(*entries: Intent | Outcome) -> Spend:
    """Return what the books say after *entries*, folded one by one."""
    known: dict[str, Document | None] = {}
    for number, said in enumerate(entries, 1):
        stamp = Stamp("r", 1, number, "", "ci", None)
        known |= derive.fold(known.get, Line(said, stamp, str(number)))
    return Spend(NOW, (month for month in known.values() if isinstance(month, Month)))


def test_a_charge_is_reserved_with_its_intent_and_is_no_cost() -> None:
    spend = booked(charge())
    assert spend.month(flow="charge") == EUR  # not the 250.00 that were agreed
    assert spend.month() == {}
    assert spend.day("stripe", "charge") == EUR
    assert spend.day("porkbun-main", "charge") == {}


@pytest.mark.parametrize(
    ("status", "charged", "left"),
    [
        ("applied", "12.10 EUR", EUR),
        ("applied", None, {}),
        ("failed", None, {}),
        ("not_applied", None, {}),
        ("unknown", None, EUR),
    ],
)
def test_what_came_of_it_takes_the_place_of_what_was_reserved(
    status: str, charged: str | None, left: dict[str, Decimal]
) -> None:
    ended = outcome(charge(), status, paid=None, charged=charged, evidence={})
    spend = booked(charge(), ended)
    assert (spend.month(flow="charge"), spend.month()) == (left, {})


def test_both_of_one_run_are_told_apart() -> None:
    renewal, paid = intent(), charge()
    spend = booked(
        renewal,
        paid,
        outcome(paid, paid=None, charged="12.10 EUR", evidence={}),
        outcome(renewal),
    )
    assert spend.month() == {"USD": Decimal("10.40")}
    assert spend.month(flow="charge") == EUR
    assert spend.run("r", "stripe", "charge") == spend.run("r", flow="charge") == EUR
    assert spend.run("r", "stripe") == {}


def test_a_cost_beside_a_charge_is_its_own_price_not_the_ceiling() -> None:
    both = charge(cost="0.30 EUR")
    spend = booked(both)
    assert spend.month() == {"EUR": Decimal("0.30")}
    assert spend.month(flow="charge") == EUR


@pytest.mark.parametrize(
    "more",
    [
        # An invoice may be as high as the ceiling, and costs nothing.
        {"verb": "invoice", "risk": "none", "charge": None, "change": {}},
        # What is only held at the bank was charged to nobody.
        {"verb": "authorize", "charge": None},
    ],
)
def test_what_neither_costs_nor_charges_books_nothing(more: dict[str, Any]) -> None:
    begun = charge(**more)
    ended = outcome(begun, paid=None, evidence={})
    spend = booked(begun, ended)
    assert (spend.month(), spend.month(flow="charge")) == ({}, {})


def test_the_books_are_proven_and_made_again(journal: Callable[[], GitStore]) -> None:
    store = journal()
    paid = outcome(charge(), paid=None, charged="12.10 EUR", evidence={})
    lease = store.acquire(run(), now=NOW, lease=TERM)
    for entry in (charge(), paid):
        _, lease = store.commit(lease, Batch([entry]), now=NOW)
    store.release(lease)
    assert verify(store) == []
    found = store.read().document(f"spend/{NOW:%Y-%m}.json")
    assert isinstance(found, Month)
    (of,) = found.days[f"{NOW:%Y-%m-%d}"].values()
    assert of == {"stripe": {"EUR": {"charge": "12.10"}}}
    assert rebuild(store, run(9), now=NOW, lease=TERM) == ()


def test_a_month_from_before_there_were_charges_is_read_as_it_is() -> None:
    old = Month.model_validate(
        {"month": "2026-11", "days": {"2026-11-22": {"r": {"a": {"EUR": {"cost": "9.00"}}}}}}
    )  # fmt: skip
    item = Booked("2026-11-22", "r", "a", "EUR", Decimal("12.10"))
    spend = Spend(NOW, [old.plus(item, "charge")])
    assert spend.month() == {"EUR": Decimal("9.00")}
    assert spend.month(flow="charge") == EUR
    assert old.plus(item, "cost").days["2026-11-22"]["r"]["a"]["EUR"] == {
        "cost": "21.10"
    }
