"""
What droplets at DigitalOcean use.

Source: the vendor's specification (``/v2/monitoring/metrics/droplet/...``). What it has
and what follows from it:

* Answers are those of Prometheus: matrices of ``[moment, text]``, of one droplet and
  one metric each, so that a droplet is six requests. Where its agent is not installed
  there are no series: what is not there is left out.
* CPU comes as counters of seconds by mode: what all but ``idle`` and ``iowait`` gained
  in a second is the share of one core. A counter that fell began anew.
* Memory is total less available, a disk is size less free of ``/``.
* Bandwidth is in megabits a second: what went out since the month began is added up
  from there, once, and from the last sum afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected
from reconciler.model import Account, Reading, Unknown
from reconciler.providers._answers import mapping, rows
from reconciler.providers._digitalocean import CREDENTIALS, DigitalOcean
from reconciler.providers._samples import CORE, CloudProbe, Measured, Target, month
from reconciler.providers.digitalocean_server import DigitalOceanServer

_PATH: Final = "/v2/monitoring/metrics/droplet/"
_IDLE: Final = frozenset({"idle", "iowait"})
#: A gap that is longer has no samples in it: nobody knows what went on there.
_GAP: Final = timedelta(minutes=15)
_MEGABIT: Final = 1e6 / 8
_ONE_MONTH: Final = timedelta(days=32)
#: Readings are five minutes apart: finer ones say nothing more about weeks.
_STEP: Final = timedelta(minutes=5)

Series = list[tuple[datetime, float]]


class DigitalOceanUsage(CloudProbe):
    """The use of the droplets of one team."""

    machines: ClassVar = DigitalOceanServer
    first: ClassVar[timedelta] = timedelta(days=2)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = DigitalOcean(account)

    def close(self) -> None:
        """Let go of connections."""
        super().close()
        self._api.http.close()

    def counted(self) -> dict[str, int]:
        """Return how many requests were sent for metrics."""
        return self._api.http.counts()

    def measured(self, targets: Sequence[Target]) -> Measured:
        """Return the readings of each droplet."""
        found: dict[str, list[Reading] | Unknown] = {}
        for one in targets:
            try:
                found[one.name] = [*self._all(one)]
            except ProviderError as error:
                lost = Unknown(why=error.what, request_id=error.request_id)
                found[one.name] = lost
        return found

    def _all(self, one: Target) -> Iterator[Reading]:
        yield from _thinned("cpu", self._cpu(one), one.cpu)
        yield from _thinned("load", _only(self._asked(one, "load_1")), None)
        pairs = (("memory", "memory_total", "memory_available"),)
        disks = (("disk", "filesystem_size", "filesystem_free"),)
        for metric, whole, left in (*pairs, *disks):
            most = dict(_only(self._asked(one, whole)))
            free = dict(_only(self._asked(one, left)))
            used = [(at, most[at] - free[at]) for at in sorted(set(most) & set(free))]
            last = most[max(most)] if most else None
            yield from _thinned(metric, used, last)
        yield from self._sent(one)

    def _asked(
        self, one: Target, name: str, start: datetime | None = None, **more: str
    ) -> list[tuple[Mapping[str, str], Series]]:
        """Return the series of one metric, each with its labels."""
        begun = start or one.start
        params = {
            "host_id": one.state.machine,
            "start": str(int(begun.timestamp())),
            "end": str(int(one.end.timestamp())),
            **more,
        }
        said = self._api.get(f"metrics/{name}", f"{_PATH}{name}", params)
        if said.get("status") != "success":
            raise Rejected(f"metrics/{name}: the answer is no success")
        result = rows(mapping(said.get("data")).get("result"), "series")
        return [(mapping(row.get("metric")), _values(row)) for row in result]

    def _cpu(self, one: Target) -> Series:
        """Return the share of one core that was not idle, between two samples each."""
        busy: dict[datetime, float] = {}
        for labels, series in self._asked(one, "cpu"):
            if labels.get("mode") not in _IDLE:
                for at, seconds in series:
                    busy[at] = busy.get(at, 0.0) + seconds
        found = []
        for (before, had), (at, has) in pairwise(sorted(busy.items())):
            length = at - before
            if timedelta(0) < length <= _GAP and has >= had:
                share = (has - had) / length.total_seconds() * CORE
                found.append((at, share))
        return found

    def _sent(self, one: Target) -> Iterator[Reading]:
        """Yield what went out since the month began."""
        key = f"{self._account.endpoint}|{self._account.name}|sent|{one.name}"
        begun, upto, total = month(one.end), month(one.end), 0.0
        match self._account.cache.get(key):
            case [str() as of, str() as last, int() | float() as bytes_] if (
                datetime.fromisoformat(of) == begun
            ):
                upto, total = datetime.fromisoformat(last), float(bytes_)
        more = {"interface": "public", "direction": "outbound"}
        series = _only(self._asked(one, "bandwidth", upto, **more))
        sums: Series = []
        for at, megabits in series:
            length = min(at - upto, _GAP)
            if length > timedelta(0):
                total += megabits * _MEGABIT * length.total_seconds()
                upto = at
                sums.append((at, total))
        kept: JsonValue = [begun.isoformat(), upto.isoformat(), total]
        self._account.cache.put(key, kept, one.end + _ONE_MONTH)
        new = [each for each in sums if each[0] >= one.start]
        yield from _thinned("bandwidth", new, None)


def _values(row: Mapping[str, Any]) -> Series:
    try:
        found = [
            (datetime.fromtimestamp(int(at), UTC), float(value))
            for at, value in row.get("values") or ()
        ]
    except (TypeError, ValueError, OverflowError) as error:
        what = f"a series cannot be read: {type(error).__name__}"
        raise Rejected(what) from None
    return sorted(found)


def _only(series: Sequence[tuple[Mapping[str, str], Series]]) -> Series:
    """Return the one series that is meant: that of ``/``, where there are several."""
    roots = [one for labels, one in series if labels.get("mountpoint", "/") == "/"]
    return roots[0] if roots else []


def _thinned(metric: str, series: Series, limit: float | None) -> Iterator[Reading]:
    """Yield one reading for each five minutes: the highest."""
    best: dict[int, tuple[float, datetime]] = {}
    for at, value in series:
        slot = int(at.timestamp() // _STEP.total_seconds())
        best[slot] = max(best.get(slot, (value, at)), (value, at))
    for value, at in best.values():
        yield Reading(metric, at, max(0.0, value), limit)


DRIVER = DigitalOceanUsage
