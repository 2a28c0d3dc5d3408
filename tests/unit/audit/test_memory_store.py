"""The journal in memory is the one in git, but for where it is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.audit import Batch, Lease, MemoryStore, Note, Store
from reconciler.errors import AuditError, Locked, LostLock
from tests.unit.audit.world import NOW, TERM, git, intent, outcome, run

FACTS = {"kind": "Domain", "uid": "a.example", "facts": {"serial": 7}}
BATCHES = (
    [intent()],
    [outcome(intent(), status="unknown")],
    [outcome(intent()), Note(event="seen", data=FACTS)],
    [intent("b.example", cost="3.00 EUR"), intent("c.example")],
    [Note(event="approved", data={"digests": ["d1"], "by": "ann"})],
)


def written(store: Store) -> list[Lease]:
    lease = store.acquire(run(), now=NOW, lease=TERM)
    leases = [lease]
    for number, entries in enumerate(BATCHES):
        at = NOW + timedelta(minutes=number)
        _, lease = store.commit(lease, Batch(entries, phase="notes"), now=at)
        leases.append(lease)
    store.release(lease)
    return leases


def test_it_keeps_byte_for_byte_what_git_would(journal, tmp_path: Path) -> None:
    del tmp_path
    real, memory = journal(), MemoryStore()
    written(real)
    written(memory)
    tip = real.read().tip
    paths = git(real.root, "ls-tree", "-r", "--name-only", tip).splitlines()
    kept = {path: git(real.root, "show", f"{tip}:{path}") for path in paths}
    assert {path: raw.decode().strip() for path, raw in memory.files.items()} == kept
    assert memory.read().head == real.read().head
    assert memory.read().records() == real.read().records()
    assert memory.read().open == real.read().open


def test_it_refuses_what_contradicts_it() -> None:
    store = MemoryStore()
    lease = store.acquire(run(), now=NOW, lease=TERM)
    with pytest.raises(AuditError):
        store.commit(lease, Batch([outcome(intent())]), now=NOW)
    assert store.files == {}


def test_one_run_at_a_time_and_the_late_one_records_nothing() -> None:
    store = MemoryStore()
    late = store.acquire(run(1), now=NOW, lease=TERM)
    with pytest.raises(Locked):
        store.acquire(run(2), now=NOW, lease=TERM)
    after = NOW + TERM
    store.acquire(run(2), now=after, lease=TERM)
    for now in (NOW, after):
        with pytest.raises(LostLock):
            store.commit(late, Batch([intent()]), now=now)
    store.release(late)
    with pytest.raises(Locked):
        store.acquire(run(3), now=after, lease=TERM)
    with pytest.raises(AuditError):
        store.break_lock(run(3), now=after, reason="no")
