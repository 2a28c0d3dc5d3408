"""
The hosted zones in moto's memory, as data.

A zone is ``{name, records: [ResourceRecordSet, ...]}``, each record set in the form of
Route 53's own API. moto's memory is one per process, with accounts in it; each bench
has one of them for itself, so that two sandboxes of one process share no zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.sandbox.emulator import Bench

_OWN = frozenset({"SOA", "NS"})


def memory(bench: Bench) -> str:
    """Return moto's number for *bench*; the account's own is what STS tells."""
    return f"{id(bench):012d}"


class Zones:
    """All hosted zones of one bench."""

    def __init__(self, bench: Bench) -> None:
        from moto.route53.models import route53_backends

        self._all: Any = route53_backends
        self._account = memory(bench)
        self._backend: Any = route53_backends[self._account]["aws"]

    def restore(self, zones: Iterable[Mapping[str, Any]]) -> None:
        """Forget everything and hold *zones*."""
        self._backend.reset()
        for number, zone in enumerate(zones):
            made = self._backend.create_hosted_zone(
                f"{zone['name']}.",
                private_zone=bool(zone.get("private", False)),
                caller_reference=f"sandbox-{number}",
            )
            self._write(made, zone.get("records", ()))

    def forget(self) -> None:
        """Give the memory back: nobody asks any more."""
        self._all.pop(self._account, None)

    def _write(self, zone: Any, records: Iterable[Mapping[str, Any]]) -> None:
        changes = [
            {"Action": "UPSERT", "ResourceRecordSet": _whole(record, zone.name)}
            for record in records
        ]
        if changes:
            self._backend.change_resource_record_sets(zone.resource_id, changes)

    def name_of(self, path: str) -> str:
        """Return the zone that a request's path is about, or nothing."""
        for zone_id, zone in self._backend.zones.items():
            if zone_id in path.split("/"):
                return str(zone.name).removesuffix(".")
        return ""

    def as_json(self) -> list[dict[str, Any]]:
        """Return them, without what Route 53 makes itself."""
        return [
            {
                "name": zone.name.removesuffix("."),
                "private": bool(zone.private_zone),
                "records": [
                    _shown(rrset)
                    for rrset in zone.rrsets
                    if rrset.name.strip(".") != zone.name.strip(".")
                    or rrset.type not in _OWN
                ],
            }
            for zone in self._backend.zones.values()
        ]

    def tidy(self) -> None:
        """
        Have moto forget how what is gone came to be.

        It takes a record that was deleted for one that is there, when the same is
        created again and another one comes after it in the zone.
        """
        for zone in self._backend.zones.values():
            there = {(one.name.strip("."), one.type) for one in zone.rrsets}
            zone.rr_changes[:] = [
                one
                for one in zone.rr_changes
                if _key(one["ResourceRecordSet"]) in there
            ]

    def by_hand(self, data: Mapping[str, Any]) -> None:
        """Write ``record`` into ``zone``; without values it is removed."""
        record = data["record"]
        for zone in self._backend.zones.values():
            if zone.name.strip(".") != data["zone"]:
                continue
            if record.get("ResourceRecords") or record.get("AliasTarget"):
                self._write(zone, [record])
            else:
                zone.delete_rrset(_whole(record, zone.name))


def _key(record: Mapping[str, Any]) -> tuple[str, str]:
    return str(record["Name"]).strip("."), str(record["Type"])


def _whole(record: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """Return a copy with a whole name; ``@`` and relative names are welcome."""
    name = str(record["Name"])
    if name == "@":
        name = zone
    elif not name.endswith("."):
        name = f"{name}.{zone}"
    values = [dict(value) for value in record.get("ResourceRecords", ())]
    rest = {k: v for k, v in record.items() if k not in {"Name", "ResourceRecords"}}
    return {"Name": name, **rest, **({"ResourceRecords": values} if values else {})}


def _shown(rrset: Any) -> dict[str, Any]:
    shown = {
        "Name": rrset.name,
        "Type": rrset.type,
        "TTL": rrset.ttl,
        "SetIdentifier": rrset.set_identifier,
        "Weight": rrset.weight,
        "Region": rrset.region,
        "Failover": rrset.failover,
        "GeoLocation": rrset.geo_location,
        "HealthCheckId": rrset.health_check_id,
        "MultiValueAnswer": rrset.multi_value_answer,
        "AliasTarget": rrset.alias_target,
        "ResourceRecords": [{"Value": value} for value in rrset.records or ()],
    }
    return {name: value for name, value in shown.items() if value}
