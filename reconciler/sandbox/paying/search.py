"""Looking for a story in which somebody is charged twice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from reconciler.sandbox.paying.act import Played
from reconciler.sandbox.paying.faults import APART, Fault, FaultKind
from reconciler.sandbox.paying.play import Stage
from reconciler.sandbox.paying.story import Story

#: How often a request meets each fault: lost, stuck, crashed ... (the same rates by
#: which the naive designs charged 28 to 32 of 100 customers twice).
RATES: Final[dict[FaultKind, float]] = {
    FaultKind.LOST_REQUEST: 0.04,
    FaultKind.STUCK: 0.02,
    FaultKind.STUCK_LONG: 0.02,
    FaultKind.LOST_REPLY: 0.06,
    FaultKind.ERROR_BEFORE: 0.01,
    FaultKind.ERROR_AFTER: 0.01,
    FaultKind.CRASH_BEFORE: 0.015,
    FaultKind.CRASH_AFTER: 0.015,
    FaultKind.OVERLAP: 0.05,
    FaultKind.CUSTOMER: 0.02,
    FaultKind.NEW_METHOD: 0.01,
    FaultKind.BLIND: 0.02,
}


def singly(stage: Stage, story: Story, kind: FaultKind) -> Iterator[Played]:
    """Play *story* with one fault of *kind*, at every request in turn."""
    known = stage.known(story)
    for at in range(known.played.effects):
        yield known.with_(Fault(at, kind))


def after(stage: Stage, story: Story, first: Fault) -> list[Played]:
    """Play *story* with *first*, and with every other fault at every later request."""
    once = stage.rehearsed(story, [first])
    later = range(first.at + 1, once.played.effects)
    return [once.with_(Fault(at, kind)) for at in later for kind in APART]


def at_random(stage: Stage, seed: int) -> Played:
    """Play one period that follows from *seed*: its story, and what goes wrong."""
    luck = random.Random(seed)  # noqa: S311  (a fault model, and the same again)
    story = drawn(luck)
    kinds, rates = list(RATES), list(RATES.values())
    fine = 1 - sum(rates)
    lots: list[FaultKind | None] = []

    def choice(number: int) -> FaultKind | None:
        while len(lots) <= number:
            good = luck.random() < fine
            lots.append(None if good else luck.choices(kinds, rates)[0])
        return lots[number]

    return stage.known(story).acted(choice)


def drawn(luck: random.Random) -> Story:
    """Return a story: half of the customers pay at once, the others do not."""
    behaves: str = luck.choices(
        ("ok", "insufficient_funds", "stolen_card", "processing",
         "authentication_required"),
        (50, 30, 5, 10, 5),
    )[0]  # fmt: skip
    if luck.random() < _WALLETS:
        primary = "declined" if behaves == "insufficient_funds" else "ok"
        way = luck.choice(_WAYS)
        times = luck.choice((1, 2))
        return Story("at random", primary, times, way=way, first="paypal")
    slow = behaves == "processing"
    fails = "debit_not_authorized" if slow and luck.random() < _HALF else None
    backup = luck.choice(_BACKUPS)
    no = "declined" if backup == "paypal" else "insufficient_funds"
    return Story(
        "at random",
        behaves,
        None if slow else luck.choice((None, 1, 2)),
        settles=luck.choice((0.5, 2.0, 5.0)) if slow else None,
        fails=fails,
        backup=backup,
        second=no if luck.random() < _AGAIN_NO else "ok",
        way=luck.choice(_WAYS),
    )


_WAYS: Final[tuple[Literal["authorize", "capture"], ...]] = (
    "authorize",
    "authorize",
    "capture",
)
_BACKUPS: Final[tuple[Literal["none", "card", "paypal"], ...]] = (
    "none",
    "card",
    "paypal",
    "paypal",
)
_WALLETS: Final = 0.15
_HALF: Final = 0.5
_AGAIN_NO: Final = 0.15


class Tally(NamedTuple):
    """
    What came of many periods.

    Attributes:
        person: Left to a person: something is still open at the end.
        wrong: Those in which something happened that must never happen.
    """

    periods: int = 0
    faults: int = 0
    once: int = 0
    unpaid: int = 0
    person: int = 0
    wrong: tuple[Played, ...] = ()

    def plus(self, played: Played) -> Tally:
        """Return this with one more period."""
        return Tally(
            self.periods + 1,
            self.faults + len(played.met),
            self.once + (len(played.taken) == 1),
            self.unpaid + (not played.taken),
            self.person + bool(played.open),
            (*self.wrong, played) if played.wrong else self.wrong,
        )

    def and_(self, other: Tally) -> Tally:
        """Return the sum of both."""
        return Tally(
            self.periods + other.periods,
            self.faults + other.faults,
            self.once + other.once,
            self.unpaid + other.unpaid,
            self.person + other.person,
            self.wrong + other.wrong,
        )


def tallied(seeds: Sequence[int]) -> Tally:
    """Play one period for each of *seeds*."""
    stage, tally = Stage(), Tally()
    for seed in seeds:
        tally = tally.plus(at_random(stage, seed))
    return tally
