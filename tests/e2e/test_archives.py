"""From YAML to a backup that was restored, by the command line and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import site
from tests.support.shell import shell

INVENTORY = """\
apiVersion: reconciler/v1
Provider/public: {{type: public, endpoint: 'http://127.0.0.1:9', credentials: {{}}}}
Domain/shop.example: {{provider: none}}
BackupRepository/near:
  engine: archive
  url: file://{base}/near
  credentials: {{password: {{env: NEAR}}}}
  escrowKey: {{env: ESCROW}}
  failureDomain: {{provider: own, region: here}}
BackupRepository/far:
  engine: archive
  url: file://{base}/far
  credentials: {{password: {{env: FAR}}}}
  failureDomain: {{provider: other, region: there}}
BackupPolicy/nightly:
  objectives: {{rpo: 26h, rto: 2h}}
  sources:
    files:
      paths: [public_html]
      expect: [{{path: public_html/index.php, contains: WordPress}}]
    db:
      type: sqlite
      database: shop.sqlite
      expect: [{{sql: select count(*) from orders, min: 400}}]
  copies: [near, {{repository: far, offSite: true}}]
  drills: {{scratch: {base}/scratch}}
Backup/shop.example: {{of: Domain/shop.example, policy: nightly, root: {base}/home}}
"""
SECRETS = {"NEAR": "near-secret-1", "ESCROW": "escrow-secret-2", "FAR": "far-secret-3"}


class House:
    """A repository with a remote, and a site."""

    def __init__(self, base: Path) -> None:
        self.base, self.root = base, base / "repository"
        self.secrets = SECRETS
        site(base / "home")
        (self.root / "inventory").mkdir(parents=True)
        text = INVENTORY.format(base=base)
        (self.root / "inventory" / "a.yaml").write_text(text)
        self.git("init", "-q", "--bare", str(base / "remote.git"))
        self.git("init", "-q", "-b", "main")
        for name, value in (("name", "ann"), ("email", "ann@house.example")):
            self.git("config", f"user.{name}", value)
        self.git("add", "-A")
        self.git("commit", "-qm", "backups")
        self.git("remote", "add", "origin", str(base / "remote.git"))
        self.git("push", "-q", "origin", "main")

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.root), *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def run(self, *argv: str) -> Any:
        return shell("-C", self.root, *argv, environ=self.secrets)

    def apply(self) -> Any:
        done = self.run("apply", "--auto-approve", "--single-writer", "--held-ok")
        assert done.code in {0, 3}, done.err
        return done

    def plan(self) -> dict[str, Any]:
        return json.loads(self.run("plan", "--format", "json").out)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def verbs(plan: dict[str, Any]) -> set[str]:
    return {one["verb"] for one in plan["actions"]}


def test_it_is_made_copied_checked_and_restored(house):
    assert verbs(house.plan()) == {"init", "back-up"}
    out = house.apply().out
    said = "".join(house.apply().out for _ in range(3))
    for verb in ("init", "back-up"):
        assert verb in out
    for verb in ("copy", "check", "drill"):
        assert f"applied     {verb}" in said
    left = house.plan()
    assert not {"init", "back-up", "copy"} & verbs(left)
    critical = [f for f in left["findings"] if f["severity"] == "critical"]
    assert critical == []
    for secret in SECRETS.values():
        assert secret not in said + out + json.dumps(left)
    assert len([*(house.base / "far" / "data").iterdir()]) == 2
    assert [*(house.base / "scratch").iterdir()] == []


def test_two_ways_to_one_folder_are_one_copy(house):
    (house.base / "near").mkdir()
    (house.base / "far").symlink_to(house.base / "near")
    house.secrets = {**SECRETS, "FAR": SECRETS["NEAR"]}
    for _ in range(2):
        house.run("apply", "--auto-approve", "--single-writer", "--held-ok")
    said = {one["code"]: one["severity"] for one in house.plan()["findings"]}
    assert said["one-copy"] == "critical"


def test_a_site_that_is_gone_is_no_backup(house):
    for path in (house.base / "home" / "public_html").rglob("*.php"):
        path.unlink()
    (house.base / "home" / "shop.sqlite").unlink()
    done = house.run("apply", "--auto-approve", "--single-writer", "--held-ok")
    assert done.code == 3
    assert "shop.sqlite: No such file" in done.out + done.err
    codes = {one["code"] for one in house.plan()["findings"]}
    assert "never-backed-up" in codes
