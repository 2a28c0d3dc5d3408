"""What the built-in archives cost: a tree of 200 MB, in CPU seconds, beside tar."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Used, child, middle
from benchmarks.row import Row, Size

#: 6,000 texts, 800 like photographs, 50 that do not compress: 200 MB, as a site is.
TEXTS, PHOTOS, NOISE = 6000, 800, 50
_WORDS = [f"{a}{b}" for a in "strlmnpdk" for b in ("a", "eit", "ion", "ung", "o", "us")]

#: ``WHAT REPOSITORY TREE INTO``: each a process of its own, as a run is.
_WORK = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from reconciler.providers._archive import Archive
from reconciler.providers._archive_seal import Keys
from reconciler.providers._archive_snap import Label
from reconciler.providers._archive_store import Folder

what, kept, tree, into = sys.argv[1:]
archive = Archive(Folder(Path(kept)), Keys({"password": "p", "escrow": "e"}))
if what == "add":
    archive.init()
    label = Label("site", "files", "slot", datetime(2026, 11, 22, tzinfo=UTC), ("t",))
    archive.add(label, lambda p: p.tree(Path(tree), ("t",), ()), lambda counted: None)
else:
    (snap,) = archive.snapshots("site")
    if what == "verify":
        archive.verify(snap)
    elif what == "restore":
        archive.restore(snap, Path(into))
    else:
        paths = [e.path for e in archive.manifest(snap) if e.kind == "f"]
        archive.restore(snap, Path(into), paths[:: max(1, len(paths) // 299)][:299])
print(sum(one.stat().st_size for one in Path(kept).rglob("*") if one.is_file()))
"""


def archive(size: Size) -> Iterator[Row]:
    """Add, check and restore; tar and gzip do the first and the last."""
    part = 10 if size.runs < Size().runs else 1
    with tempfile.TemporaryDirectory(prefix="reconciler-archive-") as folder:
        base = Path(folder)
        total = grow(base / "tree" / "t", part)
        name = f"archive of {total / 1e6:.0f} MB"

        def fresh(where: str) -> Path:
            path = base / where
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            return path

        def run(what: str) -> Used:
            if what == "add":
                fresh("kept")
            tree, into = base / "tree", fresh("into")
            words = [what, str(base / "kept"), str(tree), str(into)]
            return child([sys.executable, "-c", _WORK, *words], Path.cwd())

        packed = base / "t.tar.gz"
        tar = ["tar", "-czf", str(packed), "-C", str(base / "tree"), "t"]
        other = middle(size.runs, lambda: child(tar, base))
        used = middle(size.runs, lambda: run("add"))
        note = f"{int(used.out) / 1e6:.0f} MB, tar.gz {packed.stat().st_size / 1e6:.0f}"
        yield _row(f"{name}: back up", used, other, f"{note}; {used.rss:.0f} MB RSS")
        used = middle(size.runs, lambda: run("verify"))
        yield _row(f"{name}: read and compare all of it", used, None, "no file written")
        out = ["tar", "-xzf", str(packed), "-C"]
        other = middle(size.runs, lambda: child([*out, str(fresh("tar"))], base))
        used = middle(size.runs, lambda: run("restore"))
        yield _row(f"{name}: restore", used, other, f"{used.rss:.0f} MB RSS")
        used = middle(size.runs, lambda: run("sample"))
        yield _row(f"{name}: restore 299 files", used, None, "as a weekly drill does")


def _row(work: str, used: Used, other: Used | None, note: str) -> Row:
    return Row(work, used.cpu, "s CPU", other=other.cpu if other else None, note=note)


def grow(tree: Path, part: int) -> int:
    """Make the tree, or a *part*-th of it; return its bytes."""
    chance, total = random.Random(7), 0  # noqa: S311  (no secret)
    for number in range((TEXTS + PHOTOS + NOISE) // part):
        kind = number * part
        path = tree / f"{number % 97:02}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind < TEXTS:
            words = chance.choices(_WORDS, k=chance.randint(100, 1900))
            content = " ".join(words).encode()
        elif kind < TEXTS + PHOTOS:
            content = b"\xff\xd8\xff" + chance.randbytes(100_000)
        else:
            content = chance.randbytes(1_500_000)
        path.write_bytes(content)
        total += len(content)
    return total
