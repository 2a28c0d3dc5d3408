"""Random histories of snapshots, over the days at which clocks and calendars jump."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from reconciler.model.backing import Keep
from reconciler.model.retention import Kept, keeps_oldest, retained
from tests.support.restic_snapshots import Snapshots

ZONES = ("Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "UTC")
#: Leap days, month and year ends, weeks of two years, and nights that the clocks jump.
ENDS = (
    datetime(2024, 3, 1, 1, 30, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, tzinfo=UTC),
    datetime(2025, 3, 31, 0, 30, tzinfo=UTC),
    datetime(2025, 10, 27, 3, 0, tzinfo=UTC),
    datetime(2026, 1, 1, 12, 0, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 0, tzinfo=UTC),
    datetime(2026, 4, 6, 2, 0, tzinfo=UTC),
)
STEPS = (1, 3, 12, 24, 25, 7 * 24, 31 * 24)


def policy(rng: random.Random) -> Keep:
    """Return a policy that asks for something."""
    counts = {
        name: rng.choice((0, 0, 1, 2, 5, 14))
        for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly")
    }
    if not any(counts.values()):
        counts["daily"] = 3
    within = timedelta(hours=rng.choice((0, 0, 1, 36, 14 * 24, 90 * 24)))
    return Keep(**counts, within=within, least=1)


def timeline(rng: random.Random) -> list[datetime]:
    """Return a history of 1 to 60 moments, no two of them at once."""
    zone, end = ZoneInfo(rng.choice(ZONES)), rng.choice(ENDS)
    hours = rng.choice(STEPS)
    found: set[datetime] = set()
    at = end
    for _ in range(rng.randint(1, 60)):
        found.add(at)
        at -= timedelta(hours=hours * rng.choice((0.5, 1, 1, 1, 2)), seconds=1)
    moments = sorted(found)
    rng.shuffle(moments)
    return [_local(one, zone) for one in moments]


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """Return *at* with the offset of its zone alone, as it is written down."""
    return datetime.fromisoformat(at.astimezone(zone).isoformat())


def flags(keep: Keep) -> list[str]:
    """Return *keep* as ``restic forget`` is told it."""
    counts = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
    found = [
        word
        for name in counts
        if (count := getattr(keep, name))
        for word in (f"--keep-{name}", str(count))
    ]
    if keep.within:
        found += ["--keep-within", f"{int(keep.within.total_seconds() // 3600)}h"]
    return found


def differences(
    repository: Snapshots, keep: Keep, lines: Mapping[str, object]
) -> tuple[int, list[str]]:
    """Return of how many *lines* restic and we were asked, and which we see otherwise."""
    rows: dict[str, list[Kept]] = {}
    for row in repository.listed():
        one = Kept(row["id"], datetime.fromisoformat(row["time"]))
        rows.setdefault(row["hostname"], []).append(one)
    now, told = datetime.now(UTC), repository.forgotten(*flags(keep))
    oldest = keeps_oldest(repository.version)
    wrong = [
        f"{host}: {keep}"
        for host in lines
        if retained(rows[host], keep, now, oldest=oldest) != told[host][0]
    ]
    return len(lines), wrong
