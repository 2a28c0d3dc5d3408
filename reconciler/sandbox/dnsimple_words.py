"""How DNSimple's emulator says things: ``data``, ``pagination``, ``message``."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from reconciler.sandbox.rest import Answer, Call

Account = dict[str, Any]
#: "The number of entries to return per page (default: 30, maximum: 100)."
USUAL, MOST = 30, 100


def error(status: int, message: str, **errors: list[str]) -> Answer:
    """Return an error; a 400 names the fields that are wrong."""
    if status != 400:
        return Answer(status, {"message": message})
    return Answer(status, {"message": message, "errors": errors})


def ok(status: int, data: Any) -> Answer:
    """Return *data*."""
    return Answer(status, {"data": data})


def good(data: Any) -> Answer:
    """Return *data* with the usual status."""
    return ok(200, data)


def paged(call: Call, rows: list[dict[str, Any]]) -> Answer:
    """Return one page of *rows*."""
    size = min(int(call.query.get("per_page") or USUAL), MOST)
    page = int(call.query.get("page") or 1)
    rows = [] if call.faulty == "empty" else rows
    start = 0 if call.faulty == "duplicate-page" else (page - 1) * size
    info = {
        "current_page": page,
        "per_page": size,
        "total_entries": len(rows),
        "total_pages": max(1, math.ceil(len(rows) / size)),
    }
    shown = rows[start : start + size]
    return Answer(200, {"data": shown, "pagination": info})


def when(text: str) -> str:
    """Return a time as the vendor writes it."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%SZ")
