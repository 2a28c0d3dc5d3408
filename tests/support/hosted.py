"""A WHM server whose accounts differ from what is wanted of them, one by each verb."""

from __future__ import annotations

from typing import Any

from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import Account, Change
from reconciler.providers.whm_hosting import MARKER, WhmHosting
from reconciler.sandbox import Fault, Sandbox, World
from reconciler.sandbox.whm_seeds import KILL, RIGHTS
from tests.support.contract import NOW, account

SECRETS = {"user": "panel-user", "token": "whm-sandbox-token"}
TOKEN: dict[str, Any] = {**SECRETS, "rights": [*RIGHTS, KILL]}
OURS = f"{MARKER} HostingAccount/lift.example 0123-1"
PART: dict[str, Any] = {
    "hostname": "whm1.agency.example",
    "tokens": [TOKEN],
    "packages": {
        "care_5g": {"quota": 5120, "bandwidth": 102400},
        "care_20g": {"quota": 20480},
    },
    "accounts": {
        "stopme": {"domain": "stop.example", "plan": "care_5g", "owner": "panel-user"},
        "liftme": {
            "domain": "lift.example",
            "owner": "panel-user",
            "suspended": OURS,
        },
        "other": {
            "domain": "other.example",
            "owner": "panel-user",
            "suspended": "Mr Bakker has not paid",
        },
        "stray": {"domain": "stray.example", "owner": "panel-user"},
        "growme": {"domain": "grow.example", "plan": "care_5g", "owner": "panel-user"},
        "phpme": {"domain": "php.example", "owner": "panel-user"},
        "endme": {"domain": "end.example", "owner": "panel-user"},
        "limitme": {
            "domain": "limit.example",
            "plan": "care_5g",
            "quota": 1000,
            "owner": "panel-user",
        },
        "foreign": {"domain": "foreign.example", "owner": "somebody"},
    },
}


def hosted(name: str, **spec: Any) -> HostingAccount:
    whole = {"provider": "main", "plan": "care-5", **spec}
    return HostingAccount.model_validate({"metadata": {"name": name}, "spec": whole})


STOP = hosted("stop.example", account="stopme", state="suspended")
LIFT = hosted("lift.example", state="active")
SMALL: dict[str, Any] = {
    "plan": "care-5",
    "package": "care_5g",
    "limits": {"disk": "5GiB"},
}
LARGE: dict[str, Any] = {
    "plan": "care-20",
    "package": "care_20g",
    "limits": {"disk": "20GiB"},
}
NEW = hosted("new.example", ladder=[SMALL])
GROW = hosted("grow.example", account="growme", ladder=[LARGE])
LIMIT = hosted("limit.example", ladder=[SMALL])
PHP = hosted("php.example", php="8.3")
END = hosted("end.example", state="terminated")
OTHER = hosted("other.example", state="active")


class Bench:
    """One driver over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"whm": PART}))
        self.sandbox = sandbox
        self.account: Account = account(sandbox, "whm", SECRETS)
        self.driver = WhmHosting(self.account)

    def state(self, want: HostingAccount) -> Any:
        return self.driver.observe([want]).states[want.name]

    def change(self, want: HostingAccount) -> Change:
        (change,) = want.diff({want.share: self.state(want)}, NOW)
        return change

    def edit(self, user: str, **fields: Any) -> None:
        self.sandbox.edit("whm", "account", {"user": user, **fields})

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        self.sandbox.inject(Fault(vendor="whm", operation=operation, kind=kind, **more))

    def effects(self, name: str) -> list[str]:
        return [e.operation for e in self.sandbox.ledger.effects("whm", name)]

    def row(self, user: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.bench("whm").state["accounts"][user]
        return found
