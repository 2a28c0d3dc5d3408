r"""
A dump of PostgreSQL on its way into a scratch server: all data, and no superuser.

Sources: PostgreSQL 15 (CREATE EXTENSION: who is no superuser may have trusted ones;
CREATE PUBLICATION: ``FOR ALL TABLES`` needs one; COMMENT: of whoever owns it), the
output of pg_dump 15 and 17 (``SET transaction_timeout = 0``; ``-- Dumped from database
version``; a statement begins a line, rows end with ``\.``), psql (``\restrict``:
CVE-2025-8714). What follows:

* What has no data in it and that the one user here may not do, or this server does not
  know, is left out, and the drill says so: comments on extensions, publications and
  subscriptions, event triggers, where tables lie, ``transaction_timeout``.
* An extension that this machine does not have, or that only a superuser may have, is
  left out as well. Where something misses it later, that tells nothing of the dump.
* The same is true of a newer server's statements, and of those that only a superuser
  may give: a drill that stops there is inconclusive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

_CHUNK: Final = 256 * 1024
_HEAD: Final = 4096
_RESTRICT: Final = re.compile(rb"^\\restrict ([A-Za-z0-9]+)[ \t]*$", re.MULTILINE)
_ROWS: Final = re.compile(rb"COPY [^\n]+ FROM stdin;\r?\n?$")
_DATALESS: Final = re.compile(
    rb"(SET transaction_timeout|SET default_tablespace|(?:COMMENT ON|DROP) EXTENSION"
    rb"|(?:CREATE|ALTER|DROP|COMMENT ON) (?:PUBLICATION|SUBSCRIPTION|EVENT TRIGGER))\b"
)
_EXTENSION: Final = re.compile(
    rb'CREATE EXTENSION (?:IF NOT EXISTS )?(?:"([^"\n]+)"|([a-z_0-9]+))[ ;]'
)
_WORDS: Final = re.compile(
    rb"(?:CREATE|ALTER|COMMENT|COPY|GRANT|INSERT|SELECT|SET)(?: [A-Z]+){0,2}\b"
)
_SUPERUSERS: Final = re.compile(
    r"COMMENT |CREATE (?:OR REPLACE |TRUSTED |PROCEDURAL )?(?:ACCESS|AGGREGATE|CAST"
    r"|EXTENSION|FOREIGN DATA|FUNCTION|LANGUAGE|OPERATOR|PROCEDURE|SERVER|TEXT|TYPE"
    r"|TRANSFORM)"
)
_DENIED: Final = "42501"
#: There is no such type, function, table, schema or column.
_MISSING: Final = frozenset({"42704", "42883", "42P01", "3F000", "42703"})
#: There is no such statement, setting or form of it.
_NEWER: Final = frozenset({"42601", "42704", "42883", "0A000", "22023"})
_VERSION: Final = re.compile(rb"^-- Dumped from database version (\d+)", re.MULTILINE)


class PostgresDump:
    """
    One dump.

    Args:
        extensions: Those that the one user here may have.

    Attributes:
        lines: How many lines of ours stand before its own.
    """

    lines: Final = 1

    def __init__(self, dump: Path, extensions: AbstractSet[str]) -> None:
        self._dump = dump
        self._extensions = extensions
        self._missed: dict[str, None] = {}
        self._notes: dict[str, None] = {}
        with dump.open("rb") as file:
            self._head = file.read(_HEAD)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, each once, as far as it was read."""
        return tuple(self._notes)

    def read(self, token: str) -> Iterator[bytes]:
        r"""Yield it behind our own ``\restrict``, without the one that it has."""
        yield f"\\restrict {token}\n".encode()
        named = _RESTRICT.search(self._head)
        theirs = named[1] if named else None
        ours = {b"\\restrict " + theirs, b"\\unrestrict " + theirs} if theirs else set()
        begins, rows, end = True, False, b""
        for piece in _pieces(self._dump):
            if rows:
                rows = not (begins and piece.rstrip() == b"\\.")
            elif begins and not end:
                rows = _ROWS.match(piece) is not None
                end = self._left_out(piece)
            begins = piece.endswith(b"\n")
            if end:
                end = b"" if piece.rstrip().endswith(end) else end
                yield b"\n" if begins else b""
            elif ours and piece.rstrip() in ours:
                yield b"\n"
            else:
                yield piece

    def _left_out(self, line: bytes) -> bytes:
        """Return how what begins with *line* ends, if it is left out; empty: not."""
        if told := _DATALESS.match(line):
            self._notes[f"left out: {told[1].decode()}"] = None
            quoted = told[1].startswith(b"COMMENT") and not line.rstrip().endswith(
                b" IS NULL;"
            )
            return b"';" if quoted else b";"
        found = _EXTENSION.match(line)
        name = (found[1] or found[2]).decode(errors="replace") if found else None
        if name is None or name in self._extensions:
            return b""
        self._missed[name] = None
        self._notes[f"left out: CREATE EXTENSION {name}"] = None
        return b";"

    def beyond(self, code: str, line: int, version: int) -> str:
        """
        Return why a server of *version* cannot go on; empty: the dump is at fault.

        *code* is the SQLSTATE, *line* where the statement ends.
        """
        statement = _statement(self._dump, line)
        if self._missed and code in _MISSING:
            return f"{statement} needs what is not there of {', '.join(self._missed)}"
        told = _VERSION.search(self._head)
        if told and int(told[1]) > version and code in _NEWER:
            return f"{statement} is of PostgreSQL {int(told[1])}"
        if code == _DENIED and _SUPERUSERS.match(statement):
            return f"{statement} needs a superuser"
        return ""


def _pieces(dump: Path) -> Iterator[bytes]:
    """Yield lines, those that are too long in parts."""
    with dump.open("rb") as file:
        while piece := file.readline(_CHUNK):
            yield piece


def _statement(dump: Path, line: int) -> str:
    """Return the first words of the statement that ends in *line*."""
    at, begins, name = 0, True, "a statement"
    for piece in _pieces(dump):
        at += begins
        if at > line:
            break
        if begins and (told := _WORDS.match(piece)):
            name = told[0].decode()
        begins = piece.endswith(b"\n")
    return name
