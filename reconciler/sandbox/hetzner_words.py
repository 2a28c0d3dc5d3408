"""How Hetzner Cloud's emulator says things: resources, actions, pages, limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from reconciler.sandbox.rest import Answer, Call

#: "The default value is 25, the maximum value is 50."
USUAL, MOST = 25, 50
PER_HOUR: Final = 3600
_LOCATIONS: Final = ("fsn1", "nbg1", "hel1")


def error(status: int, code: str, message: str, **details: Any) -> Answer:
    """Return an error."""
    about = {"code": code, "message": message, "details": details or None}
    return Answer(status, {"error": about})


def ok(status: int, data: Any) -> Answer:
    """Return *data*."""
    return Answer(status, data)


def limited(call: Call) -> dict[str, str] | None:
    """Count a request; return the headers of the limit, None where it is reached."""
    now = call.bench.clock().timestamp()
    hits = call.bench.state["hits"] or [float(PER_HOUR), now]
    left = min(float(PER_HOUR), hits[0] + max(0.0, now - hits[1]))
    allowed = left >= 1
    call.bench.state["hits"] = [left - 1 if allowed else left, now]
    rest = int(call.bench.state["hits"][0])
    call.bench.state["limit"] = {
        "RateLimit-Limit": str(PER_HOUR),
        "RateLimit-Remaining": str(rest),
        "RateLimit-Reset": str(int(now + PER_HOUR - rest)),
        "X-Correlation-Id": f"{crc32(f'{now}/{rest}'.encode()):016x}",
    }
    return dict(call.bench.state["limit"]) if allowed else None


def paged(call: Call, key: str, rows: Sequence[dict[str, Any]]) -> Answer:
    """Return one page of *rows*."""
    size = min(int(call.query.get("per_page") or USUAL), MOST)
    page = int(call.query.get("page") or 1)
    last = max(1, math.ceil(len(rows) / size))
    shown = 1 if call.faulty == "duplicate-page" else page
    about = {
        "page": shown,
        "per_page": size,
        "previous_page": shown - 1 if shown > 1 else None,
        "next_page": shown + 1 if shown < last else None,
        "last_page": last,
        "total_entries": len(rows),
    }
    found = rows[(shown - 1) * size : shown * size]
    return ok(200, {key: found, "meta": {"pagination": about}})


def server(state: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Server."""
    reachable = [
        number(name)
        for name, size in state["sizes"].items()
        if row["place"] not in size["out"]
    ]
    running = next((t for t in state["tasks"] if t["id"] == row["task"]), None)
    return {
        "id": row["id"],
        "name": row["name"],
        "status": _status(row, running),
        "created": row["created"],
        "public_net": {
            "ipv4": {"blocked": False, "dns_ptr": "", "id": 1, "ip": "192.0.2.7"},
            "ipv6": None,
            "floating_ips": [],
            "firewalls": [],
        },
        "private_net": [],
        "server_type": server_type(state, row["size"]),
        "datacenter": {
            "id": 4,
            "name": f"{row['place']}-dc3",
            "description": "",
            "location": location(row["place"]),
            "server_types": {
                "supported": [number(name) for name in state["sizes"]],
                "available": reachable,
                "available_for_migration": reachable,
            },
        },
        "image": None,
        "iso": None,
        "rescue_enabled": False,
        "locked": running is not None,
        "backup_window": None,
        "outgoing_traffic": row.get("outgoing", 0),
        "ingoing_traffic": 0,
        "included_traffic": 20 * 1024**4,
        "protection": {"delete": False, "rebuild": False},
        "labels": row["labels"],
        "volumes": [one["id"] for one in row["volumes"].values()],
        "primary_disk_size": row["disk"],
        "load_balancers": [],
        "placement_group": None,
    }


def _status(row: Mapping[str, Any], running: Mapping[str, Any] | None) -> str:
    words = {
        "shutdown_server": "stopping",
        "start_server": "starting",
        "change_server_type": "migrating",
    }
    now = words.get(running["command"]) if running else None
    return now or str(row["status"])


def location(name: str) -> dict[str, Any]:
    """Return a Location."""
    return {
        "id": 1 + _LOCATIONS.index(name) if name in _LOCATIONS else 9,
        "name": name,
        "description": name,
        "country": "DE",
        "city": "",
        "latitude": 49.4,
        "longitude": 11.1,
        "network_zone": "eu-central",
    }


def number(name: str) -> int:
    """Return the id of a type."""
    return crc32(name.encode()) % 1000


def server_type(state: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a ServerType; it costs the same everywhere."""
    size = state["sizes"][name]
    net = size["monthly"]
    money = {"net": net, "gross": f"{float(net) * 1.19:.4f}"}
    hourly = {"net": f"{float(net) / 730:.4f}", "gross": f"{float(net) / 613:.4f}"}
    return {
        "id": number(name),
        "name": name,
        "description": name.upper(),
        "cores": size["cores"],
        "memory": size["memory"],
        "disk": size["disk"],
        "deprecated": False,
        "cpu_type": "shared",
        "storage_type": "local",
        "prices": [
            {"location": place, "price_hourly": hourly, "price_monthly": money}
            for place in _LOCATIONS
        ],
    }


def volume(name: str, one: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Volume."""
    return {
        "id": one["id"],
        "name": name,
        "size": one["size"],
        "server": row["id"],
        "location": location(row["place"]),
        "linux_device": f"/dev/disk/by-id/scsi-0HC_Volume_{one['id']}",
        "protection": {"delete": False},
        "labels": {},
        "status": "available",
        "created": row["created"],
        "format": "ext4",
    }


def action(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return an Action."""
    failed = task["status"] == "error"
    about = [{"id": int(task["machine"]), "type": "server"}]
    return {
        "id": task["id"],
        "command": task["command"],
        "status": task["status"],
        "progress": 0 if task["status"] == "running" else 100,
        "started": task["started"],
        "finished": task["finished"],
        "resources": task.get("resources") or about,
        "error": {"code": "action_failed", "message": task["error"] or "Action failed"}
        if failed
        else None,
    }
