"""What was backed up is brought back by hand, whatever else is broken."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from filecmp import dircmp
from pathlib import Path
from unittest.mock import patch

import pytest

from reconciler.audit import origin
from reconciler.providers import _archive_seal
from tests.e2e.test_archives import SECRETS, House
from tests.support.shell import shell


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    """Guessing passwords is cheap in here."""
    with patch.dict(_archive_seal._COST, n=16):
        yield


@pytest.fixture(scope="module")
def house(cheap: None, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house that is backed up twice; whoever breaks something mends it."""
    found = House(tmp_path_factory.mktemp("house"))
    for _ in range(2):
        found.apply()
    return found


@contextmanager
def broken(house: House) -> Iterator[None]:
    """Git is half written, the remote is away, one copy is damaged."""
    bad, remote = house.root / "inventory" / "b.yaml", house.base / "remote.git"
    bad.write_text("Domain/x.example: {provider\n")
    remote.rename(house.base / "away.git")
    flip(house.base / "near" / "data")
    try:
        yield
    finally:
        flip(house.base / "near" / "data")
        (house.base / "away.git").rename(remote)
        bad.unlink()


def flip(folder: Path) -> None:
    """Change one byte in the middle of each object there; twice is not at all."""
    for path in folder.iterdir():
        body = bytearray(path.read_bytes())
        body[len(body) // 2] ^= 1
        path.write_bytes(body)


def same(one: Path, other: Path) -> bool:
    found = dircmp(one, other, ignore=[])
    return not (found.left_only or found.right_only or found.diff_files) and all(
        same(one / name, other / name) for name in found.common_dirs
    )


def test_all_of_it_comes_back_and_is_recorded(house, tmp_path):
    listed = house.run("-q", "restore", "Backup/shop.example")
    assert listed.code == 0
    assert "a drill of it passed on" in listed.out
    assert "has a receipt" in listed.out
    into = tmp_path / "back"
    done = house.run("-q", "restore", "Domain/shop.example", "--into", into)
    assert done.code == 0, done.err
    assert "VERIFIED" in done.out
    assert same(into / "files" / "public_html", house.base / "home" / "public_html")
    with closing(sqlite3.connect(into / "db" / "dump.sqlite")) as there:
        assert there.execute("select count(*) from orders").fetchone() == (500,)
    assert sorted(one.name for one in into.iterdir()) == ["db", "files"]
    assert sorted(p.name for p in (into / "files").iterdir()) == ["public_html"]
    assert into.stat().st_mode & 0o777 == 0o700
    log = house.run("-q", "audit", "log", "--select", "Backup/shop.example").out
    assert "restored Backup/shop.example  by ann@house.example" in log
    told = house.run("explain", "Backup/shop.example").out
    assert "by hand, by ann@house.example: verified" in told
    assert str(into) in told
    for secret in SECRETS.values():
        assert secret not in listed.out + done.out + done.err + told + log


def test_some_of_it_comes_back_and_can_be_listed_before(house, tmp_path):
    argv = ("-q", "restore", "Backup/shop.example", "--source", "files", "--only")
    listed = house.run(*argv, "public_html/*.php")
    assert "files, 2 files of those names" in listed.out
    assert "public_html/wp-config.php" in listed.out
    found = json.loads(house.run(*argv, "**/3.jpg", "--format", "json").out)
    assert [one["path"] for one in found["files"]["files"]] == [
        "public_html/wp-content/uploads/3.jpg"
    ]
    into = tmp_path / "some"
    done = house.run(
        *(*argv, "public_html/wp-content/", "--into", into, "--offline"),
        *("--format", "json"),
    )
    told = json.loads(done.out)
    assert told["verdict"] == "verified"
    assert told["unrecorded"] == "--offline"
    assert done.code == 3
    files = [p for p in into.rglob("*") if p.is_file()]
    assert len(files) == told["files"] == 12
    assert {p.suffix for p in files} == {".jpg"}
    nothing = house.run(*argv, "*.exe", "--into", tmp_path / "none")
    assert nothing.code == 1
    assert "there is no file like *.exe" in nothing.err


def test_as_it_was_before_there_was_anything(house, tmp_path):
    argv = ("-q", "restore", "Backup/shop.example", "--at", "2020-01-01")
    done = house.run(*argv, "--into", tmp_path / "then")
    assert done.code == 1
    assert "E681 db, files: nothing of it is as old as 2020-01-01 00:00 UTC" in done.err


def test_what_is_broken_beside_it_does_not_matter(house, tmp_path, monkeypatch):
    monkeypatch.setattr(origin, "PAUSES", (0.0,))
    into, bad = tmp_path / "back", tmp_path / "bad"
    argv = ("restore", "Backup/shop.example", "--offline", "--into")
    with broken(house):
        done = house.run(*argv, into)
        asked = house.run("restore", "Backup/shop.example", "--into", tmp_path / "on")
        damaged = house.run("-q", *argv, bad, "--copy", "near")
    assert "errors in the inventory; it is read as it was in" in done.err
    assert "near does not give what it has" in done.err
    assert done.code == 3
    assert "NOT RECORDED in the audit log: --offline" in done.out
    assert "VERIFIED  16 files" in done.out
    assert " of far)" in done.out
    assert same(into / "files" / "public_html", house.base / "home" / "public_html")
    # Without --offline it is tried, and said that it did not work.
    assert "the records are as they were seen last" in asked.err
    assert "NOT RECORDED in the audit log: " in asked.out
    assert "VERIFIED  16 files" in asked.out
    # The one that is damaged says so, and what it gave is not called whole.
    assert damaged.code == 1
    assert "E681 near: " in damaged.err
    assert "VERIFIED" not in damaged.out


def test_without_a_receipt_nobody_calls_it_verified(house, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(house.root / "inventory", bare / "inventory")
    argv = ("-C", bare, "-q", "restore", "Backup/shop.example", "--into")
    done = shell(*argv, tmp_path / "back", environ=SECRETS)
    assert done.code == 3
    assert "UNVERIFIED  16 files" in done.out
    assert "files: is as near itself says; no receipt of it is known" in done.out
    argv = (*argv, tmp_path / "again", "--format", "json")
    told = json.loads(shell(*argv, environ=SECRETS).out)
    assert told["verdict"] == "unverified"
    assert told["without_receipt"] == ["db", "files"]


def test_the_escrow_key_alone_opens_it(house, tmp_path):
    house.secrets = {**SECRETS, "NEAR": ""}
    into = tmp_path / "back"
    argv = ("-q", "restore", "Backup/shop.example", "--copy")
    try:
        lost = house.run(*argv, "near", "--into", into)
        done = house.run(*argv, "near", "--into", into, "--key", "escrow")
        none = house.run(*argv, "far", "--key", "escrow")
    finally:
        house.secrets = SECRETS
    assert lost.code == 1
    assert "NEAR" in lost.err
    assert done.code == 0, done.err
    assert none.code == 3
    assert "far  CANNOT BE READ: BackupRepository/far has no escrowKey" in none.out


@pytest.mark.parametrize(
    ("into", "why"),
    [
        ("home/public_html/back", "which is in use"),
        ("home", "which is in use"),
        ("near/x", "which is in use"),
        ("scratch/x", "which is in use"),
        ("repository/inventory/x", "which is in use"),
        ("link/x", "which is in use"),
        ("full", "is not empty: nothing is ever written over"),
        ("file", "is no folder"),
        ("file/x", "Not a directory"),
        ("open", "others can write to it"),
    ],
)
def test_nothing_is_written_near_production_or_over_anything(tmp_path, into, why):
    house = House(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("kept")
    (tmp_path / "file").write_text("kept")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "home" / "public_html")
    before = sorted(tmp_path.rglob("*"))
    argv = ("-q", "restore", "Backup/shop.example", "--offline", "--into")
    done = house.run(*argv, tmp_path / into)
    assert done.code == 1
    assert "E680" in done.err
    assert why in done.err
    assert [p for p in sorted(tmp_path.rglob("*")) if ".git" not in p.parts] == [
        p for p in before if ".git" not in p.parts
    ]


@pytest.mark.parametrize(
    ("argv", "code", "why"),
    [
        (["Backup/shop.exampel"], 64, "did you mean Backup/shop.example?"),
        (["shop.example"], 64, "there is no backup shop.example"),
        (["Backup/shop.example", "--copy", "moon"], 64, "its copies are far, near"),
        (["Backup/shop.example", "--at", "noon"], 64, "is no time"),
        (["Backup/shop.example", "--rev", "v9"], 64, "is no commit here"),
        (["Backup/shop.example", "--key", "spare"], 64, "'spare'"),
        (
            ["Backup/shop.example", "--at", "2026-01-01", "--snapshot", "abcdef"],
            64,
            "write one",
        ),
        (["Backup/shop.example", "--snapshot", "abcdef"], 1, "archive.json is gone"),
        (
            ["Backup/shop.example", "--source", "mail", "--into", "DIR"],
            64,
            "its sources are db, files",
        ),
        (["Backup/shop.example", "--source", "db", "--into", "DIR"], 1, "E681"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_done(tmp_path, argv, code, why):
    house = House(tmp_path)
    into = tmp_path / "into"
    words = [str(into) if word == "DIR" else word for word in argv]
    done = house.run("-q", "restore", *words, "--offline")
    assert done.code == code
    assert why in done.err
    assert "Traceback" not in done.err
    assert not into.exists() or not list(into.iterdir())


PANEL = """\
apiVersion: reconciler/v1
Provider/whm-1:
  {type: whm, endpoint: "http://127.0.0.1:9", credentials: {user: {env: U}, token: {env: T}}}
HostingPlan/q: {price: 1.00 EUR/month, packages: {whm: x}}
HostingAccount/a.example: {provider: whm-1, account: aexample, plan: q}
BackupRepository/panel: {engine: whm, url: "http://127.0.0.1:9", provider: whm-1, credentials: {}}
BackupPolicy/p:
  objectives: {rpo: 26h, rto: 2h}
  schedule: {by: panel}
  sources: {all: {type: panel}}
  copies: [panel]
Backup/a.example: {of: HostingAccount/a.example, policy: p}
"""


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("{}", "panel has no credentials.write: it cannot be asked"),
        ("{write: {env: LOST}}", "the secret env:LOST"),
        ("{write: {env: BARE}}", "write has to be USER:TOKEN"),
        ("{write: {env: ROOT}}", "backup_set_list_combined: "),
    ],
)
def test_a_panel_that_cannot_be_asked_is_said(tmp_path, key, said):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "a.yaml").write_text(PANEL.replace("{}", key))
    argv = ("-C", tmp_path, "-q", "restore", "HostingAccount/a.example")
    into, keys = tmp_path.parent / "into", {"ROOT": "root:t", "BARE": "t"}
    listed = shell(*argv, environ=keys)
    assert listed.code == 3
    assert "panel  CANNOT BE READ: " in listed.out
    done = shell(*argv, "--into", into, environ=keys)
    assert done.code == 1
    assert "E681 panel: " in done.err
    assert said in listed.out + done.err
    assert "Traceback" not in done.err
    assert list(into.iterdir()) == []
