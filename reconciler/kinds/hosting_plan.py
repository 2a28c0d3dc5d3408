"""What a customer can buy: its price, its limits, and what a vendor calls it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from reconciler.model import Change, Price, Size, Spec, To
from reconciler.model.hosting import PlanLimits
from reconciler.model.resource import Resource

_KEY = r"^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$"
_PACKAGE = r"^\S(.{0,98}\S)?$"


class Overage(Spec):
    """
    What is paid for use above a limit.

    Attributes:
        of: The limit.
        per: For each such amount above it that was begun.
    """

    of: Literal["disk", "bandwidth", "memory"]
    per: Size
    price: Price


class HostingPlanSpec(Spec):
    """
    What accounts of this plan cost and get.

    Attributes:
        price: What the customer pays.
        packages: What the plan is called where accounts live, by vendor or by
            Provider; the Provider's own word wins.
        overage: What use above the limits costs.
        up: The next larger plan, ``down`` the next smaller one: where an account of
            this plan may move to.
        downtime: What moving an account to this plan costs its visitors.
        irreversible: What moving an account to this plan does for good.
    """

    price: Price
    limits: PlanLimits = PlanLimits()
    packages: Annotated[
        dict[
            Annotated[str, Field(pattern=_KEY)],
            Annotated[str, Field(pattern=_PACKAGE)],
        ],
        Field(min_length=1),
    ]
    overage: tuple[Overage, ...] = ()
    up: Annotated[str, To("HostingPlan", edge=False)] | None = None
    down: Annotated[str, To("HostingPlan", edge=False)] | None = None
    downtime: Literal["none", "reboot"] = "none"
    irreversible: tuple[Literal["disk", "address"], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.up is not None and self.up == self.down:
            raise ValueError("up and down name the same plan")
        if len(set(self.irreversible)) != len(self.irreversible):
            raise ValueError("irreversible names the same effect twice")
        seen: set[str] = set()
        for one in self.overage:
            if one.of in seen:
                raise ValueError(f"overage has {one.of} twice")
            seen.add(one.of)
            if getattr(self.limits, one.of) is None:
                raise ValueError(f"overage of {one.of}, which has no limit")
            if one.price.money.currency != self.price.money.currency:
                raise ValueError("overage is in another currency than the price")
        return self


class HostingPlan(Resource[Change]):
    """A plan that hosting accounts are on; nothing acts on the plan itself."""

    kind: ClassVar[str] = "HostingPlan"
    spec: HostingPlanSpec

    @model_validator(mode="after")
    def _not_its_own_neighbour(self) -> Self:
        if self.name in {self.spec.up, self.spec.down}:
            raise ValueError("a plan is not its own neighbour")
        return self


KIND = HostingPlan
