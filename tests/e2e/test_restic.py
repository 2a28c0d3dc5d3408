"""From YAML to a restore by a real restic, by the command line and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_archives import SECRETS, House, verbs
from tests.support.restics import ResticPlace


class Restics(House):
    """The same house; its repositories are there, with keys that cost nothing."""

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        file = self.root / "inventory" / "a.yaml"
        file.write_text(file.read_text().replace("engine: archive", "engine: restic"))
        self.git("commit", "-qam", "restic")
        self.git("push", "-q", "origin", "main")
        for name, keys in (("near", ("NEAR", "ESCROW")), ("far", ("FAR",))):
            told = dict(
                zip(("password", "escrowKey"), map(SECRETS.get, keys), strict=False)
            )
            self.place(name, told).ready()

    def place(self, name: str, secrets: Any) -> ResticPlace:
        return ResticPlace(self.base / name, name, escrow=None, secrets=secrets)


@pytest.fixture
def house(tmp_path: Path) -> Restics:
    return Restics(tmp_path)


def test_it_is_backed_up_copied_checked_and_restored(house):
    assert verbs(house.plan()) == {"back-up"}
    said = "".join(house.apply().out for _ in range(4))
    for verb in ("back-up", "copy", "check", "drill"):
        assert f"applied     {verb}" in said
    left = house.plan()
    assert not {"init", "back-up", "copy"} & verbs(left)
    assert [f for f in left["findings"] if f["severity"] == "critical"] == []
    for secret in SECRETS.values():
        assert secret not in said + json.dumps(left)
    assert [*(house.base / "scratch").iterdir()] == []
    into = house.base / "back"
    done = house.run("restore", "Backup/shop.example", "--copy", "far", "--into", into)
    assert done.code == 0, done.out + done.err
    assert [*into.rglob("index.php")]
    assert [*into.rglob("dump.sqlite")]


def test_a_copy_that_lost_its_snapshots_is_told(house):
    house.apply()
    for snapshot in (house.base / "near" / "snapshots").iterdir():
        snapshot.unlink()
    found = {one["code"]: one["severity"] for one in house.plan()["findings"]}
    assert found["backup-tampered"] == "critical"
