"""A price that changes within a period: what it makes up, once, to the cent."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from reconciler.kinds.subscription import Books, Case, SubscriptionSpec
from reconciler.kinds.subscription.amounts import amounts
from reconciler.kinds.subscription.facts import KNOWN
from reconciler.kinds.subscription.proration import credit, lines, price_fact, total
from reconciler.kinds.subscription.state import BillingState
from reconciler.kinds.subscription.steps import steps
from reconciler.model import Money, Period, Share, Terms
from reconciler.model.terms import Agreed, Invoicing, Method

EUR = Money.model_validate
#: A leap year: 366 days.
BEGINS, ENDS = date(2027, 3, 1), date(2028, 3, 1)


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def terms(price: str, months: int = 12, zone: str = "UTC") -> Terms:
    most = Agreed(reference="x", date=date(2026, 1, 1), max=EUR("9000.00 EUR"))
    return Terms(
        price=EUR(price),
        term=Period(months=months),
        customer="acme",
        country="NL",
        currency=price.split()[1],
        time_zone=zone,
        methods=(Method(name="visa", provider="cards", token="pm_1"),),
        agreed=most,
        invoicing=Invoicing(tax="21%"),
    )


def invoice(begins: date, ends: date, made: date) -> dict:
    return {
        "at": at(made).isoformat(),
        "provider": "cards",
        "id": "in_1",
        "number": "1",
        "total": "100.00 EUR",
        "begins": begins.isoformat(),
        "ends": ends.isoformat(),
        "due": at(begins).isoformat(),
    }


def case(now: date, price: str, *prices: tuple[date, str], proration="create", **more):
    facts: dict = {
        KNOWN: {"at": at(date(2027, 1, 1)).isoformat(), "collector": "reconciler"}
    }
    made = more.pop("made", [(BEGINS, ENDS, date(2027, 2, 15))])
    for begins, ends, day in made:
        facts[f"bill/{begins}/renewal/0/invoice"] = invoice(begins, ends, day)
        facts[f"bill/{begins}/renewal/0/paid"] = {"at": at(begins).isoformat()}
    for day, said in prices:
        facts[f"price/{day}"] = {"at": at(day).isoformat(), "price": said, "months": 12}
    spec = SubscriptionSpec(
        customer="acme",
        since=date(2027, 3, 1),
        covers=("HostingAccount/a.example",),
        proration=proration,
    )
    have = {Share("cards", "billing"): BillingState(way="invoice")}
    return Case(spec, terms(price, **more), Books(facts), have, at(now))


OLD = (date(2027, 1, 1), "100.00 EUR")


def extra(found: Case) -> str | None:
    listed = lines(found, found.coming)
    return None if not listed else str(total(listed[1:], EUR("0.00 EUR")))


@pytest.mark.parametrize(
    ("day", "new", "said"),
    [
        (date(2028, 1, 1), "136.60 EUR", "6.00 EUR"),  # 60 of 366 days of 36.60
        (date(2027, 3, 1), "136.60 EUR", "36.60 EUR"),  # the whole period
        (date(2027, 2, 20), "136.60 EUR", "36.60 EUR"),  # invoiced, not begun
        (date(2028, 2, 28), "136.60 EUR", "0.20 EUR"),  # two days: there is a 29th
        (date(2028, 2, 29), "100.01 EUR", None),  # less than a cent
        (date(2028, 1, 1), "50.00 EUR", None),  # cheaper: credit is a person's
    ],
)
def test_a_rise_is_a_line_of_the_next_invoice(day, new, said):
    found = case(date(2028, 2, 29), new, OLD, (day, new))
    assert extra(found) == said


def test_the_invoice_says_both_and_comes_to_their_sum():
    found = case(date(2028, 2, 29), "136.60 EUR", OLD, (date(2028, 1, 1), "136.60 EUR"))
    (change,) = steps(found, "acme")
    assert change.details["amount"] == "142.60 EUR"
    assert [line["amount"] for line in change.details["lines"]] == [
        "136.60 EUR",
        "6.00 EUR",
    ]
    made = amounts(change)
    assert [line.about for line in made.lines] == [
        ("HostingAccount/a.example",),
        ("Price/2028-01-01",),
    ]
    assert str(made.total) == "172.55 EUR"  # 28.69 and 1.26 of tax, line by line


def test_what_an_invoice_had_is_not_charged_again():
    made = [
        (BEGINS, ENDS, date(2027, 2, 15)),
        (ENDS, date(2029, 3, 1), date(2028, 2, 16)),
    ]
    rises = (OLD, (date(2028, 1, 1), "136.60 EUR"))
    assert extra(case(date(2029, 2, 20), "136.60 EUR", *rises, made=made)) is None


def test_a_rise_between_two_invoices_counts_for_what_is_left_of_both():
    """The next period was invoiced already at the old price, and this one still runs."""
    made = [
        (BEGINS, ENDS, date(2027, 2, 15)),
        (ENDS, date(2029, 3, 1), date(2028, 2, 16)),
    ]
    rises = (OLD, (date(2028, 2, 28), "136.60 EUR"))
    found = case(date(2029, 2, 20), "136.60 EUR", *rises, made=made)
    assert extra(found) == "36.80 EUR"  # two days of the first, all of the second


def test_up_and_down_again_charges_the_days_between_alone():
    moves = (OLD, (date(2027, 9, 1), "136.60 EUR"), (date(2027, 10, 1), "100.00 EUR"))
    found = case(date(2028, 2, 29), "100.00 EUR", *moves)
    assert extra(found) == "3.00 EUR"
    assert credit(found) is None


@pytest.mark.parametrize("more", [{"proration": "none"}, {"months": 1}])
def test_nothing_is_prorated_where_git_says_so_or_the_term_is_another(more):
    day = date(2028, 1, 1)
    found = case(date(2028, 2, 29), "136.60 EUR", OLD, **more)
    seen = price_fact(found, at(day))
    assert seen
    facts = {**found.books.facts, **seen}
    found = Case(found.spec, found.terms, Books(facts), found.have, found.now)
    assert extra(found) is None


def test_a_price_is_noted_once_by_the_customers_day():
    found = case(date(2027, 6, 1), "100.00 EUR", OLD)
    assert price_fact(found, found.now) == {}
    dearer = case(date(2027, 6, 1), "120.00 EUR", OLD, zone="Pacific/Auckland")
    late = datetime(2027, 6, 1, 13, tzinfo=UTC)
    assert list(price_fact(dearer, late)) == ["price/2027-06-02"]


def test_a_mistake_for_a_day_is_no_rise():
    found = case(
        date(2027, 9, 1),
        "100.00 EUR",
        OLD,
        (date(2027, 6, 1), "1000.00 EUR"),
        (date(2027, 6, 2), "100.00 EUR"),
    )
    assert extra(found) == "2.46 EUR"  # 900.00 EUR a year, for one of 366 days
    assert credit(found) is None


def test_what_rose_less_than_it_fell_is_credit_alone():
    found = case(
        date(2027, 9, 1),
        "80.00 EUR",
        OLD,
        (date(2027, 6, 1), "110.00 EUR"),
        (date(2027, 6, 2), "80.00 EUR"),
    )
    assert extra(found) is None
    assert str(credit(found)) == "14.89 EUR"


def test_what_was_made_at_the_new_price_does_not_pay_the_rise():
    """The run that makes it notes the price at its end: a moment later."""
    new = (date(2028, 2, 16), "120.00 EUR")
    periods = [
        (BEGINS, ENDS, date(2027, 2, 15)),
        (ENDS, date(2029, 3, 1), date(2028, 2, 15)),
    ]
    found = case(date(2029, 2, 20), "120.00 EUR", OLD, new, made=periods)
    facts = dict(found.books.facts)
    key = f"bill/{ENDS}/renewal/0/invoice"
    facts[key] = {**facts[key], "price": "120.00 EUR", "net": "120.00 EUR"}
    found = Case(found.spec, found.terms, Books(facts), found.have, found.now)
    assert extra(found) == "0.77 EUR"  # 14 days of the period before, at 20.00 more


def test_a_second_leg_costs_what_the_first_did():
    found = case(date(2027, 3, 20), "500.00 EUR", OLD)
    facts = dict(found.books.facts)
    of = f"bill/{BEGINS}/renewal/0"
    facts[f"{of}/invoice"] = {**facts[f"{of}/invoice"], "net": "100.00 EUR"}
    del facts[f"{of}/paid"]
    facts[f"{of}/void"] = {"at": at(date(2027, 3, 19)).isoformat()}
    found = Case(found.spec, found.terms, Books(facts), found.have, found.now)
    (made,) = steps(found, "acme")
    assert (made.details["amount"], made.of.leg) == ("100.00 EUR", 1)
