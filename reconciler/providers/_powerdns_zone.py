"""octoDNS' PowerDNS provider with sound TXT, and without what it would create."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from octodns_powerdns import PowerDnsProvider

from reconciler.errors import Rejected
from reconciler.providers._octodns_line import Line, Trunk
from reconciler.providers._octodns_types import unread
from reconciler.providers._txt import pack, quote, unpack, unquote

_TIMEOUT = 30
logging.getLogger("PowerDnsProvider[reconciler]").setLevel(logging.CRITICAL + 1)


class PowerDnsZone(PowerDnsProvider):  # type: ignore[misc] # octoDNS has no types
    """
    One zone's reading or change.

    Attributes:
        line: What all its requests go through.
        foreign: Record sets that were left out, and why.
        lasting: Whether each edit moves the serial: only with SOA-EDIT-API set
            (PowerDNS, domain metadata).
    """

    def __init__(self, trunk: Trunk, endpoint: str, key: str, zone: str) -> None:
        at = urlsplit(endpoint)
        super().__init__(
            "reconciler",
            at.hostname,
            key,
            at.port or (443 if at.scheme == "https" else 80),
            scheme=at.scheme,
            timeout=_TIMEOUT,
            enable_dynamic=False,
            root_ns_warnings=False,
        )
        self.line = Line(trunk, self._sess.headers, operation)
        self._sess: Any = self.line
        self._zone = zone
        self.foreign: dict[str, str] = {}
        self.lasting = False

    def _get(self, path: str, data: Any = None) -> Any:
        answer = super()._get(path, data)
        return _Answer(self._clean(answer.json())) if "zones/" in path else answer

    def _post(self, path: str, data: Any = None) -> Any:
        del path, data
        raise Rejected(f"the zone {self._zone} has gone")

    def _clean(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return the zone without record sets that octoDNS would misread."""
        self.lasting = bool(said.get("soa_edit_api"))
        rrsets = []
        for rrset in said["rrsets"]:
            if why := _strange(rrset) or unread(self.SUPPORTS, rrset["type"]):
                name = rrset["name"].removesuffix(f"{self._zone}.").removesuffix(".")
                self.foreign[f"{name or '@'}/{rrset['type']}"] = why
            else:
                rrsets.append(rrset)
        return {**said, "rrsets": rrsets}

    def _data_for_TXT(self, rrset: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        values = [pack(unquote(r["content"])) for r in rrset["records"]]
        return {"type": "TXT", "ttl": rrset["ttl"], "values": values}

    def _records_for_TXT(self, record: Any) -> tuple[list[dict[str, Any]], str]:  # noqa: N802
        return [
            {"content": quote(unpack(str(v))), "disabled": False} for v in record.values
        ], "TXT"


class _Answer:
    """An answer whose body was read already."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    def json(self) -> dict[str, Any]:
        return self._body


def _strange(rrset: Mapping[str, Any]) -> str | None:
    if any(record.get("disabled") for record in rrset["records"]):
        return "it has disabled records"
    if rrset["type"] == "TXT":
        try:
            for record in rrset["records"]:
                unquote(record["content"])
        except ValueError:
            return "its text is not UTF-8"
    return None


def operation(method: str, url: str) -> str:
    """Name the operation of a request, for counting."""
    path = urlsplit(url).path.partition("/servers/")[2]
    parts = path.split("/")
    if len(parts) == 1:
        return "server"
    if parts[1] != "zones":
        return parts[1]
    if len(parts) == 2:  # noqa: PLR2004
        return {"GET": "list-zones"}.get(method, "create-zone")
    return {"GET": "get-zone"}.get(method, "patch-zone")
