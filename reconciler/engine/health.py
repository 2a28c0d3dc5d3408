"""
Nobody is cut off for a debt while we cannot be sure of it. Pure.

A customer may have paid, and we are the ones who do not know: a gateway could not be
read, nobody has looked for days, an answer was lost, or a charge is about to be tried.
Whatever is in doubt holds the suspension; a debt can wait for a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from reconciler.engine.observe import World
from reconciler.model import (
    Action,
    AnyResource,
    Decision,
    Ref,
    Share,
    Sway,
    Verdict,
)

HEALTH: Final = "built-in/health"
#: An earlier run has to have read the gateway whole, no longer ago than this: a day,
#: and what a daily schedule is late. What was paid in between would have been seen.
LOOKED: Final = timedelta(hours=26)


class Paying(NamedTuple):
    """A payment that an earlier run began and of which nobody knows the end."""

    id: str
    kind: str
    name: str
    uid: str
    verb: str

    def is_for(self, action: Action) -> bool:
        """Whether *action* pays for the same thing, whatever the period is called."""
        want = action.want
        same = self.uid == want.uid or self.name == want.name
        return self.kind == want.kind and same


class Health:
    """
    Whether it is certain enough that somebody owes something.

    Args:
        leaders: Those whose customers pay for what others have.
        charging: Charges that were begun, and whose end nobody knows.
        looked: When an earlier run has read a share whole.
        planned: What is about to be done.
    """

    def __init__(
        self,
        leaders: Sequence[AnyResource],
        charging: Sequence[Paying],
        looked: Mapping[Share, datetime],
        planned: Iterable[Action],
        world: World,
        now: datetime,
    ) -> None:
        self._leaders = {leader.ref: leader for leader in leaders}
        self._looked, self._world, self._now = looked, world, now
        known = {(w.kind, w.uid): w.payer for w in leaders}
        known |= {(w.kind, w.name): w.payer for w in leaders}
        self._lost: list[Paying] = []
        self._open: dict[str | None, Paying] = {}
        for one in charging:
            payers = {known.get((one.kind, word)) for word in (one.uid, one.name)}
            self._open |= dict.fromkeys(payers, one)
            if payers == {None}:
                self._lost.append(one)
        self._tried = {
            action.want.payer: action for action in planned if action.change.charge
        }
        self._unread: dict[Share, bool] = {}

    def verdict(self, action: Action, ways: Sequence[Sway]) -> Verdict | None:
        """
        Return a hold on *action* where it follows from a debt that is in doubt.

        A suspension that somebody wrote down follows from no debt.
        """
        debts = [way for way in ways if way.since is not None]
        if not action.change.takes_down or not debts:
            return None
        why = self._doubt(action.change.share) or next(
            filter(None, (self._about(way.by) for way in debts)), None
        )
        if why is None:
            return None
        said = f"{why}: nobody is suspended for a debt meanwhile"
        return Verdict(Decision.HOLD, HEALTH, said, firm=True)

    def _about(self, ref: Ref) -> str | None:
        """Say what is not certain about the debts of one customer."""
        leader = self._leaders.get(ref)
        if leader is None:
            return f"{ref} is not looked at in this run"
        for share in leader.shares():
            if why := self._doubt(share) or self._stale(share):
                return why
        if self._lost:
            lost = self._lost[0]
            return f"{lost.verb} {lost.kind}/{lost.name} is open, and is not declared"
        begun = self._open.get(leader.payer)
        if begun is not None:
            return f"{begun.verb} {begun.kind}/{begun.name} is open: it may be paid"
        tried = self._tried.get(leader.payer)
        if tried is not None:
            return f"{tried.change.verb} {tried.want.ref} comes first"
        return None

    def _doubt(self, share: Share) -> str | None:
        if share not in self._unread:
            self._unread[share] = not self._world.whole(share)
        where = f"{share.provider} ({share.family})"
        return f"{where} could not be read whole" if self._unread[share] else None

    def _stale(self, share: Share) -> str | None:
        last = self._looked.get(share)
        where = f"{share.provider} ({share.family})"
        if last is None:
            return f"no earlier run has read {where} whole"
        if self._now - last > LOOKED:
            return f"{where} was last read whole on {last:%Y-%m-%d %H:%M} UTC"
        return None
