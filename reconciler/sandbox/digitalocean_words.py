"""How DigitalOcean's emulator says things: resources, actions, pages, limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zlib import crc32

from reconciler.sandbox.rest import Answer, Call

#: "By default, 20 objects are returned per page. [...] The maximum [...] is 200."
USUAL, MOST = 20, 200
PER_HOUR: Final = 5000
PER_MINUTE: Final = 250
_STATUS: Final = {"running": "active", "off": "off"}
_ACTION: Final = {"running": "in-progress", "success": "completed", "error": "errored"}
_REGIONS: Final = ("ams3", "fra1", "nyc3")


def error(status: int, name: str, message: str) -> Answer:
    """Return an error."""
    number = "4d9d8375-3c56-4925-a3e7-eb137fed17e9"
    return Answer(status, {"id": name, "message": message, "request_id": number})


def ok(status: int, data: Any) -> Answer:
    """Return *data*."""
    return Answer(status, data)


def limited(call: Call) -> tuple[dict[str, str], bool]:
    """Count a request; return the headers of the limit, and whether it is kept."""
    now = call.bench.clock().timestamp()
    hits = [at for at in call.bench.state["hits"] if now - at < 3600]
    minute = [at for at in hits if now - at < 60]
    burst, over = len(minute) >= PER_MINUTE, len(hits) >= PER_HOUR
    allowed = not (burst or over)
    if allowed:
        hits.append(now)
    call.bench.state["hits"] = hits
    left = 0 if burst else max(0, PER_HOUR - len(hits))
    headers = {
        "ratelimit-limit": str(PER_HOUR),
        "ratelimit-remaining": str(left),
        "ratelimit-reset": str(int(hits[0] + 3600)),
        "x-request-id": f"{crc32(f'{now}/{left}'.encode()):08x}",
    }
    if burst:
        headers["retry-after"] = str(math.ceil(minute[0] + 60 - now))
    return headers, allowed


def paged(call: Call, key: str, rows: Sequence[dict[str, Any]]) -> Answer:
    """Return one page of *rows*."""
    size = min(int(call.query.get("per_page") or USUAL), MOST)
    page = int(call.query.get("page") or 1)
    last = max(1, math.ceil(len(rows) / size))
    shown = 1 if call.faulty == "duplicate-page" else page
    base = f"https://api.digitalocean.com{call.where}?per_page={size}&page="
    pages: dict[str, str] = {}
    if page > 1:
        pages |= {"first": f"{base}1", "prev": f"{base}{page - 1}"}
    if page < last:
        pages |= {"next": f"{base}{page + 1}", "last": f"{base}{last}"}
    links = {"pages": pages} if pages else {}
    found = rows[(shown - 1) * size : shown * size]
    return ok(200, {key: found, "links": links, "meta": {"total": len(rows)}})


def droplet(state: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a droplet."""
    size = state["sizes"][row["size"]]
    disk = {"type": "local", "size": {"amount": row["disk"], "unit": "gib"}}
    return {
        "id": row["id"],
        "name": row["name"],
        "memory": int(size["memory"] * 1024),
        "vcpus": size["cores"],
        "disk": row["disk"],
        "disk_info": [disk],
        "locked": row["task"] is not None,
        "status": _STATUS[row["status"]],
        "kernel": None,
        "created_at": when(row["created"]),
        "features": ["monitoring"],
        "backup_ids": [],
        "next_backup_window": None,
        "snapshot_ids": [],
        "image": {"id": 63663980, "distribution": "Debian", "slug": "debian-12-x64"},
        "volume_ids": [str(one["id"]) for one in row["volumes"].values()],
        "size": size_of(state, row["size"]),
        "size_slug": row["size"],
        "networks": {"v4": [], "v6": []},
        "region": region(row["place"]),
        "tags": row["tags"],
    }


def region(slug: str) -> dict[str, Any]:
    """Return a region."""
    return {
        "name": slug.upper(),
        "slug": slug,
        "features": ["metadata", "storage"],
        "available": True,
        "sizes": [],
    }


def size_of(state: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a size; its price is a number."""
    size = state["sizes"][name]
    monthly = float(size["monthly"])
    return {
        "slug": name,
        "memory": int(size["memory"] * 1024),
        "vcpus": size["cores"],
        "disk": size["disk"],
        "transfer": 1.0,
        "price_monthly": monthly,
        "price_hourly": monthly / 672,
        "regions": [one for one in _REGIONS if one not in size["out"]],
        "available": True,
        "description": "Basic",
    }


def volume(name: str, one: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a volume."""
    return {
        "id": str(one["id"]),
        "name": name,
        "description": "",
        "size_gigabytes": one["size"],
        "droplet_ids": [row["id"]],
        "created_at": when(row["created"]),
        "region": region(row["place"]),
        "filesystem_type": "ext4",
        "filesystem_label": "",
        "tags": [],
    }


def action(task: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action; why it errored is told nowhere."""
    finished = task["finished"]
    of_volume = task.get("about") == "volume"
    return {
        "id": task["id"],
        "status": _ACTION[task["status"]],
        "type": "resize" if of_volume else task["command"],
        "started_at": when(task["started"]),
        "completed_at": when(finished) if finished else None,
        "resource_id": None if of_volume else int(task["machine"]),
        "resource_type": "backend" if of_volume else "droplet",
        "region": region(row["place"]),
        "region_slug": row["place"],
    }


def when(text: str) -> str:
    """Return a time as the vendor writes it."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%SZ")
