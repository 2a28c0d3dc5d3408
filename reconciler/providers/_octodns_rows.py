"""
The border between our record sets and octoDNS' records.

Ours: ``name/TYPE`` and a row of (ttl, canonical values ...), names relative to the
zone, ``@`` for the zone itself. Imported only where records are read or written.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from octodns.record import Record
from octodns.zone import Zone

from reconciler.model.record import RECORD_TYPES, SINGLE, canonical
from reconciler.providers._txt import OURS, Form

Row = tuple[str, ...]

for _name in ("Record", "Zone", "Plan"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

# octoDNS keeps these in its classes, for the whole process. Records need none: those
# declared were checked by the model, those read are taken as they are.
Record.enable_validators(())
Zone.enable_zone_validators(("legacy", "strict", "best-practice"))


class Rows(NamedTuple):
    """
    What a zone holds, in our words.

    Attributes:
        foreign: Record sets that exist and must be left alone, and why.
        nameservers: The apex NS, without trailing dots.
    """

    records: Mapping[str, Row]
    foreign: Mapping[str, str]
    nameservers: frozenset[str]


def key_of(record: Any) -> str:
    """Return what we call an octoDNS record."""
    return f"{record.name or '@'}/{record._type}"  # noqa: SLF001  (no public name)


def rows_of(zone: Any, form: Form = OURS) -> Rows:
    """Return the records of an octoDNS zone; apex NS and SOA are no records."""
    records: dict[str, Row] = {}
    foreign: dict[str, str] = {}
    nameservers: frozenset[str] = frozenset()
    for record in zone.records:
        key = key_of(record)
        rtype = key.partition("/")[2]
        if key == "@/NS":
            nameservers = frozenset(v.removesuffix(".") for v in record.values)
        elif getattr(record, "dynamic", None) or getattr(record, "geo", None):
            foreign[key] = "it is answered by a routing policy"
        elif rtype in RECORD_TYPES:
            try:
                records[key] = (str(record.ttl), *_values(record, rtype, form))
            except ValueError as error:
                foreign[key] = f"its value cannot be written here: {error}"
        else:
            foreign[key] = f"{rtype} records cannot be declared"
    return Rows(records, foreign, nameservers)


def _values(record: Any, rtype: str, form: Form) -> Row:
    values = [record.value] if rtype in SINGLE else record.values
    texts = (
        form.unpack(str(v)) if rtype == "TXT" else v.to_rdata_text() for v in values
    )
    return tuple(sorted({canonical(rtype, text) for text in texts}))


def record_of(zone: Any, key: str, row: Row, form: Form = OURS) -> Any:
    """Return the octoDNS record of a row in *zone*."""
    name, _, rtype = key.partition("/")
    kind = Record.registered_types()[rtype]
    values = [
        form.pack(v) if rtype == "TXT" else kind._value_type.from_rdata_text(v)  # noqa: SLF001
        for v in row[1:]
    ]
    data = {"type": rtype, "ttl": int(row[0])}
    data |= {"value": values[0]} if rtype in SINGLE else {"values": values}
    return Record.new(zone, "" if name == "@" else name, data, lenient=True)


def zone_of(name: str) -> Any:
    """Return an empty octoDNS zone."""
    return Zone(f"{name}.", [])
