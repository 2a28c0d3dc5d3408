"""How many scheduled backups a Plesk server keeps: never fewer than are declared."""

from __future__ import annotations

from contextlib import closing
from typing import Any, ClassVar

from reconciler.providers.plesk_vault import PleskVault
from tests.support.contract import NOW
from tests.support.panel_schedules import VAULT, Schedules

PLESK: dict[str, Any] = {
    "hostname": "plesk1.agency.example",
    "keys": [{"key": "plesk-sandbox-key"}],
    "nightly": 3,
}


class TestPleskVault(Schedules):
    driver = PleskVault
    vendor = engine = "plesk"
    part = PLESK
    secrets: ClassVar = {"key": "plesk-sandbox-key"}
    listing = "backup-manager get-server-wide-settings"
    operations: ClassVar = {"configure": "backup-manager set-server-wide-settings"}

    def test_without_an_end_is_more_than_any(self) -> None:
        account = self.start()
        with self.sandbox.bench("plesk").lock:
            self.sandbox.bench("plesk").state["wide"]["max-backup-files"] = "-1"
        with closing(self.driver(account)) as driver:
            want = self.repository(daily=1000)
            have = {VAULT: driver.observe([want]).states["keeps"]}
            assert [*want.diff(have, NOW)] == []

    def test_weekly_is_not_told(self) -> None:
        driver = self.made(self.start())
        want = self.repository(daily=3, weekly=4)
        have = {VAULT: driver.observe([want]).states["keeps"]}
        (said,) = want.findings(have, NOW)
        assert said.code == "vault-unread"
