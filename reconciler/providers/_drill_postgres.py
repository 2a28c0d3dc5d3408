r"""
A PostgreSQL that is thrown away, for a dump that may be anything.

It listens on a socket in a private folder, and on no address. Its one user that may log
in owns its one database and is no superuser, so that ``COPY ... PROGRAM``, files of the
server and untrusted extensions are refused; roles that a dump names are made without a
login. psql gets no command of the dump: it is in its restricted mode
(``\restrict``, since the releases of August 2025), whose word the dump does not know.

Sources: PostgreSQL 15, "Client Authentication" (pg_hba.conf: the first line that
matches), psql (``\restrict``: CVE-2025-8714), COPY (PROGRAM needs
pg_execute_server_program); pg_dump ends with ``PostgreSQL database dump complete``.
A dump cut at any line loads with exit code 0: hence the last line is looked for, as
when it was made.
"""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
from pathlib import Path
from typing import Final

from reconciler.providers._drill_cage import Cage, Ended, located, stop
from reconciler.providers._drill_postgres_dump import PostgresDump
from reconciler.providers._drill_scratch import Unfit

NAME: Final = "drill"
_VERSIONS: Final = Path("/usr/lib/postgresql")
_SOCKET: Final = 90
_CHUNK: Final = 256 * 1024
_OWNED: Final = re.compile(rb'(?:OWNER TO|TO|FROM) ("(?:[^"\n])+"|[a-z_][a-z0-9_$]*);')
_ERROR: Final = re.compile(
    r"^(?:psql:<stdin>:(\d+): )?(?:ERROR|FATAL): +(\w{5})$", re.MULTILINE
)
#: Only the code of an error is told.
_QUIET: Final = ("-v", "VERBOSITY=sqlstate")
_SETTINGS: Final = (
    "listen_addresses=", "fsync=off", "full_page_writes=off", "wal_level=minimal",
    "max_wal_senders=0", "synchronous_commit=off", "shared_buffers=32MB",
    "max_connections=10", "dynamic_shared_memory_type=mmap", "jit=off",
)  # fmt: skip


class Postgres:
    """
    One cluster; ``close`` ends it.

    Attributes:
        notes: What the last dump had that was left out.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, cage: Cage) -> None:
        self._cage = cage
        if len(str(cage.room)) > _SOCKET:
            raise Unfit(f"{cage.room} is too long for a socket", hint="drills.scratch")
        self._data = cage.room / "data"
        self._bins = sorted(_VERSIONS.glob("*/bin"), key=_version, reverse=True)
        self._server = self._made()

    @property
    def engine(self) -> str:
        """Its name and version."""
        return self._cage.run([self._at("postgres"), "--version"]).out.strip()

    @property
    def connection(self) -> str:
        """How a dump of it is made, as ``connection`` of a source says it."""
        return f"postgresql://{NAME}@/?host={self._cage.room}"

    def _at(self, program: str) -> str:
        return located(program, self._bins)

    def _made(self) -> subprocess.Popen[bytes]:
        # A dump may name the superuser, were its name known, and be given its rights.
        who = f"s{secrets.token_hex(16)}"
        initdb = [self._at("initdb"), "-D", str(self._data), "-U", who, "-N"]
        _must(self._cage.run([*initdb, "-A", "reject", "-E", "UTF8", "--locale=C"]))
        single = [self._at("postgres"), "--single", "-D", str(self._data), "postgres"]
        role = f"CREATE ROLE {NAME} LOGIN\n".encode()
        base = f"CREATE DATABASE {NAME} OWNER {NAME} TEMPLATE template0\n".encode()
        _must(self._cage.run(single, [role, base]))
        return self._serving()

    def _serving(self) -> subprocess.Popen[bytes]:
        rules = f"local {NAME} {NAME} trust\n"
        _must(
            self._cage.run(["tee", str(self._data / "pg_hba.conf")], [rules.encode()])
        )
        settings = (*_SETTINGS, f"unix_socket_directories={self._cage.room}")
        flags = [part for one in settings for part in ("-c", one)]
        server = self._cage.serve([self._at("postgres"), "-D", str(self._data), *flags])
        while self._psql("SELECT 1").code:
            if server.poll() is not None:
                raise Unfit("the scratch PostgreSQL does not start")
            self._cage.pause()
        return server

    def load(self, dump: Path) -> str:
        """
        Load *dump*; return what was wrong, empty where nothing was.

        Raises:
            Unfit: It has something that this server does not know, or not without a
                superuser.
        """
        self._roles(dump)
        told = PostgresDump(dump, self._extensions())
        ended = self._cage.run(
            self._client("-v", "ON_ERROR_STOP=1", "-f", "-"),
            told.read(secrets.token_hex(16)),
        )
        self.notes = told.notes
        if "restrict" in ended.err and "invalid command \\restrict" in ended.err:
            raise Unfit("psql cannot be restricted: it is older than August 2025")
        found = _ERROR.search(ended.err) if ended.code else None
        if found is not None:
            line = int(found[1] or told.lines) - told.lines
            said = f"SQLSTATE {found[2]} at line {line}"
            if why := told.beyond(found[2], line, self._version()):
                raise Unfit(f"{self.engine} cannot load it: {why} ({said})")
            return said
        return _trouble(ended)

    def _extensions(self) -> set[str]:
        """Return the extensions that who is no superuser may have here."""
        query = "SELECT name FROM pg_available_extension_versions WHERE {}"
        told = self._psql(query.format("trusted OR NOT superuser"))
        return {"plpgsql", *told.out.split()}

    def _version(self) -> int:
        told = self._psql("SHOW server_version_num").out.strip()
        return int(told) // 10_000 if told.isdecimal() else 0

    def _roles(self, dump: Path) -> None:
        """Make the roles that *dump* gives things to: its owner was another."""
        names = sorted(_owners(dump))
        if not names:
            return
        stop(self._server, signal.SIGINT)
        script = []
        for role in names:
            script += [b"CREATE ROLE " + role + b"\n"]
            script += [b"GRANT " + role + b" TO " + NAME.encode() + b"\n"]
            script += [b"GRANT CREATE ON DATABASE drill TO " + role + b"\n"]
        single = [self._at("postgres"), "--single", "-D", str(self._data)]
        self._cage.run([*single, "postgres"], script)
        public = [b"GRANT ALL ON SCHEMA public TO PUBLIC\n"]
        self._cage.run([*single, NAME], public)
        self._server = self._serving()

    def ask(self, query: str) -> tuple[str, str]:
        """Return the one value of *query*, or what was wrong; nothing is written."""
        if query.lstrip().startswith("\\"):
            return "", "no query"
        ended = self._psql(query)
        return (ended.out.strip(), "") if ended.code == 0 else ("", _trouble(ended))

    def _psql(self, query: str) -> Ended:
        left = int(self._cage.deadline.left * 1000) + 1
        options = f"-c default_transaction_read_only=on -c statement_timeout={left}"
        command = self._client("-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", query)
        return self._cage.run(command, env={"PGOPTIONS": options})

    def _client(self, *flags: str) -> list[str]:
        where = ["-h", str(self._cage.room), "-U", NAME, "-d", NAME]
        return [self._at("psql"), "-X", "-q", "-w", *_QUIET, *where, *flags]

    def close(self) -> None:
        """End it; its files are thrown away with the scratch folder."""
        stop(self._server)


def _trouble(ended: Ended) -> str:
    """Return the code of the first error and its line: its words may quote a row."""
    if ended.code == 0:
        return ""
    found = _ERROR.search(ended.err)
    if found is None:
        return "psql refused it" if ended.err else f"psql ended with {ended.code}"
    return f"SQLSTATE {found.group(2)} at line {found.group(1) or 1}"


def _owners(dump: Path) -> set[bytes]:
    """Return the roles that *dump* names, quoted; never those of the server."""
    names: set[bytes] = set()
    with dump.open("rb") as file:
        while lines := file.readlines(_CHUNK):
            for line in lines:
                if line.startswith((b"ALTER ", b"GRANT ", b"REVOKE ")):
                    names.update(_OWNED.findall(line))
    plain = {name.strip(b'"') for name in names} - {b"public", b"PUBLIC", NAME.encode()}
    return {b'"' + one + b'"' for one in plain if not one.startswith(b"pg_")}


def _must(ended: Ended) -> None:
    if ended.code:
        raise Unfit(f"the scratch PostgreSQL cannot be made: {ended.said}")


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0
