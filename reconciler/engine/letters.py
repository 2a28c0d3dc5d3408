"""What customers have to be told after a run. Pure; nothing is sent from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from reconciler.audit import Ledger
from reconciler.engine.observe import World
from reconciler.engine.situation import Scope
from reconciler.model import AnyResource, Letter, Ref


class Owed(NamedTuple):
    """A letter that is owed to a customer, and the resource it is about."""

    want: AnyResource
    letter: Letter


def letters(
    scope: Scope, world: World, ledger: Callable[[], Ledger], now: datetime
) -> list[Owed]:
    """
    Return what has to be told now and was not told yet, in the order of addresses.

    Args:
        scope: Whom this run is about.
        world: What accounts say *now*: never a snapshot, which does not know whether
            somebody has paid since.
        ledger: Gives what is recorded, with what this run has done.
        now: The moment.
    """
    past = scope.recalling(ledger)
    return [
        Owed(want, _named(letter, past, world))
        for want in past.leaders()
        for letter in want.letters(world.have(want), now)
        if all(_shows(ref, word, past, world) for ref, word in letter.shown)
    ]


def _shows(ref: Ref, word: str, scope: Scope, world: World) -> bool:
    if ref not in scope.desired:
        return False
    want = scope.get(ref)
    return want.shows(word, world.have(want)) is True


def _named(letter: Letter, scope: Scope, world: World) -> Letter:
    """Return *letter* with what the resources that it names are called."""
    return letter._replace(
        values={**letter.values, **dict(_names(letter, scope, world))}
    )


def _names(letter: Letter, scope: Scope, world: World) -> Iterator[tuple[str, str]]:
    for placeholder, ref in letter.names.items():
        if ref in scope.desired:
            want = scope.get(ref)
            yield placeholder, want.called(world.have(want))
