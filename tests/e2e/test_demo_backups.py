"""`reconciler demo --backups`: a real restic, a bucket and two real databases."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli.demo_command import demo_command
from reconciler.errors import UsageError
from reconciler.sandbox import databases
from tests.house.tree import ROOT


@pytest.fixture(scope="module")
def programs() -> None:
    """Everything is installed, or nobody can show anything: never in CI."""
    absent = databases.missing() + ([] if shutil.which("restic") else ["restic"])
    if absent:
        why = f"not installed: {' '.join(absent)}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("programs")
def test_a_disk_is_damaged_and_all_of_it_comes_back_from_the_bucket(tmp_path: Path):
    argv = ["-m", "reconciler.cli", "demo", "--backups", "--dir", str(tmp_path / "d")]
    done = subprocess.run(
        [sys.executable, *argv], capture_output=True, text=True, check=False, cwd=ROOT
    )
    out = done.stdout
    assert done.returncode == 0, out[-3000:] + done.stderr[-1000:]
    assert "applied     drill      Backup/molen.example  passed" in out
    damaged = out.partition("== Somebody damages the disk")[2]
    assert re.search(r"disk: one bit of [1-9]\d* packs is another one", damaged)
    assert "applied     drill      Backup/molen.example  failed: " in damaged
    assert re.search(r"VERIFIED  16 files, .* in .* s, in ", damaged)
    rows = "14 files, 400 orders in PostgreSQL and 400 posts in MariaDB, all the same"
    assert rows in damaged
    assert "note     restored Backup/molen.example" in damaged
    assert "chain whole, 0 open intents" in damaged
    assert "Traceback" not in done.stderr
    for name in ("disk", "bucket", "escrow", "mysql", "s3"):
        secret = (tmp_path / "d" / "agency" / ".secrets" / name).read_text()
        assert secret not in out + done.stderr


def test_two_demos_are_not_one() -> None:
    done = CliRunner().invoke(demo_command, ["--real", "--backups"])
    assert isinstance(done.exception, UsageError)
