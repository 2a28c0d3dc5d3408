"""octoDNS' Route 53 provider with sound TXT, for simple record sets alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from octodns.record.txt import TxtRecord
from octodns_route53 import Route53Provider

from reconciler.errors import Rejected
from reconciler.providers._aws import Calls
from reconciler.providers._octodns_types import unread
from reconciler.providers._route53_names import plain_name
from reconciler.providers._txt import pack, quote, unpack, unquote

logging.getLogger("Route53Provider[reconciler]").setLevel(logging.CRITICAL + 1)

_ROUTED = ("SetIdentifier", "GeoLocation", "TrafficPolicyInstanceId", "HealthCheckId")


class Route53Zone(Route53Provider):  # type: ignore[misc] # octoDNS has no types
    """
    One zone's reading or change.

    It sees no routing policies, aliases to AWS services and health checks: those are
    left out of every reading and so cannot be changed or removed.

    Attributes:
        foreign: Record sets that were left out, and why.
    """

    def __init__(self, calls: Calls, zone: str, handle: str) -> None:
        self.calls = calls
        super().__init__("reconciler", root_ns_warnings=False)
        self._zone = zone
        self._r53_zones = {f"{zone}.": handle}
        self._health_checks: dict[str, Any] = {}
        self.foreign: dict[str, str] = {}

    def client(self, *_: Any, **__: Any) -> Calls:
        """Return our own way to AWS instead of a new client."""
        return self.calls

    def _get_zone_id(self, name: str, create: bool = False) -> str:  # noqa: FBT001, FBT002
        del create
        zone_id: str | None = self._r53_zones.get(name)
        if zone_id is None:
            raise Rejected(f"the zone {name} has gone")
        return zone_id

    def _load_records(self, zone_id: str) -> list[dict[str, Any]]:
        if zone_id not in self._r53_rrsets:
            rrsets = super()._load_records(zone_id)
            self._r53_rrsets[zone_id] = list(self._clean(rrsets))
        found: list[dict[str, Any]] = self._r53_rrsets[zone_id]
        return found

    def _clean(self, rrsets: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        for rrset in rrsets:
            why = _strange(rrset) or unread(self.SUPPORTS, rrset["Type"])
            if why is None:
                yield rrset
                continue
            name = plain_name(rrset["Name"]).removesuffix(f"{self._zone}.")
            self.foreign[f"{name.removesuffix('.') or '@'}/{rrset['Type']}"] = why

    def _data_for_TXT(self, rrset: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        values = [
            pack(unquote(r["Value"], octal=True)) for r in rrset["ResourceRecords"]
        ]
        return {"type": "TXT", "ttl": int(rrset["TTL"]), "values": values}

    def _gen_records(self, record: Any, *args: Any, **values: Any) -> Any:
        if isinstance(record, TxtRecord):
            record = _Txt(
                record.zone,
                record.name,
                {"type": "TXT", "ttl": record.ttl, "values": list(record.values)},
            )
        return super()._gen_records(record, *args, **values)

    def _gen_mods(self, action: str, records: Any, existing: Any) -> Any:
        """A deletion must repeat the record set exactly as Route 53 has it."""
        mods = super()._gen_mods(action, records, existing)
        if action != "DELETE":
            return mods
        exact = {(plain_name(e["Name"]), e["Type"]): e for e in existing}
        for mod in mods:
            asked = mod["ResourceRecordSet"]
            mod["ResourceRecordSet"] = exact[asked["Name"], asked["Type"]]
        return mods


class _Txt(TxtRecord):  # type: ignore[misc] # octoDNS has no types
    """A TXT record whose text Route 53 stores as it is."""

    @property
    def chunked_values(self) -> list[str]:
        return [quote(unpack(str(value)), octal=True) for value in self.values]


def _strange(rrset: Mapping[str, Any]) -> str | None:
    if "AliasTarget" in rrset:
        return "it is an alias of Route 53"
    if any(mark in rrset for mark in _ROUTED):
        return "it has a routing policy or a health check"
    values = [r["Value"] for r in rrset.get("ResourceRecords", ())]
    if rrset["Type"] == "PTR" and len(values) > 1:
        return "it has several PTR values"
    if rrset["Type"] == "TXT":
        try:
            for value in values:
                unquote(value, octal=True)
        except ValueError:
            return "its text is not UTF-8"
    return None
