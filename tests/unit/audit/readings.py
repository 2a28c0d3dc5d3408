"""Readings to keep, and a branch of files in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.audit.shelf import Files
from reconciler.audit.usage_fold import folded
from reconciler.audit.usage_store import Archive, Measured, _segments, _with
from reconciler.model.ref import Ref
from reconciler.model.usage import Reading

MIB = 1024**2
SHOP = Ref("HostingAccount", "shop.example")
CAFE = Ref("HostingAccount", "cafe.example")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def disk(when, mib, ref=SHOP, limit=1000, source="whm-1", **more):
    most = None if limit is None else float(limit * MIB)
    reading = Reading("disk", when, float(mib * MIB), most)
    return Measured(ref, source, reading, **more)


def hours(since, until, step=timedelta(hours=1)):
    while since < until:
        yield since
        since += step


class Branch:
    """What a shelf would hold: a run adds its file and folds what has aged."""

    def __init__(self):
        self.kept = {}

    @property
    def files(self):
        return Files(
            frozenset(self.kept),
            lambda names: {n: self.kept[n] for n in names if n in self.kept},
        )

    def run(self, measured, now):
        more = dict(_segments(measured))
        for name, data in {
            **more,
            **folded(_with(self.files, more), now.date()),
        }.items():
            if data is None:
                self.kept.pop(name, None)
            else:
                self.kept[name] = data

    def of(self, since, ref=SHOP, metric="disk"):
        return Archive(self.files, since).of(ref).get(metric, [])

    def names(self, folder):
        return sorted(
            n.removeprefix(f"{folder}/")
            for n in self.kept
            if n.startswith(f"{folder}/")
        )
