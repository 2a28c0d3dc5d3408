"""What is made where there is nothing, and what never is: repositories of backups."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.apply_command import carry_out
from reconciler.cli.approvers import approvals
from reconciler.engine import Result
from reconciler.model import Plan
from reconciler.providers import _archive_seal
from tests.support.guarded import Guarded

_COPIES = ["near", {"repository": "far", "offSite": True}]


class House(Guarded):
    """A site with two copies, and a third one where it is wanted."""

    third = False

    def extra(self) -> dict[str, Any]:
        return {"BackupRepository/third": self.place("third")} if self.third else {}

    def place(self, name: str) -> dict[str, Any]:
        if name != "third":
            return super().place(name)
        secret = {"password": {"env": "FAR"}}
        return {**super().place("far"), "url": f"file://{self.base}/third"} | {
            "credentials": secret, "failureDomain": {"provider": "third"},
        }  # fmt: skip

    def approved(self, name: str) -> Result:
        """Carry out what is planned of one repository alone, by its digest."""
        wanted = {a.id: a.digest for a in self.plan().actions if a.want.name == name}
        project = self.project()
        given = approvals(project, wanted, source="actor", reason=None)
        return carry_out(project, approved=wanted, given=given, single_writer=True)

    def there(self, name: str) -> bool:
        return (self.base / name).exists()

    def snapshots(self, name: str) -> int:
        return len([*(self.base / name / "data").iterdir()])


@pytest.fixture
def house(tmp_path: Path, monkeypatch: Any) -> House:
    monkeypatch.setitem(_archive_seal._COST, "n", 16)
    return House(tmp_path / "w")


def done(result: Result) -> list[tuple[str, str]]:
    """Return what was done, and for whom."""
    return [(one.outcome.verb, one.outcome.name) for one in result.done]


def offered(plan: Plan) -> dict[tuple[str, str], str]:
    """Return (verb, account) -> what is decided of it."""
    rows = [(a.change.verb, a.change.share.provider, a.decision) for a in plan.actions]
    return {
        (verb, provider): decision.name.lower() for verb, provider, decision in rows
    }


def codes(plan: Plan) -> dict[tuple[str, str], str]:
    """Return (kind, code) -> how severe it is."""
    return {(f.kind, f.code): str(f.severity) for f in plan.findings}


def test_a_repository_that_nobody_approved_yet_is_made_later(house):
    first, then = "far", "near"
    assert done(house.approved(first)) == [("init", first)]
    assert not house.there(then)
    left = house.plan()
    assert offered(left)["init", then] == "allow"
    assert ("Provider", "mass-absence") not in codes(left)
    house.apply()
    house.apply()
    assert not {"init", "back-up", "copy"} & {verb for verb, _ in offered(house.plan())}
    assert house.snapshots("far") == 2


def test_a_copy_that_is_added_later_is_made_and_filled(house):
    for _ in range(2):
        house.apply()
    house.third, house.policy["copies"] = True, [*_COPIES, "third"]
    house.declare("a third copy")
    assert offered(house.plan())["init", "third"] == "allow"
    for _ in range(2):
        house.apply()
    assert house.snapshots("third") == 2


@pytest.mark.parametrize("copy", ["near", "far"])
def test_one_that_had_backups_is_told_at_once_and_waits_for_a_person(house, copy):
    for _ in range(2):
        house.apply()
    shutil.rmtree(house.base / copy)
    left = house.plan()
    told = codes(left)
    assert told["BackupRepository", "repository-gone"] == "critical"
    assert told["Backup", "repository-gone"] == "critical"
    assert offered(left)["init", copy] == "hold"
    writes = {"back-up", "copy"}
    assert not {(v, p) for v, p in offered(left) if v in writes and p == copy}
    for _ in range(2):
        house.apply()
    assert not house.there(copy)
    again = codes(house.plan())
    assert again["BackupRepository", "repository-gone"] == "critical"


def test_one_that_was_only_made_is_not_made_again_by_itself(house):
    house.approved("far")
    shutil.rmtree(house.base / "far")
    left = house.plan()
    assert offered(left)["init", "far"] == "hold"
    assert codes(left)["BackupRepository", "repository-gone"] == "critical"
    house.apply()
    assert not house.there("far")


def test_a_person_may_have_it_made_again_and_what_is_lost_is_told(house):
    for _ in range(2):
        house.apply()
    shutil.rmtree(house.base / "far")
    assert done(house.approved("far")) == [("init", "far")]
    told = codes(house.plan())
    assert ("BackupRepository", "repository-gone") not in told
    assert told["Backup", "backup-tampered"] == "critical"


def test_one_that_restic_kept_and_that_was_there_before_us(tmp_path):
    house = House(tmp_path / "w", "restic")
    assert done(house.apply()) == [("back-up", "shop.example")]
    shutil.rmtree(house.base / "far")
    left = house.plan()
    assert codes(left)["BackupRepository", "repository-gone"] == "critical"
    assert offered(left)["init", "far"] == "hold"
    assert ("copy", "far") not in offered(left)
