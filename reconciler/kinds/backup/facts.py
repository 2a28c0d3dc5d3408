"""What the record keeps of a backup: receipts and drills. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.backup.origin import ORIGINS

#: So many receipts of each copy, and drills, are kept; the log has all of them.
KEPT: Final = 40
RECEIPTS: Final = "receipts"
DRILLS: Final = "drills"
RESTORES: Final = "restores"
#: Copy -> when it was checked last, and which slices are damaged: ``at``, ``bad``.
CHECKS: Final = "checks"
#: Copy -> snapshot -> its source and time: what has a receipt, and was not pruned.
VOUCHED: Final = "vouched"
#: Copy -> when what had its first receipt began: receipts themselves are forgotten.
BEGUN: Final = "begun"
#: Clocks of clients and servers differ by less.
SKEW: Final = timedelta(hours=1)
Verdict = Literal["passed", "failed", "inconclusive"]
_HASH: Final = re.compile(r"[0-9a-f]{9,}")


def short(snapshot: str) -> str:
    """Return enough of a hash; the names that panels give begin alike, and are told."""
    return snapshot[:8] if _HASH.fullmatch(snapshot) else snapshot


class Received(NamedTuple):
    """
    A backup of which everything is known that proves it was one.

    Attributes:
        at: When it began: what is newer is not in it.
        slot: For which due time; empty where somebody else made it.
        copy: The repository that has it.
        sources: Source -> ``snapshot``, ``files``, ``bytes``, ``manifest``, ``canary``.
    """

    at: datetime
    slot: str
    copy: str
    sources: Mapping[str, Mapping[str, JsonValue]]

    @property
    def snapshots(self) -> Mapping[str, str]:
        """The snapshot of each source."""
        return {name: str(one["snapshot"]) for name, one in self.sources.items()}


class Drilled(NamedTuple):
    """
    One drill that came to an end.

    Attributes:
        at: When it ended.
        drill: ``sample`` or ``full``, ``check`` of a slice.
        of: When what came back was backed up.
        why: What was wrong.
        seconds: How long until everything was back; ``estimated`` where a sample was
            restored.
        bytes: What came back.
        origins: What each source was, as a digest; of older drills nobody knows.
    """

    at: datetime
    copy: str
    drill: str
    verdict: Verdict
    snapshots: Mapping[str, str]
    of: datetime | None = None
    why: str = ""
    seconds: float | None = None
    estimated: bool = False
    bytes: int = 0
    escrow: bool = False
    reference: str = ""
    origins: Mapping[str, JsonValue] = {}


def receipts(recorded: Mapping[str, JsonValue]) -> Iterator[Received]:
    """Yield the receipts of a record; a row that is none is passed over."""
    for row in _rows(recorded, RECEIPTS):
        at, copy, sources = moment(row.get("at")), row.get("copy"), fact(row, "sources")
        if at is None or not isinstance(copy, str):
            continue
        told = {
            name: one
            for name, one in sources.items()
            if isinstance(one, dict) and one.get("snapshot")
        }
        yield Received(at, str(row.get("slot", "")), copy, told)


def drills(recorded: Mapping[str, JsonValue]) -> Iterator[Drilled]:
    """Yield the drills of a record, as they came; a row that is none is passed over."""
    for row in _rows(recorded, DRILLS):
        at, copy, name = moment(row.get("at")), row.get("copy"), row.get("drill")
        seconds, size = row.get("seconds"), row.get("bytes")
        if at is None or not isinstance(copy, str) or not isinstance(name, str):
            continue
        yield Drilled(
            at=at,
            copy=copy,
            drill=name,
            verdict=_verdict(row.get("verdict")),
            snapshots={k: str(v) for k, v in fact(row, "snapshots").items()},
            of=moment(row.get("of")),
            why=str(row.get("why", "")),
            seconds=number(seconds),
            estimated=bool(row.get("estimated")),
            bytes=size if isinstance(size, int) else 0,
            escrow=bool(row.get("escrow")),
            reference=str(row.get("reference", "")),
            origins=fact(row, ORIGINS),
        )


def restores(recorded: Mapping[str, JsonValue]) -> list[dict[str, JsonValue]]:
    """Return what was restored by hand, the oldest first, as it was noted."""
    return list(_rows(recorded, RESTORES))


def vouched(
    recorded: Mapping[str, JsonValue],
) -> dict[str, dict[str, tuple[str, datetime]]]:
    """Return by copy every snapshot with a receipt that was not pruned."""
    found: dict[str, dict[str, tuple[str, datetime]]] = {}
    for copy, rows in fact(recorded, VOUCHED).items():
        mine = found[copy] = {}
        for snapshot, row in rows.items() if isinstance(rows, dict) else ():
            match row:
                case [str() as source, str() as text] if at := moment(text):
                    mine[snapshot] = (source, at)
                case _:
                    pass
    return found


def fact(recorded: Mapping[str, JsonValue], name: str) -> dict[str, JsonValue]:
    """Return a fact that is a map; empty where there is none."""
    found = recorded.get(name)
    return found if isinstance(found, dict) else {}


def number(value: JsonValue) -> float | None:
    """Return a number that was recorded: as text, where it is no whole one."""
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except ValueError:
        return None


def exact(value: JsonValue) -> JsonValue:
    """Return a number as the journal takes it, which takes no floats."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else str(value)
    return value


def moment(value: JsonValue) -> datetime | None:
    """Return a time that was recorded, of some zone; None where there is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def hours(span: timedelta) -> str:
    """Return a span for people: ``26h00m``, or ``12m``."""
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"  # noqa: PLR2004


def _verdict(word: object) -> Verdict:
    """Return the verdict; whatever is not known to have passed or failed is neither."""
    if word == "passed":
        return "passed"
    return "failed" if word == "failed" else "inconclusive"


def _rows(
    recorded: Mapping[str, JsonValue], fact: str
) -> Iterator[dict[str, JsonValue]]:
    rows = recorded.get(fact)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            yield row
