"""What to write so that a domain's YAML says what is live. Pure."""

from __future__ import annotations

from pydantic import JsonValue

from reconciler.kinds.domain import delegation, zone
from reconciler.kinds.domain.adopted_zone import record_of, ttl_text, unwritten
from reconciler.kinds.domain.spec import DomainSpec
from reconciler.model import Edit, ItemEdit, Rewrite
from reconciler.model.record import Record, canonical

_RECORDS = ("dns", "records")
_PERSON = "is for a person to decide: it says who may renew, and for how much"


def rewritten(spec: DomainSpec, field: str, live: JsonValue) -> Rewrite | str:
    """Return what to write; or why that cannot be written. See ``Resource``."""
    match field, live:
        case (("spec.transferLock" | "spec.privacy"), bool()):
            return Edit((field.removeprefix("spec."),), live)
        case "spec.renewal.mode", False:
            return Edit(("renewal", "mode"), "manual")
        case (("spec.renewal.mode" | "spec.lifecycle"), _):
            return _PERSON
        case "spec.nameservers", list() if len(live) > 1:
            return Edit(("nameservers",), live)
        case _, (list() | None) if field.startswith("spec.glue["):
            return Edit(("glue", delegation.host_of(field)), live or [])
        case _, (list() | None) if field.startswith("spec.dns.records["):
            row = None if live is None else tuple(map(str, live))
            return _record(spec, zone.key_of(field), row)
        case _:
            pass
    return "cannot be declared as it is"


def _record(spec: DomainSpec, key: str, row: tuple[str, ...] | None) -> ItemEdit | str:
    written = _written(spec, key)
    name, _, rtype = key.partition("/")
    identity = {"name": written.name if written else name, "type": rtype}
    if row is None:
        return ItemEdit(_RECORDS, identity, None)
    if why := unwritten(key, row):
        return why
    default = int(spec.dns.default_ttl.total_seconds())
    whole = record_of(key, row, default)
    del whole["name"], whole["type"]
    return ItemEdit(_RECORDS, identity, _changed(written, row, default), whole)


def _written(spec: DomainSpec, key: str) -> Record | None:
    """Return the record that is declared at *key*, in whatever spelling."""
    for record in spec.dns.records:
        alone = spec.dns.model_copy(update={"records": (record,)})
        if key in zone.wanted(alone):
            return record
    return None


def _changed(
    written: Record | None, row: tuple[str, ...], default: int
) -> dict[str, JsonValue]:
    """Return the fields of a *written* record that say something else than *row*."""
    if written is None:
        return {}
    fields: dict[str, JsonValue] = {}
    ttl = default if written.ttl is None else int(written.ttl.total_seconds())
    if int(row[0]) != ttl:
        fields["ttl"] = ttl_text(int(row[0]))
    values = list(row[1:])
    if written.canonical() == tuple(values):
        return fields
    if written.value is None:
        fields["values"] = [*_kept(written, values)]
    elif len(values) == 1:
        fields["value"] = values[0]
    else:
        fields |= {"value": None, "values": [*values]}
    return fields


def _kept(written: Record, values: list[str]) -> list[str]:
    """Return *values*: those that are written first, in their order and spelling."""
    left = dict.fromkeys(values)
    kept = []
    for said in written.values:
        plain = canonical(written.type, said)
        if plain in left:
            kept.append(said)
            del left[plain]
    return [*kept, *left]
