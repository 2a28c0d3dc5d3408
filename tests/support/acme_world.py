"""Authorities without a socket, with the DNS that a test writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.sandbox import SandboxClock
from reconciler.sandbox.acme import EMULATOR
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.inside import inside
from reconciler.sandbox.ledger import Effect, Ledger
from tests.support.acme_client import AcmeClient, Key

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WHERE = "http://ca.test:14000"


class AcmeWorld:
    """
    A bench of its own.

    Attributes:
        records: TXT records by name.
        caa: CAA records by name.
        gone: Names that do not exist.
    """

    def __init__(self, **authorities: dict[str, Any]) -> None:
        self.records: dict[str, list[str]] = {}
        self.caa: dict[str, list[str]] = {}
        self.gone: set[str] = set()
        self.pages: dict[str, bytes] = {}
        self.clock = SandboxClock(NOW, frozen=True)
        world = {
            "resolver": self._look,
            "http": self._fetch,
            "authorities": authorities or {"main": {}},
        }
        self.bench = Bench("acme", world, self.clock, Faults(), Ledger())
        self.way = inside(EMULATOR, self.bench)

    def _look(self, name: str, kind: str) -> list[str] | None:
        if name in self.gone:
            return None
        return (self.records if kind == "TXT" else self.caa).get(name, [])

    def _fetch(self, name: str, path: str) -> bytes:
        if (name, path) not in {tuple(key.split(" ")) for key in self.pages}:
            raise ConnectionRefusedError(111, "Connection refused")
        return self.pages[f"{name} {path}"]

    def client(self, authority: str = "main", key: Key | None = None) -> AcmeClient:
        """Return an account that is not registered yet."""
        return AcmeClient(self.way, f"{WHERE}/{authority}/directory", key)

    def account(self, authority: str = "main", key: Key | None = None) -> AcmeClient:
        made = self.client(authority, key)
        assert made.register().status == 201
        return made

    def later(self, **by: float) -> datetime:
        return self.clock.advance(timedelta(**by))

    def edit(self, thing: str, **data: Any) -> None:
        assert EMULATOR.edit is not None
        EMULATOR.edit(self.bench, thing, data)

    def look(self, thing: str) -> Any:
        assert EMULATOR.look is not None
        return EMULATOR.look(self.bench, thing)

    def effects(self, operation: str) -> list[Effect]:
        return [e for e in self.bench.ledger.effects() if e.operation == operation]
