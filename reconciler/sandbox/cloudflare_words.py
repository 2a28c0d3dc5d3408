"""The envelope that every answer of Cloudflare's API comes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.sandbox.rest import Answer

_RAY = {"CF-Ray": "8f0000000000-AMS"}


def good(result: Any, status: int = 200, **more: Any) -> Answer:
    """Return *result*; *more* stands beside it (``result_info``)."""
    said = {"success": True, "errors": [], "messages": [], "result": result, **more}
    return Answer(status, said, _RAY)


def bad(
    status: int, code: int, message: str, source: Mapping[str, str] | None = None
) -> Answer:
    """Return an error; *source* points to what is wrong in the body."""
    error = {"code": code, "message": message, **({"source": source} if source else {})}
    said = {"success": False, "errors": [error], "messages": [], "result": None}
    return Answer(status, said, _RAY)
