"""Money is a decimal with a currency, and never more precise than it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.model import Money, Price


@pytest.mark.parametrize(
    ("text", "shown", "minor"),
    [
        ("12.50 EUR", "12.50 EUR", 1250),
        ("12.5 EUR", "12.50 EUR", 1250),
        ("12 EUR", "12.00 EUR", 1200),
        ("0.00 USD", "0.00 USD", 0),
        ("1200 JPY", "1200 JPY", 1200),
        ("1.234 KWD", "1.234 KWD", 1234),
    ],
)
def test_money(text, shown, minor):
    money = Money.model_validate(text)
    assert (str(money), money.minor) == (shown, minor)
    assert Money.of_minor(minor, money.currency) == money
    assert Money.model_validate(money.model_dump(mode="json")) == money


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("12.50", "write an amount and a currency"),
        ("12,50 EUR", "write an amount and a currency"),
        ("12.505 EUR", "EUR has 2 decimals at most"),
        ("1.5 JPY", "JPY has 0 decimals at most"),
        ("-1.00 EUR", "write an amount"),
        ("€12.50", "write an amount"),
        ("1e3 EUR", "write an amount"),
        (12.5, "write an amount"),
        (True, "write an amount"),
        (None, "write an amount"),
    ],
)
def test_no_money(text, said):
    with pytest.raises(ValidationError, match=said):
        Money.model_validate(text)


def test_two_currencies_never_mix():
    euro, dollar = Money.model_validate("1 EUR"), Money.model_validate("1 USD")
    with pytest.raises(ValueError, match="cannot compare"):
        assert euro <= dollar
    with pytest.raises(ValueError, match="cannot add"):
        euro + dollar


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_order_and_sum(one, other):
    a, b = Money.of_minor(one, "EUR"), Money.of_minor(other, "EUR")
    assert (a <= b) == (one <= other)
    assert (a < b) == (one < other)
    assert (a + b).minor == one + other


def test_a_share_is_rounded_down_to_the_minor_unit():
    assert str(Money.model_validate("9.99 EUR").times(Decimal("1.15"))) == "11.48 EUR"


@pytest.mark.parametrize(
    ("text", "months", "cost"),
    [
        ("9.00 EUR/month", 12, "108.00 EUR"),
        ("120.00 EUR/year", 12, "120.00 EUR"),
        ("15.00 USD/year", 36, "45.00 USD"),
        ("10.00 USD/year", 1, "0.83 USD"),
    ],
)
def test_price_over(text, months, cost):
    price = Price.model_validate(text)
    assert str(price.over(months)) == cost
    assert Price.model_validate(price.model_dump(mode="json")) == price


@pytest.mark.parametrize("text", ["9.00 EUR", "9.00 EUR/week", "EUR/month", 9, None])
def test_no_price(text):
    with pytest.raises(ValidationError):
        Price.model_validate(text)
