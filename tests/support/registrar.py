"""Domains for the tests of registrars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.kinds.domain import Domain, Renew
from reconciler.model import Account, AnyDriver
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW, SandboxContract

DS = f"12345 13 2 {'AB' * 32}"
GLUE = {"ns1.glue.example": ["192.0.2.53", "2001:db8::53"]}
HOSTS = ["ns1.agency.example", "ns2.agency.example"]
RESTORE = {"mode": "manual", "restore": "approve", "maxRestore": "100.00 USD"}
RECONCILER = {"mode": "reconciler", "maxPrice": "20.00 USD/year"}


def domain(name: str, **spec: Any) -> Domain:
    """Return a domain of account ``main`` that asks for nothing by itself."""
    whole = {"provider": "main", "renewal": {"mode": "manual"}, **spec}
    return Domain.model_validate({"metadata": {"name": name}, "spec": whole})


def fill(sandbox: Sandbox, vendor: str, number: int) -> None:
    """Put *number* more domains into the first account."""
    own = sandbox.bench(vendor).state["accounts"][0]["domains"]
    pattern = next(iter(own.values()))
    own.update({f"zz{at:04}.example": dict(pattern) for at in range(number)})


class RegistrarContract(SandboxContract):
    """What is the same for registrars: a world and wants, one for each verb."""

    extra = "stray.example"

    def wants(self) -> list[Domain]:
        wants = {
            "renew": domain("renew.example", renewal=RECONCILER),
            "auto-renew": domain("auto.example", renewal={"mode": "registrar"}),
            "delegate": domain("ns.example", nameservers=HOSTS),
            "lock": domain("lock.example"),
            "privacy": domain("privacy.example"),
            "ds": domain("ds.example", dnssec="off"),
            "glue": domain("glue.example", glue=GLUE),
            "restore": domain("lost.example", renewal=RESTORE),
            "block-transfer": domain("leaving.example"),
        }
        return [want for verb, want in wants.items() if verb in self.operations]

    def missing(self) -> Domain:
        return domain("missing.example")

    def pages(self) -> int:
        fill(self.sandbox, self.vendor, 1001)
        return 2


def domains() -> dict[str, dict[str, Any]]:
    """Return the registrations that ``RegistrarContract.wants`` differs from."""
    return {
        "renew.example": {"expires": 20, "autoRenew": False},
        "auto.example": {"expires": 300, "autoRenew": False},
        "ns.example": {"expires": 300},
        "lock.example": {"expires": 300, "locked": False},
        "privacy.example": {"expires": 300, "privacy": False},
        "ds.example": {"expires": 300, "ds": [DS]},
        "glue.example": {"expires": 300},
        "stray.example": {"expires": 300},
    }


def renewal(driver: AnyDriver, want: Domain, account: Account) -> Renew:
    """Return the renewal that is due for *want*."""
    seen = driver.observe([want])
    share = want.registrar()
    assert share
    changes = want.diff({share: seen.states[want.name]}, account.clock())
    (found,) = (change for change in changes if isinstance(change, Renew))
    return found


class Bench:
    """One driver over one sandbox, for the tests of what is a vendor's own."""

    def __init__(self, contract: type[SandboxContract], sandbox: Sandbox) -> None:
        contract.sandbox = sandbox
        self.sandbox = sandbox
        self.vendor = contract.vendor
        self.account = contract().start()
        self.driver = contract.driver(self.account)

    def state(self, want: Domain) -> Any:
        return self.driver.observe([want]).states[want.name]

    def asked(self, want: Domain) -> dict[str, int]:
        return dict(self.driver.observe([want]).requests)

    def fault(self, kind: Any, operation: str, **more: Any) -> None:
        fault = Fault(vendor=self.vendor, operation=operation, kind=kind, **more)
        self.sandbox.inject(fault)

    def edit(self, name: str, **fields: Any) -> None:
        self.sandbox.edit(self.vendor, "domain", {"name": name, **fields})


def benches(contract: type[SandboxContract]) -> Iterator[Sandbox]:
    """Yield a sandbox of the contract's vendor."""
    clock = SandboxClock(NOW, frozen=True)
    with Sandbox(World({contract.vendor: contract.part}), clock) as sandbox:
        yield sandbox
