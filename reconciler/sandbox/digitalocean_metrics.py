"""Metrics of DigitalOcean's emulator: matrices of text, as its agent sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reconciler.sandbox.cloud_machines import Machine, find, measured
from reconciler.sandbox.cloud_usage import Course, total
from reconciler.sandbox.digitalocean_words import error, ok
from reconciler.sandbox.rest import Answer, Call

#: The agent sends every two minutes.
STEP: Final = timedelta(minutes=2)
KEPT: Final = timedelta(days=14)
#: Seconds that counters had counted when the sandbox began.
_BEGUN: Final = 1e6
_MODES: Final = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
#: What is asked for -> the metric of the scenario.
SERIES: Final = {
    "cpu": "cpu",
    "load_1": "load",
    "memory_available": "memory",
    "memory_total": "memory",
    "filesystem_free": "disk",
    "filesystem_size": "disk",
    "bandwidth": "traffic",
}
Values = list[list[Any]]


def metrics(name: str) -> Callable[[Call], Answer]:
    """Return what serves the series *name*."""

    def serve(call: Call) -> Answer:
        row = find(call.bench, call.query.get("host_id", ""))
        try:
            start, end = (_moment(call.query[key]) for key in ("start", "end"))
        except (KeyError, ValueError):
            return error(400, "bad_request", "start and end are timestamps")
        if name == "bandwidth" and call.query.get("direction") not in {
            "inbound",
            "outbound",
        }:
            return error(400, "bad_request", "direction is inbound or outbound")
        series = [] if row is None else [*_series(call, row, name, start, end)]
        data = {"resultType": "matrix", "result": series}
        return ok(200, {"status": "success", "data": data})

    return serve


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(int(text), UTC)


def _moments(call: Call, start: datetime, end: datetime) -> Iterator[datetime]:
    now = call.bench.clock()
    step = STEP.total_seconds()
    first = max(start, now - KEPT).timestamp()
    at = datetime.fromtimestamp(-(-first // step) * step, UTC)
    while at <= min(end, now):
        yield at
        at += STEP


def _series(
    call: Call, row: Machine, name: str, start: datetime, end: datetime
) -> Iterator[dict[str, Any]]:
    read = measured(call.bench, row, SERIES[name])
    if read is None:
        return
    host = {"host_id": str(row["id"])}
    moments = [*_moments(call, start, end)]
    size = call.bench.state["sizes"][row["size"]]
    if name == "cpu":
        begun = datetime.fromisoformat(call.bench.state["begun"])
        course = Course.model_validate(row["usage"]["cpu"])
        for mode in _MODES:
            values: Values = [
                [int(at.timestamp()), _seconds(course, mode, begun, at, size["cores"])]
                for at in moments
            ]
            yield {"metric": {**host, "mode": mode}, "values": values}
        return
    labels = host
    if name.startswith("filesystem"):
        labels = {**host, "device": "/dev/vda1", "fstype": "ext4", "mountpoint": "/"}
    if name == "bandwidth":
        direction = call.query["direction"]
        labels = {**host, "direction": direction, "interface": "public"}
    whole = {
        "memory_total": size["memory"] * 1024**3,
        "memory_available": size["memory"] * 1024**3,
        "filesystem_size": row["disk"] * 1024**3,
        "filesystem_free": row["disk"] * 1024**3,
    }.get(name, 0.0)
    values = [
        [int(at.timestamp()), str(_said(name, read(at), whole))] for at in moments
    ]
    yield {"metric": labels, "values": values}


def _said(name: str, used: float, whole: float) -> float:
    match name:
        case "memory_total" | "filesystem_size":
            return float(whole)
        case "memory_available" | "filesystem_free":
            return max(0.0, whole - used)
        case "bandwidth":
            return used * 8 / 1e6  # the scenario counts bytes a second
        case _:
            return used


def _seconds(
    course: Course, mode: str, begun: datetime, at: datetime, cores: int
) -> str:
    """Return the seconds that all cores together spent in one mode so far."""
    if mode not in {"user", "idle"}:
        return "0"
    busy = total(course, begun, at) / 100
    whole = (at - begun).total_seconds() * cores + 2 * _BEGUN
    return f"{busy if mode == 'user' else whole - busy:.2f}"
