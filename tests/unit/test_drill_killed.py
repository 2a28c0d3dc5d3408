"""Drills that are killed: nothing goes on, and the next one cleans up after them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.providers._drill_scratch import (
    MARKER,
    Unfit,
    cleaned,
    prepared,
    scratch,
)
from tests.house.tree import ROOT
from tests.support.drill_servers import needed, open_folder
from tests.support.drilling import Plain, backup, order, run, site


@pytest.fixture
def base() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


class Kept:
    destroyed: bool | None = None


def processes(of: Path) -> list[str]:
    """Return the processes that name *of* in their command line."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):  # some end while they are listed
        try:
            line = (one / "cmdline").read_bytes()
        except OSError:
            continue
        if str(of).encode() in line:
            found.append(line.replace(b"\0", b" ").decode())
    return found


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not seen():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def loading(base: Path) -> bool:
    """Whether a client loads a dump now: after the questions whether it is up."""
    clients = [c for c in processes(base) if c.split()[0].endswith(("psql", "mariadb"))]
    return any("ON_ERROR_STOP" in c or "--batch" not in c for c in clients) and any(
        "-c" not in c.split() for c in clients
    )


@pytest.mark.parametrize("flavour", ["files", "postgres", "mysql"])
def test_a_killed_drill_leaves_nothing(
    base: Path, tmp_path: Path, flavour: str
) -> None:
    if flavour != "files":
        needed(flavour)
    command = [sys.executable, "-m", "tests.support.drill_kill"]
    command += [str(base), str(tmp_path / "copy"), flavour]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        if flavour == "files":
            assert child.stdout is not None
            assert child.stdout.readline() == b"restored\n"
        else:
            until(lambda: loading(base))
        (left,) = base.iterdir()
        assert cleaned(base) == 0, "it lives"
        child.kill()
    until(lambda: processes(base) == [])
    assert left.exists()
    engine = Plain(tmp_path / "other")
    receipt = {"site": engine.back_up("site", site(tmp_path / "site"))}
    told = run(order(receipt), backup({"site": {"paths": ["."]}}), engine, base)
    assert told["verdict"] == "passed"
    assert not left.exists()


def test_only_what_is_ours_and_dead_is_taken_away(base: Path) -> None:
    (base / "drill-of-somebody").mkdir()
    (base / "drill-of-somebody" / "precious").write_text("theirs")
    (base / "precious").write_text("theirs")
    (base / "drill-link").symlink_to("/etc")
    with scratch(base, Kept()) as alive:
        assert cleaned(base) == 0
        assert alive.files.is_dir()
    dead = base / "drill-dead"
    (dead / "files" / "closed").mkdir(parents=True)
    (dead / "files" / "closed").chmod(0)
    (dead / "link").symlink_to(base / "precious")
    (dead / MARKER).write_text("{}")
    assert cleaned(base) == 1
    assert sorted(one.name for one in base.iterdir()) == [
        "drill-link",
        "drill-of-somebody",
        "precious",
    ]
    assert (base / "precious").read_text() == "theirs"


def test_a_folder_that_others_write_to_is_none(base: Path, tmp_path: Path) -> None:
    assert prepared(base / "new" / "one").is_dir()
    (base / "new").chmod(0o777)
    (base / "link").symlink_to(tmp_path)
    for one in (base / "new", base / "link", Path("/dev/null")):
        with pytest.raises(Unfit):
            prepared(one)


def test_nobody_else_sees_what_was_restored(base: Path) -> None:
    kept = Kept()
    with scratch(base, kept) as room:
        assert room.files.stat().st_mode & 0o777 == 0o700
        assert room.folder.stat().st_mode & 0o777 == 0o711
        assert room.room("db").stat().st_mode & 0o777 == 0o700
    assert kept.destroyed is True


@pytest.fixture
def hears() -> Iterator[None]:
    """Whoever began these tests in the background has them ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears")
def test_an_interrupt_takes_it_away(base: Path) -> None:
    def interrupted() -> None:
        with scratch(base, Kept()):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(base.iterdir()) == []
