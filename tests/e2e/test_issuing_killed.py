"""
A run that is killed in the middle of an order, at every step there is.

No order is lost or made twice, no certificate is signed twice, nothing is kept by half,
and nothing is left in the zone. One moment is argued for and not closed: the authority
has made an order and the name it gave it is not written down yet. Then there is one
order more, which nobody ever fills (Boulder, Let's Encrypt's server, gives the open one
again instead).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.powerdns import API_KEY
from tests.support.issuing import account_key, want
from tests.support.issuing_town import Repository
from tests.support.pebble import Town, real_town

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
ZONE = "killed.example"
#: The step after which the authority has an order whose name nobody has written down.
UNHEARD = "new-order"
PHASES = {
    "new-account",
    "put",
    "new-order",
    "get-authorization",
    "change the zone",
    "present",
    "answer-challenge",
    "get-order",
    "finalize",
    "get-certificate",
    "remove",
}
KILL_AFTER = "tests.support.kill_operation"
EXACT = {"PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    for made in real_town(folder, environ=EXACT):
        made.zone(ZONE)
        yield made


def killed(town: Town) -> list[dict[str, Any]]:
    """Return what came of every step: of the run that was killed, and of the next."""
    config = {
        "apiKey": API_KEY,
        "pdns": town.pdns.endpoint,
        "dns": f"127.0.0.1:{town.pdns.dns_port}",
        "zone": ZONE,
        "directory": town.pebble.directory,
        "trust": town.pebble.trust,
        "key": account_key(),
        "phases": sorted(PHASES),
    }
    said = subprocess.run(
        [sys.executable, "-m", "tests.support.kill_order", str(town.folder)],
        cwd=ROOT,
        input=json.dumps(config),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert said.returncode == 0, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


def since(before: tuple[int, int], town: Town) -> tuple[int, int]:
    """Return how many orders were begun, and filled, since *before*."""
    after = town.made()
    return after[0] - before[0], after[1] - before[1]


def test_an_order_that_is_killed_anywhere_is_taken_up(town: Town) -> None:
    before = town.made()
    lines = killed(town)
    steps = [line["first"][1] for line in lines[:-1]]
    assert {line["first"][0] for line in lines[:-1]} == {-9}
    assert lines[-1]["first"][0] == 0  # there is no step more
    assert set(steps) >= PHASES
    for line in lines:
        ended, said = line["again"]
        assert ended == 0, (line["first"], said)
        drawer = town.keys().open(want(line["name"]))
        assert drawer.current is not None
        assert drawer.pending is None
    # Of one alone the authority had an order whose name nobody had written down.
    assert steps.count(UNHEARD) == 1
    assert since(before, town) == (len(lines) + 1, len(lines))
    # From the moment on that the drawer knows, until the certificate is in it.
    said = [line["again"][1] for line in lines if line["name"][1].isdigit()]
    resumed = [number for number, text in enumerate(said) if "resumed" in text]
    kept = [number for number, text in enumerate(said) if text == "kept"]
    assert resumed == list(range(resumed[0], kept[0]))
    assert kept == list(range(kept[0], len(said)))
    assert len(resumed) > 10
    # What the last ones left, the next run in this zone sweeps: it is the last line.
    assert town.texts(ZONE) == {}


@pytest.mark.parametrize("operation", ["new-order", "finalize"])
def test_an_apply_that_is_killed_is_taken_up(
    town: Town, tmp_path: Path, operation: str
) -> None:
    """The same through the command line, with its journal, its lock and its keys."""
    names = [f"{part}-{operation}.example" for part in ("a", "b")]
    before = town.made()
    with Sandbox(World({}), SandboxClock()) as sandbox:
        made = Repository(tmp_path / "agency", town, names)
        more = {"RECONCILER_SANDBOX": sandbox.control}
        killed = made.run(
            operation, "apply", "--auto-approve", by=KILL_AFTER, environ=more
        )
        assert killed.returncode == -9, killed.stderr
        sandbox.clock.advance(timedelta(hours=1))  # the lock of the dead
        done = made.run("apply", "--auto-approve", environ=more)
        assert done.returncode == 0, done.stdout + done.stderr
        again = made.run("plan", "--detailed-exitcode", environ=more)
        assert again.returncode == 0, again.stdout
    orders, issued = since(before, town)
    assert issued == len(names)
    assert orders - len(names) <= (len(names) if operation == "new-order" else 0)
    assert [town.texts(name) for name in names] == [{}, {}]
    for name in names:
        (path,) = (made.root / ".keys").glob(f"*{name}*")
        assert path.stat().st_mode & 0o777 == 0o600
