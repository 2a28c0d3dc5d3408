"""
What machines at Hetzner Cloud use.

Source: the vendor's specification (``GET /servers/{id}/metrics``, ``servers``). What it
has and what follows from it:

* CPU, disk and network alone, as the host sees them, of the last 30 days, in at most
  500 samples for each request. How full a disk or the memory is, only the machine
  itself can tell: its panel, or Prometheus.
* CPU is in per cent, where 100 are one core, as in the vendor's own console.
* What went out since the month began is in the listing, with what is included: one
  value, of this moment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from reconciler.errors import ProviderError, Rejected
from reconciler.model import Account, Reading, Unknown
from reconciler.providers._answers import mapping
from reconciler.providers._hetzner import CREDENTIALS, Hetzner
from reconciler.providers._samples import STEP, CloudProbe, Measured, Target, windows
from reconciler.providers.hetzner_server import HetznerServer

#: "We limit the number of samples returned to a maximum of 500".
_SAMPLES: Final = 500
#: So long ago it is read every five minutes.
_FINE: Final = timedelta(days=1)
#: Metric -> the series that are added up.
_SERIES: Final = {
    "cpu": ("cpu",),
    "io": ("disk.0.bandwidth.read", "disk.0.bandwidth.write"),
}


class HetznerUsage(CloudProbe):
    """The use of the machines of one project."""

    machines: ClassVar = HetznerServer
    first: ClassVar[timedelta] = timedelta(days=14)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = Hetzner(account)

    def close(self) -> None:
        """Let go of connections."""
        super().close()
        self._api.http.close()

    def counted(self) -> dict[str, int]:
        """Return how many requests were sent for metrics."""
        return self._api.http.counts()

    def measured(self, targets: Sequence[Target]) -> Measured:
        """Return the readings of each server, one request for each."""
        traffic = self._traffic() if targets else {}
        found: dict[str, list[Reading] | Unknown] = {}
        for one in targets:
            try:
                readings = [*self._series(one)]
            except ProviderError as error:
                lost = Unknown(why=error.what, request_id=error.request_id)
                found[one.name] = lost
                continue
            sent = traffic.get(one.state.machine)
            if sent is not None:
                readings.append(Reading("bandwidth", one.end, *sent))
            found[one.name] = readings
        return found

    def _traffic(self) -> dict[str, tuple[float, float | None]]:
        """Return what went out of each server since the month began, and the most."""
        found: dict[str, tuple[float, float | None]] = {}
        for row in self._api.all("listServers", "/servers", "servers"):
            sent, most = row.get("outgoing_traffic"), row.get("included_traffic")
            if sent is not None:
                found[str(row["id"])] = float(sent), float(most) if most else None
        return found

    def _series(self, one: Target) -> Iterator[Reading]:
        """Yield what the host saw: CPU, and what was read and written."""
        limits = {"cpu": one.cpu}
        for start, end, step in windows(one.start, one.end, _FINE, _coarse(one)):
            series = self._asked(one, start, end, step)
            for metric, names in _SERIES.items():
                total: dict[datetime, float] = {}
                for name in names:
                    for at, value in _values(mapping(series.get(name) or {})):
                        total[at] = total.get(at, 0.0) + value
                for at, value in total.items():
                    if start <= at < end:
                        yield Reading(metric, at, value, limits.get(metric))

    def _asked(
        self, one: Target, start: datetime, end: datetime, step: int
    ) -> Mapping[str, Any]:
        """Return the series of one span, at moments that are always the same."""
        first = start.timestamp() // step * step
        asked = {
            "type": "cpu,disk",
            "start": datetime.fromtimestamp(first, UTC).isoformat(),
            "end": end.isoformat(),
            "step": str(step),
        }
        path = f"/servers/{one.state.machine}/metrics"
        said = mapping(self._api.get("getServerMetrics", path, asked).get("metrics"))
        return mapping(said.get("time_series"))


def _coarse(one: Target) -> int:
    """Return the seconds between samples of long ago: no more than are answered."""
    span = (one.end - one.start).total_seconds()
    return max(2, math.ceil(span / (_SAMPLES - 2) / STEP)) * STEP


def _values(series: Any) -> Iterator[tuple[datetime, float]]:
    try:
        for at, value in series.get("values") or ():
            yield datetime.fromtimestamp(round(float(at)), UTC), float(value)
    except (TypeError, ValueError, OverflowError) as error:
        what = f"a series cannot be read: {type(error).__name__}"
        raise Rejected(what) from None


DRIVER = HetznerUsage
