"""Who applies each hour: what is near is foreseen each hour, and moved in the last."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

from reconciler.audit.published import HEARTBEAT, Heartbeat, beaten, publish
from reconciler.audit.usage_store import Measured
from reconciler.cli.usage_books import usage_store
from reconciler.engine import Exit, observe
from reconciler.model import USAGE, Ref, Share
from reconciler.model.usage import OUTLOOK, Reading
from tests.support.agency import ACCOUNTS, Agency
from tests.support.metered import Meter, install
from tests.support.shell import at

GIB = 1024.0**3
HOUR = timedelta(hours=1)
SHOP = Ref("HostingAccount", "shop.example")
METER = (
    "Provider/meter-1: {{type: metered, endpoint: 'file://%s', credentials: {{}}}}\n"
)
INVENTORY = """\
apiVersion: reconciler/v1
HostingPlan/small: {price: 5.00 EUR/month, packages: {metered: p10}, limits: {memory: 1GiB}, up: large}
HostingPlan/large: {price: 9.00 EUR/month, packages: {metered: p20}, limits: {memory: 2GiB}}
ScalingPolicy/room: {mode: auto, maxIncrease: 9.00 EUR, metrics: [memory], target: 90%}
HostingAccount/shop.example: {provider: meter-1, plan: {min: small, max: large}, scaling: room}
"""
#: A Sunday.
START = datetime(2026, 11, 22, 8, tzinfo=UTC)


class Busy(Agency):
    """A shop whose memory has its top at noon, and more each day."""

    def __init__(self, tmp, monkeypatch):
        install(monkeypatch, tmp / "site")
        self.meter = Meter(tmp / "meter.json")
        files = {"inventory/hosted.yaml": INVENTORY}
        accounts = ACCOUNTS + METER % self.meter.path
        super().__init__(tmp, files, accounts=accounts, start=START)

    def measured(self):
        """Keep what was used in thirty days, hour by hour."""
        now = self.clock()
        hours = [now - back * HOUR for back in range(30 * 24, 0, -1)]
        readings = [Reading("memory", when, used(when), GIB) for when in hours]
        usage_store(self.project()).add(
            [Measured(SHOP, "meter-1", one) for one in readings], now
        )

    def applied(self, every):
        """Let it be so that somebody applied *every* so many hours."""
        now, project = self.clock(), self.project()
        runs = tuple(now - back * HOUR for back in range(30, -1, -every))
        beat = Heartbeat(
            run="1", at=now, commit=None, complete=True, exit=0, runs=runs[:-1]
        )
        files = {HEARTBEAT: beaten(beat, beat)}
        assert publish(project.journal(), files, now=now)

    def probe(self, gib):
        """Return how much was foreseen anew, an hour later, at *gib*."""
        self.later(hours=1)
        row = {"package": "p10", "used": {"memory": [gib * GIB, GIB]}}
        self.meter.path.write_text(json.dumps({"shop.example": row}))
        done = at(self, "usage", "probe")
        assert done.code == Exit.DONE, done.err
        return int(done.out.splitlines()[1].split()[1])

    def seen(self):
        project = self.project()
        want = project.inventory.get(SHOP)
        world = observe([want], project.accounts([want]))
        return world.have(want)[Share(USAGE, OUTLOOK)]


def used(when):
    """Return what is used: 0.92 GiB at noon today, and 2.5 % more each day."""
    days = (when - START) / timedelta(days=1)
    odd = 1 + 0.004 * math.sin(days * 59)
    top = 0.91 * 1.025**days * odd
    return top * (0.75 + 0.25 * math.cos((when.hour - 12) / 12 * math.pi)) * GIB


def test_two_hours_at_the_limit_are_met_before_the_third(tmp_path, monkeypatch):
    with Busy(tmp_path, monkeypatch) as agency:
        agency.measured()
        agency.applied(every=24)
        assert agency.probe(0.855) == 1
        assert agency.seen().pace == timedelta(days=1)
        assert agency.probe(0.902) == 0  # nobody could do more before tomorrow
        agency.applied(every=1)
        assert agency.probe(0.915) == 1
        seen = agency.seen()
        assert (seen.pace, seen.outlooks[0].reached) == (HOUR, 2)
        assert seen.outlooks[0].soon[0] > 0.1
        (found,) = agency.plan().findings
        assert found.code == "unsupported"  # a meter measures, and moves nothing
        assert "; within the next hour it is " in found.message
        assert "large (2GiB) is the smallest that is enough" in found.message
