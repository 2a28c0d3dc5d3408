"""What holds for the backup schedule of every panel: raised, and never lowered."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from reconciler.errors import Unsupported
from reconciler.kinds.backup_repository import BackupRepository, Configure, Init
from reconciler.model import FieldChange, OnDrift, Share
from tests.support.contract import NOW, SandboxContract
from tests.support.panel_backups import repository

VAULT = Share("main", "vault")


class Schedules(SandboxContract):
    """What holds for both."""

    engine: ClassVar[str]
    extra = "a server has one schedule"

    def wants(self) -> list[BackupRepository]:
        return [self.repository(daily=7)]

    def missing(self) -> BackupRepository:
        return self.repository(daily=7)

    def repository(self, **panel: int) -> BackupRepository:
        made = repository(self.engine, self.sandbox.endpoint(self.vendor))
        spec = made.spec.model_dump(by_alias=True, exclude_none=True)
        whole = {**spec, "provider": "main", "panel": panel}
        told = {"metadata": {"name": "keeps"}, "spec": whole}
        return BackupRepository.model_validate(told)

    def cases(self, driver: Any, account: Any) -> Any:
        found = super().cases(driver, account)
        return [case for case in found if case.change.share == VAULT]

    def effects(self, name: str) -> int:
        del name
        host = self.part["hostname"]
        return len(self.sandbox.ledger.effects(self.vendor, host))

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        """A schedule is always there."""
        seen = self.made(self.start()).observe(self.wants())
        assert not seen.unmanaged

    def test_after_applying_there_is_nothing_left_to_do(self) -> None:
        for case, driver, _ in self.each():
            assert driver.apply(case.want, case.change, "key-1").reference
            assert self.effects(case.want.name) == 1
            assert self.shows(driver, case)
            have = {VAULT: driver.observe([case.want]).states["keeps"]}
            assert [*case.want.diff(have, NOW)] == []

    def test_it_is_never_lowered(self) -> None:
        driver = self.made(self.start())
        less = self.repository(daily=2)
        have = {VAULT: driver.observe([less]).states["keeps"]}
        assert [*less.diff(have, NOW)] == []
        assert [*less.findings(have, NOW)] == []
        field = FieldChange(field="spec.panel.daily", before=3, after=2)
        order = Configure(share=VAULT, fields=(field,), because="a mistake")
        driver.apply(less, order, "k")
        assert self.effects("keeps") == 0
        with pytest.raises(Unsupported):
            driver.apply(less, Init(share=VAULT, fields=(), because=""), "k")

    def test_too_few_are_found_and_put_right_even_by_hand(self) -> None:
        driver = self.made(self.start())
        want = self.repository(daily=7)
        have = {VAULT: driver.observe([want]).states["keeps"]}
        (said,) = want.findings(have, NOW)
        assert said.code == "vault-weak"
        assert "keeps 3 daily backups of every account, not 7" in said.message
        (change,) = want.diff(have, NOW)
        assert change.because == "3 daily backups are kept of every account"
        assert change.fields[0].on_drift is OnDrift.REVERT
