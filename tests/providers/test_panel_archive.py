"""Archives that panels made: read as what anybody may have made."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from reconciler.errors import Rejected
from reconciler.providers._archive_open import Caps, Hostile
from reconciler.providers._archive_seal import Damaged
from reconciler.providers._panel_archive import look, newest, unpacked
from tests.support.archives import Place, backup

NAME = "backup-11.22.2026_02-15-00_shop"
CAPS = Caps(1000, 1 << 24)


def packed(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            made.addfile(info)
    return out.getvalue()


def cpanel(folder: Path, name: str = NAME, **more: bytes) -> Path:
    files = {
        f"{NAME}/version": b"pkgacct version: 10\n",
        f"{NAME}/cp/shop": b"USER=shop\nDNS=shop.example\n",
        f"{NAME}/homedir/public_html/index.php": b"<?php // WordPress",
        f"{NAME}/mysql/shop_wp.sql": b"CREATE TABLE a (b int);\n-- Dump completed\n",
        f"{NAME}/mysql/shop_wp.create": b"CREATE DATABASE shop_wp",
        **{f"{NAME}/{key}": value for key, value in more.items()},
    }
    links = {
        f"{NAME}/homedir/www": "public_html",
        f"{NAME}/homedir/access-logs": "/usr/local/apache/domlogs/shop",
    }
    path = folder / f"{name}.tar.gz"
    path.write_bytes(gzip.compress(packed(files, links), mtime=0))
    return path


def plesk(folder: Path) -> Path:
    inner = zstandard.compress(packed({"httpdocs/index.php": b"<?php // inside"}))
    dump = packed({"backup_wp_1.sql": b"-- Dump completed\n"})
    files = {
        "backup_info_2611220215.xml": b"<migration-dump/>",
        "domains/shop.example/backup_user-data_2611220215.tzst": inner,
        "domains/shop.example/databases/wp_1/backup_wp_1.tar": dump,
    }
    path = folder / "backup_2611220215.tar"
    path.write_bytes(packed(files))
    return path


def test_cpanel(tmp_path):
    into = tmp_path / "into"
    into.mkdir()
    found = unpacked(cpanel(tmp_path), into, CAPS)
    assert (found.panel, found.owner) == ("cpanel", "shop")
    assert (found.home / "public_html" / "index.php").exists()
    assert (found.home / "www").is_symlink()
    assert not (found.home / "access-logs").is_symlink()
    assert [*found.databases] == ["shop_wp"]
    assert found.databases["shop_wp"].read_bytes().endswith(b"Dump completed\n")


def test_plesk(tmp_path):
    into = tmp_path / "into"
    into.mkdir()
    found = unpacked(plesk(tmp_path), into, CAPS)
    assert (found.panel, found.owner) == ("plesk", "shop.example")
    assert [*found.databases] == ["backup_wp_1"]
    assert [one.read_bytes() for one in into.rglob("index.php")] == [b"<?php // inside"]


@pytest.mark.parametrize("left", [0, 10, 0.5, -1, -8])
def test_one_that_is_cut_short(tmp_path, left):
    path = cpanel(tmp_path)
    size = path.stat().st_size
    os.truncate(path, int(size * left) if 0 < left < 1 else left % size)
    with pytest.raises(Damaged):
        look(path)
    with pytest.raises(Rejected):
        newest(tmp_path)


def test_one_whose_bytes_were_changed(tmp_path):
    path = cpanel(tmp_path)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # its checksum
    path.write_bytes(data)
    with pytest.raises(Damaged):
        look(path)


@pytest.mark.parametrize("name", ["../../etc/x", "/etc/x"])
def test_one_that_leads_out(tmp_path, name):
    path = tmp_path / f"{NAME}.tar.gz"
    files = {f"{NAME}/cp/shop": b"", name: b"x"}
    path.write_bytes(gzip.compress(packed(files)))
    with pytest.raises(Hostile):
        look(path)


def test_one_without_an_end(tmp_path):
    path = cpanel(tmp_path, **{"homedir/zeros": bytes(8 << 20)})
    assert path.stat().st_size < 1 << 16
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(Hostile, match="bytes"):
        unpacked(path, into, Caps(100, 1 << 20))
    with pytest.raises(Hostile, match="files"):
        unpacked(path, into, Caps(3, 1 << 30))


def test_the_newest_counts_and_it_has_to_be_one(tmp_path):
    with pytest.raises(Rejected, match="no archive of a panel"):
        newest(tmp_path)
    first, second = cpanel(tmp_path, "backup-1.1.2026_shop"), cpanel(tmp_path)
    os.utime(first, (1, 1))
    assert newest(tmp_path) == second
    (tmp_path / "cpmove-other.tar.gz").write_bytes(gzip.compress(packed({"a/b": b"c"})))
    with pytest.raises(Rejected, match="is no archive of cPanel or Plesk"):
        newest(tmp_path)


def test_a_panels_archive_is_backed_up_as_it_is(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    path = cpanel(home)
    place = Place(tmp_path / "kept").ready()
    want = backup(home, {"all": {"type": "panel", "minBytes": "1KiB"}})
    with pytest.raises(Rejected, match="minBytes"):
        place.back_up(backup(home, {"all": {"type": "panel", "minBytes": "1MiB"}}))
    path = cpanel(home, **{"homedir/noise": os.urandom(4096)})
    row = place.back_up(want).details["sources"]["all"]
    assert (row["files"], row["bytes"]) == (1, path.stat().st_size)
    assert place.check(want)["verdict"] == "passed"
