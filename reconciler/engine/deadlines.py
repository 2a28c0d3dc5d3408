"""What the records are told of what a look has shown: deadlines, news, and that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from pydantic import JsonValue

from reconciler.audit import Note
from reconciler.engine.carry_out import Setting, remembered
from reconciler.engine.health import LOOKED
from reconciler.engine.memory import ACCOUNT, parsed
from reconciler.engine.observe import World
from reconciler.engine.situation import Looked, Scope

#: Deadlines that are nearer are remembered: no alarm looks further ahead.
REMEMBERED = timedelta(days=120)
#: That an account was read whole is recorded no more often than this: what is recorded
#: of a day's last run is recent enough for the next day's, whatever ran before it.
SEEN_AGAIN = LOOKED - timedelta(days=1)


def seen(setting: Setting, scope: Scope, world: World) -> Iterator[Note]:
    """
    Remember deadlines, so that not being able to read them can be an alarm.

    And of the kinds that recall, what happened without this tool.
    """
    records = setting.journal.ledger.records()
    now = setting.clock()
    soon = now + REMEMBERED
    yield from _looked(setting, scope, world)
    for want in scope.wants():
        if want.recalls and (news := dict(want.noticed(world.have(want), now))):
            yield remembered("noticed", want.kind, want.uid, news)
        deadline = want.deadline(world.have(want))
        record = records.get((want.kind, want.uid))
        known = record.expires if record else None
        if deadline is None or (known is None and deadline > soon):
            continue
        text = deadline.isoformat()
        if known != text and _later(deadline, known):
            facts: dict[str, JsonValue] = {"expires": text}
            yield remembered("seen", want.kind, want.uid, facts)


def _looked(setting: Setting, scope: Scope, world: World) -> Iterator[Note]:
    """
    Remember which accounts were read whole, while somebody owes something there.

    A part of the inventory proves nothing about an account.
    """
    now, before = setting.clock(), Looked(setting.journal.ledger)
    owed = {
        share
        for leader in scope.leaders()
        if any(sway.why for sway in leader.sways(world.have(leader), now))
        for share in leader.shares()
    }
    if not owed or not scope.whole():
        return
    for share in sorted(owed):
        last = before.get(share)
        fresh = last is not None and now - last <= SEEN_AGAIN
        if not fresh and world.whole(share):
            facts: dict[str, JsonValue] = {Looked.fact(share): now.isoformat()}
            yield remembered("looked", ACCOUNT, share.provider, facts)


def _later(deadline: datetime, known: str | None) -> bool:
    """
    Whether *deadline* is news: later than what is recorded.

    An earlier one is none. Whoever renewed it, a read that is old by a period must
    not make the records forget that period: it would be paid for once more.
    """
    before = parsed(known) if known else None
    return before is None or deadline > before
