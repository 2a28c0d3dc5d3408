"""octoDNS' Cloudflare provider with sound TXT, for records that are not proxied."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from octodns_cloudflare import CloudflareProvider

from reconciler.providers._octodns_line import Line, Trunk
from reconciler.providers._octodns_types import unread
from reconciler.providers._txt import pack, quote, unpack, unquote

_TIMEOUT = 30
_SHORTEST = 60
logging.getLogger("CloudflareProvider[reconciler]").setLevel(logging.CRITICAL + 1)


class CloudflareZone(CloudflareProvider):  # type: ignore[misc] # octoDNS has no types
    """
    One zone's reading or change.

    It sees no proxied and no read-only records, so that it cannot touch them.
    Comments and tags stay as they are.

    Attributes:
        line: What all its requests go through.
        foreign: Record sets that were left out, and why.
    """

    def __init__(
        self, trunk: Trunk, url: str, token: str, zone: str, handle: str
    ) -> None:
        super().__init__(
            "reconciler",
            token=token,
            pagerules=False,
            retry_count=0,
            min_ttl=_SHORTEST,
            timeout=_TIMEOUT,
            api_url=url,
            root_ns_warnings=False,
        )
        self.line = Line(trunk, self._sess.headers, operation)
        self._sess: Any = self.line
        known: dict[str, Any] = {"id": handle, "name_servers": []}
        self._zones = {f"{zone}.": known}
        self.foreign: dict[str, str] = {}

    def zone_records(self, zone: Any) -> list[dict[str, Any]]:
        """Return the zone's records as Cloudflare lists them, without foreign ones."""
        if zone.name not in self._zone_records:
            found = super().zone_records(zone)
            self._zone_records[zone.name] = list(self._clean(zone, found))
        records: list[dict[str, Any]] = self._zone_records[zone.name]
        return records

    def _clean(
        self, zone: Any, records: Iterable[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        sets: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in records:
            name = zone.hostname_from_fqdn(record["name"]) or "@"
            rtype = record["type"]
            if (name, rtype) == ("@", "CNAME"):
                rtype = "ALIAS"  # Cloudflare flattens it, octoDNS calls it so
            sets[f"{name}/{rtype}"].append(record)
        for key, rrset in sets.items():
            rtype = rrset[0]["type"]
            if why := _strange(rrset) or unread(self.SUPPORTS, rtype):
                self.foreign[key] = why
            else:
                yield from rrset

    def _data_for_TXT(  # noqa: N802
        self, _type: str, records: list[dict[str, Any]]
    ) -> dict[str, Any]:
        values = [pack(_text(record["content"])) for record in records]
        return {
            "type": "TXT",
            "ttl": self._ttl_data(records[0]["ttl"]),
            "values": values,
        }

    def _contents_for_TXT(self, record: Any) -> Iterator[dict[str, str]]:  # noqa: N802
        for value in record.values:
            yield {"content": quote(unpack(str(value)))}

    def _record_is_proxied(self, record: Any) -> bool:
        """Proxied records are foreign: whatever is written here is not proxied."""
        del record
        return False

    def _record_is_just_auto_ttl(self, record: Any) -> bool:
        """What is written has the TTL that was declared, never an automatic one."""
        del record
        return False


def _text(content: str) -> str:
    """Records made long ago have no quotation marks."""
    return unquote(content) if content.startswith('"') else content


def _strange(rrset: list[dict[str, Any]]) -> str | None:
    if any(record.get("proxied") for record in rrset):
        return "it is proxied by Cloudflare"
    if any(_read_only(record.get("meta") or {}) for record in rrset):
        return "Cloudflare holds it read-only"
    if rrset[0]["type"] == "PTR" and len(rrset) > 1:
        return "it has several PTR values"
    if rrset[0]["type"] == "TXT":
        try:
            for record in rrset:
                _text(record["content"])
        except ValueError:
            return "its text is not UTF-8"
    return None


def _read_only(meta: Mapping[str, Any]) -> bool:
    return bool(meta.get("read_only") or meta.get("email_routing"))


def operation(method: str, url: str) -> str:
    """Name the operation of a request, for counting."""
    parts = urlsplit(url).path.partition("/client/v4/")[2].split("/")
    what = "zones" if len(parts) < 3 else parts[2]  # noqa: PLR2004
    if parts[0] != "zones":
        what = parts[0]
    verb = {"GET": "list", "POST": "create", "PUT": "update", "DELETE": "delete"}
    return f"{verb.get(method, method.lower())}-{what.replace('_', '-')}"
