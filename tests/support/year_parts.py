"""What became of each customer of the year, by the part that it plays."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from tests.support.year import CENT, DAY, EDITED, MORE, Client, taxed
from tests.support.year_run import Year

#: The steps of who never pays by card, after the invoice and its reminders.
_UNPAID = ["first-failure", "reminder", "final-warning", "suspended"]


def _is_bill(key: str) -> bool:
    return key.startswith("bill/") and key.endswith("/invoice")


class Parts:
    """What has to be true of each client at the end."""

    def __init__(self, year: Year) -> None:
        self.year = year

    def hold(self) -> None:
        """Look at everybody; a part that nothing is said about is a failure."""
        for one in self.year.clients:
            getattr(self, one.part.replace("-", "_"))(one)
        gone = sorted(one.site for one in self.year.clients if "never" in one.part)
        assert self.year.suspended == gone
        assert len(gone) == 2

    # -- what there is of one -------------------------------------------------------

    def _paid(self, one: Client) -> list[str]:
        """Return what was paid, by the records, period by period."""
        facts = self.year.facts[one.site]
        paid = sorted(k for k in facts if k.startswith("bill/") and k.endswith("/paid"))
        return [facts[key]["amount"] for key in paid]

    def _taken(self, one: Client) -> list[str]:
        return [str(effect.amount) for effect in self.year.charges(one)]

    def _steps(self, one: Client) -> list[str]:
        """Return what it was told, but for invoices, reminders of them and receipts."""
        usual = {"invoice", "remind", "receipt"}
        return [m.step for m in self.year.mails[one.name] if m.step not in usual]

    def _declined(self, one: Client) -> list[str]:
        """Return the codes with which a bank said no to any of its methods."""
        tokens = {token for _, _, token in one.methods()}
        return [
            str(effect.details["decline"])
            for effect in self.year.effects
            if effect.operation == "declined" and effect.details["method"] in tokens
        ]

    def _tries(self, one: Client) -> list[tuple[str, str]]:
        """Return the attempts that were no payment: their kind, and by which token."""
        facts = self.year.facts[one.site]
        keys = sorted((facts[k]["at"], k) for k in facts if "/try/" in k)
        return [(facts[key]["kind"], facts[key]["method"]) for _, key in keys]

    def _whole(self, one: Client, *, periods: int | None = None) -> None:
        """Every period was taken once, for its price, by what is charged first."""
        count = len(one.begins()) if periods is None else periods
        assert self._taken(one) == [one.money(one.total)] * count, one.name
        assert self._paid(one) == self._taken(one), one.name
        assert count in {1, 12} or periods is not None

    # -- who pays ---------------------------------------------------------------------

    def pays(self, one: Client) -> None:
        self._whole(one)
        assert self._steps(one) == []
        assert self._declined(one) == []

    wallet = pays

    def bank(self, one: Client) -> None:
        """It decides two days later; nobody is told anything but that it is paid."""
        self.pays(one)
        (charge,) = self.year.charges(one)
        assert charge.at >= one.opening(one.begins()[0] - DAY) + 2 * DAY

    def transfer(self, one: Client) -> None:
        """Nothing is ever charged: somebody sees it on the bank's statement."""
        assert self._taken(one) == []
        assert self._paid(one) == [one.money(one.total)] * len(one.begins())
        assert self._steps(one) == []

    def renamed(self, one: Client) -> None:
        """The uid is who was billed: nothing is billed again under the new name."""
        self._whole(one)
        assert self._steps(one) == []
        facts = self.year.facts[one.site]
        made = {facts[key]["number"] for key in facts if _is_bill(key)}
        assert len(made) == len(one.begins())
        assert one.name not in self.year.facts  # no second record
        before, after = (self.year.names(one, at) for at in ("first", "last"))
        assert (before, after) == (one.site, one.name)

    def dearer(self, one: Client) -> None:
        """What it costs more for the rest of a period is a line of the next invoice."""
        edited = EDITED["dearer"].date()
        count = sum(begins - DAY < edited for begins in one.begins())
        begins, ends = one.begins()[count - 1], one.begins()[count]
        left = Decimal((ends - edited).days) / (ends - begins).days
        rise = (MORE * left).quantize(CENT, ROUND_HALF_UP)
        now = one.price + MORE
        rest = len(one.begins()) - count - 1
        prices = [one.price] * count + [now + rise] + [now] * rest
        expected = [one.money(taxed(price, one.place)) for price in prices]
        assert self._taken(one) == self._paid(one) == expected

    def leaves(self, one: Client) -> None:
        """It pays what was begun, and hears nothing of us any more."""
        edited = EDITED["leaves"]
        self._whole(one, periods=sum(b - DAY < edited.date() for b in one.begins()))
        assert all(mail.at < edited for mail in self.year.mails[one.name])
        assert self._steps(one) == []

    # -- who does not at once -----------------------------------------------------------

    def short_once(self, one: Client) -> None:
        """A soft decline is told, and a day later it works by the same card."""
        self._whole(one)
        assert self._declined(one) == ["insufficient_funds"]
        assert self._tries(one) == [("soft", one.methods()[0][2])]
        # Where it was paid before anybody may be disturbed, there is nothing to tell.
        assert self._steps(one) in (["first-failure"], [])

    def stolen(self, one: Client) -> None:
        """A hard decline is never tried again; the card that was asked for pays."""
        self._whole(one)
        code = {"stolen": "stolen_card", "expired": "expired_card"}[one.part]
        (_, _, first), (_, _, second) = one.methods()
        assert self._declined(one) == [code]
        assert self._tries(one) == [("hard", first)]
        assert self._steps(one) == ["update-card"]
        assert self.year.charges(one)[0].details["method"] == second

    expired = stolen

    def confirms(self, one: Client) -> None:
        """It is asked once, and confirms on the page: nothing is charged from here."""
        assert self._paid(one) == self._taken(one) == [one.money(one.total)]
        assert [kind for kind, _ in self._tries(one)] == ["action"]
        assert self._steps(one) == ["confirm"]
        assert self.year.charges(one)[0].key is None

    def bank_bounces(self, one: Client) -> None:
        """The bank says no two days later; it is paid by hand, or the second time."""
        assert self._paid(one) == self._taken(one) == [one.money(one.total)]
        steps = self._steps(one)
        assert steps[0] == "first-failure"
        assert "suspended" not in steps
        paid = self.year.facts[one.site][f"bill/{one.begins()[0]}/renewal/0/paid"]
        by_hand = one.since == date(2027, 11, 1)
        assert paid["how"] == ("elsewhere" if by_hand else "charge")

    def second(self, one: Client) -> None:
        """The backup at the same gateway pays the same invoice, a week later."""
        self._whole(one)
        (_, _, first), (_, _, second) = one.methods()
        assert self._tries(one) == [("soft", first)] * 4
        assert self.year.charges(one)[0].details["method"] == second
        assert self._steps(one) == ["first-failure", "reminder"]
        assert len(list(filter(_is_bill, self.year.facts[one.site]))) == 1

    def fenced(self, one: Client) -> None:
        """Another gateway takes over only after the first invoice was made void."""
        self._whole(one)
        facts = self.year.facts[one.site]
        (fence,) = [f["at"] for k, f in facts.items() if k.endswith("/void")]
        (charge,) = self.year.charges(one)
        assert charge.vendor == "paypal"
        assert fence < charge.at.isoformat()
        voided = [e for e in self.year.effects if e.operation == "voidInvoice"]
        assert len(voided) == 2
        assert self._steps(one)[:2] == ["first-failure", "reminder"]
        assert "invoice-replaced" in self._steps(one)

    # -- who is late, or never does --------------------------------------------------------

    def late(self, one: Client) -> None:
        """Off the net after two weeks, and back in the run after it has paid."""
        assert self._paid(one) == self._taken(one) == [one.money(one.total)]
        assert sorted(self._steps(one)) == sorted([*_UNPAID, "lifted"])
        off, on = self.year.deeds(one, "suspend", "unsuspend")
        (paid,) = self.year.charges(one)
        assert (off.operation, on.operation) == ("suspend", "unsuspend")
        assert off.at < paid.at <= on.at <= paid.at + DAY

    def never(self, one: Client) -> None:
        """It stays off the net, and a person is asked whether to part."""
        assert self._paid(one) == self._taken(one) == []
        assert self._declined(one) == ["insufficient_funds"] * 4
        self._parting(one)

    def transfer_never(self, one: Client) -> None:
        assert self._paid(one) == self._declined(one) == []
        self._parting(one)

    def _parting(self, one: Client) -> None:
        assert self._steps(one) == _UNPAID
        assert [e.operation for e in self.year.deeds(one, "suspend", "unsuspend")] == [
            "suspend"
        ]
        found = {code for code, name in self.year.findings if name == one.site}
        assert {"payment-failed", "termination-proposed"} <= found

    def transfer_late(self, one: Client) -> None:
        """It is reminded, and pays before anything is taken off the net."""
        assert self._paid(one) == [one.money(one.total)]
        assert self._steps(one) == ["first-failure", "reminder"]
        assert self.year.deeds(one, "suspend") == []

    def held(self, one: Client) -> None:
        """While somebody looks into a dispute, nothing is charged, told or taken."""
        self._whole(one)
        begins = one.begins()[0]
        start, end = (one.opening(begins - DAY + n * DAY) for n in (3, 20))
        inside = [m for m in self.year.mails[one.name] if start <= m.at < end]
        assert inside == []
        assert self._steps(one) == ["first-failure"]
        assert self.year.deeds(one, "suspend") == []
        tries = [t for t in self.year.facts[one.site] if "/try/" in t]
        times = [self.year.facts[one.site][t]["at"] for t in tries]
        assert not any(start.isoformat() <= at < end.isoformat() for at in times)
        assert self.year.charges(one)[0].at >= end
