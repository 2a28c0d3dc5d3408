"""How much may be spent and changed in one run, day and month."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from reconciler.model import Change, Percent, Spec
from reconciler.model.resource import Resource
from reconciler.policy.scope import Amounts, Scope

#: Who is charged.
CUSTOMER = "Customer"


class Spend(Spec):
    """
    The most that may be spent (or charged), in each currency; they never mix.

    A list names every currency that may be spent: one it leaves out may not be.
    Days and calendar months are those of UTC.
    """

    per_run: Amounts = ()
    per_day: Amounts = ()
    per_month: Amounts = ()


class Limit(Spec):
    """
    How many resources at most; the stricter of the two holds.

    Attributes:
        share: Of the resources declared (of ``scope.kinds``, where given), rounded
            up, so that one is always possible.
    """

    count: Annotated[int, Field(ge=0)] | None = None
    share: Percent | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.count is None and self.share is None:
            raise ValueError("write count, share or both")
        return self

    def among(self, declared: int) -> int:
        """Return the limit for that many declared resources."""
        limits = [] if self.count is None else [self.count]
        if self.share is not None:
            limits.append(at_most(self.share, declared))
        return min(limits)


class BudgetSpec(Spec):
    """
    Limits for the actions in ``scope``; without one, for all together.

    Attributes:
        spend: What we may pay.
        charges: What customers may be charged; never added to what we pay.
        charged: Customers that a run may charge; ``share`` is of all customers.
        deletes: Resources of which a run may destroy something.
        changes: Resources a run may change, or take off the net. Other work that is
            due (a renewal) is no change in this sense; ``spend`` limits it.
    """

    scope: Scope = Scope()
    spend: Spend | None = None
    charges: Spend | None = None
    charged: Limit | None = None
    deletes: Limit | None = None
    changes: Limit | None = None

    @model_validator(mode="after")
    def _can_be_counted(self) -> Self:
        limits = [limit for limit in (self.deletes, self.changes) if limit]
        sums = [money for money in (self.spend, self.charges) if money]
        if not (sums or limits or self.charged):
            raise ValueError(
                "write at least one of spend, charges, charged, deletes and changes"
            )
        over_time = any(money.per_day or money.per_month for money in sums)
        if over_time and not self.scope.only("accounts"):
            raise ValueError(
                "the ledger knows accounts: with perDay or perMonth the scope can "
                "name accounts alone"
            )
        if any(limit.share for limit in limits) and not self.scope.only("kinds"):
            raise ValueError(
                "a share is of all resources of a kind: the scope can name kinds alone"
            )
        return self

    def declared(self, resources: Mapping[str, int], field: str) -> int:
        """Return how many resources the share in *field* is of."""
        if field == "charged":
            return resources.get(CUSTOMER, 0)
        kinds = self.scope.kinds or tuple(resources)
        return sum(resources.get(kind, 0) for kind in kinds)


class Budget(Resource[Change]):
    """
    Holds what does not fit any more, in the order of due dates.

    No approval lifts it: a budget is raised by a reviewed commit.
    """

    kind: ClassVar[str] = "Budget"
    spec: BudgetSpec


def at_most(share: Decimal, total: int) -> int:
    """Return *share* of *total*, rounded up."""
    return int((share * total).to_integral_value(rounding=ROUND_CEILING))
