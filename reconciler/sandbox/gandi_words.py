"""How Gandi's emulator says things: errors, checks, acceptances and listings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconciler.sandbox.rest import Answer, Call

Account = dict[str, Any]
#: The documentation names no default; without one everything is one page.
USUAL = 100
_WORDS = {
    401: ("Unauthorized", "The server could not verify that you are authorized."),
    403: ("Forbidden", "Access was denied to this resource."),
    404: ("Not Found", "The resource could not be found."),
    429: ("Too Many Requests", "Rate limit exceeded."),
}


def error(status: int) -> Answer:
    """Return an error of the whole request."""
    cause, message = _WORDS[status]
    return _error(status, cause, message)


def denied(message: str) -> Answer:
    """Return a refusal of a purchase."""
    return _error(403, "Forbidden", message)


def _error(status: int, cause: str, message: str) -> Answer:
    kind = f"HTTP{cause.replace(' ', '')}"
    said = {"code": status, "message": message, "object": kind, "cause": cause}
    return Answer(status, said)


def wrong(name: str, description: str) -> Answer:
    """Return what is wrong with one parameter."""
    found = {"location": "body", "name": name, "description": description}
    return Answer(400, {"status": "error", "errors": [found]})


def checked(refusal: Answer | None) -> Answer:
    """Return what a dry run says: 200, whether or not it would be refused."""
    return Answer(200, {"status": "success"} if refusal is None else refusal.data)


def accepted(name: str) -> Answer:
    """Return that something will be done."""
    where = {"Location": f"https://api.test/v5/domain/domains/{name}"}
    message = "The request has been accepted and will be processed."
    return Answer(202, {"message": message}, where)


def listed(call: Call, rows: list[dict[str, Any]], total: int) -> Answer:
    """Return one page of *rows*; *total* counts those that a filter left out, too."""
    size = int(call.query.get("per_page") or USUAL)
    page = int(call.query.get("page") or 1)
    if call.faulty == "empty":
        rows, total = [], 0
    start = 0 if call.faulty == "duplicate-page" else (page - 1) * size
    headers = {"Total-Count": str(total), "Filtered-Count": str(len(rows))}
    last = max(1, -(-len(rows) // size))
    if page < last:
        headers["Link"] = ", ".join(
            f"<{_url(call, number, size)}>; rel={rel}"
            for rel, number in (("next", page + 1), ("last", last))
        )
    return Answer(200, rows[start : start + size], headers)


def _url(call: Call, page: int, size: int) -> str:
    asked = {**call.query, "page": str(page), "per_page": str(size)}
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return f"https://api.test/v5/domain/domains?{query}"


def when(text: str) -> str:
    """Return a time as the vendor writes it."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%SZ")
