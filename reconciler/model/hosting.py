"""What a hosting account may use, and what each amount is called everywhere."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from reconciler.model.base import Spec
from reconciler.model.quantity import Percent, Size

#: What is measured of accounts and machines: metric -> its unit. ``cpu`` is per cent
#: of one core (200 are two), ``bandwidth`` is what went out since the month began,
#: ``load`` is the average of one minute.
METRICS: Final = {
    "cpu": "%",
    "memory": "B",
    "disk": "B",
    "inodes": "",
    "io": "B/s",
    "bandwidth": "B",
    "load": "",
}
#: Metrics that only grow until somebody cleans up; the others come and go.
FILLS: Final = frozenset({"disk", "inodes"})
#: The same, and what begins anew by itself each month: foreseen as what fills up.
FILLING: Final = FILLS | {"bandwidth"}


class PlanLimits(Spec):
    """
    The most that one account may use; what is left out is not limited from here.

    Attributes:
        bandwidth: In one month.
        cpu: Of one core: 200% are two.
        inodes: How many files.
        io: Read and written in one second.
    """

    disk: Size | None = None
    bandwidth: Size | None = None
    memory: Size | None = None
    cpu: Percent | None = None
    inodes: Annotated[int, Field(ge=1)] | None = None
    io: Size | None = None

    def of(self, metric: str) -> float | None:
        """Return the limit of *metric* in its unit; None where there is none."""
        found = getattr(self, metric, None)
        if found is None:
            return None
        return float(found * 100) if metric == "cpu" else float(found)

    def over(self, other: PlanLimits) -> PlanLimits:
        """Return these limits, and those of *other* where these say nothing."""
        mine = {name: getattr(self, name) for name in self.model_fields_set}
        return other.model_copy(update={k: v for k, v in mine.items() if v is not None})


def mib(limit: Decimal | float) -> int:
    """Return bytes in whole MiB, the finest unit that panels know."""
    return round(float(limit) / 1024**2)
