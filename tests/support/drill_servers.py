"""Servers that are thrown away, for tests; and dumps that the real programs made."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.model.backing import Source
from reconciler.providers._drill_cage import Cage, Deadline, located
from reconciler.providers._drill_databases import (
    FLAVOURS,
    Bench,
    Loaded,
    Server,
    examined,
)
from reconciler.providers._drill_looks import Moment
from reconciler.providers._drill_scratch import Scratch, Unfit
from tests.support.drilling import NOW

_VERSIONS: Final = Path("/usr/lib/postgresql")
_EMPTY: Final = {
    "postgres": "DROP SCHEMA public CASCADE; CREATE SCHEMA public;",
    "mysql": "DROP DATABASE drill; CREATE DATABASE drill;",
}
_PROGRAMS: Final = {"postgres": "initdb", "mysql": "mariadbd"}


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a folder that a server's own user can pass through; pytest's cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="drills-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def needed(flavour: str) -> None:
    """Skip where the server is not installed, except in CI."""
    try:
        located(_PROGRAMS[flavour], _VERSIONS.glob("*/bin"))
    except Unfit as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


class Yard:
    """One server for many tests: each begins with nothing in it."""

    def __init__(self, flavour: str, folder: Path) -> None:
        self.flavour, self.folder = flavour, folder
        self.room = folder / "db"
        self.room.mkdir(mode=0o700)
        self.cage = Cage(self.room, 1 << 30, Deadline(90), time.sleep)
        self.server: Server = FLAVOURS[flavour].start(self.cage)

    def emptied(self) -> Yard:
        """Take everything out of it that a test before has left."""
        self.cage.deadline = Deadline(60)
        assert self.load(_EMPTY[self.flavour]) == ""
        return self

    def load(self, words: str | bytes) -> str:
        """Load *words* as if they were a dump."""
        file = self.folder / "loaded.sql"
        file.write_bytes(words if isinstance(words, bytes) else words.encode())
        return self.server.load(file)

    def dumped(self) -> bytes:
        """Return a dump of what is in it, by the real program."""
        where = ["-h", str(self.room), "-U", "drill", "drill"]
        if self.flavour == "postgres":
            program = located("pg_dump", _VERSIONS.glob("*/bin"))
            command = [program, "-w", "-f", "dump.sql", *where]
        else:
            found: Any = self.server
            where = [f"--socket={self.room / 's'}", "--user=drill", "drill"]
            flags = ["--no-defaults", "--result-file=dump.sql", "--routines"]
            command = [located("mariadb-dump"), *flags, *where]
            ended = self.cage.run(command, env=found._env)
            assert ended.code == 0, ended.err
            return (self.room / "dump.sql").read_bytes()
        ended = self.cage.run(command)
        assert ended.code == 0, ended.err
        return (self.room / "dump.sql").read_bytes()

    def judged(
        self, dump: bytes, expect: list[dict[str, Any]], **before: float
    ) -> Loaded:
        """Load *dump* as a drill does, and return what was seen."""
        self.emptied()
        file = self.folder / "dump.sql"
        file.write_bytes(dump)
        source = Source.model_validate({"type": self.flavour, "expect": expect})
        bench = Bench(
            Scratch(self.folder),
            1 << 30,
            self.cage.deadline,
            time.sleep,
            before,
            Moment(NOW, NOW),
        )
        return examined("db", source, file, self.server, bench)


@contextmanager
def yard(flavour: str) -> Iterator[Yard]:
    """Yield a server that is thrown away afterwards."""
    needed(flavour)
    with open_folder() as folder:
        made = Yard(flavour, folder)
        with closing(made.server):
            yield made


def failed(seen: Loaded) -> Mapping[str, str]:
    """Return the checks that failed, each with what was observed."""
    return {one.check: one.observed for one in seen.looks if not one.ok}
