"""What can be done to a hosting account."""

from __future__ import annotations

from typing import ClassVar, Literal

from reconciler.model import Change, Risk
from reconciler.model.updates import Patch, RollBack


class _Led(Change):
    """
    A change that may be wanted by another resource.

    ``details``: ``follows``, the address of what it follows, where git leaves it open.
    """

    @property
    def merges(self) -> bool:
        """What follows another resource is due work: git does not say it."""
        return "follows" not in self.details


class Create(Change):
    """
    Make an account that was never there.

    ``details``: ``package``, ``domain`` and, where it is written or has to be chosen,
    ``account``. No password is ever chosen or seen from here. ``lacking``: the package,
    where the server does not have it.
    """

    once: ClassVar[bool] = True
    verb: Literal["create"] = "create"

    @property
    def firm(self) -> bool:
        """Whether the server lacks its package, which no review brings there."""
        return "lacking" in self.details


class ChangePlan(Change):
    """
    Put the account on another plan.

    ``details``: ``package`` (the new one), ``was`` (the one before), ``smaller`` (some
    limit shrinks, or nobody knows), ``reboot``, ``lasting`` (what is done for good),
    ``scaling`` (the ScalingPolicy that asks for it, which git does not say),
    ``lacking`` (the package, where the server does not have it).
    """

    verb: Literal["change-plan"] = "change-plan"

    @property
    def firm(self) -> bool:
        """Whether the server lacks its package, which no review brings there."""
        return "lacking" in self.details

    @property
    def smaller(self) -> bool:
        """Whether the account may lose room by it."""
        return bool(self.details.get("smaller"))

    @property
    def risk(self) -> Risk:
        """Of what cannot be undone, or takes the site down for a while."""
        if self.details.get("lasting"):
            return Risk.DESTRUCTIVE
        if self.smaller or self.details.get("reboot"):
            return Risk.DISRUPTIVE
        return Risk.NONE

    @property
    def merges(self) -> bool:
        """What a policy asks for within the range is due work: git does not say it."""
        return "scaling" not in self.details

    @property
    def needs_proof(self) -> bool:
        """Whether data may not fit any more, or the disk is made anew."""
        return self.smaller or bool(self.details.get("lasting"))

    @property
    def crowd(self) -> str | None:
        """Many at once are as likely a mistake as a need."""
        if self.smaller:
            return "made smaller"
        return "scaled" if "scaling" in self.details else None


class SetLimits(Change):
    """
    Set limits of the account.

    ``details``: ``limits`` (metric -> limit in its unit; None: no limit), ``smaller``.
    """

    verb: Literal["set-limits"] = "set-limits"

    @property
    def crowd(self) -> str | None:
        """Many at once are as likely a mistake as a need."""
        return "made smaller" if self.shrinks else None

    @property
    def shrinks(self) -> bool:
        """Whether any of them is less than before."""
        return bool(self.details.get("smaller"))


class SetPhp(Change):
    """Run the site on another version of PHP; ``details``: ``version``."""

    usual_risk: ClassVar[Risk] = Risk.DISRUPTIVE
    verb: Literal["set-php"] = "set-php"


class Suspend(_Led):
    """Take the account off the net until it is lifted again."""

    usual_risk: ClassVar[Risk] = Risk.DISRUPTIVE
    takes_down: ClassVar[bool] = True
    verb: Literal["suspend"] = "suspend"


class Unsuspend(_Led):
    """Lift a suspension that this tool made."""

    verb: Literal["unsuspend"] = "unsuspend"


class Terminate(_Led):
    """Delete the account and everything in it, for good."""

    usual_risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    reversible: ClassVar[bool] = False
    takes_down: ClassVar[bool] = True
    two_person: ClassVar[bool] = True
    verb: Literal["terminate"] = "terminate"

    @property
    def needs_proof(self) -> bool:
        """Always: nothing else brings it back."""
        return True


HostingChange = (
    Create
    | ChangePlan
    | SetLimits
    | SetPhp
    | Suspend
    | Unsuspend
    | Terminate
    | Patch
    | RollBack
)
