"""What writing down costs: two commits for a wave, on a remote."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.estate import commit, git, run, store
from benchmarks.row import Row, Size
from reconciler.audit import Batch, Intent, Outcome
from reconciler.engine import Journal

_AUDIT = "refs/heads/reconciler/audit/main"


def books(size: Size) -> Iterator[Row]:
    """Record a wave of renewals: the intents, then their outcomes."""
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        root, remote = Path(folder, "agency"), Path(folder, "remote.git")
        root.mkdir()
        (root / "README").write_text("an agency\n")
        commit(root)
        subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)
        git(remote, "config", "core.logAllRefUpdates", "always")
        git(root, "remote", "add", "origin", str(remote))
        git(root, "push", "-q", "origin", "main")
        head = git(root, "rev-parse", "HEAD")
        now = datetime.now(UTC)
        begun = [intent(number, now) for number in range(size.actions)]
        ended = [outcome(one, now) for one in begun]
        journal = Journal(
            store(root, "origin"), run(1, head), lambda: datetime.now(UTC)
        )
        with journal:
            before = _cpu()
            journal.record(Batch(entries=begun, phase="intents"))
            journal.record(Batch(entries=ended, phase="outcomes"))
            used = _cpu() - before
        pushes = len(git(remote, "reflog", "show", _AUDIT).splitlines())
    each = used / size.actions * 1000
    note = f"{size.actions:,} actions in one wave, {used:.2f} s CPU"
    yield Row("bookkeeping per action", each, "ms CPU", 1, note=note)
    yield Row("pushes per wave", pushes, "pushes", 2)


def _cpu() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(
            resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
    )


def intent(number: int, now: datetime) -> Intent:
    """Return what is written before one renewal."""
    name = f"site-{number:06d}.example"
    identity = hashlib.sha256(name.encode()).hexdigest()[:32]
    return Intent(
        id=identity,
        key=f"{identity}-1",
        time=now,
        env="main",
        kind="Domain",
        name=name,
        uid=name,
        verb="renew",
        op_class="keyed",
        provider="porkbun-main",
        family="domain",
        change={"verb": "renew", "after": "2027-12-01", "cost": "10.42 USD"},
        body=hashlib.sha256(identity.encode()).hexdigest(),
        risk="money",
        source=f"inventory/clients/0000/c{number // 10:05d}.yaml:2:1",
        cost="10.42 USD",
        ceiling="15.00 USD",
        due=now + timedelta(days=9),
        action_digest=identity[:16],
        plan_digest=identity[16:],
        verdicts=["allow built-in/ceiling: 10.42 USD is within 15.00 USD"],
    )


def outcome(of: Intent, now: datetime) -> Outcome:
    """Return what is written after it."""
    return Outcome(
        id=of.id,
        key=of.key,
        time=now,
        env=of.env,
        kind=of.kind,
        name=of.name,
        uid=of.uid,
        verb=of.verb,
        status="applied",
        paid="10.42 USD",
        cost=of.cost,
        request_id="r-4711",
        evidence={"expires": "2027-12-01T00:00:00Z"},
        verified=True,
    )
