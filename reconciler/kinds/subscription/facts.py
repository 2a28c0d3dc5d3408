"""What the records remember of a subscription, in our terms. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.subscription.state import Of
from reconciler.model import Money

#: Since when the subscription is known, and who collects since.
KNOWN: Final = "known"
#: What is covered, so that it is not billed twice under another name.
COVERS: Final = "covers"
#: Until which day nothing is billed: what began before was free, or not collected.
PASSED: Final = "passed"
#: Since when nothing more is wanted; no moment, where it is wanted again.
ENDED: Final = "ended"
#: Since when its customer is held, and until when it was.
HELD: Final = "held"
#: What was begun, and whose end nobody knows.
BEGUN: Final = "begun/"
TOLD: Final = "told"
#: When what is covered is suspended, as the customer was told.
PROMISED: Final = "promised"
#: Which letters no channel takes, and since when.
UNREACHED: Final = "unreached"
_BILL: Final = "bill"
_PRICE: Final = "price"
#: Of ``bill/PERIOD/PURPOSE/LEG/try/NAME``, which part the name is.
_TRY: Final = 5
#: What came of a letter that counts: somebody has it, as far as anybody can know.
_TAKEN: Final = frozenset({"accepted", "delivered"})
Kind = Literal["soft", "hard", "action", "refused", "lost"]
Facts = Mapping[str, JsonValue]


class Try(NamedTuple):
    """
    One attempt that was no payment.

    Attributes:
        kind: As in ``errors.Declined``; ``refused``: for another reason, which is
            ours or the gateway's; ``lost``: nobody heard of it, and it had no effect.
        method: The gateway's id of the method.
    """

    at: datetime
    kind: Kind
    code: str
    method: str

    @property
    def declined(self) -> bool:
        """Whether the customer's bank, or the customer, has to do something."""
        return self.kind not in {"refused", "lost"}


class Invoiced(NamedTuple):
    """
    The object that was made for a period, and where.

    Attributes:
        customer: The Customer that it was made for, by name.
        net: What was agreed to be paid by it, without tax.
        price: What a period cost when it was made.
    """

    of: Of
    at: datetime
    provider: str
    id: str
    number: str | None
    begins: date
    ends: date
    total: Money
    customer: str | None = None
    net: Money | None = None
    price: Money | None = None


class Payment(NamedTuple):
    """
    What a period was paid by.

    Attributes:
        how: The verb that took it; ``elsewhere``: by the customer, on the gateway's
            page; ``transfer``: to a bank account, as a person said.
    """

    of: Of
    at: datetime
    amount: Money
    provider: str
    how: str


class Known(NamedTuple):
    """
    Since when a subscription is known, with that collector.

    Attributes:
        engine: The account whose own engine collects it, where one was seen to.
    """

    at: datetime
    collector: str
    engine: str | None = None


class Held(NamedTuple):
    """A time in which nothing was done about it; *until* None: it is still held."""

    since: datetime
    until: datetime | None


class Priced(NamedTuple):
    """A price, and when it was first seen."""

    at: datetime
    price: Money
    months: int


class Books:
    """The facts of one subscription, read as they are asked for."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def fact(self, key: str) -> Mapping[str, JsonValue]:
        """Return one fact; empty where it is not there."""
        found = self.facts.get(key)
        return found if isinstance(found, dict) else {}

    @cached_property
    def known(self) -> Known | None:
        """Since when it is known."""
        fact = self.fact(KNOWN)
        if not fact:
            return None
        engine = fact.get("engine")
        return Known(
            _moment(fact["at"]), str(fact["collector"]), str(engine) if engine else None
        )

    @cached_property
    def _keys(self) -> Mapping[str, list[str]]:
        """The names of the facts, by what they begin with: a record has hundreds."""
        found: dict[str, list[str]] = {}
        for key in self.facts:
            found.setdefault(key.partition("/")[0], []).append(key)
        return found

    def _beginning(self, head: str) -> list[str]:
        return self._keys.get(head.removesuffix("/"), [])

    @cached_property
    def begun(self) -> list[str]:
        """The gateways where something was begun, and nobody knows its end."""
        return [str(self.fact(key)["provider"]) for key in self._beginning(BEGUN)]

    @property
    def ended(self) -> datetime | None:
        """Since when nothing more is wanted."""
        at = self.fact(ENDED).get("at")
        return _moment(at) if at else None

    @property
    def passed(self) -> date | None:
        """The first day that may be billed, where days were let pass."""
        fact = self.fact(PASSED)
        return date.fromisoformat(str(fact["until"])) if fact else None

    @property
    def held(self) -> Held | None:
        """When its customer was held last."""
        fact = self.fact(HELD)
        if not fact:
            return None
        until = fact.get("until")
        return Held(_moment(fact["since"]), _moment(until) if until else None)

    def prices(self) -> Sequence[Priced]:
        """Return every price that was ever seen, the oldest first."""
        return self._prices

    @cached_property
    def _prices(self) -> list[Priced]:
        facts = [self.fact(key) for key in self._beginning(_PRICE)]
        found = [
            Priced(
                _moment(fact["at"]),
                Money.read(str(fact["price"])),
                int(str(fact["months"])),
            )
            for fact in facts
        ]
        return sorted(found, key=lambda one: one.at)

    def invoiced(self) -> Sequence[Invoiced]:
        """Return everything that was made to be paid, the oldest period first."""
        return self._made

    @cached_property
    def _made(self) -> list[Invoiced]:
        return sorted(self._invoiced(), key=lambda one: (one.begins, one.of))

    def _invoiced(self) -> Iterator[Invoiced]:
        for key in self._beginning(_BILL):
            if not key.endswith("/invoice"):
                continue
            _, period, purpose, leg, _ = key.split("/")
            fact = self.fact(key)
            number, customer = fact.get("number"), fact.get("customer")
            yield Invoiced(
                Of(period, purpose, int(leg)),
                _moment(fact["at"]),
                str(fact["provider"]),
                str(fact["id"]),
                str(number) if number else None,
                date.fromisoformat(str(fact["begins"])),
                date.fromisoformat(str(fact["ends"])),
                Money.read(str(fact["total"])),
                str(customer) if customer else None,
                _amount(fact.get("net")),
                _amount(fact.get("price")),
            )

    def payments(self) -> Iterator[Payment]:
        """Yield what was paid, as it is recorded."""
        for key in self._beginning(_BILL):
            if not key.endswith("/paid"):
                continue
            _, period, purpose, leg, _ = key.split("/")
            fact = self.fact(key)
            yield Payment(
                Of(period, purpose, int(leg)),
                _moment(fact["at"]),
                Money.read(str(fact["amount"])),
                str(fact["provider"]),
                str(fact.get("how") or ""),
            )

    def paid(self, of: Of) -> datetime | None:
        """Return when *of* was paid, on whichever leg."""
        return self._paid.get(of[:2])

    @cached_property
    def _paid(self) -> Mapping[tuple[str, str], datetime]:
        """When each period was paid, for each purpose: on the first leg, if on both."""
        paid = (key for key in self._beginning(_BILL) if key.endswith("/paid"))
        found: dict[tuple[str, str], datetime] = {}
        for key in sorted(paid):
            _, period, purpose, _, _ = key.split("/")
            found.setdefault((period, purpose), _moment(self.fact(key)["at"]))
        return found

    @cached_property
    def owing(self) -> tuple[str, ...]:
        """The gateways of what was invoiced and is not paid by the records."""
        return tuple(o.provider for o in self._made if not self.paid(o.of))

    def voided(self, of: Of) -> datetime | None:
        """Return when the leg *of* was fenced off."""
        fact = self.fact(f"{of.fact}/void")
        return _moment(fact["at"]) if fact else None

    def authorized(self, of: Of) -> Mapping[str, JsonValue]:
        """Return what is held for *of*: ``id``, ``at``, ``amount``."""
        return self.fact(f"{of.fact}/authorized")

    def tries(self, of: Of) -> Sequence[Try]:
        """Return the attempts at the period of *of* on every leg, in order."""
        return self._tries.get(of[:2], ())

    @cached_property
    def _tries(self) -> Mapping[tuple[str, str], list[Try]]:
        found: dict[tuple[str, str], list[Try]] = {}
        for key in self._beginning(_BILL):
            parts = key.split("/", _TRY)
            if len(parts) <= _TRY or parts[_TRY - 1] != "try":
                continue
            fact = self.fact(key)
            kind: Kind = fact["kind"]  # type: ignore[assignment]
            said = (str(fact.get("code", "")), str(fact.get("method", "")))
            tried = Try(_moment(fact["at"]), kind, *said)
            found.setdefault((parts[1], parts[2]), []).append(tried)
        for each in found.values():
            each.sort()
        return found

    def told(self, of: Of, step: str) -> datetime | None:
        """Return when the customer was told *step* of the period, and has it."""
        fact = self.fact(told(of, step))
        if not fact or fact.get("state", "accepted") not in _TAKEN:
            return None
        return _moment(fact["at"])

    def said(self, of: Of) -> Mapping[str, datetime]:
        """Return every step of the period that was said, and when."""
        return self._said.get(of[:2], {})

    @cached_property
    def _said(self) -> Mapping[tuple[str, str], Mapping[str, datetime]]:
        found: dict[tuple[str, str], dict[str, datetime]] = {}
        for key in self._beginning(TOLD):
            _, period, purpose, step = key.split("/", 3)
            steps = found.setdefault((period, purpose), {})
            steps[step] = _moment(self.fact(key)["at"])
        return found

    def promised(self, of: Of) -> datetime | None:
        """Return when the customer was told that a suspension would be."""
        fact = self.fact(promised(of))
        return _moment(fact["suspends"]) if fact else None

    @property
    def unreached(self) -> Mapping[str, JsonValue]:
        """The letters that no channel takes: each with since when."""
        return self.fact(UNREACHED)


def told(of: Of, step: str) -> str:
    """Return what it is remembered by that *step* of the period was told."""
    return f"{TOLD}/{of.period}/{of.purpose}/{step}"


def promised(of: Of) -> str:
    """Return what the date of a suspension is remembered by."""
    return f"{PROMISED}/{of.period}/{of.purpose}"


def _amount(raw: JsonValue) -> Money | None:
    return Money.read(str(raw)) if raw else None


def _moment(raw: JsonValue) -> datetime:
    return datetime.fromisoformat(str(raw))
