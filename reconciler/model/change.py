"""What has to happen, and what a vendor answered when it did."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar, Final, Self

from pydantic import AwareDatetime, JsonValue

from reconciler.model.base import Frozen
from reconciler.model.money import Money
from reconciler.model.observed import Share
from reconciler.model.quantity import Percent

Shown = str | int | bool | tuple[str, ...] | None
#: Prefix of the fact that says why nothing more is done in a lane; empty: it may be.
STOPS: Final = "stops/"


class Risk(StrEnum):
    """What could go wrong; approval rules are written against it."""

    NONE = "none"
    MONEY = "money"
    DESTRUCTIVE = "destructive"
    SECURITY = "security"
    DISRUPTIVE = "disruptive"


class OnDrift(StrEnum):
    """What to do where the world, and not git, has moved."""

    REVERT = "revert"
    HOLD = "hold"
    REPORT = "report"


class FieldChange(Frozen):
    """One field, what it is and what it shall be; ``None`` is *not there*."""

    field: str
    before: Shown = None
    after: Shown = None
    on_drift: OnDrift = OnDrift.REVERT


class Change(Frozen):
    """
    One thing that has to happen to one share of one resource.

    A change is data, not a closure: it can be printed, judged, digested and
    committed before anything is done about it, and done again after a crash.

    Attributes:
        generation: For due work (money, renewals): the period it belongs to. Empty
            for everything else; the engine then derives one.
        because: For people; not part of any digest.
        cost: What the vendor quotes now.
        charge: What a customer pays by it, exactly: another amount is another need.
            Money that comes in; what comes in never pays for what goes out.
        ceiling: The most that git allows it to cost, or to charge.
        max_increase: The most it may cost over what was last paid.
        hold: Why the kind itself wants a person to look first.
        due: When harm begins if nothing is done.
        waits_for: Verbs on the same resource that have to be done before.
        not_before: The vendor or the window refuses it earlier: ``deferred``.
        details: What the driver needs besides. ``holds_off`` (verb -> seconds): once
            this is done, those verbs on the same resource wait so long. ``number`` and
            ``series``: of a numbered change, put there when its intent is written.
    """

    usual_risk: ClassVar[Risk] = Risk.NONE
    reversible: ClassVar[bool] = True
    usually_merges: ClassVar[bool] = True
    witnessed: ClassVar[bool] = False
    """Follows from what witnesses saw: they look again right before it is done."""
    fences: ClassVar[bool] = False
    """Lets another payment take the place of one: never while its end is unknown."""
    numbered: ClassVar[bool] = False
    """Makes a document with a number; see ``Driver.numbers``."""
    only_holds: ClassVar[bool] = False
    """Its ``charge`` is held at the customer's bank, and not taken yet."""
    takes_down: ClassVar[bool] = False
    """Takes what it is about off the net: many at once need a person."""
    two_person: ClassVar[bool] = False
    """Two different persons have to agree, whatever the policies say."""
    once: ClassVar[bool] = False
    """Makes what was never there: what was there and is gone needs a person first."""

    mends: ClassVar[bool] = False
    """Puts right what went wrong in a lane: it runs although the lane is stopped."""

    routine: ClassVar[bool] = False
    """Comes again and again by itself: nobody is told that the next run does it."""

    verb: str
    share: Share
    fields: tuple[FieldChange, ...]
    because: str
    generation: str = ""
    cost: Money | None = None
    charge: Money | None = None
    ceiling: Money | None = None
    max_increase: Percent | None = None
    hold: str | None = None
    due: AwareDatetime | None = None
    not_before: AwareDatetime | None = None
    waits_for: tuple[str, ...] = ()
    details: dict[str, JsonValue] = {}

    @property
    def risk(self) -> Risk:
        """What could go wrong with this very change."""
        return self.usual_risk

    @property
    def taken(self) -> Money | None:
        """What a customer has paid once it is done."""
        return None if self.only_holds else self.charge

    @property
    def merges(self) -> bool:
        """Whether it makes live what git says, so that it matters who moved."""
        return self.usually_merges

    @property
    def firm(self) -> bool:
        """Whether no review lifts ``hold``: what it names has to go first."""
        return False

    @property
    def needs_proof(self) -> bool:
        """Whether it may lose data, so that a backup has to be proven first."""
        return False

    @property
    def lane(self) -> str | None:
        """
        What is done one at a time, each looked at before the next one begins.

        Once one of a lane went wrong (the fact ``STOPS`` of its resource says why), or
        nobody knows its end, no other one of that lane is begun, in this run or later.
        """
        return None

    @property
    def crowd(self) -> str | None:
        """
        What happens to many things at once where many such changes are planned.

        A participle, as in ``12 would be taken down``; more than a few in one run are
        held for a person. None: there may be as many as there have to be.
        """
        return "taken down" if self.takes_down else None

    @property
    def field(self) -> str:
        """The field whose line in the inventory explains this change best."""
        return self.fields[0].field if self.fields else "provider"

    @property
    def after(self) -> list[list[JsonValue]]:
        """What every field shall be: the part of a change that is approved."""
        return [
            [c.field, list(c.after) if isinstance(c.after, tuple) else c.after]
            for c in self.fields
        ]

    def only(self, keep: Callable[[FieldChange], bool]) -> Self | None:
        """Return this change for the fields that *keep* accepts, if any."""
        fields = tuple(filter(keep, self.fields))
        if not fields:
            return None
        return (
            self
            if fields == self.fields
            else self.model_copy(update={"fields": fields})
        )


class Receipt(Frozen):
    """
    What the vendor handed back; kept in the audit log as it is.

    Attributes:
        reference: The vendor's name for what happened (order, operation, change).
        paid: What it cost, where it cost something.
        request_id: The vendor's request id, for support.
        replayed: The vendor answered from its record of the same key.
        details: More evidence; never a secret, never personal data.
    """

    reference: str
    paid: Money | None = None
    request_id: str | None = None
    replayed: bool = False
    details: dict[str, JsonValue] = {}
