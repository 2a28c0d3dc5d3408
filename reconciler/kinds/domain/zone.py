"""A zone: which records to write, and which to remove. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from reconciler.kinds.domain.changes import DomainChange, Prune, Records
from reconciler.kinds.domain.spec import DnsSpec
from reconciler.kinds.domain.state import RecordKey, ZoneState
from reconciler.model import FieldChange, OnDrift, Share
from reconciler.model.names import to_ascii

Rows = Mapping[RecordKey, tuple[str, ...]]
_HERITAGE = "heritage=external-dns"


def wanted(spec: DnsSpec) -> dict[RecordKey, tuple[str, ...]]:
    """Return the declared records in the form of ZoneState.records."""
    default = int(spec.default_ttl.total_seconds())
    return {
        f"{_plain(record.name)}/{record.type}": (
            str(default if record.ttl is None else int(record.ttl.total_seconds())),
            *record.canonical(),
        )
        for record in spec.records
    }


def _plain(name: str) -> str:
    """Return a record's name as every equal name is spelt (A-labels)."""
    if name.isascii():
        return name.lower()
    star = "*." if name.startswith("*.") else ""
    return star + to_ascii(name.removeprefix(star))


def field_of(key: RecordKey) -> str:
    """Return the name of a record's field in plans and in the audit log."""
    return f"spec.dns.records[{key}]"


def key_of(field: str) -> RecordKey:
    """Return the record that a field is about: the inverse of ``field_of``."""
    return field.removeprefix("spec.dns.records[").removesuffix("]")


def create(spec: DnsSpec, share: Share) -> Iterator[DomainChange]:
    """Yield the change that makes a zone which does not exist."""
    rows = wanted(spec)
    if rows:
        yield Records(
            share=share,
            fields=tuple(_field(key, None, rows[key]) for key in sorted(rows)),
            because=f"{share.provider} does not serve the zone",
            details={"create": True},
        )


def diff(spec: DnsSpec, share: Share, live: ZoneState) -> Iterator[DomainChange]:
    """Yield at most one change that writes and one that removes."""
    rows = wanted(spec)
    extra = [key for key in sorted(live.records) if key not in rows]
    theirs = somebody_elses(spec, live, extra)
    replaced = {key for key in extra if _replaced(key, rows, live.records)}
    swapped = replaced - theirs
    gone = [key for key in extra if spec.prune and key not in theirs | swapped]
    too_many = _over_limit(spec, len(gone) + len(swapped), len(live.records))
    writes = [
        _field(key, live.records.get(key), rows[key])
        for key in sorted(rows)
        if live.records.get(key) != rows[key]
    ]
    writes += [_field(key, live.records[key], None) for key in sorted(swapped)]
    if writes:
        yield Records(
            share=share,
            fields=tuple(writes),
            because=f"{_sets(len(writes), 'differs', 'differ')} at {share.provider}",
            hold=_in_the_way(spec, replaced, theirs) or (too_many if swapped else None),
        )
    if gone:
        yield Prune(
            share=share,
            fields=tuple(_field(key, live.records[key], None) for key in gone),
            because=f"{_sets(len(gone), 'is', 'are')} not declared",
            hold=too_many,
        )


def _in_the_way(
    spec: DnsSpec, replaced: set[RecordKey], theirs: set[RecordKey]
) -> str | None:
    """Say why a person must look before a CNAME or its neighbours are replaced."""
    if foreign := sorted(replaced & theirs):
        return f"{foreign[0]} stands in the way and belongs to somebody else"
    if replaced and not spec.prune:
        return f"replaces {min(replaced)}, and prune is off"
    return None


def _sets(count: int, one: str, many: str) -> str:
    return f"1 record set {one}" if count == 1 else f"{count} record sets {many}"


def _over_limit(spec: DnsSpec, deletes: int, existing: int) -> str | None:
    limit = spec.max_deletes
    if deletes > limit.count:
        return f"removes {deletes} record sets, at most {limit.count}"
    if deletes and deletes > limit.share * existing:
        share = limit.share * 100
        return f"removes {deletes} of {existing} record sets, at most {share:f} %"
    return None


def _field(
    key: RecordKey, before: tuple[str, ...] | None, after: tuple[str, ...] | None
) -> FieldChange:
    added_by_hand = before is not None and after is None
    return FieldChange(
        field=field_of(key),
        before=before,
        after=after,
        on_drift=OnDrift.HOLD if added_by_hand else OnDrift.REVERT,
    )


def _replaced(key: RecordKey, rows: Rows, live: Rows) -> bool:
    """Whether another type comes in at the same name, which CNAME rules order."""
    name, _, rtype = key.partition("/")
    coming = {k.partition("/")[2] for k in rows if k.partition("/")[0] == name}
    new = {t for t in coming if f"{name}/{t}" not in live}
    return bool(new) and (rtype == "CNAME" or "CNAME" in new)


def somebody_elses(
    spec: DnsSpec, live: ZoneState, undeclared: Iterable[RecordKey]
) -> set[RecordKey]:
    """Return those of the *undeclared* records that are left alone."""
    keys = list(undeclared)
    owned = _owned_elsewhere(live) if keys else frozenset()
    return {key for key in keys if _others(spec, key, owned)}


def _others(spec: DnsSpec, key: RecordKey, owned: frozenset[str]) -> bool:
    """Whether an undeclared record belongs to somebody else."""
    name = key.partition("/")[0]
    return name in owned or any(fnmatchcase(name, pattern) for pattern in spec.ignore)


def _owned_elsewhere(live: ZoneState) -> frozenset[str]:
    """
    Return the names that external-dns marks as its own.

    Its marks are TXT records at the name itself, or at ``<type>-<name>`` and with a
    prefix of the user's choice before a dash or a dot (external-dns, TXT registry).
    """
    owned: set[str] = set()
    for key, row in live.records.items():
        name, _, rtype = key.partition("/")
        if rtype == "TXT" and any(_HERITAGE in value for value in row[1:]):
            owned |= {name, name.partition("-")[2], name.partition(".")[2]}
    return frozenset(owned - {""})


def done(change: DomainChange, live: ZoneState) -> bool:
    """Say whether every record of *change* is as it shall be."""
    return all(
        live.records.get(key_of(field.field)) == field.after for field in change.fields
    )
