"""Metrics of Hetzner Cloud's emulator: time series of the last 30 days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.sandbox.cloud_machines import Machine, measured
from reconciler.sandbox.hetzner_words import error, ok
from reconciler.sandbox.rest import Answer, Call

#: "We limit the number of samples returned to a maximum of 500"; 200 without a step.
MOST, USUAL = 500, 200
KEPT: Final = timedelta(days=30)
#: Series of a type -> the metric of the scenario, and the share of it.
_SERIES: Final[dict[str, dict[str, tuple[str, float]]]] = {
    "cpu": {"cpu": ("cpu", 1.0)},
    "disk": {
        "disk.0.iops.read": ("iops", 0.5),
        "disk.0.iops.write": ("iops", 0.5),
        "disk.0.bandwidth.read": ("io", 0.25),
        "disk.0.bandwidth.write": ("io", 0.75),
    },
    "network": {
        "network.0.pps.in": ("pps", 0.5),
        "network.0.pps.out": ("pps", 0.5),
        "network.0.bandwidth.in": ("traffic", 0.2),
        "network.0.bandwidth.out": ("traffic", 0.8),
    },
}


def metrics(call: Call, row: Machine) -> Answer:
    """Return the series of the types that are asked for."""
    kinds = call.query.get("type", "").split(",")
    try:
        start, end = (datetime.fromisoformat(call.query[k]) for k in ("start", "end"))
    except (KeyError, ValueError):
        return error(422, "invalid_input", "invalid input in fields 'start', 'end'")
    if not set(kinds) <= set(_SERIES) or start.tzinfo is None or end <= start:
        return error(422, "invalid_input", "invalid input in field 'type'")
    step = _step(call.query.get("step"), end - start)
    now = call.bench.clock()
    first = max(start, now - KEPT)
    found: dict[str, Any] = {}
    for kind in kinds:
        for name, (metric, share) in _SERIES[kind].items():
            read = measured(call.bench, row, metric)
            values = []
            at = first
            while at <= min(end, now):
                value = read(at) * share if read else 0.0
                values.append([at.timestamp(), f"{value:.6f}"])
                at += timedelta(seconds=step)
            found[name] = {"values": values}
    said = {"start": start.isoformat(), "end": end.isoformat(), "step": step}
    return ok(200, {"metrics": {**said, "time_series": found}})


def _step(asked: str | None, span: timedelta) -> float:
    """Return the seconds between two samples, so that there are not too many."""
    seconds = span.total_seconds()
    wanted = float(asked) if asked else seconds / USUAL
    return max(wanted, seconds / MOST, 1.0)
