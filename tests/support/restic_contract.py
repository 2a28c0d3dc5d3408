"""
The driver contract of restic: the real one, with a stand-in before it that gets lost.

What is otherwise than at a vendor (``backup_contract``), and here besides: restic itself
waits where a server tells it to, by its own rules.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from reconciler.kinds.backup import (
    BackUp,
    Check,
    CopyOver,
    DrillIt,
    ExtendLock,
    PruneOld,
    Rewind,
)
from reconciler.kinds.backup_repository import BackupRepository, Init
from reconciler.model import Account, AnyDriver, Change, OpClass
from reconciler.providers.restic_backup import ResticBackup
from reconciler.testing import Case, Trouble
from tests.support.backup_contract import BackupContract
from tests.support.restics import ResticPlace, stand_in

#: Verb -> the one of restic that makes it count.
COUNTS: Final = {"init": "init", "back-up": "backup", "copy": "copy", "prune": "forget"}
_SLOTS: Final = ("2026-11-20T02:15", "2026-11-21T02:15")
_ENDS: Final = {
    "refuse": 'echo "Fatal: no" >&2; exit 1',
    "lost-before": "kill -9 $$",
    "lost-after": '"$real" "$@" >/dev/null; kill -9 $$',
    "error-after": '"$real" "$@" >/dev/null; exit 1',
    "listing": 'echo "Fatal: no" >&2; exit 1',
    "echo": 'echo "Fatal: $RESTIC_PASSWORD and $RESTIC_PASSWORD" >&2; exit 1',
}


class ResticContract(BackupContract):
    driver = ResticBackup
    drilled = "prune"
    base: ClassVar[Path]
    path: ClassVar[str]
    verbs: ClassVar[tuple[str, ...]] = tuple(COUNTS)
    #: Making one costs seconds, so that not all of this is seen of it.
    without: frozenset[str] = frozenset()
    worlds: ClassVar[dict[str, tuple[Path, list[str]]]]

    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: Any) -> None:
        (tmp_path / "www").mkdir()
        (tmp_path / "www" / "a.txt").write_text("a")
        monkeypatch.setenv("PATH", os.environ["PATH"])
        monkeypatch.setenv("HOME", str(tmp_path))
        type(self).base, type(self).worlds = tmp_path, {}
        type(self).path = os.environ["PATH"]

    # -- the world ---------------------------------------------------------------------

    def start(self) -> Account:
        self._mend()
        if self.verb not in self.worlds:
            self.worlds[self.verb] = self._prepared()
        kept, self.ids = self.worlds[self.verb]
        self.place = self._near()
        self._put(kept)
        self.mark = self._counted()
        return self.place.account._replace(
            sleep=lambda seconds: self._later(timedelta(seconds=seconds))
        )

    def _near(self) -> ResticPlace:
        """Return where the repository is that is looked at; nothing is there yet."""
        shutil.rmtree(self.base / "near", ignore_errors=True)
        return self._place("near")

    def _put(self, kept: Path) -> None:
        """Have it be as it is in the folder *kept*."""
        if kept.exists():
            shutil.copytree(kept, self.base / "near")

    def _later(self, by: timedelta) -> None:
        self.place.now += by

    def _place(self, name: str) -> ResticPlace:
        made = ResticPlace(self.base / name, name, escrow=None)
        if name == "near":
            made.beside.accounts["far"] = self._place("far").account
        return made

    def _prepared(self) -> tuple[Path, list[str]]:
        """Do what comes before the verb; return where that is, and what is there."""
        where = self.base / f"kept-{self.verb}"
        place = ResticPlace(where, "near", escrow=None)
        if self.verb == "init":
            return where, []
        place.ready()
        for slot in _SLOTS if self.verb == "prune" else ():
            place.back_up(self.want(), slot)
        if self.verb != "copy":
            return where, place.ids(self.want())
        far = self._place("far").ready()
        far.back_up(self.want())
        return where, far.ids(self.want())

    def wrong(self, account: Account) -> Account:
        return account._replace(secrets={"password": "this opens nothing"})

    def repository(self) -> BackupRepository:
        return self.place.repository()

    def site(self) -> Path:
        return self.base

    # -- the verbs ---------------------------------------------------------------------

    def cases(self, driver: AnyDriver, account: Account) -> list[Case]:
        change, ids = self.place.change, self.ids
        at = account.clock().isoformat()
        changes: list[Change] = [
            change(BackUp, slot="2026-11-22T02:15", nonce="n"),
            change(CopyOver, **{"from": "far", "ids": ids}),
            change(PruneOld, ids=ids[:1], kept=ids[1:]),
            change(Check, slice=1, of=1),
            change(DrillIt, drill="full", snapshots={"files": "".join(ids[:1])}),
            change(ExtendLock, until=at),
            change(Rewind, to=at),
        ]
        return [
            Case(self.place.repository(), change(Init)),
            *(Case(self.want(), one) for one in changes),
        ]

    def each(self, *classes: OpClass) -> Iterator[tuple[Case, AnyDriver, Account]]:
        """Yield every verb that leaves something, each in a world that needs it."""
        if classes and OpClass.PROBE not in classes:
            return  # there is no key: a read tells
        for verb in [one for one in self.verbs if one not in self.without]:
            self.verb = verb
            here = self.start()
            driver = self.made(here)
            (case,) = (c for c in self.cases(driver, here) if c.change.verb == verb)
            yield case, driver, here
            self._mend()
        self.verb = ""

    def effects(self, name: str) -> int:
        del name
        return abs(self._counted() - self.mark)

    def _counted(self) -> int:
        """Return how many files there are that nothing else makes or takes away."""
        return len(self.found("config" if self.verb == "init" else "snapshots/"))

    def found(self, prefix: str) -> list[str]:
        """Return the files whose name begins so."""
        return [one for one in self.listed() if one.startswith(prefix)]

    def listed(self) -> list[str]:
        """Return every file of the repository."""
        folder = self.base / "near"
        return [
            one.relative_to(folder).as_posix()
            for one in folder.rglob("*")
            if one.is_file()
        ]

    def trouble(self, kind: Trouble, case: Case | None, times: int = 1) -> None:
        verb = COUNTS[case.change.verb] if case else "snapshots"
        mark = self.base / "told"
        mark.unlink(missing_ok=True)
        once = f"[ -e {mark} ] || {{ touch {mark}; {_ENDS[kind]}; }}"
        deed = f"{verb}) {once if times else _ENDS[kind]};;"
        os.environ["PATH"] = stand_in(self.base / "bin", deed)

    def _mend(self) -> None:
        os.environ["PATH"] = self.path

    # -- what is otherwise -------------------------------------------------------------

    def doubted(self, effects: int) -> None:
        assert effects == 1  # nothing happened is never a riddle

    def left(self) -> list[Any]:
        return self.found("locks/")

    def test_shows_no_secret(self) -> None:
        self.without = frozenset({"init", "copy"})
        super().test_shows_no_secret()

    def test_a_server_error_after_the_effect_is_resolved_to_one_effect(self) -> None:
        self.without = frozenset({"init", "copy"})
        super().test_a_server_error_after_the_effect_is_resolved_to_one_effect()

    def test_an_answer_lost_before_the_effect_is_resolved_to_one_effect(self) -> None:
        self.without = frozenset({"init"})
        super().test_an_answer_lost_before_the_effect_is_resolved_to_one_effect()

    def test_the_same_again_finds_what_is_done(self) -> None:
        self.without = frozenset({"init", "back-up"})  # test_restic_backup.py
        for case, driver, _ in self.each():
            first = driver.apply(case.want, case.change, "one")
            again = driver.apply(case.want, case.change, "two")
            assert again.reference == first.reference
            assert self.effects(case.want.name) == 1

    # Restic waits by its own rules where a server tells it to, and keeps to no limit of
    # ours but in its listings, which are those of the archive's places.
    test_waits_as_long_as_it_is_told = None  # type: ignore[assignment]
    test_what_was_told_to_wait_happens_once = None  # type: ignore[assignment]
    test_a_wait_without_end_is_transient_and_nothing_happened = None  # type: ignore[assignment]
    test_keeps_to_the_accounts_own_limit = None  # type: ignore[assignment]
