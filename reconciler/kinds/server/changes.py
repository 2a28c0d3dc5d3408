"""What can be done to a machine."""

from __future__ import annotations

from typing import ClassVar, Literal

from reconciler.model import Change, Risk
from reconciler.model.updates import Patch, RollBack


class Resize(Change):
    """
    Give the machine another size: it is stopped, changed, and started again.

    ``details``: ``machine`` (the cloud's id), ``size`` (the new one), ``was`` (the one
    before), ``smaller`` (it loses cores or memory, or nobody knows), ``lasting`` (what
    is done for good), ``monthly`` (what the new size may cost in a month), ``scaling``
    (the ScalingPolicy that asks for it, which git does not say).
    """

    verb: Literal["resize"] = "resize"

    @property
    def smaller(self) -> bool:
        """Whether the machine may have less than it needs afterwards."""
        return bool(self.details.get("smaller"))

    @property
    def lasting(self) -> bool:
        """Whether its disk grows along, so that no smaller size fits any more."""
        return bool(self.details.get("lasting"))

    @property
    def risk(self) -> Risk:
        """It is off for a moment; with its disk it cannot be taken back."""
        return Risk.DESTRUCTIVE if self.lasting else Risk.DISRUPTIVE

    @property
    def firm(self) -> bool:
        """What keeps a machine from its size is a fact: no review lifts it."""
        return not self.details.get("asks")

    @property
    def merges(self) -> bool:
        """What a policy asks for within the range is due work: git does not say it."""
        return "scaling" not in self.details

    @property
    def needs_proof(self) -> bool:
        """Whether something may be lost by it."""
        return self.smaller or self.lasting

    @property
    def crowd(self) -> str | None:
        """Many at once are as likely a mistake as a need."""
        if self.smaller:
            return "made smaller"
        return "scaled" if "scaling" in self.details else "taken down"


class GrowVolume(Change):
    """
    Make a disk larger; it can never be made smaller again.

    ``details``: ``machine``, ``volume`` (its name; ``root`` is the one it starts from),
    ``bytes`` (how large it shall be).
    """

    usual_risk: ClassVar[Risk] = Risk.MONEY
    reversible: ClassVar[bool] = False
    verb: Literal["grow-volume"] = "grow-volume"


class PowerOn(Change):
    """Start a machine that was stopped for a change; ``details``: ``machine``."""

    usually_merges: ClassVar[bool] = False
    verb: Literal["power-on"] = "power-on"


ServerChange = Resize | GrowVolume | PowerOn | Patch | RollBack
