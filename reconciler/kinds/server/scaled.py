"""What follows for a machine from what is foreseen of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.server import steps
from reconciler.kinds.server.changes import Resize
from reconciler.kinds.server.state import ServerState
from reconciler.model import (
    OUTLOOK,
    USAGE,
    Finding,
    Have,
    OutlookState,
    Price,
    Severity,
    Share,
    Unknown,
)
from reconciler.model.follow import Ended
from reconciler.model.money import Money
from reconciler.model.scaling import Scaling
from reconciler.model.scaling_rules import decide
from reconciler.model.sizing import (
    Decision,
    Moved,
    Rung,
    Sizing,
    Way,
    pictured,
    recalled,
    remembered,
)

if TYPE_CHECKING:
    from reconciler.kinds.server.server import Server

#: Per cent of one core that a core has.
_CORE: Final = 100.0
_WAYS: Final[dict[str, Way]] = {
    "up": "up",
    "burst": "burst",
    "back": "back",
    "down": "down",
}


class Scaled(NamedTuple):
    """
    One machine that a policy scales.

    Attributes:
        blind: Why nothing is foreseen; empty where something is.
    """

    want: Server
    rules: Scaling
    seen: OutlookState | None
    blind: str
    now: datetime

    @classmethod
    def of(cls, want: Server, rules: Scaling, have: Have, now: datetime) -> Scaled:
        """Return *want* with what is foreseen of it."""
        found = have.get(Share(USAGE, OUTLOOK))
        seen = found if isinstance(found, OutlookState) else None
        blind = found.why if isinstance(found, Unknown) else ""
        return cls(want, rules, seen, blind, now)

    def decision(self, case: steps.Case, state: ServerState) -> Decision:
        """Return what follows; nothing for a machine that is none of its ladder's."""
        ladder = case.spec.ladder
        described = all(name in state.offers for name in ladder)
        if state.size not in ladder or not described or state.status != "running":
            return Decision()
        sizing = Sizing(
            ladder=[_rung(case, state, name) for name in ladder],
            at=ladder.index(state.size),
            rules=self.rules,
            seen=self.seen,
            now=self.now,
            blind=self.blind,
            past=recalled(self.want.recorded),
            above=self._above(case, state),
        )
        return decide(sizing)

    def _above(self, case: steps.Case, state: ServerState) -> Rung | None:
        """Return the next larger size outside the range."""
        sizes, top = case.spec.sizes, case.spec.ladder[-1]
        at = sizes.index(top) + 1 if top in sizes else len(sizes)
        known = at < len(sizes) and sizes[at] in state.offers
        return _rung(case, state, sizes[at]) if known else None

    def changes(self, case: steps.Case, state: ServerState) -> Iterator[Resize]:
        """Yield the resize that the policy asks for, and lets happen."""
        found = self.decision(case, state)
        if state.busy is not None or found.to is None or not found.acts:
            return
        more: dict[str, JsonValue] = {
            "scaling": self.want.spec.scaling,
            "way": found.way,
            "rise": str(found.rise) if found.rise else "",
            "asks": False,
        }
        if found.outlook is not None:
            more["chart"] = pictured(found.outlook.metric, found.outlook)
        made = steps.resized(case, state, found.to.name, found.because, more)
        if made.hold is None and found.hold is not None:
            details = {**made.details, "asks": True}
            made = made.model_copy(update={"hold": found.hold, "details": details})
        times = [one for one in (made.not_before, found.not_before) if one]
        yield made.model_copy(
            update={
                "not_before": max(times, default=None),
                "ceiling": made.ceiling or found.room,
            }
        )

    def findings(self, case: steps.Case, state: ServerState) -> Iterator[Finding]:
        """Yield what is only recommended, and why nothing follows."""
        found, want = self.decision(case, state), self.want
        for note in found.notes:
            yield want.found(note.code, Severity.INFO, note.said, "spec.scaling")
        if found.to is not None and not found.acts:
            message = f"{found.to.name} instead of {state.size}: {found.because}"
            code = "scaling-recommended"
            yield want.found(code, Severity.WARNING, message, steps.SIZE)
        if found.outside is not None:
            message = (
                f"would need a {found.outside.name}, which its range does not have: "
                f"{found.because}"
            )
            yield want.found("scaling-outside", Severity.ERROR, message, steps.SIZE)

    @staticmethod
    def remembers(want: Server, change: Resize, ended: Ended) -> dict[str, JsonValue]:
        """Return the move to be recorded, once it was made."""
        way = _WAYS.get(str(change.details.get("way")))
        if ended.status != "applied" or way is None:
            return {}
        rise = str(change.details.get("rise") or "")
        moved = Moved(
            at=ended.at,
            way=way,
            was=str(change.details["was"]),
            to=str(change.details["size"]),
            rise=Money.read(rise) if rise else None,
        )
        return remembered(want.recorded, moved)


def _rung(case: steps.Case, state: ServerState, name: str) -> Rung:
    """Return a size with what it allows; its disk counts only where it comes along."""
    offer = state.offers[name]
    limits = {"cpu": offer.cores * _CORE, "memory": float(offer.memory)}
    if "disk" in case.spec.irreversible and offer.disk is not None:
        limits["disk"] = float(offer.disk)
    price = steps.monthly(state, name)
    return Rung(name, limits, Price(money=price, per="month") if price else None)
