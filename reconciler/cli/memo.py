"""Where it is kept what needs nothing: a file that may be lost or damaged."""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from reconciler import engine
from reconciler.engine.quiet import Known, Quiet, Window
from reconciler.inventory.cache import code_digest
from reconciler.model.ref import Ref

_FORM = 1
_DIGEST = 32
_TIMES = 3


def memo_key(snapshot: str) -> str:
    """Return what a memo of this *snapshot* (its SHA-256) is good for: this code."""
    total = hashlib.sha256(f"{_FORM} {snapshot} {code_digest(None)}".encode())
    for source in sorted(Path(str(engine.__file__)).parent.glob("*.py")):
        total.update(source.read_bytes())
    return total.hexdigest()


class Memo:
    """
    The file of one environment: the windows of the snapshot that was planned last.

    A line of JSON (``key``, ``crc``, ``kinds``), then the columns: for each kind its
    names, then all digests, then the times as 8-byte floats.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key

    def read(self) -> Quiet:
        """Return what is known; nothing where the file is not about this."""
        try:
            head, _, body = self._path.read_bytes().partition(b"\n")
            said = json.loads(head)
            if said["key"] == self._key and said["crc"] == zlib.crc32(body):
                return Quiet(_rows(said["kinds"], body))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return Quiet()

    def write(self, rows: Iterable[tuple[Known, Window]]) -> None:
        """Keep *rows*; another writer may win, and failing only means slower."""
        ordered = sorted(rows)
        body = b"".join(_columns(ordered))
        kinds: dict[str, int] = {}
        for (ref, _), _ in ordered:
            kinds[ref.kind] = kinds.get(ref.kind, 0) + 1
        head = {"key": self._key, "crc": zlib.crc32(body), "kinds": kinds}
        draft = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(json.dumps(head).encode() + b"\n" + body)
            draft.replace(self._path)
        except OSError:
            return


def _columns(rows: Sequence[tuple[Known, Window]]) -> Iterable[bytes]:
    yield "".join(f"{ref.name}\n" for (ref, _), _ in rows).encode()
    yield b"".join(digest for (_, digest), _ in rows)
    for column in range(_TIMES):
        yield array("d", [seen[column] for _, seen in rows]).tobytes()


def _rows(kinds: dict[str, int], body: bytes) -> list[tuple[Known, Window]]:
    count = sum(kinds.values())
    start = len(body) - count * (_DIGEST + 8 * _TIMES)
    names = body[:start].decode().split("\n")
    every = [kind for kind, number in kinds.items() for _ in range(number)]
    refs = map(partial(tuple.__new__, Ref), zip(every, names[:count], strict=True))
    end = start + count * _DIGEST
    digests = [body[at : at + _DIGEST] for at in range(start, end, _DIGEST)]
    times = array("d", body[end:])
    columns = [times[n * count : (n + 1) * count] for n in range(_TIMES)]
    windows = zip(*columns, strict=True)
    return list(zip(zip(refs, digests, strict=True), windows, strict=True))  # type: ignore[arg-type]
