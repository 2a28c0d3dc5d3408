"""A place that keeps backups is an account of its engine."""

from __future__ import annotations

import pytest

from reconciler.cli.accounts import account, all_loopback, providers
from reconciler.cli.project import Project
from reconciler.errors import ReconcilerError
from reconciler.model import SecretRef
from tests.support.agency import OPTIONS

REPOSITORIES = """\
apiVersion: reconciler/v1
BackupRepository/near:
  engine: archive
  url: file:///srv/backup
  path: site-a
  credentials: {password: {env: NEAR}}
  escrowKey: {env: ESCROW}
BackupRepository/far:
  engine: restic
  url: s3:https://s3.eu-west-1.amazonaws.com/bucket/path
  credentials: {password: {env: FAR}, write: {env: KEYS}}
"""
SECRETS = {"NEAR": "n-1", "ESCROW": "e-1", "FAR": "f-1", "KEYS": "k:s", "DSN": "d-1"}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "a.yaml").write_text(REPOSITORIES)
    return Project({**OPTIONS, "root": str(tmp_path)}, SECRETS)


def test_each_repository_is_an_account(project):
    near = project.accounts_declared["near"]
    assert near.spec.type == "archive"
    assert near.spec.endpoint == near.spec.account == "file:///srv/backup"
    assert near.spec.settings == {"url": "file:///srv/backup", "path": "site-a"}
    assert set(near.spec.credentials) == {"password", "escrowKey"}
    far = project.accounts_declared["far"]
    assert far.spec.endpoint == "https://s3.eu-west-1.amazonaws.com/bucket/path"
    assert far.spec.account == far.spec.settings["url"] == f"s3:{far.spec.endpoint}"
    assert set(far.spec.credentials) == {"password", "write"}


def test_a_folder_is_no_server(project):
    (near,) = (one for one in providers(project.inventory) if one.name == "near")
    assert near.files
    assert not all_loopback({"near": near})


def test_it_knows_the_others_and_the_secrets_of_wants(project):
    near = account(project, project.accounts_declared["near"], frozenset())
    assert near.secrets == {"password": "n-1", "escrowKey": "e-1"}
    other = near.backing.repository("far")
    assert other.secrets == {"password": "f-1", "write": "k:s"}
    assert near.backing.secret(SecretRef(env="DSN")) == "d-1"
    assert {"n-1", "e-1", "f-1", "k:s", "d-1"} <= project.secrets
    with pytest.raises(ReconcilerError):
        near.backing.repository("nobody")


def test_it_takes_out_secrets_that_nobody_asked_for_yet(project):
    more = {"DSN": "short", "ELSEWHERE": "of-another-vendor"}
    project.environ = {**project.environ, **more}
    near = account(project, project.accounts_declared["near"], frozenset())
    near.backing.secret(SecretRef(env="DSN"))
    said = near.backing.masked("no: short, of-another-vendor, plainly")
    assert said == "no: [redacted], [redacted], plainly"
