"""Stripe's part of a world, as it is written, and the accounts that come of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from reconciler.model import Money
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.registrar import Seed
from reconciler.sandbox.stripe_customers import (
    card_object,
    customer_object,
    method_object,
)
from reconciler.sandbox.stripe_hosted import price_object, subscription_object
from reconciler.sandbox.stripe_lines import rate_object
from reconciler.sandbox.stripe_words import Account, Row

#: What an account has of each kind: things by their ids, or a list.
_MAPPINGS: Final = (
    "balances", "charges", "endpoints", "events", "habits", "intents", "invoices",
    "items", "notes", "paying", "payments", "rates", "refunds", "sessions",
    "subscriptions",
)  # fmt: skip
_LISTS: Final = ("automatic", "banks")


class MethodSeed(Seed):
    """
    One payment method.

    Attributes:
        ends: A day of the last month a card is good in, counted from the start of
            the sandbox in days.
        spent: It was detached: it exists, and is good for nothing.
        behaves: What a charge of it says; see ``stripe_cards``. Left out: what its
            last four digits mean among the test cards.
        times: How often it does so, before it works.
        settles: After how many days a bank decides, where it ``behaves: processing``.
        fails: The code of what it then says no with.
    """

    type: Literal["card", "sepa_debit"] = "card"
    brand: str = "visa"
    last4: Annotated[str, Field(pattern=r"^\d{4}$")] = "4242"
    ends: float = 700.0
    created: float = -400.0
    spent: bool = False
    behaves: str | None = None
    times: int | None = None
    settles: float | None = None
    fails: str | None = None


class CustomerSeed(Seed):
    """
    One customer.

    Attributes:
        created: Days from the start of the sandbox.
        default: The id of the method that is charged by itself.
        balance: In minor units; what it has as credit is negative.
        prefix: Of its invoices' numbers.
    """

    name: str | None = None
    email: str | None = None
    country: str | None = None
    currency: str | None = None
    locales: list[str] = []
    created: float = -500.0
    methods: dict[str, MethodSeed] = {}
    default: str | None = None
    balance: int = 0
    prefix: str | None = None


class RateSeed(Seed):
    """One tax rate, in per cent."""

    percentage: float
    inclusive: bool = False


class SubscriptionSeed(Seed):
    """
    One subscription that Stripe itself collects.

    Attributes:
        started: Days from the start of the sandbox; its periods count from there.
        tiers: The price has tiers, so that nobody knows it before.
    """

    customer: str
    price: Money
    interval: Literal["day", "week", "month", "year"] = "month"
    count: int = 1
    started: float = -100.0
    status: str = "active"
    description: str | None = None
    metadata: dict[str, str] = {}
    ending: bool = False
    tiers: bool = False


class AccountSeed(Seed):
    """
    One account.

    Attributes:
        account: Its id, as in ``acct_1``.
        key: A key of it; fake, and good nowhere else.
        may: What a restricted key may do, as in ``rak_customer_read``; all if empty.
        detached: Methods of nobody.
        numbering: Whose series an invoice's number is of.
        automatic_tax: What Stripe Tax says, in per cent by country.
        login: The address of the portal's login page, where it is switched on.
        tells: Whether events are kept; nothing sends or lists them otherwise.
    """

    account: Annotated[str, Field(pattern="^acct_")]
    key: str
    may: list[str] = []
    customers: dict[str, CustomerSeed] = {}
    detached: dict[str, MethodSeed] = {}
    numbering: Literal["customer", "account"] = "customer"
    prefix: str = "AGENCY"
    automatic_tax: dict[str, float] = {}
    rates: dict[str, RateSeed] = {}
    subscriptions: dict[str, SubscriptionSeed] = {}
    login: str | None = None
    tells: bool = True


class StripeSeed(Seed):
    """The vendor's part of a world."""

    accounts: Annotated[list[AccountSeed], Field(min_length=1)]


def account_of(bench: Bench, seed: AccountSeed) -> Account:
    """Return an account as it is at the start of the sandbox."""
    now = bench.clock()
    made: Account = {
        "id": seed.account,
        "key": seed.key,
        "may": seed.may,
        "customers": {},
        "methods": {},
        "keys": {},
        "made": 0,
        "numbering": seed.numbering,
        "prefix": seed.prefix,
        "tax": seed.automatic_tax,
        "login": seed.login,
        "tells": seed.tells,
    }
    complete(made)
    for name, one in seed.customers.items():
        made["customers"][name] = _customer(name, one, now)
        for token, held in one.methods.items():
            _method(made, token, held, (name, now))
    for token, held in seed.detached.items():
        spent = held.model_copy(update={"spent": True})
        _method(made, token, spent, (None, now))
    for name, rate in seed.rates.items():
        made["rates"][name] = rate_object(
            name, _moment(now, -300), rate.percentage, inclusive=rate.inclusive
        )
    for name, each in seed.subscriptions.items():
        made["subscriptions"][name] = native_subscription(name, each, now)
    return made


def complete(account: Account) -> None:
    """Add what an account has, and one that was kept by an earlier version lacks."""
    account.setdefault("number", 0)
    usual: Row = {"numbering": "customer", "prefix": "AGENCY", "tax": {}, "login": None}
    for name, value in {**usual, "tells": True}.items():
        account.setdefault(name, value)
    for name in _MAPPINGS:
        account.setdefault(name, {})
    for name in _LISTS:
        account.setdefault(name, [])


def _moment(now: datetime, days: float) -> int:
    return int((now + timedelta(days=days)).timestamp())


def _customer(name: str, seed: CustomerSeed, now: datetime) -> Row:
    row = customer_object(name, _moment(now, seed.created))
    row |= {"name": seed.name, "email": seed.email, "currency": seed.currency}
    row["preferred_locales"] = seed.locales
    row["address"] = {"country": seed.country} if seed.country else None
    row["invoice_settings"]["default_payment_method"] = seed.default
    row["balance"] = seed.balance
    row["invoice_prefix"] = seed.prefix or row["invoice_prefix"]
    return row


def _method(
    made: Account, name: str, seed: MethodSeed, where: tuple[str | None, datetime]
) -> None:
    owner, now = where
    ends = now + timedelta(days=seed.ends)
    body: dict[str, Any] = {"last4": seed.last4, "country": "NL", "bank_code": "INGB"}
    if seed.type == "card":
        body = card_object(seed.brand, seed.last4, ends.month, ends.year)
    row = method_object(name, _moment(now, seed.created), seed.type, body)
    row["customer"] = owner
    if seed.spent:
        row["spent"] = True
    made["methods"][name] = row
    habit = habit_of(seed.model_dump())
    if habit:
        made["habits"][name] = habit


def habit_of(told: Row) -> Row:
    """Return how a method shall behave, of what is told about it."""
    words = ("behaves", "times", "settles", "fails")
    return {word: told[word] for word in words if told.get(word) is not None}


def native_subscription(name: str, seed: SubscriptionSeed, now: datetime) -> Row:
    """Return a subscription of the own engine, as it is at *now*."""
    start = now + timedelta(days=seed.started)
    length = timedelta(
        days={"day": 1, "week": 7, "month": 30, "year": 365}[seed.interval]
    )
    length *= seed.count
    begins = start + (now - start) // length * length
    dates = tuple(int(at.timestamp()) for at in (start, begins, begins + length))
    price = price_object(
        name.replace("sub_", "price_"),
        dates[0],
        seed.price.minor,
        seed.price.currency.lower(),
        (seed.interval, seed.count),
    )
    if seed.tiers:
        price |= {"billing_scheme": "tiered", "tiers_mode": "graduated"}
        price |= {"unit_amount": None, "unit_amount_decimal": None}
    first, second, third = dates
    row = subscription_object(
        name, seed.customer, price, (first, second, third), seed.status
    )
    row |= {"description": seed.description, "metadata": dict(seed.metadata)}
    row["cancel_at_period_end"] = seed.ending
    return row
