"""Instruments that count the steps of a run and end it at one of them."""

from __future__ import annotations

import copy
import subprocess
from collections import Counter
from threading import Lock

from reconciler.audit import Query, log, verify
from reconciler.sandbox.aws_zones import Zones


class Killed(BaseException):
    """The process has died; nothing in it may do anything any more."""


def _die():
    raise Killed


class Steps:
    """
    Counts every boundary that a run passes and dies at one of them.

    ``at`` is its number, or its name (the first of that name); 0 is never.

    Once dead, whatever still runs (an ``__exit__``, another thread) dies at its
    next step too: a killed process releases no lock.
    """

    def __init__(self, at=0, die=_die):
        self.names = []
        self._at, self._die, self._dead = at, die, False
        self._lock = Lock()

    def __call__(self, name):
        with self._lock:
            if not self._dead:
                self.names.append(name)
                self._dead = self._at in {len(self.names), name}
            dead = self._dead
        if dead:
            self._die()


class Watched:
    """Delegates everything; the calls named in ``marks`` are steps."""

    def __init__(self, inner, steps, label, *, before=(), around=()):
        self._inner, self._steps, self._label = inner, steps, label
        self._before, self._around = {*before, *around}, set(around)

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name not in self._before:
            return found

        def call(*args, **kwargs):
            self._steps(f"before {self._label}.{name}")
            answer = found(*args, **kwargs)
            if name in self._around:
                self._steps(f"after {self._label}.{name}")
            return answer

        return call


def watch(project, steps):
    """
    Make every step of *project*'s runs count.

    Steps are: before each call of the journal, before and after each push of refs
    (a push is the last thing a call does, so *after the push* is *after the call*),
    before each look at an account, and before and after each change at a vendor.
    """
    journal, accounts = project.journal, project.accounts

    def watched_journal():
        store = journal()
        store.origin = Watched(store.origin, steps, "origin", around=["move"])
        calls = ("acquire", "commit", "release")
        return Watched(store, steps, "store", before=calls)

    def watched_accounts(wants):
        found = accounts(wants)
        drivers = {
            share: Watched(
                driver,
                steps,
                f"{share.provider}/{share.family}",
                before=["observe", "happened"],
                around=["apply"],
            )
            for share, driver in found.drivers.items()
        }
        return found._replace(drivers=drivers)

    project.journal, project.accounts = watched_journal, watched_accounts
    return project


class Saved:
    """Where an agency stands, to begin there again: vendors, refs, time, caches."""

    def __init__(self, agency):
        self._agency = agency
        self._now = agency.clock()
        self._states = {
            vendor: copy.deepcopy(bench.state)
            for vendor, (_, bench) in agency.sandbox.benches.items()
        }
        self._effects = agency.sandbox.ledger.as_json()["effects"]
        self._refs = {repo: _refs(repo) for repo in self._repositories()}

    def _repositories(self):
        return [path for path in (self._agency.root, self._agency.remote) if path]

    def restore(self):
        agency = self._agency
        agency.clock.set(self._now, frozen=True)
        agency.sandbox.faults.clear()
        ledger = {"effects": self._effects, "requests": {}}
        agency.sandbox.ledger.restore(ledger)
        for vendor, (_, bench) in agency.sandbox.benches.items():
            with bench.lock:
                bench.state.clear()
                bench.state.update(copy.deepcopy(self._states[vendor]))
                if vendor == "aws":
                    Zones(bench).restore(bench.state["zones"])
        for path in (agency.root / ".git" / "reconciler").glob("observed-*"):
            path.unlink()
        for repo, refs in self._refs.items():
            _set_refs(repo, refs)


def _refs(repo):
    said = subprocess.run(
        ["git", "-C", str(repo), "for-each-ref", "--format=%(refname) %(objectname)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(line.split() for line in said.splitlines())


def _set_refs(repo, wanted):
    lines = [f"delete {name}" for name in _refs(repo) if name not in wanted]
    lines += [f"update {name} {oid}" for name, oid in wanted.items()]
    subprocess.run(
        ["git", "-C", str(repo), "update-ref", "--stdin"],
        check=True,
        input="\n".join(lines) + "\n",
        text=True,
        capture_output=True,
    )


def effects(agency):
    """Return what happened at the vendors through their APIs, counted."""
    return Counter(
        (e.vendor, e.operation, e.name if e.vendor != "aws" else "")
        for e in agency.sandbox.ledger.effects()
        if e.operation != "by-hand"
    )


def converge(agency, runs=4, **delta):
    """
    Apply again and again, past every lease and settling time, until all is closed.

    Return the results of the runs.
    """
    results = []
    for _ in range(runs):
        agency.later(**(delta or {"minutes": 31}))
        results.append(agency.apply())
        if not agency.project().store.read().open and not results[-1].left.allowed():
            return results
    raise AssertionError(f"still not done after {runs} runs: {results[-1].left}")


def assert_accounted(agency, wanted):
    """Assert that *wanted* effects happened once each, and that the log has them."""
    happened = effects(agency)
    assert happened == wanted, happened
    store = agency.project().store
    assert verify(store) == [], [str(p) for p in verify(store)]
    assert dict(store.read().open) == {}
    applied = Counter(
        (line["name"], line["verb"])
        for line in log(store, Query())
        if line["type"] == "outcome" and line["status"] == "applied"
    )
    assert len(applied) == sum(wanted.values()), applied
    assert set(applied.values()) == {1}, applied
