"""
What a WHM server answers about its own version, in its wire format.

After the vendor's reference (``get_update_availability``, ``start_cpanel_update``).
Kept: an update is started and goes on in the background, and one that runs already is
not started again. Not documented, and played: how long it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.whm_ssl import answered

Serve = Callable[[Call, str], Answer]
_FIRST: Final = 23456


def _availability(call: Call, user: str) -> Answer:
    del user
    panel = _panel(call)
    newer = panel["version"] != panel["newest"]
    return answered(
        {
            "current_version": panel["version"],
            "newest_version": panel["newest"],
            "tier": panel["tier"],
            "update_available": int(newer),
        }
    )


def _start(call: Call, user: str) -> Answer:
    del user
    panel, now = _panel(call), int(call.bench.clock().timestamp())
    new = panel["until"] is None and panel["version"] != panel["newest"]
    if new:
        panel["until"] = now + panel["takes"]
        call.bench.effect("panel-update", call.bench.state["hostname"])
        _settle(call, panel)
    log = f"/var/cpanel/updatelogs/update.{now}.log"
    return answered({"is_new": int(new), "log_path": log, "pid": _FIRST})


def _panel(call: Call) -> dict[str, Any]:
    panel: dict[str, Any] = call.bench.state["panel"]
    _settle(call, panel)
    return panel


def _settle(call: Call, panel: dict[str, Any]) -> None:
    """Do what has gone on in the background, and is done by now."""
    until = panel["until"]
    if until is not None and until <= call.bench.clock().timestamp():
        panel.update(version=panel["newest"], until=None)


TABLE: Final[Mapping[str, Serve]] = {
    "get_update_availability": _availability,
    "start_cpanel_update": _start,
}
