"""Any tree comes back as it was; what others made up is not believed."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import Rejected, Transient
from reconciler.providers import _archive_seal
from reconciler.providers._archive import Archive
from reconciler.providers._archive_making import _row
from reconciler.providers._archive_open import Caps, Hostile, Unpacker, members
from reconciler.providers._archive_seal import Damaged, Keys
from reconciler.providers._archive_snap import Label
from reconciler.providers._archive_store import Folder
from reconciler.providers._archive_tree import excluded
from reconciler.providers._drill_port import Entry, digest, promised
from reconciler.providers._restore import Wanted, brought_back, parts
from tests.support.archives import Place, backup, site

AT = datetime(2026, 11, 22, tzinfo=UTC)
_LETTERS = st.sampled_from(
    ["a", "B", " ", ".", "-", "ü", "日", "\n", "'", "\udcff", "~"]
)
NAMES = st.text(_LETTERS, min_size=1, max_size=8).filter(lambda n: n not in {".", ".."})
MODES = st.sampled_from([0o600, 0o644, 0o755, 0o700])


def _contents() -> st.SearchStrategy[bytes]:
    holes = st.integers(1, 5).map(lambda n: bytes(n << 16) + b"end" + bytes(n << 14))
    return st.one_of(st.just(b""), st.binary(max_size=300), holes)


LEAVES = st.tuples(st.just("f"), _contents(), MODES) | st.tuples(
    st.just("l"), st.sampled_from(["a", "./B", "nowhere/at/all"]), st.just(0)
)
TREES = st.recursive(
    LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setitem(_archive_seal._COST, "n", 16)


def grow(tree: dict[str, Any], folder: Path) -> None:
    folder.mkdir()
    for name, one in tree.items():
        path = folder / name
        if isinstance(one, dict):
            grow(one, path)
        elif one[0] == "l":
            path.symlink_to(one[1])
        else:
            path.write_bytes(one[1])
            path.chmod(one[2])
            os.utime(path, (1_700_000_000, 1_700_000_000))


def seen(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        name = os.fsencode(path.relative_to(folder)).hex()
        if path.is_symlink():
            found[name] = ("l", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("d",)
        else:
            mode = stat.S_IMODE(about.st_mode)
            found[name] = ("f", path.read_bytes(), mode, int(about.st_mtime))
    return found


def kept(folder: Path, source: Path, paths: tuple[str, ...] = ("tree",)) -> Any:
    archive = Archive(Folder(folder), Keys({"password": "p"}))
    archive.init()
    label = Label("u", "files", "s", AT, paths)
    return archive, archive.add(
        label, lambda packer: packer.tree(source, paths, ()), lambda counted: None
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tree=TREES)
def test_any_tree_comes_back(tmp_path_factory, tree):
    base = tmp_path_factory.mktemp("any")
    grow(tree, base / "tree")
    archive, snap = kept(base / "kept", base)
    archive.verify(snap)
    (base / "into").mkdir()
    archive.restore(snap, base / "into")
    assert seen(base / "into" / "tree") == seen(base / "tree")
    rows = [
        Entry(e.path, e.size, e.sha256) for e in archive.manifest(snap) if e.kind == "f"
    ]
    assert rows == sorted(rows)
    assert digest(rows) == snap.manifest
    assert len(rows) == snap.files


def test_paths_that_overlap_come_once_and_in_order(tmp_path):
    grow({"a": ("f", b"1", 0o600), "a.b": ("f", b"2", 0o600)}, tmp_path / "x")
    grow({"c": {"d": ("f", b"3", 0o600)}, "c!": ("f", b"4", 0o600)}, tmp_path / "y")
    paths = ("y/c", "y", "x/a.b", "x/a", "y/c!")
    archive, snap = kept(tmp_path / "kept", tmp_path, paths)
    rows = [
        Entry(e.path, e.size, e.sha256) for e in archive.manifest(snap) if e.kind == "f"
    ]
    assert [row.path for row in rows] == ["x/a", "x/a.b", "y/c!", "y/c/d"]
    assert digest(rows) == snap.manifest


@pytest.mark.parametrize(
    ("paths", "back"),
    [
        ((".",), ["a", "w/s/x", "w/y"]),
        (("./w",), ["w/s/x", "w/y"]),
        (("w/.", "./a"), ["a", "w/s/x", "w/y"]),
        (("w//s",), ["w/s/x"]),
        ((".", "w"), ["a", "w/s/x", "w/y"]),
        (("./w", "w", "w/", "w/./s"), ["w/s/x", "w/y"]),
    ],
)
def test_paths_are_one_however_they_are_written(tmp_path, paths, back):
    grow(
        {
            "a": ("f", b"1", 0o600),
            "w": {"s": {"x": ("f", b"2", 0o600)}, "y": ("f", b"3", 0o600)},
        },
        tmp_path / "site",
    )
    archive, snap = kept(tmp_path / "kept", tmp_path / "site", paths)
    assert [e.path for e in archive.manifest(snap) if e.kind == "f"] == back
    archive.verify(snap)
    (tmp_path / "into").mkdir()
    archive.restore(snap, tmp_path / "into")
    found = (tmp_path / "into").rglob("*")
    assert (
        sorted(str(p.relative_to(tmp_path / "into")) for p in found if p.is_file())
        == back
    )


def test_what_changes_its_place_while_it_is_read_is_no_backup(tmp_path, monkeypatch):
    root = tmp_path / "site"
    grow({"t": {"a": ("f", b"1", 0o600), "a!": ("f", b"2", 0o600)}}, root)
    real = os.stat

    def swapping(path, **more):
        if path == "a" and (root / "t" / "a").is_file():
            (root / "t" / "a").unlink()
            grow({"b": ("f", b"3", 0o600)}, root / "t" / "a")
        return real(path, **more)

    monkeypatch.setattr(os, "stat", swapping)
    with pytest.raises(Transient, match="while it was read"):
        kept(tmp_path / "kept", root, ("t",))


def test_a_tree_that_is_too_deep_is_refused(tmp_path):
    before = os.open(".", os.O_RDONLY)
    (tmp_path / "t").mkdir()
    os.chdir(tmp_path / "t")
    for _ in range(1200):
        os.mkdir("d")  # noqa: PTH102
        os.chdir("d")
    try:
        with pytest.raises(Rejected, match="too deep"):
            kept(tmp_path / "kept", tmp_path, ("t",))
    finally:
        for _ in range(1200):
            os.chdir("..")
            os.rmdir("d")  # noqa: PTH106
        os.chdir(before)
        os.close(before)


def test_long_names_and_large_holes(tmp_path):
    deep = tmp_path / "tree"
    deep.mkdir()
    for _ in range(15):
        deep = deep / ("n" * 200)
        deep.mkdir()
    (deep / ("ö" * 120)).write_bytes(b"deep")
    with (tmp_path / "tree" / "sparse").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"middle")
    archive, snap = kept(tmp_path / "kept", tmp_path)
    assert snap.packed < 1 << 16
    (tmp_path / "into").mkdir()
    archive.restore(snap, tmp_path / "into")
    back = tmp_path / "into" / "tree" / "sparse"
    assert back.stat().st_size == 64 << 20
    assert back.stat().st_blocks * 512 < 1 << 20
    with back.open("rb") as file:
        file.seek(32 << 20)
        assert file.read(7) == b"middle\0"
    assert seen(tmp_path / "into" / "tree") == seen(tmp_path / "tree")


@pytest.mark.parametrize(
    ("pattern", "path", "out"),
    [
        ("*.log", "web/a/b.log", True),
        ("*.log", "web/b.logs", False),
        ("cache/**", "web/cache/x/y", True),
        ("cache/**", "web/cache", False),
        ("/cache", "web/cache", False),
        ("/web/cache", "web/cache", True),
        ("web/*/tmp", "web/a/tmp", True),
        ("web/*/tmp", "web/a/b/tmp", False),
        ("web/**/tmp", "web/a/b/tmp", True),
        ("node_modules", "web/x/node_modules", True),
        ("a?c", "a+c", True),
        ("a+c", "aac", False),
    ],
)
def test_what_is_left_out(pattern, path, out):
    assert excluded([pattern])(path) is out


@pytest.mark.parametrize("twice", [False, True])
def test_what_was_made_before_paths_were_plain_is_read(tmp_path, twice):
    """As ``paths: [./public_html]`` was packed once; with ``public_html`` beside it."""
    root = site(tmp_path / "home")
    place = Place(tmp_path / "near").ready()
    source = {"paths": ["public_html"], "expect": [{"glob": "public_html/*.php"}]}
    scratch = {"scratch": str(tmp_path / "scratch")}
    want = backup(root, {"files": source}, drills=scratch)

    def pack(packer):
        base = os.open(root, os.O_RDONLY)
        for path in ("./public_html", "public_html")[: 1 + twice]:
            packer._path(base, path, excluded([]))
        os.close(base)

    snap = place.driver._archive.add(
        Label(want.uid, "files", "s", AT, ("./public_html",)),
        pack,
        lambda counted: None,
        canary=b"once",
    )
    assert next(place.driver._archive.manifest(snap)).path == "./public_html"
    received = {"at": AT.isoformat(), "sources": {"files": _row(snap)}}
    assert place.check(want)["verdict"] == "passed"
    for more in ({}, {"files": 3}):
        done = place.drill(want, received, **more)
        assert (done["verdict"], done["why"]) == ("passed", "")
    wanted = {"files": Wanted(snap.id, promised(received["sources"]["files"]))}
    for only in ([], ["public_html/index.php"]):
        into = tmp_path / f"back{len(only)}"
        into.mkdir()
        rest = place.driver.restorer(want)
        back = brought_back(rest, parts(rest, wanted, only, "drill"), into, "drill")
        assert (back.wrong, back.unproven) == ("", ())


# -- archives that nobody here made ----------------------------------------------------


def tar(*infos: tuple[str, bytes, str, int]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, kind, target, size in infos:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, size
            made.addfile(info, io.BytesIO(b"x" * size))
    return out.getvalue()


def unpack(content: bytes, into: Path, caps: Caps) -> Unpacker:
    unpacker = Unpacker(into)
    with members(io.BytesIO(content), "tar", caps) as found:
        for one in found:
            unpacker.add(one)
    unpacker.finish()
    return unpacker


F, L, H = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.mark.parametrize(
    "infos",
    [
        [("/etc/passwd", F, "", 3)],
        [("a/../../b", F, "", 3)],
        [("..", F, "", 3)],
        [("dev", tarfile.CHRTYPE, "", 0)],
        [("pipe", tarfile.FIFOTYPE, "", 0)],
        [("a", F, "", 3), ("a", F, "", 3)],
        [("a", F, "", 3), ("a/b", F, "", 3)],
        [("h", H, "/etc/passwd", 0)],
        [("h", H, "../x", 0)],
        [("h", H, "nothing", 0)],
        [("a", F, "", 3), ("a", L, "b", 0)],
        [("a", L, "../../out", 0), ("a/evil", L, "x", 0)],
        [("a", L, "../../out", 0), ("a/b/evil", L, "x", 0)],
        [("a", L, "/srv", 0), ("a/b/evil", L, "x", 0)],
        [("a/evil", L, "x", 0), ("a", L, "../../out", 0)],
        [("a", L, "b", 0), ("a", L, "b", 0)],
        [("big", F, "", 2000)],
        [(f"{n}", F, "", 1) for n in range(11)],
    ],
    ids=str,
)
def test_what_is_hostile_is_refused(tmp_path, infos):
    into, out = tmp_path / "deep" / "into", tmp_path / "out"
    into.mkdir(parents=True)
    out.mkdir()
    with pytest.raises(Hostile):
        unpack(tar(*infos), into, Caps(files=10, size=1000))
    assert [*out.iterdir()] == []
    assert sorted(one.name for one in tmp_path.iterdir()) == ["deep", "out"]
    assert [one.name for one in into.parent.iterdir()] == ["into"]


@pytest.mark.parametrize(
    "infos",
    [
        [("out", L, "/etc", 0), ("out/x", F, "", 3)],
        [("out", L, "..", 0), ("out/x", F, "", 3)],
        [("l1", L, "p/..", 0), ("l2", L, "p/../..", 0), ("p", L, ".", 0)],
        [("a/b", L, "../..", 0), ("a/c", L, "b/../x", 0)],
    ],
    ids=str,
)
def test_no_link_leads_out(tmp_path, infos):
    into = tmp_path / "into"
    into.mkdir()
    try:
        unpack(tar(*infos), into, Caps())
    except Hostile:
        return
    root = os.path.realpath(into)
    for path in into.rglob("*"):
        assert os.path.realpath(path).startswith(root)
    assert [one.name for one in tmp_path.iterdir()] == ["into"]


def test_hard_links_and_bad_modes(tmp_path):
    into = tmp_path / "into"
    into.mkdir()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        info = tarfile.TarInfo("./a")
        info.size, info.mode = 3, 0o6777
        made.addfile(info, io.BytesIO(b"abc"))
        info = tarfile.TarInfo("./b")
        info.type, info.linkname = H, "./a"
        made.addfile(info)
    done = unpack(out.getvalue(), into, Caps())
    assert done.files == 2
    assert (into / "b").read_bytes() == b"abc"
    assert stat.S_IMODE((into / "a").stat().st_mode) == 0o755


@pytest.mark.parametrize("left", [0, 100, 600, 1100])
def test_a_tar_that_is_cut_is_damaged(tmp_path, left):
    whole = tar(("a", F, "", 700), ("b", F, "", 700))
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(Damaged):
        unpack(whole[:left], into, Caps())


def header(kind: bytes, size: int, content: bytes = b"", name: str = "x") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    whole = info.tobuf(tarfile.GNU_FORMAT) + content
    return whole + bytes(-len(whole) % 512)


def pax(kind: bytes = tarfile.XHDTYPE, **words: str) -> bytes:
    said = b""
    for word, value in words.items():
        row = f" {word.replace('_', '.')}={value}\n".encode("utf-8", "surrogateescape")
        size = len(row) + len(str(len(row) + 3))
        said += str(size).encode() + row
    return header(kind, len(said), said)


END, LAST = bytes(1024), tar(("z", F, "", 3))
SPARSE = {"GNU_sparse_major": "1", "GNU_sparse_minor": "0"}
SENSELESS = {
    "inf": pax(mtime="inf") + LAST,
    "nan": pax(mtime="nan") + LAST,
    "late": pax(mtime="1e300") + LAST,
    "early": pax(mtime="-1e30") + LAST,
    "less-than-nothing": pax(size="-1024") + LAST,
    "map": pax(GNU_sparse_map="abc", GNU_sparse_size="10") + LAST,
    "holes": pax(GNU_sparse_size="xyz") + LAST,
    "no-map": pax(**SPARSE, GNU_sparse_realsize="10") + LAST,
    "nul": pax(path="a\0b") + LAST,
    "nul-link": pax(linkpath="a\0b") + tar(("l", L, "x", 0)),
    "no-link": tar(("l", L, "", 0)),
    "long-name": pax(path="n" * 300) + LAST,
    "long-link": pax(path="n" * 300) + tar(("l", L, "x", 0)),
    "long-target": pax(linkpath="n" * 5000) + tar(("l", L, "x", 0)),
    "long-path": pax(path="/".join(["d" * 200] * 30)) + LAST,
    "deep": pax(path="/".join(["d"] * 1500)) + LAST,
    "chain": pax(path="b") * 3000 + LAST,
    "length": header(tarfile.XHDTYPE, 12, b"0 path=b/x\n") + LAST,
    "shared": b"".join(pax(tarfile.XGLTYPE, **{f"k{n}": "v"}) for n in range(150))
    + LAST,
    "digits": header(tarfile.XHDTYPE, 1 << 17, b"1" * (1 << 17)) + LAST,
    "torn-header": tar(("a", F, "", 3))[:1024] + b"\1" * 512 + LAST,
    "no-end": tar(("a", F, "", 3))[:1024],
    "half-a-header": tar(("a", F, "", 3))[:1124],
    "torn-after-pax": pax(path="b") + b"\1" * 512 + LAST,
    "ends-after-pax": pax(path="b") + END,
}


@pytest.mark.parametrize("content", SENSELESS.values(), ids=SENSELESS)
def test_what_makes_no_sense_is_no_whole_archive(tmp_path, content):
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises((Damaged, Hostile)):
        unpack(content, into, Caps(1000, 1 << 20))


@pytest.mark.parametrize("words", [{"mtime": "1.5"}, {"mtime": "-5"}, {"path": "a/ü"}])
def test_headers_that_make_sense_are_read(tmp_path, words):
    into = tmp_path / "into"
    into.mkdir()
    assert unpack(pax(**words) + LAST, into, Caps(10, 1000)).files == 1
    (into / "b").mkdir()
    shared = pax(tarfile.XGLTYPE, comment="x") + LAST
    assert unpack(shared, into / "b", Caps()).files == 1


KINDS = [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, b"K", b"X"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_without_an_end_takes_no_memory(tmp_path, kind):
    class Endless(io.RawIOBase):
        """A header of 8 GiB, and another one in each of its blocks."""

        head, given = header(kind, 8 << 30), 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            many = min(len(buffer), 512)
            buffer[:many] = self.head[:many]
            self.given += many
            return many

    stream = Endless()
    with pytest.raises(Damaged, match="longer than"):  # noqa: SIM117
        with members(io.BufferedReader(stream), "tar", Caps()) as found:
            list(found)
    assert stream.given < 4 << 20


def test_a_map_of_holes_without_an_end_takes_no_memory(tmp_path):
    content = b"100000000\n" + b"0\n" * (4 << 20)
    words = {**SPARSE, "GNU_sparse_realsize": "10", "GNU_sparse_name": "q"}
    whole = pax(**words) + header(F, len(content), content)
    with pytest.raises(Damaged, match="longer than"):
        unpack(whole, tmp_path, Caps(10, 1 << 30))


def test_what_was_not_read_of_a_member_is_no_header(tmp_path):
    whole = tar(("a", F, "", 4 << 20), ("b", F, "", 512), ("c", F, "", 4 << 20))
    with members(io.BytesIO(whole), "tar", Caps()) as found:
        assert [one.entry.path for one in found] == ["a", "b", "c"]
    with members(io.BytesIO(whole), "tar", Caps()) as found:
        assert [(o.content and len(o.content.read(600))) for o in found] == [
            600, 512, 600,
        ]  # fmt: skip


def test_a_root_that_is_not_there(tmp_path):
    with pytest.raises(Rejected, match="No such file"):
        kept(tmp_path / "kept", tmp_path / "nowhere")
