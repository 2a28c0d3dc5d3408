"""Archives that panels made: read as what anybody may have made."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from reconciler.errors import Rejected
from reconciler.providers._archive_open import Caps, Hostile
from reconciler.providers._archive_seal import Damaged
from reconciler.providers._panel_archive import look, newest, unpacked
from reconciler.providers._panel_restorer import PanelRestorer, Whose, files
from reconciler.providers._restore import Wanted, brought_back, parts
from tests.support.archives import Place, backup

NAME = "backup-11.22.2026_02-15-00_shop"
STAMP = "2611220215"
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


def plesk(folder: Path, **more: bytes) -> Path:
    site = {"httpdocs/index.php": b"<?php // inside", **more}
    inner = zstandard.compress(packed(site))
    dump = packed({f"backup_wp_{STAMP}.sql": b"-- Dump completed\n"})
    files = {
        f"backup_info_{STAMP}.xml": b"<migration-dump/>",
        f"domains/shop.example/backup_user-data_{STAMP}.tzst": inner,
        f"domains/shop.example/databases/wp_1/backup_wp_{STAMP}.tar": dump,
    }
    path = folder / f"backup_{STAMP}.tar"
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
    (dump,) = found.databases["shop_wp"]
    assert dump.read_bytes().endswith(b"Dump completed\n")


def test_plesk(tmp_path):
    into = tmp_path / "into"
    into.mkdir()
    found = unpacked(plesk(tmp_path), into, CAPS)
    assert (found.panel, found.owner) == ("plesk", "shop.example")
    (dump,) = found.databases["wp"]
    assert dump == into / "domains/shop.example/databases/wp_1/wp/wp.sql"
    assert [one.read_bytes() for one in into.rglob("index.php")] == [b"<?php // inside"]


def restored(tmp_path: Path, archive: Path, whose: Whose) -> dict[str, bytes]:
    """Return what a person gets back of *archive*, by its path."""

    def fetch(_: str, into: Path) -> None:
        shutil.copyfile(archive, into)

    made = PanelRestorer(fetch, whose, tmp_path / "scratch", None, list)
    with closing(made):
        root = made.unpacked("x")
        return {one: (root / one).read_bytes() for one in files(root)}


@pytest.mark.parametrize(("only", "gone"), [([], 2), (["homedir"], 0)])
def test_links_that_were_left_out_are_told(tmp_path, only, gone):
    path = cpanel(tmp_path)

    def fetch(_: str, into: Path) -> None:
        shutil.copyfile(path, into)

    into = tmp_path / "into"
    into.mkdir()
    whose = Whose("cpanel", "shop")
    with closing(PanelRestorer(fetch, whose, tmp_path / "scratch", None, list)) as made:
        chosen = parts(made, {"all": Wanted("x")}, only, "drill")
        back = brought_back(made, chosen, into, "drill")
    assert back.restored.left_out == gone
    assert (back.wrong, back.unproven) == ("", ("all",))
    assert not [one for one in into.rglob("*") if one.is_symlink()]


def test_no_link_leads_out_through_what_is_unpacked_later(tmp_path):
    """It stays inside as long as ``p`` is not there, and ``p`` comes in a part."""
    into, home = tmp_path / "into", packed({"a": b"a"}, {"p": "."})
    into.mkdir()
    path = tmp_path / f"{NAME}.tar.gz"
    files_ = {f"{NAME}/cp/shop": b"", f"{NAME}/homedir.tar": home}
    out = {f"{NAME}/mysql/x.sql": "../homedir/p/../../../secret.sql"}
    path.write_bytes(gzip.compress(packed(files_, out)))
    (tmp_path / "secret.sql").write_text("of another one")
    found = unpacked(path, into, CAPS)
    assert (found.databases, found.left_out) == ({}, 1)


THEIRS = {
    "whole": gzip.compress(packed({"a.txt": b"abc"})),
    "cut": gzip.compress(packed({"a.txt": b"abc"}))[:40],
    "none": gzip.compress(b"no tar"),
    "leads-out": gzip.compress(packed({"../a.txt": b"abc"})),
    "empty": b"",
}


@pytest.mark.parametrize("inner", THEIRS.values(), ids=THEIRS)
@pytest.mark.parametrize(
    "name", ["softaculous/wp.tar.gz", "homedir.tar", f"backup_me_{STAMP}.tgz", "x.tzst"]
)
def test_an_archive_among_the_customers_files_is_a_file_of_theirs(
    tmp_path, inner, name
):
    whose = Whose("cpanel", "shop")
    back = restored(tmp_path, cpanel(tmp_path, **{f"homedir/{name}": inner}), whose)
    assert back[f"homedir/{name}"] == inner
    assert len(back) == 6
    site = plesk(tmp_path, **{f"httpdocs/{name}": inner})
    back = restored(tmp_path, site, Whose("plesk", "shop.example"))
    assert back[f"domains/shop.example/user-data/httpdocs/{name}"] == inner
    assert len(back) == 4


@pytest.mark.parametrize("name", [f"backup_wp_{STAMP}.sql", f"backup_old_{STAMP}/a"])
def test_a_customers_own_names_stay_as_they_are(tmp_path, name):
    site = plesk(
        tmp_path, **{name: b"theirs", "databases/x": b"", f"databases/{name}": b""}
    )
    back = restored(tmp_path, site, Whose("plesk", "shop.example"))
    assert back[f"domains/shop.example/user-data/{name}"] == b"theirs"
    assert f"domains/shop.example/user-data/databases/{name}" in back
    assert "domains/shop.example/databases/wp_1/wp/wp.sql" in back


@pytest.mark.parametrize("kind", ["", ".gz", ".zst"])
def test_a_home_that_the_panel_packed_in_itself_is_unpacked(tmp_path, kind):
    files_ = {"public_html/index.php": b"<?php", "old.tar": b"theirs"}
    home = packed({**files_, "noise": os.urandom(1 << 14)})
    press = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[kind]
    path = packed_home(tmp_path, press(home), kind)
    back = restored(tmp_path, path, Whose("cpanel", "shop"))
    assert back["homedir/public_html/index.php"] == b"<?php"
    assert back["homedir/old.tar"] == b"theirs"
    assert not any(one.startswith("homedir.tar") for one in back)
    cut = packed_home(tmp_path, press(home)[: 1 << 13], kind)
    with pytest.raises(Rejected, match="no whole archive"):
        restored(tmp_path, cut, Whose("cpanel", "shop"))


def packed_home(folder: Path, home: bytes, kind: str) -> Path:
    """Return an archive with an empty ``homedir``, and the home beside it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        below = tarfile.TarInfo(f"{NAME}/homedir")
        below.type = tarfile.DIRTYPE
        made.addfile(below)
        told = {"cp/shop": b"USER=shop\n", f"homedir.tar{kind}": home}
        for name, content in told.items():
            info = tarfile.TarInfo(f"{NAME}/{name}")
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    path = folder / f"{NAME}.tar.gz"
    path.write_bytes(gzip.compress(out.getvalue()))
    return path


def test_one_of_two_accounts_is_of_nobody(tmp_path):
    files_ = {f"{top}/cp/shop": b"" for top in ("a", "b")}
    path = tmp_path / f"{NAME}.tar.gz"
    path.write_bytes(gzip.compress(packed(files_)))
    with pytest.raises(Rejected, match="not of one account"):
        restored(tmp_path, path, Whose("cpanel", "shop"))


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
