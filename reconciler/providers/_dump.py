r"""
Databases on their way into a backup: a dump in a private file, whole or not at all.

Sources: SQLite ("Online Backup API": a copy that is consistent while others write),
MySQL and MariaDB (``mysqldump``: ``--single-transaction``, ``--hex-blob``; a dump ends
with ``-- Dump completed``), PostgreSQL (``pg_dump``; a plain dump ends with ``--
PostgreSQL database dump complete``, after which 15.14 and newer write ``\unrestrict``;
libpq's connection strings: ``passfile``). What follows:

* A dump is never sent through a pipe into an archive: a program that dies in the middle
  would leave half a dump with a good end. It is made first, its exit status and its
  last line are looked at, and then it is backed up.
* No zero byte is in a dump: mysqldump escapes it (``\0``; it sets the SQL_MODE of its
  session, so that backslashes do), PostgreSQL has none in texts and writes bytes in
  hex. A disk that was full, or a crash, leaves zeros where text was. Both clients may
  load them and say nothing: in quotes they are a text that is cut to its column, and
  the rows between are gone.
* No password is ever an argument: it is in a file that only we can read, and that is
  gone afterwards.
* A SQLite file that is a link, or lies outside of its root, is not read: it belongs to
  whoever owns the site, and we may read more than they may.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reconciler.errors import Rejected, Transient
from reconciler.model.backing import Source
from reconciler.providers._dump_server import Kind, Server
from reconciler.providers._said import shown

#: What a dump is called where it is restored, by the type of its source.
NAMES: Final = {
    "mysql": "dump.sql",
    "postgres": "dump.sql",
    "sqlite": "dump.sqlite",
}
MYSQL_END: Final = b"-- Dump completed"
POSTGRES_END: Final = b"-- PostgreSQL database dump complete"
_TAIL: Final = 4096
_CHUNK: Final = 1024 * 1024
_PAUSE: Final = 0.05
#: Debian's newer packages have the second name alone, its older ones the first.
_MYSQL: Final = ("mysqldump", "mariadb-dump")
#: In hexadecimal a value has twice its size; this is the most that there is.
PACKET: Final = "--max-allowed-packet=1G"
_MYSQL_OPTIONS: Final = (
    PACKET,
    "--single-transaction",
    "--quick",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
    "--no-tablespaces",
    "--skip-dump-date",
    "--default-character-set=utf8mb4",
)
_POSTGRES_OPTIONS: Final = (
    "--format=plain",
    "--no-owner",
    "--no-privileges",
    "--no-tablespaces",
)


def dumped(
    source: Source,
    root: Path | None,
    into: Path,
    connection: str | None,
    seconds: float,
) -> Path:
    """
    Dump the database of *source* into the private folder *into*; return the file.

    Args:
        source: A database.
        root: Where relative files are, of SQLite.
        into: A folder that only we can read.
        connection: Its secret, where there is one.
        seconds: How long it may take.

    Raises:
        Rejected: It is not there, *connection* cannot be followed, the program failed,
            or the dump has no end.
        Transient: It took too long, or the database is busy.
    """
    target = into / NAMES[source.type]
    if source.type == "sqlite":
        _sqlite(source, root, target, seconds)
        return target
    kind: Kind = "mysql" if source.type == "mysql" else "postgres"
    server = Server.of(connection, kind)
    name = source.database
    if name is None:
        raise Rejected(f"{source.type} needs database: its name")
    run = _mysql if kind == "mysql" else _postgres
    end = whole_mysql if kind == "mysql" else whole_postgres
    run(server, name, target, seconds)
    if not end(target):
        raise Rejected(f"the dump of {name} has no end: it was cut short")
    if hollow(target):
        raise Rejected(f"the dump of {name} has zeros in it: it was not kept whole")
    return target


# -- whole or not ----------------------------------------------------------------------


def whole_mysql(dump: Path) -> bool:
    """Say whether a dump of mysqldump ends as one that was not cut short."""
    lines = _last_lines(dump)
    return bool(lines) and lines[-1].startswith(MYSQL_END)


def whole_postgres(dump: Path) -> bool:
    """Say whether a plain dump of pg_dump does."""
    lines = [one for one in _last_lines(dump) if not one.startswith(b"\\unrestrict ")]
    while lines and lines[-1] == b"--":
        lines.pop()
    return bool(lines) and lines[-1] == POSTGRES_END


def hollow(dump: Path) -> bool:
    """Say whether a plain dump has zero bytes in it: neither program writes any."""
    with dump.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                return True
    return False


def _last_lines(dump: Path) -> list[bytes]:
    with dump.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        return [line for one in file.read().splitlines() if (line := one.strip())]


# -- programs --------------------------------------------------------------------------


def _mysql(server: Server, name: str, target: Path, seconds: float) -> None:
    with _secret_file(target.parent, "client.cnf", server.option_file()) as options:
        # It has to be the first argument, and no file of the machine counts then.
        first = [f"--defaults-extra-file={options}"] if options else []
        arguments = [*first, *_MYSQL_OPTIONS, f"--result-file={target}", "--", name]
        for number, program in enumerate(_MYSQL):
            last = number == len(_MYSQL) - 1
            if _run([program, *arguments], seconds, _secrets(server), needed=last):
                return


def _postgres(server: Server, name: str, target: Path, seconds: float) -> None:
    line = None
    if server.password is not None:
        password = server.password.replace("\\", "\\\\").replace(":", "\\:")
        line = f"*:*:*:*:{password}\n"
    with _secret_file(target.parent, "passfile", line) as file:
        told = server.libpq(name, str(file) if file else None)
        arguments = ["pg_dump", *_POSTGRES_OPTIONS, "--no-password"]
        arguments += [f"--file={target}", f"--dbname={told}"]
        _run(arguments, seconds, _secrets(server), needed=True)


def _secrets(server: Server) -> tuple[str, ...]:
    return tuple(one for one in (server.password, server.options) if one)


@contextmanager
def _secret_file(folder: Path, name: str, text: str | None) -> Iterator[Path | None]:
    """Keep *text* in a file that only we can read; a path is taken as it is."""
    if text is None or text.startswith("/"):
        yield Path(text) if text else None
        return
    path = folder / name
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        yield path
    finally:
        path.unlink()


def _run(
    arguments: Sequence[str], seconds: float, secret: Sequence[str], *, needed: bool
) -> bool:
    """Run a program to its end; False where it is not there and need not be."""
    program = arguments[0]
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        if not needed:
            return False
        raise Rejected(
            f"{program} is not installed on this machine",
            hint="apt-get install mariadb-client, or postgresql-client",
        ) from None
    except subprocess.TimeoutExpired:
        raise Transient(f"{program} took longer than {seconds:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise Rejected(f"{program} failed: {shown(said, secret)}")
    return True


# -- SQLite ----------------------------------------------------------------------------


def _sqlite(source: Source, root: Path | None, target: Path, seconds: float) -> None:
    path = _own_file(root, source.database or "")
    ends = time.monotonic() + seconds
    target.touch(mode=0o600)
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(address, uri=True)) as here,
            closing(sqlite3.connect(target)) as there,
        ):
            here.backup(there, progress=_until(ends), sleep=_PAUSE)
            (said,) = there.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise Rejected(f"{path.name}: {error}") from None
    if said != "ok":
        raise Rejected(f"{path.name} is damaged: {str(said)[:200]}")


def _until(ends: float) -> Callable[[int, int, int], None]:
    def look(status: int, remaining: int, total: int) -> None:
        del status
        if remaining or not total:  # it is locked, or not yet done
            _late(ends)

    return look


def _late(ends: float) -> None:
    if time.monotonic() > ends:
        raise Transient("the database is busy: another program holds its lock")


def _own_file(root: Path | None, name: str) -> Path:
    """Return a file below *root* that is no link, and that no link leads to."""
    if root is None:
        raise Rejected("sqlite needs root: the folder that its file is in")
    base = root.resolve()
    path = base / name
    try:
        regular = stat.S_ISREG(path.lstat().st_mode)
    except OSError as error:
        raise Rejected(f"{name}: {error.strerror}") from None
    if not regular or path.resolve() != path or base not in path.parents:
        raise Rejected(f"{name} is no file of {root}")
    return path
