"""Which servers a sandbox starts: those of accounts, and of nobody who keeps backups."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli.project import Project
from reconciler.cli.sandbox_command import ports
from tests.unit.cli.test_public_account import OPTIONS

INVENTORY = """\
apiVersion: reconciler/v1
Provider/whm-1:
  type: whm
  endpoint: http://127.0.0.1:4001
  credentials: {user: {env: U}, token: {env: T}}
BackupRepository/bucket:
  engine: archive
  url: s3:http://127.0.0.1:4002/backup
  credentials: {password: {env: P}}
BackupRepository/panel: {engine: whm, url: "http://127.0.0.1:4003"}
"""


def test_a_panel_is_a_server_and_a_repository_is_none(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "a.yaml").write_text(INVENTORY)
    found = ports(Project({**OPTIONS, "root": str(tmp_path)}, {}))
    assert found == {"whm": 4001}
