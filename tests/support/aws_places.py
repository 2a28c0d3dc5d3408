"""What the places of AWS share in their tests."""

from __future__ import annotations

from typing import Any

from reconciler.kinds.certificate import Certificate, Install
from reconciler.model import FieldChange, Material
from reconciler.sandbox import Fault, Sandbox, World
from tests.support.certificates import (
    MemoryKeys,
    certificate,
    have,
    mark,
    only,
    place,
)
from tests.support.contract import NOW, account

SECRETS = {"accessKeyId": "sandbox", "secretAccessKey": "aws-sandbox-secret"}
PART: dict[str, Any] = {
    "account": "123456789012",
    "accessKeyId": "sandbox",
    "domains": {},
    "zones": [],
    "buckets": ["tls"],
}


class Bench:
    """One driver of a family over one sandbox."""

    def __init__(self, sandbox: Sandbox, driver: Any, **more: Any) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"aws": PART}))
        self.sandbox = sandbox
        self.keys = MemoryKeys()
        self.account = account(sandbox, "aws", SECRETS, keys=self.keys, **more)
        self.driver = driver(self.account)

    def want(self, name: str = "new.example", **where: Any) -> Certificate:
        mode = where.pop("mode", "acme")
        there = place("Provider/main", self.driver.family, **where)
        return certificate(name, [there], mode=mode)

    def put(self, one: Material, want: Certificate) -> Any:
        self.keys.fill(want.name, one)
        (where,) = want.makings.places
        seen = only(self.driver.observe([want]).states[want.name])
        ours = {f"installed/{where.mark}": {"fingerprint": seen.fingerprint}}
        return self.driver.apply(want.recalling(lambda: ours), change(want, one), "k")

    def site(self, want: Certificate) -> Any:
        return only(self.driver.observe([want]).states[want.name])

    def findings(
        self, want: Certificate, one: Material | None = None
    ) -> dict[str, str]:
        state = self.driver.observe([want]).states[want.name]
        found = want.findings(have(want, state, one), NOW)
        return {finding.code: finding.message for finding in found}

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        self.sandbox.inject(Fault(vendor="aws", operation=operation, kind=kind, **more))

    def close(self) -> None:
        self.driver.close()


def change(want: Certificate, one: Material) -> Install:
    (where,) = want.makings.places
    return Install(
        share=where.share,
        fields=(FieldChange(field="deploy"),),
        because="a test",
        details={"mark": where.mark, "fingerprint": mark(one)},
    )
