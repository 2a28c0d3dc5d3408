"""The records of a zone as YAML writes them, and those it cannot write. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from reconciler.kinds.domain import zone
from reconciler.kinds.domain.spec import DnsSpec
from reconciler.kinds.domain.state import RecordKey, ZoneState
from reconciler.model import Duration, Left, Refuse, duration_text
from reconciler.model.record import Record

Row = tuple[str, ...]
_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


class AdoptedZone(NamedTuple):
    """
    One zone.

    Attributes:
        dns: The fields of ``dns``, without its targets.
        left: The records that stay undeclared.
    """

    dns: Mapping[str, Any]
    left: tuple[Left, ...]


def adopted_zone(live: ZoneState, usual: DnsSpec, refuse: Refuse) -> AdoptedZone:
    """Return *live* for a document in which *usual* holds."""
    left = dict(_left_alone(live, usual))
    rows = {key: row for key, row in live.records.items() if key not in left}
    unsaid = dict(_unsaid(live, rows, refuse))
    rows = {key: row for key, row in rows.items() if key not in unsaid}
    default = _default_ttl(rows, usual)
    dns: dict[str, Any] = {}
    if default != _seconds(usual):
        dns["defaultTtl"] = ttl_text(default)
    # An undeclared record is removed, unless its name is somebody else's.
    ours = {name_of(key) for key in unsaid if key in live.records}
    if ours:
        patterns = [pattern_of(name, refuse) for name in sorted(ours)]
        dns["ignore"] = [*usual.ignore, *patterns]
    if rows:
        dns["records"] = [
            record_of(key, rows[key], default) for key in sorted(rows, key=_in_order)
        ]
    why = {**{k: w for k, w in live.foreign.items() if k not in left}, **unsaid, **left}
    return AdoptedZone(dns, tuple(Left(key, why[key]) for key in sorted(why)))


def record_of(key: RecordKey, row: Row, default: int) -> dict[str, Any]:
    """Return one record as YAML writes it."""
    name, _, rtype = key.partition("/")
    ttl = int(row[0])
    said: dict[str, Any] = {"name": name, "type": rtype}
    if ttl != default:
        said["ttl"] = ttl_text(ttl)
    if len(row) > 2:  # noqa: PLR2004  (the TTL and one value)
        return {**said, "values": list(row[1:])}
    return {**said, "value": row[1]}


def ttl_text(seconds: int) -> str | None:
    """Return a TTL as a duration; None where no duration is so long."""
    text = duration_text(timedelta(seconds=seconds))
    try:
        _DURATION.validate_python(text)
    except ValidationError:
        return None
    return text


def name_of(key: RecordKey) -> str:
    """Return the name of a record, relative to the zone."""
    return key.partition("/")[0]


def pattern_of(name: str, refuse: Refuse) -> str:
    """Return the pattern of ``ignore`` that is *name* and no other."""
    if refuse(name) is None:
        return re.sub(r"([*?\[])", r"[\1]", name)
    middle = len(name) // 2
    return f"{name[:middle]}[{name[middle]}]{name[middle + 1 :]}"


def _left_alone(live: ZoneState, usual: DnsSpec) -> Iterator[tuple[RecordKey, str]]:
    for key in zone.somebody_elses(usual, live, live.records):
        yield key, "belongs to somebody else (dns.ignore, or external-dns)"


def _unsaid(
    live: ZoneState, rows: Mapping[RecordKey, Row], refuse: Refuse
) -> Iterator[tuple[RecordKey, str]]:
    """Yield the records that no document could hold as they are, and why."""
    names = Counter(map(name_of, rows))
    aliased = {name_of(key) for key in rows if key.endswith("/CNAME")}
    beside = {name_of(key) for key in live.foreign if key not in rows}
    for key, row in rows.items():
        name = name_of(key)
        if key in live.foreign:
            yield key, live.foreign[key]
        elif name in aliased and (names[name] > 1 or name in beside):
            yield key, "a CNAME stands beside other records"
        elif why := unwritten(key, row):
            yield key, why
        elif refused := next(filter(None, map(refuse, (name, *row[1:]))), None):
            yield key, refused


def unwritten(key: RecordKey, row: Row) -> str | None:
    """Say why no document could hold a record as it is, if so."""
    if ttl_text(int(row[0])) is None:
        return "its TTL is longer than a duration can say"
    try:
        spec = DnsSpec(records=(Record(**record_of(key, row, -1)),))
    except ValueError:
        return "its name or value cannot be declared"
    if dict(zone.wanted(spec)) != {key: row}:
        return "its name or value would be declared as another"
    return None


def _default_ttl(rows: Mapping[RecordKey, Row], usual: DnsSpec) -> int:
    """Return the TTL that most records have; of several the usual one."""
    counts = Counter(int(row[0]) for row in rows.values())
    counts[_seconds(usual)] += 0
    return max(counts, key=lambda ttl: (counts[ttl], ttl == _seconds(usual), -ttl))


def _seconds(usual: DnsSpec) -> int:
    return int(usual.default_ttl.total_seconds())


def _in_order(key: RecordKey) -> tuple[bool, list[str], str]:
    """The zone itself first, then by name from the zone down, then by type."""
    name, _, rtype = key.partition("/")
    return name != "@", name.split(".")[::-1], rtype
