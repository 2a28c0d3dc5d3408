"""The derived documents: what a run needs to know without reading all history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import AwareDatetime, BeforeValidator, JsonValue, PlainSerializer

from reconciler.audit.entries import Intent
from reconciler.audit.series import Series
from reconciler.model import Frozen

#: So many failing actions of one resource are counted; the oldest are forgotten.
FAILURES_KEPT = 64
#: So many uses of the glass are remembered beside the log, which has them all.
USES_KEPT = 20
# A map whose order (oldest first) is kept in JSON with sorted keys.
_InOrder = Annotated[
    dict[str, int],
    BeforeValidator(dict),
    PlainSerializer(lambda counts: [list(pair) for pair in counts.items()]),
]


class OpenIntent(Frozen):
    """
    Something begun whose end nobody has recorded yet.

    Attributes:
        outcome_unknown: It was looked for, and nobody could tell.
        first: When it was begun for the first time.
        again: When it was last sent again under the same key; None: never.
        run: The run that last sent it.
        reserved_by: The run whose budget it is counted in.
    """

    intent: Intent
    outcome_unknown: bool = False
    first: AwareDatetime
    run: str
    reserved_by: str
    again: AwareDatetime | None = None


class Record(Frozen):
    """
    What the journal knows about one resource.

    Attributes:
        expires: The last recorded expiry, ISO 8601.
        last_paid: What was paid last, as in ``10.42 USD``.
        closed: The last closed intent, by verb.
        done: The last applied intent, by verb.
        applied: Every applied money intent, for ever: none of them is paid twice.
        failures: Definite failures by intent, until it is applied.
        deadline: The last recorded moment at which harm begins.
        facts: What notes recorded (notices sent, zone serials ...).
    """

    kind: str
    uid: str
    name: str = ""
    expires: str | None = None
    last_paid: str | None = None
    closed: dict[str, str] = {}
    done: dict[str, str] = {}
    applied: tuple[str, ...] = ()
    failures: _InOrder = {}
    deadline: AwareDatetime | None = None
    facts: dict[str, JsonValue] = {}

    def attempt(self, intent: str) -> int:
        """Return the number that the next attempt at *intent* has."""
        return self.failures.get(intent, 0) + 1


class Base(Frozen):
    """
    What was last applied, for the three-way merge.

    Attributes:
        commit: The inventory commit that was applied; None before the first.
        exceptions: Addresses (``Kind/name``) left at an older commit; None where
            the resource is not in the base at all.
    """

    commit: str | None = None
    exceptions: dict[str, str | None] = {}


class Approvals(Frozen):
    """
    Who approved which action digest; used up when the action is applied.

    Attributes:
        authors: Whose work it is, where somebody found out who approves no own one.
    """

    by: dict[str, tuple[str, ...]] = {}
    authors: dict[str, tuple[str, ...]] = {}

    def without(self, digest: str) -> Approvals:
        """Return what is left when *digest* is used up."""
        return Approvals(
            by={d: who for d, who in self.by.items() if d != digest},
            authors={d: who for d, who in self.authors.items() if d != digest},
        )


class GlassUse(Frozen):
    """
    One time somebody stood in for the approvals that were missing.

    Attributes:
        digests: The actions it was for.
    """

    by: str
    at: AwareDatetime
    reason: str
    digests: tuple[str, ...] = ()


class Glass(Frozen):
    """
    Who broke the glass: for which action digest, until it is used up; and when.

    Attributes:
        uses: The latest of them, the oldest first.
    """

    by: dict[str, str] = {}
    uses: tuple[GlassUse, ...] = ()


class Head(Frozen):
    """The end of the chain: hash of the last line, number of lines, last run."""

    head: str
    lines: int
    fence: int
    run: str
    time: AwareDatetime


#: What goes out, and what customers pay: never added to each other.
Flow = Literal["cost", "charge"]
#: account -> currency -> {"cost": "12.34", "charge": "120.00"}
_Accounts = dict[str, dict[str, dict[Flow, str]]]


class Booked(NamedTuple):
    """An amount of one run on one account, on one day of UTC (ISO 8601)."""

    day: str
    run: str
    account: str
    currency: str
    amount: Decimal


class Month(Frozen):
    """What was spent and charged (or is reserved) in a month: day -> run -> account."""

    month: str
    days: dict[str, dict[str, _Accounts]] = {}

    def plus(self, item: Booked, flow: Flow) -> Month:
        """Return the month with so much more (or less) of *flow*; none is dropped."""
        runs = self.days.get(item.day, {})
        accounts = runs.get(item.run, {})
        currencies = accounts.get(item.account, {})
        sums = currencies.get(item.currency, {})
        total = str(Decimal(sums.get(flow, "0")) + item.amount)
        currencies = {**currencies, item.currency: {**sums, flow: total}}
        runs = {**runs, item.run: {**accounts, item.account: currencies}}
        return self.model_copy(update={"days": {**self.days, item.day: runs}})


class Spent(NamedTuple):
    """
    What one run spent or reserved on one account on one day (UTC).

    Attributes:
        charge: What customers paid by it, or will have.
    """

    day: date
    run: str
    account: str
    currency: str
    cost: Decimal
    charge: Decimal = Decimal(0)


class Spend:
    """What was spent and charged around one moment, for the budgets."""

    def __init__(self, now: datetime, months: Iterable[Month]) -> None:
        self._today = now.astimezone(UTC).date()
        self.items = tuple(item for month in months for item in _items(month))

    def month(
        self, account: str | None = None, flow: Flow = "cost"
    ) -> Mapping[str, Decimal]:
        """Return what this month came to, by currency; of *account* or of all."""
        first = self._today.replace(day=1)
        mine = (i for i in self.items if i.day >= first and _of(i, account))
        return _sum(mine, flow)

    def day(
        self, account: str | None = None, flow: Flow = "cost"
    ) -> Mapping[str, Decimal]:
        """Return what this day came to, by currency."""
        today = self._today
        return _sum((i for i in self.items if i.day == today and _of(i, account)), flow)

    def run(
        self, run: str, account: str | None = None, flow: Flow = "cost"
    ) -> Mapping[str, Decimal]:
        """Return what one run of this or the last month came to, by currency."""
        return _sum((i for i in self.items if i.run == run and _of(i, account)), flow)


def _sum(items: Iterable[Spent], flow: Flow) -> Mapping[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for item in items:
        amount = item.cost if flow == "cost" else item.charge
        if amount:
            sums[item.currency] = sums.get(item.currency, Decimal()) + amount
    return sums


def _of(item: Spent, account: str | None) -> bool:
    return account is None or item.account == account


def _items(month: Month) -> Iterable[Spent]:
    for day, runs in month.days.items():
        for run, accounts in runs.items():
            for account, currencies in accounts.items():
                for currency, sums in currencies.items():
                    yield Spent(
                        date.fromisoformat(day),
                        run,
                        account,
                        currency,
                        Decimal(sums.get("cost", "0")),
                        Decimal(sums.get("charge", "0")),
                    )


Document = OpenIntent | Record | Base | Approvals | Glass | Head | Month | Series
