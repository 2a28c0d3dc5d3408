"""A bucket that is set up, emptied by whoever has its keys, and wound back: by commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.providers import _archive_seal
from reconciler.sandbox.aws_stores import Stores
from tests.support.agency import Agency
from tests.support.archives import site
from tests.support.aws_places import SECRETS
from tests.support.buckets import visible
from tests.support.shell import at
from tests.support.vaults import client

HEAD = "apiVersion: reconciler/v1\n"
ACCOUNTS = (
    HEAD
    + """\
Provider/aws:
  type: aws
  account: "123456789012"
  endpoint: {aws}
  credentials:
    accessKeyId: {{file: .sandbox/secrets/aws-access-key-id}}
    secretAccessKey: {{file: .sandbox/secrets/aws-secret-access-key}}
"""
)
BACKUPS = """\
BackupRepository/near:
  engine: archive
  url: "s3:{aws}/kept/shops"
  provider: aws
  credentials:
    write: {{file: .sandbox/secrets/keys}}
    maintain: {{file: .sandbox/secrets/keys}}
    password: {{file: .sandbox/secrets/password}}
  immutability: {{mode: governance, for: 30d}}
  bucket: {{publicAccessBlock: true, expire: 60d}}
BackupPolicy/nightly:
  objectives: {{rpo: 26h, rto: 2h}}
  sources: {{files: {{paths: [public_html]}}}}
  copies: [near]
  drills: {{scratch: {base}/scratch}}
Backup/shop.example: {{of: Domain/shop.example, policy: nightly, root: {base}/home}}
"""
DOMAIN = HEAD + "Domain/shop.example: {provider: none}\n"


@pytest.fixture
def agency(tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.setitem(_archive_seal._COST, "n", 16)
    site(tmp_path / "home")
    files = {"inventory/domains.yaml": DOMAIN}
    with Agency(tmp_path, files, accounts=ACCOUNTS) as made:
        secrets = made.root / ".sandbox" / "secrets"
        (secrets / "keys").write_text(":".join(SECRETS.values()))
        (secrets / "password").write_text("correct horse battery")
        bench = made.sandbox.benches["aws"][1]
        Stores(bench).restore([{"name": "kept"}])
        text = BACKUPS.format(aws=made.sandbox.endpoint("aws"), base=tmp_path)
        made.write("inventory/backups.yaml", HEAD + text)
        made.commit("backups: begin")
        yield made


def plan(agency: Agency) -> dict[str, Any]:
    return json.loads(at(agency, "plan", "--format", "json").out)


def verbs(agency: Agency) -> list[tuple[str, str]]:
    found = plan(agency)["actions"]
    return sorted((one["verb"], one["decision"]) for one in found)


def apply(agency: Agency) -> str:
    done = at(agency, "apply", "--auto-approve", "--single-writer", "--held-ok")
    assert done.code in {0, 3}, done.err + done.out
    return done.out


def approve(agency: Agency, tmp_path: Path) -> str:
    """Have another person agree to all that is held."""
    file = tmp_path / "plan.json"
    assert at(agency, "plan", "--out", file).code == 0
    digest = json.loads(file.read_text())["digest"]
    argv = ("apply", "--approve", digest, "--approved-plan", file, "--single-writer")
    done = at(agency, *argv, actor="bo")
    assert done.code in {0, 3}, done.err + done.out
    return done.out


def test_it_is_set_up_emptied_and_wound_back(agency, tmp_path):
    assert verbs(agency) == [
        ("back-up", "allow"), ("configure", "hold"), ("configure", "hold"), ("init", "allow"),
    ]  # fmt: skip
    said = plan(agency)
    assert {f["code"] for f in said["findings"]} >= {"vault-weak"}
    risks = {one["risk"] for one in said["actions"] if one["verb"] == "configure"}
    assert risks == {"security", "destructive"}
    assert "configure" in approve(agency, tmp_path)
    s3 = client(agency.sandbox.endpoint("aws"))
    lock = s3.get_object_lock_configuration(Bucket="kept")["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"]["Days"] == 30
    apply(agency)
    apply(agency)
    assert "configure" not in dict(verbs(agency))
    before = visible(s3, "kept")
    assert len(before) == 4
    # Somebody has the keys.
    agency.later(hours=5)
    for key in before:
        s3.delete_object(Bucket="kept", Key=key)
    agency.later(hours=2)
    assert visible(s3, "kept") == {}
    told = plan(agency)
    found = {f["code"]: f for f in told["findings"]}
    assert found["backup-tampered"]["severity"] == "critical"
    (back,) = (one for one in told["actions"] if one["verb"] == "rewind")
    assert back["decision"] == "hold"
    assert "init" not in {one["verb"] for one in told["actions"]}
    apply(agency)
    assert visible(s3, "kept") == {}  # nobody has agreed yet
    assert "rewind" in approve(agency, tmp_path)
    assert visible(s3, "kept") == before
    left = plan(agency)
    assert "backup-tampered" not in {f["code"] for f in left["findings"]}
    assert "rewind" not in {one["verb"] for one in left["actions"]}
    # What somebody weakens is put right by the next run.
    s3.delete_public_access_block(Bucket="kept")
    assert ("configure", "allow") in verbs(agency)
    apply(agency)
    block = s3.get_public_access_block(Bucket="kept")
    assert all(block["PublicAccessBlockConfiguration"].values())
    assert at(agency, "audit", "verify").code == 0
    s3.close()
