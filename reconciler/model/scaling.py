"""By which rules something is made larger or smaller within its declared range."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from reconciler.model.base import Spec
from reconciler.model.calendar import Duration
from reconciler.model.hosting import FILLING
from reconciler.model.money import Money
from reconciler.model.quantity import Percent
from reconciler.model.windows import MaintenanceWindow

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
#: The lead where a person has to agree; and the least of what is stored.
_AGREED, _STORED = timedelta(days=7), timedelta(hours=10)

Metric = Literal["cpu", "memory", "disk", "inodes", "io", "bandwidth", "load"]


class Burst(Spec):
    """
    A larger size for a while, and back again by itself.

    The way back is a smaller size: it waits for a backup that was proven, and for what
    is stored to fit.

    Attributes:
        lasts: How long it stays larger at least; it goes back when what was used in
            that time would have fitted.
        most: How often in thirty days; what needs it more often needs it for good.
    """

    lasts: Duration = timedelta(days=2)
    most: Annotated[int, Field(ge=1, le=10)] = 2


class Scaling(Spec):
    """
    When, how far, and by whose leave.

    Attributes:
        mode: ``recommend``: it is said, and written as a patch; ``approve``: it is
            planned, and waits for a person; ``auto``: it is done.
        metrics: What is looked at; all that is measured and limited if left out.
        target: How full it may get: reaching this share of a limit is what shall not
            happen.
        horizon: How far is looked ahead.
        probability: How sure it has to be that the target is reached by then.
        lead: How long before the target is reached it has to be larger; until then it
            waits, and knows more. Left out: see ``lead_for``.
        cool_down: How long nothing is scaled after it was scaled.
        windows: When something may be scaled; left out: at any time.
        max_increase: The most that it may cost more in one month, all steps together
            that were taken in the last thirty days. Nothing that costs more is scaled
            where it is left out.
        down: Whether something is made smaller: only where 30 days show that it fits,
            never because of a forecast alone. ``never``, ``recommend`` or ``approve``.
        burst: Where a need passes by, the larger size is given back.
    """

    mode: Literal["recommend", "approve", "auto"] = "recommend"
    metrics: tuple[Metric, ...] = ()
    target: Percent = Decimal("0.9")
    horizon: Duration = timedelta(days=14)
    probability: Percent = Decimal("0.6")
    lead: Duration | None = None
    cool_down: Duration = timedelta(days=7)
    windows: tuple[MaintenanceWindow, ...] = ()
    max_increase: Money | None = None
    down: Literal["never", "recommend", "approve"] = "recommend"
    burst: Burst | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not Decimal("0.5") <= self.target <= 1:
            raise ValueError("target is between 50% and 100%")
        if not Decimal("0.5") <= self.probability < 1:
            raise ValueError(
                "probability is at least 50%, or a coin would decide, and below 100%"
            )
        if not _HOUR <= self.horizon <= timedelta(days=90):
            raise ValueError("horizon is between 1h and 90d: nobody sees farther")
        if self.lead is not None and not _HOUR <= self.lead <= self.horizon:
            raise ValueError("lead is between 1h and the horizon: beyond it is no view")
        if len(set(self.metrics)) != len(self.metrics):
            raise ValueError("metrics names the same one twice")
        if self.mode == "auto" and self.max_increase is None:
            raise ValueError(
                "mode: auto needs maxIncrease, as in 20.00 EUR: what it may cost"
            )
        if self.max_increase is not None and self.max_increase.amount <= 0:
            raise ValueError("maxIncrease is more than nothing")
        return self

    def lead_for(self, metric: str, every: timedelta = _DAY) -> timedelta:
        """
        Return how long before its target something is made larger.

        Who acts alone and looks again after *every* so long needs no more than that;
        three times as long for what fills up, and ten hours at least: it grows by leaps
        that no hour before tells, and does harm when it is full. Where a person has to
        agree, they need a week.
        """
        if self.lead is not None:
            return self.lead
        if self.mode != "auto":
            return min(_AGREED, self.horizon)
        alone = max(3 * every, _STORED) if metric in FILLING else every
        return min(alone, self.horizon)
