"""What people do in the year of the small agency, by hand: customers, and the agency."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from tests.support.customers import Paying
from tests.support.shell import at
from tests.support.year import AUTUMN, DAY, EDITED, MORE, Client


class Deed(NamedTuple):
    """Something that a person does, and when: a customer, or somebody of the agency."""

    at: datetime
    do: Callable[[Paying], None]


def deeds(all_of_them: list[Client]) -> list[Deed]:
    """Return all that people do in this year, in order."""
    found = [deed for one in all_of_them for deed in _deeds(one)]
    return sorted(found, key=lambda deed: deed.at)


def _deeds(one: Client) -> Iterator[Deed]:
    first = one.begins()[0]

    def on(days: int, do: Callable[[Paying], None]) -> Deed:
        """At eight in the morning of that day, counted from the first charge."""
        day = first - DAY + days * DAY
        return Deed(datetime.combine(day, time(8), one.zone).astimezone(UTC), do)

    card = one.methods()[0][2] if one.methods() else ""
    match one.part:
        case "stolen" | "expired":
            yield on(2, lambda ours: new_card(ours, one))
        case "confirms":
            yield on(3, lambda ours: pays_on_the_page(ours, one))
        case "bank-bounces" if one.since == AUTUMN:
            yield on(12, lambda ours: pays_on_the_page(ours, one))
        case "bank-bounces":
            mended = {"id": card, "settles": 2.0}
            yield on(4, lambda ours: ours.sandbox.edit("stripe", "method", mended))
        case "late":
            yield on(18, lambda ours: pays_on_the_page(ours, one))
        case "held":
            works = {"id": card, "behaves": "ok"}
            yield on(3, lambda ours: held(ours, one, yes=True))
            yield on(19, lambda ours: ours.sandbox.edit("stripe", "method", works))
            yield on(20, lambda ours: held(ours, one, yes=False))
        case "transfer-late":
            yield on(6, lambda ours: transferred(ours, one, first))
        case "transfer":
            for begins in one.begins():
                at = datetime.combine(begins - DAY, time(8), one.zone)
                yield Deed(
                    at.astimezone(UTC),
                    lambda ours, begins=begins: transferred(ours, one, begins),
                )
        case "dearer" | "renamed" | "leaves" as part:
            edit = {"dearer": dearer, "renamed": renamed, "leaves": leaves}[part]
            yield Deed(EDITED[part], lambda ours: edit(ours, one))


def new_card(ours: Paying, one: Client) -> None:
    """It enters another card by the link it was sent; the agency writes it down."""
    _, (second, _, token) = one.methods()
    default = {"id": f"cus_{one.name}", "default": token}
    ours.sandbox.edit("stripe", "customer", default)
    ours.edit(one.file, f"primary: {one.name}-card", f"primary: {second}")
    ours.commit(f"{one.name}: another card")


def pays_on_the_page(ours: Paying, one: Client) -> None:
    page = {"id": ours.invoice(one.name), "pay": True}
    ours.sandbox.edit("stripe", "invoice", page)


def transferred(ours: Paying, one: Client, begins: date) -> None:
    """Somebody sees it on the bank's statement."""
    argv = ["--period", str(begins), "--amount", one.money(one.total)]
    done = at(ours, "paid", f"Subscription/{one.site}", *argv, "--evidence", "bank")
    assert done.code == 0, (one.name, done.out, done.err)


def held(ours: Paying, one: Client, *, yes: bool) -> None:
    was, then = f"  currency: {one.place.currency}\n", "  holds: [dispute]\n"
    before, after = (was, was + then) if yes else (was + then, was)
    ours.edit(one.file, before, after)
    ours.commit(f"{one.name}: a dispute")


def dearer(ours: Paying, one: Client) -> None:
    price, more = f"price: {one.price}", f"price: {one.price + MORE}"
    ours.edit(one.file, price, more)
    ours.commit(f"{one.name}: a bigger plan")


def renamed(ours: Paying, one: Client) -> None:
    old = f"Subscription/{one.site}:\n"
    ours.edit(one.file, old, f"Subscription/{one.name}:\n  uid: {one.site}\n")
    ours.commit(f"{one.name}: called otherwise")


def leaves(ours: Paying, one: Client) -> None:
    ours.edit(one.file, "  term: 1mo\n", "  term: 1mo\n  state: cancel-at-period-end\n")
    ours.commit(f"{one.name}: leaves")
