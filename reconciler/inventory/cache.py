"""
What was read before, by content: safe to lose, safe to damage, never trusted alone.

A damaged file is thrown away and made again; one that is in use is left alone. Keys
hold the digest of the code that made the rows, so that an upgrade starts afresh.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic

from reconciler.inventory import rows as rows_of
from reconciler.inventory.index import Index, Slice
from reconciler.inventory.rows import Edge, Row
from reconciler.model import AnyResource

_TABLES = """
CREATE TABLE IF NOT EXISTS blob1 (key TEXT PRIMARY KEY, crc INTEGER, rows BLOB)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tree1 (key TEXT PRIMARY KEY, crc INTEGER, slices BLOB,
    kind_table BLOB, kinds BLOB, names BLOB, uids BLOB, digests BLOB, labels BLOB,
    label_table BLOB, edges BLOB, edge_table BLOB);
"""
_COLUMNS = 10
#: Rows of files that are gone are kept (another branch has them) up to this factor.
_KEEP = 4
_BUSY = 2.0
#: The tree that was read last in this process; nobody changes one.
_LAST: dict[tuple[int, str], Index] = {}


def code_digest(kinds: Mapping[str, type[AnyResource]] | None) -> str | None:
    """
    Return what changes whenever a file could be read otherwise than before.

    None where that cannot be said: a kind that is not in a file.
    """
    package = Path(__file__).parent.parent
    folders = {package / "model", package / "inventory"}
    if kinds is None:
        folders.add(package / "kinds")
    for kind in (kinds or {}).values():
        module: ModuleType | None = sys.modules.get(kind.__module__)
        file = getattr(module, "__file__", None)
        if file is None:
            return None
        folders.add(Path(file).parent)
    total = hashlib.sha256(f"{sys.version} {pydantic.VERSION}".encode())
    for name, kind in sorted((kinds or {}).items()):
        total.update(f"\0{name} {kind.__module__} {kind.__qualname__}".encode())
    total.update(_sources(frozenset(folders)))
    return total.hexdigest()


@cache
def _sources(folders: frozenset[Path]) -> bytes:
    """Return what all files of *folders* come to; a process runs what it began with."""
    total = hashlib.sha256()
    for folder in sorted(folders):
        for source in sorted(folder.rglob("*.py")):
            total.update(f"\0{source.name}\0".encode() + source.read_bytes())
    return total.digest()


class Cache:
    """
    A SQLite file of rows by content. Every failure of it only means slower.

    Args:
        path: The file; its folder is made.
        code: What ``code_digest`` says.
    """

    def __init__(self, path: Path, code: str) -> None:
        self.path = path
        self.code = code
        self._open: sqlite3.Connection | None = None
        self._connect()

    def close(self) -> None:
        """Close the file; nothing is kept or found after that."""
        if self._open:
            self._open.close()
        self._open = None

    def key(self, blob: str, defaults: Sequence[str]) -> str:
        """Return the key of a file's rows: its content and its defaults'."""
        text = "\0".join((self.code, blob, *defaults))
        return hashlib.sha256(text.encode()).hexdigest()

    def rows(self, key: str) -> list[Row] | None:
        """Return the rows kept under *key*."""
        for crc, data in self._ask("SELECT crc, rows FROM blob1 WHERE key=?", key):
            with suppress(ValueError, TypeError):
                if zlib.crc32(data) == crc:
                    return rows_of.parse(data.decode())
            self._damaged()
        return None

    def tree(self) -> Index | None:
        """Return the last whole tree that was kept."""
        for _, crc, *columns in self._ask("SELECT * FROM tree1 WHERE key=?", self.code):
            with suppress(ValueError, TypeError, IndexError, AttributeError):
                if _crc(columns) == crc:
                    _LAST.clear()
                    _LAST[crc, self.code] = _index(columns)
                    return _LAST[crc, self.code]
            self._damaged()
        return None

    def save(self, kept: Mapping[str, Sequence[Row]], tree: Index | None) -> None:
        """Keep the rows of files by their keys and, if there is one, the tree."""
        pairs = [(key, rows_of.dump(list(each)).encode()) for key, each in kept.items()]
        self._put(
            "REPLACE INTO blob1 VALUES (?, ?, ?)",
            [(key, zlib.crc32(data), data) for key, data in pairs],
        )
        if tree is not None:
            columns = _columns(tree)
            self._put("DELETE FROM tree1 WHERE key <> ?", [(self.code,)])
            marks = ", ".join("?" * (_COLUMNS + 2))
            self._put(
                f"REPLACE INTO tree1 VALUES ({marks})",  # noqa: S608  (only marks)
                [(self.code, _crc(columns), *columns)],
            )

    def prune(self, keys: Iterable[str], count: int) -> None:
        """Drop the rows of files that are gone, once there are many times *count*."""
        for (total,) in self._ask("SELECT count(*) FROM blob1"):
            if total > _KEEP * count + 1000:
                live = set(keys)
                every = self._ask("SELECT key FROM blob1")
                gone = [(key,) for (key,) in every if key not in live]
                self._put("DELETE FROM blob1 WHERE key=?", gone)

    def _connect(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open = sqlite3.connect(
                self.path, timeout=_BUSY, check_same_thread=False
            )
            self._open.execute("PRAGMA synchronous=OFF")
            self._open.execute("PRAGMA journal_mode=MEMORY")
            self._open.executescript(_TABLES)
        except (OSError, sqlite3.OperationalError):
            self.close()
        except sqlite3.DatabaseError:
            self._damaged()

    def _damaged(self) -> None:
        """Throw the file away and begin an empty one."""
        self.close()
        try:
            self.path.unlink()
        except OSError:
            return
        self._connect()

    def _ask(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        if self._open is None:
            return []
        try:
            return self._open.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            self.close()
        except sqlite3.DatabaseError:
            self._damaged()
        return []

    def _put(self, query: str, values: Sequence[tuple[Any, ...]]) -> None:
        if self._open is None or not values:
            return
        try:
            with self._open:
                self._open.executemany(query, values)
        except sqlite3.OperationalError:
            self.close()
        except sqlite3.DatabaseError:
            self._damaged()


def _crc(columns: Sequence[bytes]) -> int:
    total = 0
    for column in columns:
        total = zlib.crc32(column, total)
    return total


def _columns(tree: Index) -> list[bytes]:
    kind_table = sorted(set(tree.kinds))
    number = {kind: n for n, kind in enumerate(kind_table)}
    slices = [(s.path, s.blob, s.stop - s.start) for s in tree.slices]
    return [
        json.dumps(slices).encode(),
        json.dumps(kind_table).encode(),
        array("H", [number[kind] for kind in tree.kinds]).tobytes(),
        "\n".join(tree.names).encode(),
        json.dumps([sorted(each.items()) for each in (tree.uids, tree.sites)]).encode(),
        bytes(tree.digests),
        tree.labels.tobytes(),
        json.dumps(tree.label_table).encode(),
        tree.edges.tobytes(),
        json.dumps(tree.edge_table).encode(),
    ]


def _index(columns: Sequence[bytes]) -> Index:
    slices, kind_table, kinds, names, uids, digests, labels, *rest = columns
    tree = Index()
    start = 0
    for path, blob, count in json.loads(slices):
        tree.slices.append(Slice(path, blob, start, start + count))
        start += count
    numbers = array("H", kinds)
    tree.kinds = list(map(json.loads(kind_table).__getitem__, numbers))
    tree.names = names.decode().split("\n") if names else []
    tree.uids, tree.sites = map(dict, json.loads(uids))
    tree.digests = bytearray(digests)
    tree.labels.frombytes(labels)
    label_table, edges, edge_table = rest
    tree.edges.frombytes(edges)
    tree.take_tables(
        json.loads(label_table),
        [tuple(Edge(*edge) for edge in each) for each in json.loads(edge_table)],
    )
    if not len(tree.names) == len(tree.kinds) == len(tree.edges) == start:
        raise ValueError("columns of different length")
    return tree
