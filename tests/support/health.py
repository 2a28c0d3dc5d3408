"""Checks, looks and times, for tests of health."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.health.incidents import turned
from reconciler.health.memory import Book, Watch
from reconciler.health.topology import Topology
from reconciler.kinds.health_check import HealthCheck, Sighting
from reconciler.model import Ref

MINUTE, HOUR, DAY = 60, 3600, 86400


def at(text):
    """2026-03-29T01:00 in UTC, as seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


START = at("2026-11-22T10:00")


def check(name="shop", of="Domain/shop.example", **spec):
    return HealthCheck.model_validate(
        {"metadata": {"name": name}, "spec": {"of": of, **spec}}
    )


def watch(name="shop", of="Domain/shop.example", above=(), **spec):
    kind, _, called = of.partition("/")
    refs = tuple(Ref(*one.split("/")) for one in above)
    groups = dict.fromkeys(("reach", "dns", "certificate", "usage"), refs)
    return Watch(name, Ref(kind, called), check(name, of, **spec).spec, groups)


def look(now, up, why="no answer", symptom="reach"):
    when = datetime.fromtimestamp(now, UTC)
    return Sighting(at=when, up=up, why="" if up else why, symptom=symptom)


class Play:
    """Runs, one after the other, and everything that came of them."""

    def __init__(self, *watches, start=START, step=5 * MINUTE):
        self.topology = Topology(watches)
        self.book, self.now, self.step = Book(), start, step
        self.changed, self.days = [], []

    def run(self, marks, name=None, symptom="reach"):
        """One run for each of ``+-?``, of all checks or of one, the others good."""
        for mark in marks:
            self.turn(
                {
                    one: mark if name in {None, one} else "+"
                    for one in self.topology.watches
                },
                symptom,
            )
        return self

    def turn(self, marks, symptom="reach", *, whole=True):
        words = {"+": True, "-": False, "?": None}
        seen = {n: look(self.now, words[m], symptom=symptom) for n, m in marks.items()}
        done = turned(self.book, self.topology, seen, self.now, whole=whole)
        self.book = done.book
        self.changed += done.changed
        self.days += done.days
        self.now += self.step
        return done

    def skip(self, seconds):
        self.now += seconds
        return self

    def phase(self, name="shop"):
        return self.book.checks[name].phase

    def open(self):
        return [one for one in self.book.incidents.values() if one.open]
