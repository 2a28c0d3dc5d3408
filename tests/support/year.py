"""
A year of a small agency: who its sixty customers are, and when somebody looks.

The year has a leap day, and both changes of the clocks in three of its four time zones;
Kathmandu is 5:45 ahead of Greenwich, and changes none. Some of what matters is put on
those very days: a charge on the day on which Amsterdam's clocks go back, a period that
begins on 29 February.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reconciler.kinds.subscription.period import day_of
from reconciler.sandbox.example import Oddity
from tests.support.customers import ACCOUNTS, BEHAVES, CLIENTS, HEAD, OWN

#: A run looks for the first time at a quarter past nine in Amsterdam.
BEGIN = datetime(2027, 7, 1, 7, 15, tzinfo=UTC)
END = datetime(2028, 7, 1, 7, 15, tzinfo=UTC)
DAY = timedelta(days=1)
CENT = Decimal("0.01")


class Place(NamedTuple):
    """Where a customer is: what its clock, its money and its tax are."""

    zone: str
    country: str
    currency: str
    tax: int = 0


PLACES = {
    "ams": Place("Europe/Amsterdam", "NL", "EUR", 21),
    "nyc": Place("America/New_York", "US", "USD"),
    "akl": Place("Pacific/Auckland", "NZ", "NZD"),
    "ktm": Place("Asia/Kathmandu", "NP", "EUR"),
}
PLANS = "".join(
    f"HostingPlan/care-{currency.lower()}: "
    f"{{price: 10.00 {currency}/month, packages: {{whm: care_5g}}}}\n"
    for currency in ("EUR", "USD", "NZD")
)
#: The standard steps, and an hour more of peace in the morning.
TERMS = """\
InvoicePolicy/plain: {create: 14d}
InvoicePolicy/taxed: {create: 14d, tax: 21%}
InvoicePolicy/plain-monthly: {create: 7d, remindAt: [3d]}
InvoicePolicy/taxed-monthly: {create: 7d, remindAt: [3d], tax: 21%}
DunningPolicy/standard:
  quietHours: 21:00-09:00
  steps:
    - {after: 0d, do: [charge, notify: first-failure]}
    - {after: 1d, do: [retry]}
    - {after: 3d, do: [retry, notify: reminder, request-card-update]}
    - {after: 5d, do: [retry]}
    - {after: 7d, do: [backup-gateway]}
    - {after: 10d, do: [notify: final-warning]}
    - {after: 14d, do: [suspend]}
    - {after: 44d, do: [propose-termination]}
"""
HOUSE = HEAD + PLANS + TERMS
#: Two drivers share what a gateway serves in a second, while its clock stands still.
FAST = (ACCOUNTS + OWN).replace(
    "  endpoint:", "  limits: {{requestsPerSecond: 45}}\n  endpoint:"
)


class Client(NamedTuple):
    """
    A customer with one site.

    Attributes:
        part: What it plays in this year; see ``clients``.
        at: Its place.
        since: The first day of its first period.
        months: How long a period is.
        number: Counted from 0; it makes every price another.
    """

    name: str
    part: str
    at: str
    since: date
    months: int
    number: int

    @property
    def does(self) -> str:
        """How its first method behaves: one of ``BEHAVES``, ``transfer``, ``wallet``."""
        return _DOES.get(self.part, self.part)

    @property
    def backup(self) -> str | None:
        """What stands in, with consent: another ``card``, or a ``wallet``."""
        return {"second": "card", "fenced": "wallet"}.get(self.part)

    @property
    def place(self) -> Place:
        return PLACES[self.at]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.place.zone)

    @property
    def site(self) -> str:
        """Its domain, account and subscription."""
        return f"{self.name}.example"

    @property
    def file(self) -> str:
        """Where it is written."""
        return f"{CLIENTS}/{self.name}.yaml"

    @property
    def price(self) -> Decimal:
        """What a period costs, without tax."""
        return Decimal("9.05" if self.months == 1 else "89.05") + self.number * CENT

    @property
    def total(self) -> Decimal:
        """What a period costs, with tax."""
        return taxed(self.price, self.place)

    def money(self, amount: Decimal) -> str:
        return f"{amount} {self.place.currency}"

    def begins(self) -> list[date]:
        """Return the first days of the periods that are charged in this year."""
        days = (day_of(self.since, self.months * n) for n in range(100))
        return [d for d in days if BEGIN.date() < d - DAY < END.date()]

    def opening(self, day: date) -> datetime:
        """Return when its office opens on *day*, in UTC."""
        return datetime.combine(day, time(9), self.zone).astimezone(UTC)

    def later(self, at: datetime, days: int) -> datetime:
        """Return *days* after *at* by its clock, in UTC."""
        wall = self.local(at).replace(tzinfo=None) + days * DAY
        return wall.replace(tzinfo=self.zone).astimezone(UTC)

    def local(self, at: datetime) -> datetime:
        """Return *at* by its clock."""
        return at.astimezone(self.zone)

    # -- as it is written --------------------------------------------------------

    def methods(self) -> list[tuple[str, str, str]]:
        """Return its methods: name, provider, token; the first is charged first."""
        token = f"pm_{self.name.replace('-', '_')}"
        card = (f"{self.name}-card", "stripe", token)
        second = (f"{self.name}-second", "stripe", f"{token}_2")
        wallet = (f"{self.name}-wallet", "paypal", f"vault-{self.name}")
        first = {"transfer": [], "wallet": [wallet]}.get(self.does, [card])
        more = {"wallet": [wallet], "card": [second], None: []}[self.backup]
        return first + more + [second] * (self.part in LOST)

    def text(self) -> str:
        """Return its documents."""
        place, found = self.place, self.methods()
        names = [name for name, _, _ in found]
        payment = "collect: invoice"
        if names:
            backup = names[1] if self.backup else ""
            payment = (
                f"primary: {names[0]}, backup: [{backup}], consent: {{reference: "
                f"signed, date: 2026-01-01, max: 120.00 {place.currency}, "
                f"backup: {str(bool(backup)).lower()}}}"
            )
        policy = "taxed" if place.tax else "plain"
        plan = f"care-{place.currency.lower()}"
        term, suffix = ("1mo", "-monthly") if self.months == 1 else ("1y", "")
        unit = "month" if self.months == 1 else "year"
        lines = [
            HEAD.rstrip(),
            f"Customer/{self.name}:",
            f"  legalName: {self.name.title()} BV",
            f"  country: {place.country}",
            f"  currency: {place.currency}",
            f"  timeZone: {place.zone}",
            f"  contacts: {{billing: {{file: .sandbox/secrets/{self.name}-mail}}}}",
            f"  payment: {{{payment}}}",
            *(
                f"PaymentMethod/{name}: "
                f"{{customer: {self.name}, provider: {provider}, token: {token}}}"
                for name, provider, token in found
            ),
            f"HostingAccount/{self.site}: {{provider: whm-1, plan: {plan}}}",
            f"Subscription/{self.site}:",
            f"  customer: {self.name}",
            f"  since: {self.since}",
            f"  covers: [HostingAccount/{self.site}]",
            f"  price: {self.money(self.price)}/{unit}",
            f"  term: {term}",
            f"  invoicing: {policy}{suffix}",
        ]
        return "\n".join(lines) + "\n"

    def oddities(self) -> dict[str, Oddity]:
        """Return how its first method behaves."""
        seed = BEHAVES.get(self.does)
        return {f"{self.name}-card": Oddity(card=seed)} if seed else {}


def taxed(price: Decimal, place: Place) -> Decimal:
    """Return *price* with the tax of *place*, rounded as on an invoice."""
    tax = (price * place.tax / 100).quantize(CENT, ROUND_HALF_UP)
    return price + tax


MONTH_END = date(2027, 7, 31)
SUMMER = date(2027, 9, 1)
#: Charged on the day on which Amsterdam's clocks go back.
AUTUMN = date(2027, 11, 1)
NEW_YEAR = date(2028, 1, 1)
#: Of a period that began on a leap day, four years ago.
LEAP = date(2024, 2, 29)
#: Charged on the eve of the day on which Auckland's clocks go back.
EASTER = date(2028, 4, 2)

#: The bank says no for good: there is another card, which is written down later.
LOST = ("stolen", "expired")

#: Name (and what it does), place, since, and what else: one line for each kind.
_MONTHLY = [
    *(("pays", "ams", 4), ("pays", "nyc", 2), ("pays", "akl", 1), ("pays", "ktm", 1)),
    *(("dearer", "ams", 1), ("renamed", "ams", 1), ("leaves", "ams", 1)),
    *(("wallet", "ams", 1), ("transfer", "ams", 1), ("short-once", "ams", 1)),
]
_YEARLY = [
    *(("pays", "ams", SUMMER, 4), ("pays", "ams", AUTUMN, 4)),
    *(("pays", "ams", NEW_YEAR, 3), ("pays", "ams", LEAP, 4)),
    *(("pays", "nyc", AUTUMN, 2), ("pays", "nyc", LEAP, 1)),
    *(("pays", "akl", SUMMER, 1), ("pays", "akl", EASTER, 1)),
    *(("pays", "ktm", NEW_YEAR, 2), ("pays", "ktm", LEAP, 1)),
    *(("short-once", "ams", LEAP, 1), ("short-once", "nyc", AUTUMN, 1)),
    *(("stolen", "ams", AUTUMN, 1), ("expired", "nyc", LEAP, 1)),
    *(("confirms", "ams", AUTUMN, 1), ("confirms", "akl", EASTER, 1)),
    *(("bank", "ams", NEW_YEAR, 1), ("bank", "ams", LEAP, 1)),
    *(("bank-bounces", "ams", AUTUMN, 1), ("bank-bounces", "ams", LEAP, 1)),
    *(("second", "ams", AUTUMN, 1), ("second", "ktm", LEAP, 1)),
    *(("fenced", "ams", AUTUMN, 1), ("fenced", "nyc", LEAP, 1)),
    ("wallet", "ams", NEW_YEAR, 1),
    *(("late", "ams", AUTUMN, 1), ("late", "nyc", LEAP, 1)),
    ("never", "ams", AUTUMN, 1),
    *(("transfer", "ams", SUMMER, 1), ("transfer", "ktm", LEAP, 1)),
    *(("transfer-late", "ams", NEW_YEAR, 1), ("transfer-never", "ams", LEAP, 1)),
    ("held", "ams", LEAP, 1),
]
#: What a customer is called by its part in the year -> what its first method does.
_DOES = {
    **dict.fromkeys(("dearer", "renamed", "leaves"), "pays"),
    **dict.fromkeys(("second", "fenced", "late", "never", "held"), "short"),
    **dict.fromkeys(("transfer-late", "transfer-never"), "transfer"),
}
_SEASONS = {
    SUMMER: "summer",
    AUTUMN: "autumn",
    NEW_YEAR: "winter",
    LEAP: "leap",
    EASTER: "easter",
}


def clients() -> list[Client]:
    """Return the sixty."""
    wanted = [(part, at, MONTH_END, 1, many) for part, at, many in _MONTHLY]
    wanted += [(part, at, since, 12, many) for part, at, since, many in _YEARLY]
    made: list[Client] = []
    for part, where, since, months, many in wanted:
        season = "monthly" if months == 1 else _SEASONS[since]
        for number in range(many):
            made.append(
                Client(
                    f"{part}-{season}-{where}" + (f"-{number + 1}" if number else ""),
                    part,
                    where,
                    since,
                    months,
                    len(made),
                )
            )
    return made


# -- when somebody looks -----------------------------------------------------------

#: What a run a bit later does as well; nobody is disturbed in the evening for it.
PATIENCE = timedelta(hours=11)
#: Nobody looks more rarely, whatever is due.
SELDOM = timedelta(days=14)
#: Days on which every moment has a run of its own: the clocks change, or it is leap.
EXACT = frozenset(
    date(*parts)
    for parts in (
        *((2027, 9, 26), (2027, 10, 31), (2027, 11, 7), (2028, 2, 29)),
        *((2028, 3, 12), (2028, 3, 26), (2028, 4, 2)),
    )
)
#: For so many days from its first charge on something may be due to a customer daily.
_TROUBLED = {
    "short-once": 3,
    "stolen": 5,
    "expired": 5,
    "confirms": 5,
    "bank": 4,
    "bank-bounces": 15,
    "second": 9,
    "fenced": 11,
    "late": 20,
    "never": 20,
    "held": 21,
    "transfer": 1,
    "transfer-late": 7,
    "transfer-never": 20,
}
#: So long after nothing was paid it is proposed to part.
PARTING = 44
#: When the YAML of some is edited; whoever merges that starts a run.
EDITED = {
    "renamed": datetime(2027, 12, 6, 10, tzinfo=UTC),
    "dearer": datetime(2028, 1, 10, 10, tzinfo=UTC),
    "leaves": datetime(2028, 1, 13, 10, tzinfo=UTC),
}
#: What one of them pays more from then on.
MORE = Decimal("2.00")


def moments(client: Client) -> Iterator[datetime]:
    """Yield when something of *client* may be due, whatever becomes of it."""
    leads = (7, 4, 1) if client.months == 1 else (15, 14, 8, 4, 2, 1, 0)
    for number, begins in enumerate(client.begins()):
        days = [begins - lead * DAY for lead in leads]
        if number == 0:
            days += [begins + n * DAY for n in range(_TROUBLED.get(client.part, 0))]
            days += [begins + PARTING * DAY] * client.part.endswith("never")
        for day in days:
            yield client.opening(day)
            if day.weekday() >= 5:
                yield client.opening(day + (7 - day.weekday()) * DAY)
        if client.does == "wallet":  # it is held, and taken by the next run
            yield client.opening(begins - DAY) + timedelta(minutes=30)
    if client.part in EDITED:
        yield EDITED[client.part]


def ticks(all_of_them: list[Client]) -> list[datetime]:
    """Return when the reconciler runs: for all that is due, and every two weeks."""
    due = sorted({at for one in all_of_them for at in moments(one)})
    due = [at for at in due if BEGIN < at < END]
    found, rest = [BEGIN], iter([*due, END])
    at = next(rest)
    while at < END:
        patience = timedelta() if at.date() in EXACT else PATIENCE
        last, after = at, next(rest)
        while after <= at + patience and after < END:
            last, after = after, next(rest)
        found.append(last)
        at = after
    found.append(END)
    return [
        each for first, second in pairwise(found) for each in _no_later(first, second)
    ] + [END]


def _no_later(first: datetime, second: datetime) -> Iterator[datetime]:
    yield first
    while second - first > SELDOM:
        first += SELDOM
        yield first
