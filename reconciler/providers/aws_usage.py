"""
What machines at Amazon EC2 use, as CloudWatch has it.

Sources: the API reference (``GetMetricData``: "up to 500 MetricDataQuery structures",
"up to 100,800 data points") and the user guides of EC2 ("Instance metrics", "Amazon EBS
metrics for Nitro-based instances") and of the CloudWatch agent. What follows:

* All machines of a region are asked in one call, as many queries as it takes.
* ``CPUUtilization`` is a share of all cores, and becomes per cent of one; its maximum
  in five minutes is taken. ``EBSReadBytes`` and ``EBSWriteBytes`` are sums of a period.
* ``NetworkOut`` is added up from the beginning of the month, hour by hour.
* How full memory and disks are, the agent alone tells: ``mem_used`` and ``disk_used``
  of the namespace ``CWAgent``, by ``InstanceId`` alone: ``aggregation_dimensions:
  [["InstanceId"]]`` in its configuration.
* What has no data is no answer: it is left out, and is never nought.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from reconciler.model import Account, Reading
from reconciler.providers._aws import CREDENTIALS, REGION, Aws, pages
from reconciler.providers._samples import (
    CloudProbe,
    Measured,
    Target,
    each,
    month,
    windows,
)
from reconciler.providers.aws_server import AwsServer

CLOUDWATCH: Final = "cloudwatch"
#: "A single GetMetricData call can include up to 500 MetricDataQuery structures."
QUERIES: Final = 500
#: Machines at once for the sums of a month: no more than 100,800 values.
_MONTHS: Final = 100
_HOUR: Final = timedelta(hours=1)
#: What is older than this is read hour by hour.
_FINE: Final = timedelta(days=2)


class _Asked(NamedTuple):
    """A metric of CloudWatch; ``per_second``: its values are sums of a period."""

    metric: str
    space: str
    name: str
    stat: str
    per_second: bool = False


_METRICS: Final = (
    _Asked("cpu", "AWS/EC2", "CPUUtilization", "Maximum"),
    _Asked("io", "AWS/EC2", "EBSReadBytes", "Sum", per_second=True),
    _Asked("io", "AWS/EC2", "EBSWriteBytes", "Sum", per_second=True),
    _Asked("memory", "CWAgent", "mem_used", "Maximum"),
    _Asked("disk", "CWAgent", "disk_used", "Maximum"),
)
_SENT: Final = _Asked("bandwidth", "AWS/EC2", "NetworkOut", "Sum")

Series = dict[datetime, float]
T = TypeVar("T")


class AwsUsage(CloudProbe):
    """The use of the instances of one account."""

    machines: ClassVar = AwsServer
    first: ClassVar[timedelta] = timedelta(days=14)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._aws = Aws(account)

    def close(self) -> None:
        """Let go of connections."""
        super().close()
        self._aws.close()

    def counted(self) -> dict[str, int]:
        """Return how many requests were sent for metrics."""
        found = dict(self._aws.counts)
        self._aws.counts.clear()
        return found

    def measured(self, targets: Sequence[Target]) -> Measured:
        """Return the readings of all instances, region by region."""
        found = each(targets)
        for region in sorted({one.state.region or REGION for one in targets}):
            there = [one for one in targets if (one.state.region or REGION) == region]
            for name, reading in self._region(region, there):
                kept = found[name]
                if isinstance(kept, list):
                    kept.append(reading)
        return found

    def _region(
        self, region: str, targets: Sequence[Target]
    ) -> Iterator[tuple[str, Reading]]:
        """Yield every reading of one region, with the name of what it is about."""
        start = min(one.start for one in targets)
        end = targets[0].end
        by_name = {one.name: one for one in targets}
        asked = [(one, what) for one in targets for what in _METRICS]
        for first, last, period in windows(start, end, _FINE, 3600):
            total: dict[tuple[str, str], Series] = {}
            for part in _parts(asked, QUERIES):
                for (one, what), series in self._series(
                    region, part, first, last, period
                ):
                    kept = total.setdefault((one.name, what.metric), {})
                    factor = 1 / period if what.per_second else 1.0
                    for at, value in series.items():
                        kept[at] = kept.get(at, 0.0) + value * factor
            whole = timedelta(seconds=period)
            for (name, metric), series in total.items():
                one = by_name[name]
                for at, value in series.items():
                    if one.start <= at and at + whole <= last:  # a part says too little
                        yield name, _reading(one, metric, at, value)
        for few in _parts(targets, _MONTHS):
            yield from self._sent(region, few, end)

    def _sent(
        self, region: str, targets: Sequence[Target], end: datetime
    ) -> Iterator[tuple[str, Reading]]:
        """Yield what went out since the month began, at the end of each hour."""
        begun = month(end)
        if end - begun < timedelta(minutes=5):
            return
        asked = [(one, _SENT) for one in targets]
        for (one, _), series in self._series(region, asked, begun, end, 3600):
            total = 0.0
            for at in sorted(series):
                total += series[at]
                moment = min(at + _HOUR, end)
                if moment >= one.start:
                    yield one.name, Reading("bandwidth", moment, total)

    def _series(
        self,
        region: str,
        asked: Sequence[tuple[Target, _Asked]],
        start: datetime,
        end: datetime,
        period: int,
    ) -> list[tuple[tuple[Target, _Asked], Series]]:
        """Return what CloudWatch has for each of *asked*, in one call."""
        calls = self._aws.calls(CLOUDWATCH, region)
        queries = [_query(n, one, what, period) for n, (one, what) in enumerate(asked)]
        first = start.timestamp() // period * period
        found: list[Series] = [{} for _ in asked]
        for page in pages(
            calls.get_metric_data,
            "NextToken<NextToken",
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(first, start.tzinfo),
            EndTime=end,
            ScanBy="TimestampAscending",
        ):
            for row in page["MetricDataResults"]:
                series = found[int(str(row["Id"])[1:])]
                times = (at.astimezone(UTC) for at in row["Timestamps"])
                series |= dict(zip(times, row["Values"], strict=True))
        return list(zip(asked, found, strict=True))


def _parts(many: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield *many* in parts of at most *size*."""
    for start in range(0, len(many), size):
        yield many[start : start + size]


def _query(number: int, one: Target, what: _Asked, period: int) -> dict[str, Any]:
    about = [{"Name": "InstanceId", "Value": one.state.machine}]
    metric = {"Namespace": what.space, "MetricName": what.name, "Dimensions": about}
    stat = {"Metric": metric, "Period": period, "Stat": what.stat}
    return {"Id": f"q{number}", "MetricStat": stat, "ReturnData": True}


def _reading(one: Target, metric: str, at: datetime, value: float) -> Reading:
    """Return a value in our unit, with its limit."""
    match metric:
        case "cpu":
            most = one.cpu
            return Reading(metric, at, value * (most or 100.0) / 100.0, most)
        case "memory":
            whole = float(one.offer.memory) if one.offer else None
            return Reading(metric, at, value, whole)
        case "disk":
            whole = float(one.state.disk) if one.state.disk else None
            return Reading(metric, at, value, whole)
        case _:
            return Reading(metric, at, value)


DRIVER = AwsUsage
