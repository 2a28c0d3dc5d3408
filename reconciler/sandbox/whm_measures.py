"""
What a WHM server tells of what its accounts use, in its wire format.

After the vendor's reference (``showbw``, ``systemloadavg``, ``getdiskusage``, UAPI's
``ResourceUsage::get_usages``), and what public clients read of the rows that CloudLinux
adds to it (``lvecpu``, ``lvememphy``, ``lveio``): not documented by either vendor, and
there only on such a server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.sandbox import whm_use
from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.whm_seeds import most, own
from reconciler.sandbox.whm_ssl import answered, failed, given

Serve = Callable[[Call, str], Answer]
_MIB: Final = 1024**2


def disk(call: Call, row: Mapping[str, Any]) -> int:
    """Return what an account uses of its disk, in whole MiB, as listings have it."""
    return int(whm_use.disk(row["use"], row["made"], call.bench.clock()))


def files(call: Call, row: Mapping[str, Any]) -> int:
    """Return how many files an account has."""
    return whm_use.files(row["use"], row["made"], call.bench.clock())


def _bandwidth(call: Call, user: str) -> Answer:
    asked = given(call)
    now = call.bench.clock()
    at = whm_use.month_of(now, asked.get("month"), asked.get("year"))
    if at is None:
        return failed("There is no such month.")
    rows = []
    for name, row in own(call, user).items():
        used = int(whm_use.traffic(row["use"], row["made"], at) * _MIB)
        limit = most(call.state, row, "bandwidth")
        rows.append(
            {
                "bwusage": [{"deleted": 0, "domain": row["domain"], "usage": used}],
                "deleted": 0,
                "limit": limit * _MIB if limit else "unlimited",
                "maindomain": row["domain"],
                "owner": row["owner"],
                "reseller": 0,
                "totalbytes": used,
                "user": name,
            }
        )
    if call.faulty == "empty":
        rows = []
    total = sum(row["totalbytes"] for row in rows)
    whole = {"acct": rows, "month": at.month, "year": at.year, "reseller": user}
    return answered({**whole, "totalused": total})


def _load(call: Call, _: str) -> Answer:
    now = call.bench.clock()
    busy = sum(
        whm_use.cpu(name, row["use"], now)
        for name, row in call.state["accounts"].items()
        if row["suspended"] is None
    )
    average = round(busy / 100, 2)
    return answered({"one": average, "five": average, "fifteen": average})


def _partitions(call: Call, _: str) -> Answer:
    used = sum(disk(call, row) for row in call.state["accounts"].values()) * 1024
    total = 1024 * 1024 * 1024
    rows = [
        {
            "available": total - used,
            "device": "vda1",
            "disk": "/dev/vda1",
            "filesystem": "/dev/vda1",
            "mount": "/",
            "percentage": used * 100 // total,
            "total": total,
            "used": used,
        },
        {
            "available": 490000,
            "device": "vda2",
            "disk": "/dev/vda2",
            "filesystem": "/dev/vda2",
            "mount": "/boot",
            "percentage": 2,
            "total": 500000,
            "used": 10000,
        },
    ]
    return answered({"partition": rows})


def usages(call: Call, name: str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the ``data`` of ``ResourceUsage::get_usages``."""
    now, use = call.bench.clock(), row["use"]
    quota = most(call.state, row, "quota")
    used = disk(call, row) * _MIB
    found = [
        _line("disk_usage", used, quota * _MIB or None, "format_bytes"),
        _line("mysql_databases", 0, None, None),
    ]
    if call.state["lve"]:
        memory = int(whm_use.memory(name, use, row["made"], now) * _MIB)
        cpu = int(whm_use.cpu(name, use, now))
        io = int(whm_use.io(name, use, now) * 1024)
        found += [
            _line("lvecpu", cpu, 100, "percent"),
            _line("lveep", 1, 20, None),
            _line("lvememphy", memory, 1024 * _MIB, "format_bytes"),
            _line("lveio", io, 1024 * 1024, "format_bytes_per_second"),
        ]
    return found


def measured(other: Serve) -> Serve:
    """Return ``uapi_cpanel`` with ``ResourceUsage::get_usages`` beside the *other*."""

    def serving(call: Call, user: str) -> Answer:
        asked = given(call)
        if asked.get("cpanel.module") != "ResourceUsage":
            return other(call, user)
        name = asked.get("cpanel.user", "")
        row = own(call, user).get(name)
        if row is None or asked.get("cpanel.function") != "get_usages":
            return failed("You do not own that user.")
        uapi: dict[str, Any] = {
            "data": usages(call, name, row),
            "errors": None,
            "messages": None,
            "metadata": {},
            "status": 1,
            "warnings": None,
        }
        return answered({"uapi": uapi})

    return serving


def _line(
    what: str, usage: int, maximum: int | None, formatter: str | None
) -> dict[str, Any]:
    return {
        "description": what,
        "error": None,
        "formatter": formatter,
        "id": what,
        "maximum": maximum,
        "url": "",
        "usage": usage,
    }


TABLE: Final[Mapping[str, Serve]] = {
    "showbw": _bandwidth,
    "systemloadavg": _load,
    "getdiskusage": _partitions,
}
