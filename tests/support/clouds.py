"""Machines at clouds for tests: the contract, a driver over a sandbox, small words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from reconciler.kinds.server import Server, ServerChange, ServerState
from reconciler.model import Account, Change
from reconciler.providers._machines import Machines
from reconciler.sandbox import Fault, Sandbox, World
from tests.support.contract import NOW, SandboxContract, account


def server(name: str, **spec: Any) -> Server:
    whole = {"provider": "main", "maxPrice": "90.00 EUR/month", **spec}
    return Server.model_validate({"metadata": {"name": name}, "spec": whole})


class CloudContract(SandboxContract):
    """
    The contract of the machines of one cloud.

    Attributes:
        deeds: The effects that are the deed itself; marks and stops are the way there.
    """

    deeds: ClassVar[frozenset[str]]

    def effects(self, name: str) -> int:
        found = self.sandbox.ledger.effects(self.vendor, name)
        return sum(one.operation in self.deeds for one in found if self.counts(one))

    def counts(self, effect: Any) -> bool:
        """Starting counts only where that is what was asked for."""
        return effect.operation not in self.starts or effect.name == "stopped"

    starts: ClassVar[frozenset[str]]


class Bench:
    """One driver over one running sandbox."""

    def __init__(
        self,
        sandbox: Sandbox,
        vendor: str,
        part: Mapping[str, Any],
        driver: type[Machines],
        secrets: Mapping[str, str],
        **more: Any,
    ) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({vendor: part}))
        self.sandbox = sandbox
        self.vendor = vendor
        self.account: Account = account(sandbox, vendor, secrets, **more)
        self.driver = driver(self.account)

    def state(self, want: Server) -> Any:
        return self.driver.observe([want]).states[want.name]

    def changes(self, want: Server) -> list[ServerChange]:
        now = self.sandbox.clock()
        return [*want.diff({want.share: self.state(want)}, now)]

    def change(self, want: Server, verb: str) -> Any:
        (found,) = (one for one in self.changes(want) if one.verb == verb)
        return found

    def put(self, want: Server, change: Change, key: str = "key-1") -> Any:
        return self.driver.apply(want, change, key)  # type: ignore[arg-type]

    def edit(self, name: str, **fields: Any) -> None:
        self.sandbox.edit(self.vendor, "machine", {"name": name, **fields})

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        fault = Fault(vendor=self.vendor, operation=operation, kind=kind, **more)
        self.sandbox.inject(fault)

    def effects(self, name: str) -> list[str]:
        return [e.operation for e in self.sandbox.ledger.effects(self.vendor, name)]

    def asked(self) -> dict[str, int]:
        return self.sandbox.ledger.requests()[self.vendor]

    def row(self, name: str) -> dict[str, Any]:
        machines = self.sandbox.bench(self.vendor).state["machines"].values()
        found: dict[str, Any] = next(one for one in machines if one["name"] == name)
        return found

    def running(self, want: Server) -> bool:
        state = self.state(want)
        return isinstance(state, ServerState) and state.status == "running"

    def later(self, **delta: float) -> None:
        self.sandbox.clock.advance(timedelta(**delta))
