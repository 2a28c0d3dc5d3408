"""Eight real processes contend for one lock on one remote, and some oversleep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.audit import Batch, GitStore, Lease, Query, Run, log, verify
from reconciler.errors import Locked, LostLock
from tests.unit.audit.world import clone, intent, published, store

PROCESSES = 8
ROUNDS = 4
SLEEPERS = 2
TERM = timedelta(seconds=60)
NAP = timedelta(milliseconds=300)
ROOT = Path(__file__).parents[2]


def test_eight_processes_and_one_lock(tmp_path: Path) -> None:
    remote = published(tmp_path)
    witness = tmp_path / "witness"
    told = list(race(remote, tmp_path, witness))

    fences = [fence for one in told for fence in one["fences"]]
    assert len(fences) == len(set(fences)) == PROCESSES * ROUNDS
    assert sorted(fences) == list(range(1, len(fences) + 1))
    late = [name for one in told for name in one["late"]]
    assert len(late) == SLEEPERS

    judge = store(clone(remote, tmp_path / "judge"), "origin")
    assert verify(judge) == []
    lines = list(log(judge, Query(verb="renew")))
    assert len(lines) == PROCESSES * ROUNDS - SLEEPERS
    assert {line["name"] for line in lines} == {n for one in told for n in one["wrote"]}
    assert [line["fence"] for line in lines] == sorted(line["fence"] for line in lines)
    assert not witness.exists()
    tip = judge.read().tip
    assert tip
    parents = judge.git.ask("log", "--format=%P", tip).decode().splitlines()
    assert [len(p.split()) for p in parents] == [1] * (len(lines) - 1) + [0]


def race(remote: Path, tmp_path: Path, witness: Path) -> Iterator[dict[str, Any]]:
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(number), str(root), str(witness)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
        for root in [clone(remote, tmp_path / f"racer-{number}")]
    ]
    for process in started:
        out, err = process.communicate(timeout=110)
        assert process.returncode == 0, err
        yield json.loads(out)


def contend(number: int, root: Path, witness: Path) -> dict[str, list[Any]]:
    """Hold the lock ROUNDS times; a sleeper's first time lasts too long."""
    mine = store(root, "origin", sleep=time.sleep)
    told: dict[str, list[Any]] = {"fences": [], "wrote": [], "late": []}
    beds = [witness.with_name(f"asleep-{sleeper}") for sleeper in range(SLEEPERS)]
    if number >= SLEEPERS:  # a sleeper that came last would wait for nobody
        while not all(bed.exists() for bed in beds):
            time.sleep(0.05)
    for turn in range(ROUNDS):
        sleeps = turn == 0 and number < SLEEPERS
        name = f"{number}-{turn}.example"
        lease = wait_for(mine, name, NAP if sleeps else TERM)
        told["fences"].append(lease.fence)
        if sleeps:
            beds[number].touch()
            oversleep(mine, lease, name)
            told["late"].append(name)
        else:
            alone(mine, lease, name, witness)
            told["wrote"].append(name)
    return told


def wait_for(mine: GitStore, name: str, term: timedelta) -> Lease:
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name.split('.', maxsplit=1)[0]}"
    while True:
        now = datetime.now(UTC)
        try:
            wanted = Run(run, "main", f"racer {name}", None, now)
            return mine.acquire(wanted, now=now, lease=term)
        except Locked:
            time.sleep(0.1 + os.getpid() % PROCESSES * 0.05)


def alone(mine: GitStore, lease: Lease, name: str, witness: Path) -> None:
    # An independent proof: nobody else can be between these two lines.
    os.close(os.open(witness, os.O_CREAT | os.O_EXCL))
    _, lease = mine.commit(lease, Batch([intent(name)]), now=datetime.now(UTC))
    witness.unlink()
    mine.release(lease)


def oversleep(mine: GitStore, lease: Lease, name: str) -> None:
    while (status := mine.lock_status()) and status.fence == lease.fence:
        time.sleep(0.1)
    asleep = lease.until - NAP / 2
    for now in (asleep, datetime.now(UTC)):
        try:
            mine.commit(lease, Batch([intent(name)]), now=now)
        except LostLock:
            continue
        raise AssertionError(f"{name} recorded something under a lost lock")
    mine.release(lease)


if __name__ == "__main__":
    found = contend(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
    sys.stdout.write(json.dumps(found))
