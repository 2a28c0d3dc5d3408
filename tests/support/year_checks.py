"""What has to be true of the year: when, in which order, how often, for how much."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.support.year import DAY, END, Client
from tests.support.year_run import DUNNING, Mail, Year

#: How long before its period an invoice is made, by the months of a period.
CREATED = {1: timedelta(days=7), 12: timedelta(days=14)}
#: How long before it is charged, or due, a customer is reminded.
REMINDED = {1: (3,), 12: (14, 7, 3, 1)}
#: Two letters before the due date are not closer together than this.
APART = timedelta(hours=12)
#: The sandbox's clock is that much ahead where a driver had to wait for its turn.
WAITED = timedelta(minutes=1)
RETRIES = (1, 3, 5)


class Checks:
    """Holds the year against what was agreed; every method is one promise."""

    def __init__(self, year: Year) -> None:
        self.year = year
        self._runs = [tick.at for tick in year.ticks]
        self._mails = {
            name: [mail._replace(at=self.run_of(mail.at)) for mail in mails]
            for name, mails in year.mails.items()
        }
        self._intents: dict[str, list[Any]] = defaultdict(list)
        self._outcomes: dict[str, list[Any]] = defaultdict(list)
        for line in year.log:
            if line["type"] == "intent":
                self._intents[line["uid"]].append(line)
            elif line["type"] == "outcome":
                self._outcomes[line["key"]].append(line)

    # -- when ------------------------------------------------------------------------

    def run_at(self, moment: datetime) -> datetime | None:
        """Return the first run from *moment* on."""
        found = bisect_left(self._runs, moment)
        return self._runs[found] if found < len(self._runs) else None

    def run_of(self, at: datetime) -> datetime:
        """Return the run in which something was at *at*: drivers wait now and then."""
        found = self._runs[bisect_right(self._runs, at) - 1]
        return found if at - found < WAITED else at

    def told_at(self, one: Client, moment: datetime, *, work: bool) -> datetime | None:
        """Return the first run from *moment* on that may disturb, or just tell, *one*."""
        for at in self._runs[bisect_left(self._runs, moment) :]:
            local = one.local(at)
            if 9 <= local.hour < 21 and not (work and local.weekday() >= 5):
                return at
        return None

    def what_is_due_is_said_to_the_hour(self) -> None:
        """``due`` names nine o'clock of each customer's day, and no other moment."""
        for one in self.year.clients:
            for begins in one.begins():
                day = begins if one.does == "transfer" else begins - DAY
                said = self.year.due.get((self.name(one), str(begins)), set())
                assert said <= {one.opening(day)}, (one.name, said)
        assert len(self.year.due) > 150

    @staticmethod
    def name(one: Client) -> str:
        """What its subscription is called until somebody renames it."""
        return one.site

    def charges_come_in_the_first_run_from_their_hour_on(self) -> None:
        """At nine by the customer's clock, a day before the period; then as agreed."""
        for one in self.year.clients:
            if one.does == "transfer":
                assert not self._attempts(one)
                continue
            attempts = defaultdict(list)
            for line in self._attempts(one):
                attempts[line["change"]["details"]["period"]].append(at_of(line))
            for begins in self._charged(one):
                found = attempts.pop(str(begins))
                assert found[0] == self.run_at(one.opening(begins - DAY)), one.name
                again = self._retries(one, begins)
                if one.part in {"late", "never", "second", "fenced", "short-once"}:
                    first = self._refused(one, begins)
                    expected = [self.run_at(one.later(first, d)) for d in again]
                    assert found[1 : 1 + len(again)] == expected, (one.name, found)
            assert not attempts, one.name

    def _charged(self, one: Client) -> list[date]:
        """Return the periods that are charged in the year, as far as they are wanted."""
        days = [d for d in one.begins() if self.run_at(one.opening(d - DAY))]
        if one.part == "leaves":
            return [d for d in days if d < date(2028, 1, 14)]
        return days

    def _refused(self, one: Client, begins: date) -> datetime:
        """Return when a period was refused first; of who transfers, when it was due."""
        start, facts = f"bill/{begins}/renewal/0/try/", self.year.facts[one.site]
        tries = [facts[key]["at"] for key in facts if key.startswith(start)]
        if not tries:
            return one.opening(begins)
        return datetime.fromisoformat(min(tries))

    @staticmethod
    def _retries(one: Client, begins: date) -> tuple[int, ...]:
        if one.part == "short-once":
            return (1,) if begins == one.begins()[0] else ()
        return RETRIES

    def _attempts(self, one: Client) -> list[Any]:
        verbs = {"charge", "authorize"}
        return [line for line in self._intents[one.site] if line["verb"] in verbs]

    def invoices_come_as_long_before_as_agreed(self) -> None:
        """Made in the first run from then on, and told as soon as anybody may be."""
        for one in self.year.clients:
            made = {
                line["change"]["details"]["period"]: at_of(line)
                for line in reversed(self._intents[one.site])
                if line["verb"] == "invoice"
            }
            mails = [mail.at for mail in self._mails[one.name]]
            for begins in self._charged(one):
                moment = one.opening(begins - CREATED[one.months])
                assert made[str(begins)] == self.run_at(moment), (one.name, begins)
                told = self.told_at(one, made[str(begins)], work=False)
                assert told in mails, (one.name, begins)

    def reminders_come_as_long_before_as_agreed(self) -> None:
        """Each in the first run of a working day; of two at once only the later one."""
        for one in self.year.clients:
            for begins in self._charged(one):
                taken = begins if one.does == "transfer" else begins - DAY
                window = one.opening(begins - CREATED[one.months] - 3 * DAY)
                found = [
                    mail.at
                    for mail in self._mails[one.name]
                    if mail.step in {"remind", "invoice"}
                    and window <= mail.at < one.opening(taken)
                ]
                paid = self.year.facts[one.site].get(f"bill/{begins}/renewal/0/paid")
                until = datetime.fromisoformat(paid["at"]) if paid else END
                ends = one.opening(taken)
                expected = [a for a in self._reminded(one, begins, ends) if a < until]
                assert found == expected, (one.name, begins, found, expected)

    def _reminded(
        self, one: Client, begins: date, ends: datetime
    ) -> Iterator[datetime]:
        """Yield when the invoice and each reminder of a period are told."""
        created = one.opening(begins - CREATED[one.months])
        invoice = self.told_at(one, self.run_at(created) or END, work=False)
        last = None
        leads = [
            one.opening(one.local(ends).date() - n * DAY) for n in REMINDED[one.months]
        ]
        said: set[datetime] = set()
        for at in self._runs[bisect_left(self._runs, created - 3 * DAY) :]:
            if at >= ends:
                return
            if at == invoice:
                last = at
                yield at
                continue
            reached = [lead for lead in leads if lead <= at]
            if not reached or reached[-1] in said or not self._works(one, at):
                continue
            if last is None or last <= reached[-1] - APART:
                said.add(reached[-1])
                last = at
                yield at

    @staticmethod
    def _works(one: Client, at: datetime) -> bool:
        local = one.local(at)
        return 9 <= local.hour < 21 and local.weekday() < 5

    def nobody_is_disturbed_at_night(self) -> None:
        """Nor, about what is not paid, on a weekend."""
        for one in self.year.clients:
            mails = self._mails[one.name]
            assert mails == sorted(mails, key=lambda mail: mail.at)
            for mail in mails:
                local = one.local(mail.at)
                assert 9 <= local.hour < 21, (one.name, mail)
                assert mail.step not in DUNNING or local.weekday() < 5, (one.name, mail)

    # -- in which order, and how often -------------------------------------------------

    def every_letter_is_sent_once(self) -> None:
        """What the records say was told is what the mail server got, one for one."""
        ids = set()
        for one in self.year.clients:
            told = Counter(
                _text(key.split("/", 3)[3])
                for key in self.year.facts[one.site]
                if key.startswith("told/")
            )
            mails = self._mails[one.name]
            assert Counter(mail.step for mail in mails) == told, one.name
            ids |= {mail.id for mail in mails}
        assert len(ids) == sum(map(len, self.year.mails.values()))

    def what_is_recorded_comes_before_what_is_done(self) -> None:
        """The intent is on the branch when the gateway is asked, the outcome after it."""
        intents = {
            line["key"]: line for lines in self._intents.values() for line in lines
        }
        charges = [one for one in self.year.effects if one.kind == "charge" and one.key]
        assert len(charges) > 150
        for effect in charges:
            key = str(effect.key).partition("/")[0]
            begun, ended = intents[key], self._outcomes[key][-1]
            written = self.year.written[effect.seq]
            assert begun["seq"] <= written < ended["seq"], effect
            assert at_of(begun) <= effect.at, effect
            assert ended["status"] == "applied"

    def who_pays_was_told_before_and_thanked_after(self) -> None:
        """A reminder, or the invoice; then the charge; then one receipt."""
        for one in self.year.clients:
            mails = self._mails[one.name]
            thanked = [mail.at for mail in mails if mail.step == "receipt"]
            charges = self.year.charges(one)
            assert len(charges) <= len(thanked)
            for charge, receipt in zip(charges, thanked, strict=False):
                taken = self.run_of(charge.at)
                assert taken <= receipt < taken + 8 * DAY, (one.name, charge)
            for paid, receipt in pairwise([datetime.min, *thanked]):
                steps = [m.step for m in mails if _between(paid, m, receipt)]
                assert "invoice" in steps, (one.name, receipt)
                asked = steps.index("invoice")
                reminded = "remind" in steps[asked:]
                assert reminded or one.does == "transfer" or one.months == 12, one.name

    def a_final_warning_leaves_three_days(self) -> None:
        """And the day that it names comes, not a day before, in office hours."""
        offline = 0
        for one in self.year.clients:
            for gone in self.year.deeds(one, "suspend"):
                offline += 1
                mails = self._mails[one.name]
                (warned,) = [m for m in mails if m.step == "final-warning"]
                (told,) = [m for m in mails if m.step == "suspended"]
                first = self._refused(one, one.begins()[0])
                assert gone.at - warned.at >= 3 * DAY
                assert warned.at == self.told_at(one, one.later(first, 10), work=True)
                assert gone.at >= one.later(first, 14), one.name
                begins = one.begins()[0]
                said = self.year.facts[one.site][f"promised/{begins}/renewal"]
                named = datetime.fromisoformat(said["suspends"])
                assert f"{one.local(named):%-d %B %Y}" in warned.subject
                assert self.run_of(gone.at) == self.told_at(one, named, work=True)
                assert gone.at <= told.at < gone.at + WAITED + 3 * DAY
        assert offline == 4

    # -- for how much ------------------------------------------------------------------

    def our_own_numbers_have_no_gap(self) -> None:
        """They begin with 1, in the order in which the journal begins the invoices."""
        numbers = [
            line["change"]["details"]["number"]
            for lines in self._intents.values()
            for line in lines
            if line["verb"] == "invoice" and "number" in line["change"]["details"]
        ]
        by_seq = [
            line["change"]["details"]["number"]
            for line in self.year.log
            if line["type"] == "intent"
            and line["verb"] == "invoice"
            and "number" in line["change"]["details"]
        ]
        assert sorted(numbers) == by_seq
        assert by_seq == [f"INV-{n:06}" for n in range(1, len(by_seq) + 1)]
        assert len(by_seq) >= 20

    def the_books_are_clean(self) -> None:
        """The command that compares the gateways with the records finds nothing."""
        books = self.year.books
        assert (books["findings"], books["unread"]) == ([], {})
        assert {one["status"] for one in books["captures"]} == {"paid"}
        taken = sum(1 for e in self.year.effects if e.kind == "charge")
        assert len(books["captures"]) == taken


def at_of(line: Any) -> datetime:
    """Return when the run began that wrote a line of the log."""
    return datetime.strptime(line["run"][:16], "%Y%m%dT%H%M%S%z")


def _between(start: datetime, mail: Mail, end: datetime) -> bool:
    after = start is datetime.min or mail.at > start
    return after and mail.at <= end


def _text(step: str) -> str:
    """Return which text *step* of a record is: ``remind-7d`` is ``remind``."""
    head, _, tail = step.rpartition("-")
    if head in {"remind", "reminder", "update-card", "confirm"} and tail:
        return head
    return {"invoice-1": "invoice-replaced"}.get(step, step)


__all__ = ["Checks", "at_of"]
