"""The backup schedule of a WHM server: as many as are declared, and never fewer."""

from __future__ import annotations

from typing import Any, ClassVar

from reconciler.model import Unknown
from reconciler.providers.whm_vault import WhmVault
from tests.support.contract import NOW
from tests.support.panel_schedules import VAULT, Schedules

WHM: dict[str, Any] = {
    "hostname": "whm1.agency.example",
    "tokens": [{"user": "root", "token": "whm-sandbox-token", "rights": ["all"]}],
    "backup": {"daily": 3, "monthly": 6},
}


class TestWhmVault(Schedules):
    driver = WhmVault
    vendor = engine = "whm"
    part = WHM
    secrets: ClassVar = {"user": "root", "token": "whm-sandbox-token"}
    listing = "backup_config_get"
    operations: ClassVar = {"configure": "backup_config_set"}

    def wrong(self, account: Any) -> Any:
        return account._replace(secrets={"user": "root", "token": "not-it"})

    def test_what_is_switched_off_keeps_none(self) -> None:
        driver = self.made(self.start())
        want = self.repository(daily=3, weekly=4, monthly=6)
        state = driver.observe([want]).states["keeps"]
        assert not isinstance(state, Unknown)
        kept = {k: v for k, v in state.settings.items() if k.startswith("spec.")}
        days = {k: v for k, v in state.settings.items() if k not in kept}
        assert days == {"days": "0,1,2,3,4,5,6", "weekday": "0", "dates": "1"}
        assert kept == {
            "spec.panel.daily": 3, "spec.panel.weekly": 0, "spec.panel.monthly": 6,
        }  # fmt: skip
        with self.sandbox.bench("whm").lock:
            self.sandbox.bench("whm").state["backup_config"]["backupaccts"] = 0
        state = driver.observe([want]).states["keeps"]
        assert {state.settings[name] for name in kept} == {0}
        (change,) = want.diff({VAULT: state}, NOW)
        driver.apply(want, change, "k")
        state = driver.observe([want]).states["keeps"]
        assert state.settings["spec.panel.weekly"] == 4
