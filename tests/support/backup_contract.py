"""
What the driver contract says of every engine of backups, whatever keeps its copies.

What is otherwise than at a vendor, and said here: a lost answer is looked into at once,
so that it often is no riddle any more; a repository has no listing of what nobody
wants; and what a drill or a check does leaves nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from reconciler.errors import Ambiguous, Transient
from reconciler.kinds.backup import BackUp, Check, CopyState, DrillIt
from reconciler.kinds.backup_repository import BackupRepository
from reconciler.model import Absent, AnyDriver
from reconciler.testing import Case, DriverContract, Trouble
from tests.support.archives import backup


class BackupContract(DriverContract):
    """
    The contract of one engine.

    Attributes:
        mode: How what it keeps is locked.
        verb: For which verb the world was made; empty: for none of them.
        drilled: The verb whose world has something to drill.
    """

    extra = "a repository lists nothing that nobody wants"
    mode: ClassVar[str] = "none"
    drilled: ClassVar[str] = ""
    verb = ""

    def site(self) -> Path:
        """Return the folder that is backed up."""
        raise NotImplementedError

    def repository(self) -> BackupRepository:
        """Return the repository that is written to."""
        raise NotImplementedError

    # -- the world ---------------------------------------------------------------------

    def want(self) -> Any:
        source = {"files": {"paths": ["www"]}}
        return backup(self.site(), source, mode=self.mode)

    def wants(self) -> list[Any]:
        return [self.want()] if self.verb != "init" else [self.repository()]

    def missing(self) -> Any:
        made = backup(self.site(), name="other.example")
        metadata = made.metadata.model_copy(update={"uid": "u-2"})
        return made.model_copy(update={"metadata": metadata})

    def state(self, driver: AnyDriver) -> CopyState:
        found = driver.observe([self.want()]).states["shop.example"]
        assert isinstance(found, CopyState), found
        return found

    def shows(self, driver: AnyDriver, case: Case) -> bool:
        if isinstance(case.change, BackUp):  # what is listed is no receipt
            return len(self.state(driver).snapshots) == 1
        return super().shows(driver, case)

    # -- what is otherwise -------------------------------------------------------------

    def _lose(
        self, kind: Trouble, case: Case, driver: AnyDriver, *, effects: int
    ) -> None:
        """Lose an answer: where it can be looked into at once, it is."""
        self.trouble(kind, case)
        try:
            driver.apply(case.want, case.change, "key-1")
        except Ambiguous:
            self.doubted(effects)
        except Transient:
            assert effects == 0
        else:
            assert effects == 1
        assert self.effects(case.want.name) == effects

    def doubted(self, effects: int) -> None:
        """See whether the engine may say that nobody knows."""

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert seen.states["other.example"].snapshots == ()
        assert not seen.unmanaged
        self.verb = "init"
        here = self.start()
        seen = self.made(here).observe([self.repository(), self.missing()])
        assert {type(state) for state in seen.states.values()} == {Absent}

    def test_after_applying_there_is_nothing_left_to_do(self) -> None:
        for case, driver, _ in self.each():
            assert driver.apply(case.want, case.change, "key-1").reference
            assert self.effects(case.want.name) == 1
            assert self.shows(driver, case)

    def test_a_drill_and_a_check_leave_nothing(self) -> None:
        self.verb = self.drilled
        here = self.start()
        driver = self.made(here)
        for case in self.cases(driver, here):
            if isinstance(case.change, Check | DrillIt):
                done = driver.apply(case.want, case.change, "k")
                assert done.details["verdict"] == "passed", done.details
        assert self.effects("shop.example") == 0
        assert self.left() == []

    def left(self) -> list[Any]:
        """Return what a drill left there that it should have taken away."""
        return []
