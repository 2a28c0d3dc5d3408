"""
A dump of MySQL on its way into a MariaDB: all of its data, in words that MariaDB knows.

Sources: MySQL 8 ("mysqldump": ``--set-gtid-purged`` writes ``SET @@GLOBAL.GTID_PURGED``
and ``SET @@SESSION.SQL_LOG_BIN``; "Collation Naming Conventions"; the default has been
``utf8mb4_0900_ai_ci`` since 8.0), MariaDB ("Supported Character Sets and Collations":
``uca1400`` since 10.10, the names of MySQL 8 since 11.4.5; both have ``nopad`` ones, as
those of MySQL 8 are). What follows:

* A collation is an order of the same bytes: where MariaDB has none of that name, its
  nearest is taken, and the drill says so. It may take two texts for the same that MySQL
  did not: what is twice then (1062) tells nothing of the dump.
* What says who replicates has no data in it, and needs rights over all of a server: it
  is left out.
* What this server does not know (a collation, a character set, an engine, a variable;
  of MySQL 8 also a form of a statement) tells nothing of the dump: a drill that stops
  there is inconclusive. Rows are never such a form.
* Rows are told by the beginning of their line: mysqldump writes no line end in a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_CHUNK: Final = 256 * 1024
_HEAD: Final = 4096
_ROWS: Final = (b"INSERT ", b"REPLACE ", b"(")
_REPLICATES: Final = re.compile(
    rb"SET @@(?:SESSION\.)?(SQL_LOG_BIN|GLOBAL\.GTID_PURGED) *="
)
_COLLATION: Final = re.compile(
    rb"\butf8mb4_(?:[a-z_]+_)?0900_(ai_ci|as_ci|as_cs|bin)(?:_ks)?\b"
)
#: The nearest of ours, by the end of their name; the second where there is no first.
NEWER: Final[Mapping[str, str]] = {
    "ai_ci": "utf8mb4_uca1400_nopad_ai_ci",
    "as_ci": "utf8mb4_uca1400_nopad_as_ci",
    "as_cs": "utf8mb4_uca1400_nopad_as_cs",
    "bin": "utf8mb4_nopad_bin",
}
OLDER: Final[Mapping[str, str]] = {
    "ai_ci": "utf8mb4_unicode_520_nopad_ci",
    "as_ci": "utf8mb4_unicode_520_nopad_ci",
    "as_cs": "utf8mb4_nopad_bin",
    "bin": "utf8mb4_nopad_bin",
}
_UNKNOWN: Final = frozenset({1115, 1193, 1273, 1286})
#: What else a form is that only MySQL has: no such statement, or not of that kind.
_FORMS: Final = frozenset({1064, 1901})
_TWICE: Final = 1062
_SERVER: Final = re.compile(
    rb"^-- Server version[ \t]+(\d+)\.(?!.*MariaDB)", re.MULTILINE
)
_MYSQL_8: Final = 8
_WORDS: Final = re.compile(rb"(?:/\*!\d+ )?([A-Z]+(?: [A-Z]+){0,2})\b")


class MysqlDump:
    """
    One dump.

    Args:
        nearest: The end of a collation's name -> what MariaDB has instead; empty: it
            knows them.

    Attributes:
        notes: What was read otherwise than it stands there, as far as it was read.
    """

    def __init__(self, dump: Path, nearest: Mapping[str, str]) -> None:
        self._dump = dump
        self._nearest = nearest
        self._notes: dict[str, None] = {}
        self._mapped = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read otherwise, each once."""
        return tuple(self._notes)

    def read(self) -> Iterator[bytes]:
        """Yield what the client is told; every line keeps its number."""
        begins, rows, left_out = True, False, False
        for piece in _pieces(self._dump):
            if begins:
                rows = not left_out and piece.startswith(_ROWS)
                if not left_out and (told := _REPLICATES.match(piece)):
                    left_out = True
                    self._notes[f"left out: SET {told[1].decode()}"] = None
            begins = piece.endswith(b"\n")
            if left_out:
                left_out = not (begins and piece.rstrip().endswith(b";"))
                yield b"\n" if begins else b""
            else:
                yield piece if rows else _COLLATION.sub(self._known, piece)

    def _known(self, told: re.Match[bytes]) -> bytes:
        ours = self._nearest.get(told[1].decode())
        if ours is None:
            return told[0]
        self._mapped = True
        self._notes[f"{told[0].decode()} read as {ours}"] = None
        return ours.encode()

    def beyond(self, code: int, line: int) -> str:
        """
        Return which statement the server does not know; empty: the dump is at fault.

        *code* is the server's, *line* where the statement begins.
        """
        statement, rows = _statement(self._dump, line)
        form = code in _FORMS and not rows and self._of_mysql_8()
        if code in _UNKNOWN or form or (code == _TWICE and self._mapped):
            return statement
        return ""

    def _of_mysql_8(self) -> bool:
        with self._dump.open("rb") as file:
            told = _SERVER.search(file.read(_HEAD))
        return told is not None and int(told[1]) >= _MYSQL_8


def _pieces(dump: Path) -> Iterator[bytes]:
    """Yield lines, those that are too long in parts."""
    with dump.open("rb") as file:
        while piece := file.readline(_CHUNK):
            yield piece


def _statement(dump: Path, line: int) -> tuple[str, bool]:
    """Return the first words of what stands in *line*, and whether it is rows."""
    at, begins = 0, True
    for piece in _pieces(dump):
        at += begins
        if begins and at == line:
            told = _WORDS.match(piece)
            name = told[1].decode() if told else "a statement"
            return name, piece.startswith(_ROWS)
        begins = piece.endswith(b"\n")
    return "a statement", False
