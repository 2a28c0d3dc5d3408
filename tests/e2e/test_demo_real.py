"""`reconciler demo --real`: a real authority, real zones, a real web server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconciler.cli.demo_command import demo_command
from reconciler.errors import ReconcilerError
from reconciler.sandbox import nginx, pebble, powerdns, town
from tests.house.tree import ROOT

FILES = (
    "powerdns/pdns.sqlite3",
    "pebble/pebble.log",
    "nginx/nginx.conf",
)


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Everything is installed, or nobody can show anything: never in CI."""
    if absent := town.missing():
        why = f"not installed: {' '.join(absent)}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


def started(folder: Path) -> subprocess.Popen[str]:
    argv = ["-m", "reconciler.cli", "demo", "--real", "--dir", str(folder)]
    return subprocess.Popen(
        [sys.executable, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # Whatever runs in the background of a shell has inherited to ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder; what a failure leaves running in it is ended by its number."""
    yield tmp_path
    for pid in left(tmp_path):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def left(folder: Path) -> dict[int, bytes]:
    """Return what still runs for *folder*: number and command line."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):  # some end while they are listed
        try:
            said = (entry / "cmdline").read_bytes()
            where = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(folder).encode() in said or where.startswith(str(folder)):
            found[int(entry.name)] = said
    return found


def left_at_last(folder: Path) -> dict[int, bytes]:
    """Return what still runs a while later: a child that was at work ends by itself."""
    for _ in range(100):
        found = left(folder)
        if not found:
            break
        time.sleep(0.2)
    return found


# A dozen processes and three servers: on a busy machine that takes its time.
@pytest.mark.timeout(400)
def test_what_is_issued_is_installed_and_served_and_put_right(folder: Path) -> None:
    with started(folder / "d") as demo:
        out, _ = demo.communicate()
    assert demo.returncode == 0, out
    plan, first, rest = parted(out, "== Apply: ")
    assert plan.count("was never issued") == 3
    assert plan.count("follows the issue") == 3
    assert "10 documents and 0 policies: ok" in plan
    first, visits, rest = parted(rest, "== The proofs are gone")
    assert "6 of 6 done" in first
    visits, states, rest = parted(rest, "== Issued, installed, served")
    assert "no record is left" in visits
    shown = [line for line in visits.splitlines() if "Pebble Intermediate CA" in line]
    assert [line.split()[0] for line in shown] == [
        "brug.example",
        "anything.brug.example",
        "kade.example",
        "shop.kade.example",
        "sluis.example",
    ]
    assert "*.shop.kade.example, *.sluis.example, sluis.example" in shown[-1]
    states, second, rest = parted(rest, "== The second plan")
    assert len(marks(states)) == 1
    second, _, rest = parted(rest, "== By hand")
    assert "No actions" in second
    assert "not-served" not in second
    broken, _, rest = parted(rest, "== And again")
    assert "what is issued is not installed there" in broken
    assert "still serves another one" in broken
    assert "applied     reload     Certificate/kade.example  verified" in broken
    assert "applied     install    Certificate/brug.example  verified" in broken
    assert "2 of 2 done" in broken
    assert "No actions" in rest
    assert "chain whole, 0 open intents" in rest
    assert "The loop is closed" in rest
    assert "Traceback" not in out
    servers = folder / "d" / "agency" / ".servers"
    assert all((servers / name).exists() for name in FILES)
    assert left(folder) == {}


def parted(text: str, title: str) -> tuple[str, str, str]:
    before, found, after = text.partition(title)
    assert found, text
    return before, found, after


def marks(states: str) -> set[str]:
    """Return the certificates of the story: one, where the three states agree."""
    story = states.partition("Story")[2].partition("Live")[0]
    found = re.findall(r"\b[0-9a-f]{8} to \d{4}-", story)
    assert len(found) == 4, story  # issued, installed, and served at two addresses
    return set(found)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_leaves_nothing_running(
    folder: Path, number: signal.Signals
) -> None:
    with started(folder / "d") as demo:
        assert demo.stdout
        for line in demo.stdout:
            if line.startswith("nginx at port"):
                break
        assert len(left(folder)) >= 4  # the demo itself and its three programs
        demo.send_signal(number)
        assert demo.wait(110) not in {0, None}
        assert left_at_last(folder) == {}
        assert "Traceback" not in demo.stdout.read()


def test_a_server_that_does_not_come_up_takes_the_others_along(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no nginx is started last, after the two others."""
    fake = folder / "bin" / "nginx"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(nginx, "_PLACES", str(fake.parent))
    told = CliRunner().invoke(demo_command, ["--real", "--dir", str(folder / "d")])
    assert isinstance(told.exception, ReconcilerError)
    assert told.exception.what.startswith("nginx did not start")
    assert (folder / "d" / "agency" / ".servers" / "pebble" / "pebble.log").exists()
    assert left(folder / "d") == {}


@pytest.mark.parametrize(
    ("server", "package"),
    [
        (powerdns, "pdns-server pdns-backend-sqlite3"),
        (pebble, "pebble"),
        (nginx, "nginx-light"),
    ],
)
def test_what_is_not_installed_is_named_as_debian_calls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: object, package: str
) -> None:
    monkeypatch.setattr(server, "_PLACES", str(tmp_path))
    told = CliRunner().invoke(demo_command, ["--real", "--dir", str(tmp_path / "d")])
    assert isinstance(told.exception, ReconcilerError)
    assert told.exception.shown_code == "E615"
    assert told.exception.hint
    assert told.exception.hint.endswith(f"--no-install-recommends {package}")
    assert not (tmp_path / "d").exists()
