"""
A MariaDB that is thrown away, for a dump that may be anything.

It has a socket in a private folder and no network. Nobody is in it but the one user
that loads the dump, whose rights end at its one database: without FILE there is no
``LOAD DATA INFILE`` and no ``INTO OUTFILE``, and a routine whose definer is root has
nobody to be. The client runs nothing (``--sandbox``) and sends no file (local-infile).

Sources: MariaDB 10.11, mariadb-install-db, mariadb (``--sandbox``, ``--binary-mode``),
mariadbd (``--bootstrap``, ``--init-file``, ``--secure-file-priv``), GRANT (SET USER);
mariadb-dump ends with ``-- Dump completed``. A dump that is cut between two statements
loads with exit code 0: hence the last line is looked for, as when it was made. Each
mariadbd that starts takes away all tables that are called temporary in its
``--tmpdir``, of others too: it is never the one of the machine, not even where the
first tables are made.
"""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reconciler.providers._drill_cage import Cage, Ended, located, stop
from reconciler.providers._drill_mysql_dump import NEWER, OLDER, MysqlDump
from reconciler.providers._drill_scratch import Unfit
from reconciler.providers._dump import PACKET

NAME: Final = "drill"
_SOCKET: Final = 90
_ERROR: Final = re.compile(r"ERROR (\d+)(?: \(\w{5}\))?(?: at line (\d+))?")
_SMALL: Final = (
    "--innodb-doublewrite=0", "--innodb-flush-log-at-trx-commit=0",
    "--innodb-log-file-size=32M", "--innodb-buffer-pool-size=64M",
    "--innodb-flush-method=nosync", "--skip-log-bin", "--skip-networking",
    "--performance-schema=off", "--skip-symbolic-links", "--local-infile=0", PACKET,
)  # fmt: skip


class MariaDb:
    """
    One server; ``close`` ends it.

    Attributes:
        notes: What the last dump had that was read otherwise than it stands there.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, cage: Cage) -> None:
        self._cage = cage
        if len(str(cage.room)) > _SOCKET:
            raise Unfit(f"{cage.room} is too long for a socket", hint="drills.scratch")
        self._socket = cage.room / "s"
        self._data = cage.room / "data"
        self._word = secrets.token_hex(16)
        self._client = located("mariadb")
        self._server = self._made()

    @property
    def engine(self) -> str:
        """Its name and version."""
        return f"MariaDB {self.ask('SELECT version()')[0]}"

    @property
    def connection(self) -> str:
        """How a dump of it is made, as ``connection`` of a source says it: a secret."""
        return f"mysql://{NAME}:{self._word}@/?socket={self._socket}"

    def _made(self) -> subprocess.Popen[bytes]:
        install = [located("mariadb-install-db"), "--no-defaults", *_SMALL[:4]]
        _must(
            self._cage.run(
                [
                    *install,
                    f"--datadir={self._data}",
                    f"--tmpdir={self._cage.room}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--skip-name-resolve",
                ]
            )
        )
        started = self._cage.room / "started.sql"
        _must(self._cage.run(["tee", str(started)], [self._users().encode()]))
        server = self._cage.serve(
            [
                located("mariadbd"),
                "--no-defaults",
                *_SMALL,
                f"--datadir={self._data}",
                f"--socket={self._socket}",
                f"--pid-file={self._cage.room / 'pid'}",
                f"--tmpdir={self._cage.room}",
                f"--secure-file-priv={self._cage.room}",
                f"--init-file={started}",
                f"--log-error={self._cage.room / 'log'}",
            ]
        )
        while self._asked("SELECT 1").code:
            if server.poll() is not None:
                raise Unfit("the scratch MariaDB does not start")
            self._cage.pause()
        return server

    def _users(self) -> str:
        """Return the statements that leave one user, with one database."""
        return (
            f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4;\n"
            f"CREATE USER {NAME}@localhost IDENTIFIED BY '{self._word}';\n"
            f"GRANT ALL PRIVILEGES ON {NAME}.* TO {NAME}@localhost;\n"
            f"GRANT SET USER ON *.* TO {NAME}@localhost;\n"
            f"DELETE FROM mysql.global_priv WHERE User <> '{NAME}';\n"
            "FLUSH PRIVILEGES;\n"
        )

    def load(self, dump: Path) -> str:
        """
        Load *dump*; return what was wrong, empty where nothing was.

        Raises:
            Unfit: It has something that this server does not know.
        """
        told = MysqlDump(dump, self._nearest())
        ended = self._cage.run(self._command("--binary-mode"), told.read(), self._env)
        self.notes = told.notes
        if "unknown option '--sandbox'" in ended.err:
            raise Unfit("the client has no --sandbox: it is older than May 2024")
        found = _ERROR.search(ended.err) if ended.code else None
        if found and (statement := told.beyond(int(found[1]), int(found[2] or 0))):
            raise Unfit(f"{self.engine} cannot load {statement}: {found[0]}")
        return _trouble(ended)

    def _nearest(self) -> Mapping[str, str]:
        """Return what this server has instead of the collations of MySQL 8."""
        theirs = "SELECT _utf8mb4 'a' COLLATE utf8mb4_0900_ai_ci"
        if self._asked(theirs).code == 0:
            return {}
        newer = self._asked(f"SELECT _utf8mb4 'a' COLLATE {NEWER['ai_ci']}").code == 0
        return NEWER if newer else OLDER

    def ask(self, query: str) -> tuple[str, str]:
        """Return the one value of *query*, or what was wrong; nothing is written."""
        ended = self._asked(f"SET SESSION TRANSACTION READ ONLY; {query}")
        return (ended.out.strip(), "") if ended.code == 0 else ("", _trouble(ended))

    def _asked(self, query: str) -> Ended:
        flags = ("--batch", "--skip-column-names", "--binary-mode")
        return self._cage.run(self._command(*flags), [query.encode()], self._env)

    @property
    def _env(self) -> dict[str, str]:
        return {"MYSQL_PWD": self._word}

    def _command(self, *flags: str) -> list[str]:
        where = [f"--socket={self._socket}", f"--user={NAME}", f"--database={NAME}"]
        safe = ["--no-defaults", "--sandbox", "--local-infile=0", PACKET]
        return [self._client, *safe, *where, *flags]

    def close(self) -> None:
        """End it; its files are thrown away with the scratch folder."""
        stop(self._server, signal.SIGKILL)


def _trouble(ended: Ended) -> str:
    """Return the number of the first error and its line: its words may quote a row."""
    if ended.code == 0:
        return ""
    found = _ERROR.search(ended.err)
    return found.group(0) if found else f"the client ended with {ended.code}"


def _must(ended: Ended) -> None:
    if ended.code:
        raise Unfit(f"the scratch MariaDB cannot be made: {ended.said}")
