"""Stories of one period: how methods behave, and what may take over."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final, Literal, NamedTuple

from reconciler.model import Money, Period
from reconciler.model.terms import (
    Agreed,
    Dunning,
    Invoicing,
    Method,
    Notice,
    Step,
    Terms,
)

CARDS, PAYPAL = "cards", "paypal"
SINCE: Final = date(2026, 3, 1)
PRICE: Final = Money.model_validate("100.00 EUR")
MOST: Final = Money.model_validate("120.00 EUR")


def _method(name: str, provider: str, token: str) -> Method:
    return Method(name=name, provider=provider, token=token)


_VISA: Final = _method("visa", CARDS, "pm_first")
_BACKUP: Final = _method("backup", CARDS, "pm_second")
_WALLET: Final = _method("wallet", PAYPAL, "tok1")


class Story(NamedTuple):
    """
    How one period goes where nothing goes wrong.

    Attributes:
        primary: How the first card behaves (see ``stripe_cards``), and how often.
        backup: What takes over when the first one has failed.
        second: How that behaves, in the words of its emulator.
        way: How the PayPal account collects.
        brisk: The backup takes over a day after the first decline.
        first: Which gateway the primary method is of.
    """

    name: str
    primary: str = "ok"
    times: int | None = None
    settles: float | None = None
    fails: str | None = None
    backup: Literal["none", "card", "paypal"] = "none"
    second: str = "ok"
    way: Literal["authorize", "capture"] = "authorize"
    first: Literal["cards", "paypal"] = "cards"
    brisk: bool = False

    @property
    def steps(self) -> int:
        """In how many steps PayPal takes money."""
        return 2 if self.way == "authorize" else 1

    @property
    def terms(self) -> Terms:
        """The terms of the subscription, with a short dunning course."""
        return Terms(
            price=PRICE,
            term=Period(months=12),
            customer="acme",
            country="NL",
            currency="EUR",
            methods=self.methods,
            agreed=Agreed(
                reference="order 1", date=date(2026, 1, 1), max=MOST, backup=True
            ),
            invoicing=Invoicing(create=timedelta(days=3)),
            dunning=Dunning(max_attempts=4, steps=_BRISK if self.brisk else _STEPS),
        )

    @property
    def methods(self) -> tuple[Method, ...]:
        """What may be charged, in order."""
        if self.first == PAYPAL:
            return (_WALLET,)
        others = {"none": (), "card": (_BACKUP,), "paypal": (_WALLET,)}
        return (_VISA, *others[self.backup])

    @property
    def stripe(self) -> dict[str, Any]:
        """The vendor's part of the world."""
        habit = {
            "behaves": self.primary,
            "times": self.times,
            "settles": self.settles,
            "fails": self.fails,
        }
        kind = "sepa_debit" if self.primary == "processing" else "card"
        first = {word: told for word, told in habit.items() if told is not None}
        second = {"behaves": self.second if self.backup == "card" else "ok"}
        methods = {
            "pm_first": {"type": kind, **first},
            "pm_second": second,
            "pm_new": {},
        }
        customer = {"name": "Acme", "country": "NL", "currency": "eur"}
        account = {
            "account": "acct_1",
            "key": "rk_sandbox",
            "customers": {"cus_acme": {**customer, "methods": methods}},
            "tells": False,
        }
        return {"accounts": [account]}

    @property
    def paypal(self) -> dict[str, Any]:
        """The vendor's part of the world."""
        behaves = self.primary if self.first == PAYPAL else "ok"
        wallet: dict[str, Any] = {"behaves": behaves, "times": self.times or 0}
        if self.backup == PAYPAL:
            wallet = {"behaves": self.second}
        account = {
            "payer_id": "AAAAAAAAAAAAA",
            "client": "client",
            "secret": "sandbox",
            "authorizes": self.way == "authorize",
            "unique_invoice_id": False,
            "vault": {"tok1": wallet, "tok2": {}},
        }
        return {"accounts": [account]}


def _step(days: int, *do: Any) -> Step:
    return Step(after=timedelta(days=days), do=do)


_STEPS = (
    _step(0, "charge", Notice(notify="first-failure")),
    _step(1, "retry"),
    _step(3, "backup-gateway"),
    _step(9, "suspend"),
)

_BRISK = (
    _step(0, "charge", Notice(notify="first-failure")),
    _step(1, "backup-gateway"),
)

#: The longest way that money takes in the fewest steps: every part has its turn.
SHORT: Final = Story(
    "from one gateway to another",
    primary="insufficient_funds",
    backup="paypal",
    brisk=True,
)
STORIES: Final = (
    Story("paid at once"),
    Story("declined once", primary="insufficient_funds", times=1),
    Story("stolen", primary="stolen_card"),
    Story("another card", primary="insufficient_funds", backup="card"),
    Story("bank says yes later", primary="processing", settles=2.0),
    Story("bank says no later", primary="processing", settles=2.0, fails="debit_no"),
    Story("has to confirm", primary="authentication_required"),
    Story("another gateway", primary="insufficient_funds", backup="paypal"),
    Story("nobody pays", primary="stolen_card", backup="paypal", second="declined"),
    Story("wallet first", first="paypal"),
    Story("wallet in one step", first="paypal", way="capture"),
)
