"""All emulators of one world, with one clock, one ledger and one control endpoint."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reconciler.errors import ReconcilerError
from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.control import control, snapshot_of
from reconciler.sandbox.emulator import Bench, Emulator, Server, emulator
from reconciler.sandbox.faults import Fault, Faults
from reconciler.sandbox.ledger import Effect, Ledger
from reconciler.sandbox.server import AsgiServer
from reconciler.sandbox.world import World

CONTROL = "control"


class Sandbox:
    """
    The running vendors of one world; a context manager.

    Args:
        world: What they hold at the beginning.
        clock: The time they share.
        ports: Fixed ports by vendor (and ``control``); any free port otherwise.
        folder: Where the state is read at the start and written at the end. A
            state found there replaces the world's beginning.
    """

    def __init__(
        self,
        world: World,
        clock: SandboxClock,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.world = world
        self.clock = clock
        self.faults = Faults()
        self.ledger = Ledger()
        self._host = host
        self._ports = dict(ports or {})
        self._folder = folder
        self._saved = ""
        self._servers: dict[str, Server] = {}
        self._bound: dict[str, int] = {}
        self.benches: dict[str, tuple[Emulator, Bench]] = {
            vendor: (emulator(vendor), self._bench(vendor, part))
            for vendor, part in world.vendors.items()
        }
        beside = {vendor: bench for vendor, (_, bench) in self.benches.items()}
        for bench in beside.values():
            bench.beside = beside

    def _bench(self, vendor: str, part: Mapping[str, Any]) -> Bench:
        return Bench(vendor, part, self.clock, self.faults, self.ledger)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """
        Start every vendor and the control endpoint.

        Raises:
            ReconcilerError: A port is taken; nothing keeps running then.
        """
        self._restore()
        try:
            for vendor, (kind, bench) in self.benches.items():
                self._start(vendor, kind.make(bench))
            self._start(CONTROL, AsgiServer(control(self)))
        except BaseException:
            self._stop_servers()
            raise
        return self

    def _start(self, name: str, server: Server) -> None:
        self._bound[name] = server.start(self._host, self._ports.get(name, 0))
        self._servers[name] = server

    def stop(self) -> None:
        """Stop all of them and write the state down, if a folder was given."""
        if self._servers:
            self._stop_servers()
            self.save()

    def _stop_servers(self) -> None:
        while self._servers:
            self._servers.popitem()[1].stop()

    def endpoint(self, vendor: str) -> str:
        """Return a vendor's base URL, as a Provider's ``endpoint`` wants it."""
        kind = self.benches[vendor][0]
        return f"{kind.scheme}://{self._host}:{self._bound[vendor]}{kind.base}"

    def endpoints(self) -> dict[str, str]:
        """Return the base URL of every vendor."""
        return {vendor: self.endpoint(vendor) for vendor in self.benches}

    @property
    def control(self) -> str:
        """The URL of the control endpoint."""
        return f"http://{self._host}:{self._bound[CONTROL]}"

    def bench(self, vendor: str) -> Bench:
        """Return what a vendor's emulator works on."""
        return self.benches[vendor][1]

    def inject(self, fault: Fault) -> None:
        """Make a fault happen; raise ReconcilerError if the vendor is not here."""
        if fault.vendor not in self.benches:
            raise ReconcilerError(f"no vendor {fault.vendor!r} in this sandbox")
        seen = snapshot_of(self.bench(fault.vendor)) if fault.kind == "stale" else None
        self.faults.add(fault.model_copy(update={"snapshot": seen}))

    def edit(self, vendor: str, thing: str, data: Mapping[str, Any]) -> None:
        """
        Change *thing* by hand, as at the vendor's web site: drift.

        Raises:
            ReconcilerError: The vendor is not here, or has no such thing.
        """
        kind, bench = self.benches.get(vendor, (None, None))
        if kind is None or bench is None or kind.edit is None:
            raise ReconcilerError(f"{vendor!r} has nothing to change by hand here")
        with bench.lock:
            kind.edit(bench, thing, data)

    def look(self, vendor: str, thing: str) -> Any:
        """
        Return *thing* of a vendor: what it was sent.

        Raises:
            ReconcilerError: The vendor is not here, or has no such thing.
        """
        kind, bench = self.benches.get(vendor, (None, None))
        if kind is None or bench is None or kind.look is None:
            raise ReconcilerError(f"{vendor!r} has nothing to look at here")
        with bench.lock:
            return copy.deepcopy(kind.look(bench, thing))

    def charges(
        self, vendor: str | None = None, name: str | None = None
    ) -> list[Effect]:
        """Return the effects that took money."""
        return self.ledger.charges(vendor, name)

    def reset(self, world: World) -> None:
        """
        Make every vendor hold *world* again, and forget faults and the ledger.

        For emulators whose whole state is in their bench; *world* must have the
        same vendors as before.
        """
        self.faults.clear()
        self.ledger.restore({"effects": [], "requests": {}})
        for vendor, (kind, bench) in self.benches.items():
            with bench.lock:
                bench.world = world.vendors[vendor]
                bench.state.clear()
                kind.make(bench)

    def save(self) -> None:
        """Write what everybody knows into the folder, if one was given."""
        if self._folder is None:
            return
        state = {
            "ahead": self.clock.ahead.total_seconds(),
            "ledger": self.ledger.as_json(),
            "vendors": {v: snapshot_of(b) for v, (_, b) in self.benches.items()},
        }
        text = json.dumps(state, sort_keys=True)
        if text == self._saved:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / "state.json.new"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self._folder / "state.json")
        self._saved = text

    def _restore(self) -> None:
        path = self._folder / "state.json" if self._folder else None
        if path is None or not path.exists():
            return
        state = json.loads(path.read_text(encoding="utf-8"))
        self.ledger.restore(state["ledger"])
        if not self.clock.frozen:
            self.clock.advance(timedelta(seconds=state["ahead"]))
        for vendor, (_, bench) in self.benches.items():
            bench.state = state["vendors"].get(vendor, {})
