"""Invoices of our own: what is shown, what they come to, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Rejected
from reconciler.kinds.subscription import BILLING, Invoice
from reconciler.kinds.subscription.amounts import Line, amounts, taxed
from reconciler.model import OWN, Money, Share
from reconciler.model.money import MINOR_DIGITS
from reconciler.providers._paypal_billing import with_tax
from reconciler.providers.own_billing import OwnBilling
from tests.support.estate import ACCOUNT, START, owing
from tests.support.subscriptions import invoiced

PERIOD = "2026-12-01"
AT = START.isoformat()


def change(amount: str = "10.00 EUR", tax: Any = "21%", **more: Any) -> Invoice:
    details = {
        "amount": amount,
        "tax": tax,
        "covers": ["Domain/a"],
        "number": "INV-000001",
    }
    return Invoice(
        share=Share(OWN, BILLING),
        fields=(),
        because="due",
        generation=f"{PERIOD}/renewal/0",
        details={**details, **more},
    )


def shown(**facts: Any) -> Any:
    (fact,) = invoiced("INV-000001", provider=OWN).values()
    start = f"bill/{PERIOD}/renewal/0"
    kept = {f"{start}/invoice": fact, **{f"{start}/{k}": v for k, v in facts.items()}}
    want = owing("a").recalling(lambda: kept)
    (bill,) = OwnBilling(ACCOUNT).observe([want]).states["a"].bills  # type: ignore[attr-defined]
    return bill


def test_what_was_invoiced_is_open_until_a_person_says_otherwise() -> None:
    bill = shown()
    assert (bill.state, str(bill.left), str(bill.paid)) == (
        "open",
        "12.10 EUR",
        "0.00 EUR",
    )
    paid = shown(paid={"at": AT})
    assert (paid.state, str(paid.left), str(paid.paid)) == (
        "paid",
        "0.00 EUR",
        "12.10 EUR",
    )
    assert paid.at == START
    assert shown(void={"at": AT}).state == "void"


def test_what_was_made_is_shown_before_it_is_recorded_and_once() -> None:
    """So that the letter with the invoice leaves with the run that made it."""
    driver = OwnBilling(ACCOUNT)
    facts: dict[str, Any] = {}
    want = owing("a").recalling(lambda: {**facts})
    other = owing("b")
    driver.apply(want, change(), "key-1")
    seen = driver.observe([want, other]).states
    (bill,) = seen["a"].bills  # type: ignore[attr-defined]
    assert (bill.state, bill.number, str(bill.left)) == (
        "open",
        "INV-000001",
        "12.10 EUR",
    )
    assert want.done(change(), {Share(OWN, BILLING): seen["a"]})  # type: ignore[dict-item]
    assert seen["b"].bills == ()  # type: ignore[attr-defined]
    (fact,) = invoiced("INV-000001", provider=OWN).values()
    start = f"bill/{PERIOD}/renewal/0"
    facts |= {f"{start}/invoice": fact, f"{start}/paid": {"at": AT}}
    (bill,) = driver.observe([want]).states["a"].bills  # type: ignore[attr-defined]
    assert bill.state == "paid"


def test_what_is_elsewhere_is_not_ours() -> None:
    (fact,) = invoiced("INV-000001", provider="stripe").values()
    want = owing("a").recalling(lambda: {f"bill/{PERIOD}/renewal/0/invoice": fact})
    assert OwnBilling(ACCOUNT).observe([want]).states["a"].bills == ()  # type: ignore[attr-defined]


def test_the_same_is_made_however_often_and_however_late() -> None:
    driver, want = OwnBilling(ACCOUNT), owing("a")
    first = driver.apply(want, change(), "key-1")
    assert first == driver.apply(want, change(), "key-1")
    assert first.details == {
        "id": "INV-000001",
        "number": "INV-000001",
        "total": "12.10 EUR",
        "left": "12.10 EUR",
    }
    assert driver.key_life is not None
    assert driver.key_life > timedelta(days=3650)
    assert driver.identity() is None


@pytest.mark.parametrize("tax", ["gateway", ["txr_1"], "21"])
def test_what_only_a_gateway_works_out_is_refused(tax: Any) -> None:
    with pytest.raises(Rejected, match="write none, or a rate"):
        OwnBilling(ACCOUNT).apply(owing("a"), change(tax=tax), "key-1")


def test_without_a_number_there_is_no_invoice() -> None:
    with pytest.raises(Rejected, match="has a number"):
        OwnBilling(ACCOUNT).apply(owing("a"), change(number=None), "key-1")


@pytest.mark.parametrize(
    ("net", "rate", "tax"),
    [
        ("10.00 EUR", "21%", "2.10 EUR"),
        ("0.50 EUR", "21%", "0.11 EUR"),  # 0.105: half up
        ("0.50 EUR", "5%", "0.03 EUR"),  # 0.025: half up, and not to the even one
        ("0.02 EUR", "21%", "0.00 EUR"),
        ("105 JPY", "10%", "11 JPY"),  # 10.5: there are no halves of a yen
        ("104 JPY", "10%", "10 JPY"),
        ("1.005 BHD", "10%", "0.101 BHD"),  # 0.1005: three decimals
        ("1.234 BHD", "5%", "0.062 BHD"),
        ("10.00 EUR", "none", "0.00 EUR"),
        ("10.00 EUR", "0%", "0.00 EUR"),
        ("9.99 EUR", "5.5%", "0.55 EUR"),
    ],
)
def test_tax_is_rounded_half_up_to_the_least_coin(
    net: str, rate: str, tax: str
) -> None:
    money = Money.model_validate(net)
    line = taxed(("Domain/a",), money, rate)
    assert str(line.tax) == tax
    assert amounts(change(net, rate)).total == money + line.tax
    assert Line.of(line.fact()) == line


@given(
    st.integers(0, 10**9),
    st.sampled_from(["EUR", "JPY", "BHD", "USD"]),
    st.integers(0, 3000).map(lambda n: f"{Decimal(n) / 100:f}%"),
)
def test_tax_is_off_by_no_more_than_half_a_coin(
    minor: int, currency: str, rate: str
) -> None:
    net = Money.of_minor(minor, currency)
    line = taxed((), net, rate)
    exact = net.amount * Decimal(rate[:-1]) / 100
    coin = Decimal(1).scaleb(-MINOR_DIGITS.get(currency, 2))
    assert -coin / 2 < line.tax.amount - exact <= coin / 2
    if currency in {"EUR", "USD"}:
        # A gateway that leaves the tax to us comes to the same.
        assert with_tax(net, rate) == net + line.tax
