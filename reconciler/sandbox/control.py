"""
The sandbox's control endpoint: HTTP and JSON, on loopback only.

``GET|PUT /clock``, ``GET|POST|DELETE /faults``, ``GET|DELETE /requests``,
``GET /effects``, ``GET /endpoints``, ``POST /<vendor>/<thing>`` (a change by hand),
``GET /<vendor>/<thing>`` (what was received: ``/mail/messages``).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.errors import ReconcilerError
from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.faults import Fault, Faults
from reconciler.sandbox.ledger import Ledger


class Controlled(Protocol):
    """The sandbox, as its control endpoint sees it."""

    clock: SandboxClock
    faults: Faults
    ledger: Ledger

    def endpoints(self) -> dict[str, str]:
        """Return the base URL of every vendor."""

    def inject(self, fault: Fault) -> None:
        """Make a fault happen."""

    def edit(self, vendor: str, thing: str, data: Mapping[str, Any]) -> None:
        """Change something by hand."""

    def look(self, vendor: str, thing: str) -> Any:
        """Return what a vendor received."""


def control(sandbox: Controlled) -> Starlette:
    """Return the control application of *sandbox*."""
    desk = _Desk(sandbox)
    return Starlette(
        routes=[
            _route("GET", "/clock", desk.clock),
            _route("PUT", "/clock", desk.set_clock),
            _route("GET", "/faults", desk.faults),
            _route("POST", "/faults", desk.add_fault),
            _route("DELETE", "/faults", desk.clear_faults),
            _route("GET", "/requests", desk.requests),
            _route("DELETE", "/requests", desk.clear_requests),
            _route("GET", "/effects", desk.effects),
            _route("GET", "/endpoints", desk.endpoints),
            _route("POST", "/{vendor}/{thing}", desk.edit),
            _route("GET", "/{vendor}/{thing}", desk.look),
        ]
    )


class _Desk:
    """Answers each control request from the sandbox; data is the posted JSON."""

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox

    def clock(self, *_: Any) -> Any:
        return self._sandbox.clock.as_json()

    def set_clock(self, _: Request, data: Any) -> Any:
        set_clock(self._sandbox.clock, data)
        return self.clock()

    def faults(self, *_: Any) -> Any:
        return {"faults": [f.model_dump() for f in self._sandbox.faults.waiting()]}

    def add_fault(self, _: Request, data: Any) -> Any:
        self._sandbox.inject(Fault.model_validate(data))
        return self.faults()

    def clear_faults(self, *_: Any) -> Any:
        self._sandbox.faults.clear()
        return self.faults()

    def requests(self, *_: Any) -> Any:
        return {"requests": self._sandbox.ledger.requests()}

    def clear_requests(self, *_: Any) -> Any:
        self._sandbox.ledger.reset_requests()
        return self.requests()

    def effects(self, request: Request, _: Any) -> Any:
        asked = request.query_params
        found = self._sandbox.ledger.effects(asked.get("vendor"), asked.get("name"))
        return {"effects": [effect.model_dump(mode="json") for effect in found]}

    def endpoints(self, *_: Any) -> Any:
        return {"endpoints": self._sandbox.endpoints()}

    def edit(self, request: Request, data: Any) -> Any:
        where = request.path_params
        self._sandbox.edit(where["vendor"], where["thing"], data or {})
        return {"done": True}

    def look(self, request: Request, _: Any) -> Any:
        where = request.path_params
        return {where["thing"]: self._sandbox.look(where["vendor"], where["thing"])}


def _route(method: str, path: str, act: Callable[[Request, Any], Any]) -> Route:
    async def serve(request: Request) -> Response:
        try:
            data = await request.json() if await request.body() else None
            return JSONResponse(act(request, data))
        except (ReconcilerError, ValueError, TypeError, KeyError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return Route(path, serve, methods=[method])


def set_clock(clock: SandboxClock, data: Any) -> None:
    """
    Set *clock* from ``{now, frozen}`` or move it by ``{advance: SECONDS}``.

    Raises:
        ValueError: It is neither.
    """
    match data:
        case {"advance": int() | float() as seconds}:
            clock.advance(timedelta(seconds=seconds))
        case {"now": str() as now, **rest}:
            moment = datetime.fromisoformat(now)
            if moment.tzinfo is None:
                raise ValueError("a time needs its offset, as in 2026-11-22T00:00:00Z")
            clock.set(moment, frozen=bool(rest.get("frozen", False)))
        case _:
            raise ValueError("send {now, frozen} or {advance: seconds}")


def snapshot_of(bench: Bench) -> dict[str, Any]:
    """Return a copy of what a vendor knows now, for a stale read later."""
    with bench.lock:
        return copy.deepcopy(bench.state)
