"""What Cloudflare accepts as a DNS record, and how it shows it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FROM_DATA = {
    "CAA": '{flags} {tag} "{value}"',
    "DS": "{key_tag} {algorithm} {digest_type} {digest}",
    "NAPTR": '{order} {preference} "{flags}" "{service}" "{regex}" {replacement}',
    "SRV": "{weight} {port} {target}",
    "SSHFP": "{algorithm} {type} {fingerprint}",
    "TLSA": "{usage} {selector} {matching_type} {certificate}",
}
_HOSTS = frozenset({"CNAME", "MX", "NS", "PTR"})
_PLAIN = frozenset({"A", "AAAA", "TXT"}) | _HOSTS
_ADDRESSED = frozenset({"A", "AAAA", "CNAME"})
_AUTOMATIC, _SHORTEST, _LONGEST = 1, 60, 86400


class Refused(Exception):
    """Cloudflare's answer to a request that it does not accept."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def checked(
    asked: Mapping[str, Any], zone: Mapping[str, Any], replacing: str | None
) -> dict[str, Any]:
    """
    Return the record as it is kept; *replacing* is the id of the one it replaces.

    Raises:
        Refused: Its form is wrong, or it cannot stand beside another one.
    """
    rtype, name = asked.get("type"), _name(asked, zone["name"])
    ttl = asked.get("ttl", _AUTOMATIC)
    if ttl != _AUTOMATIC and not _SHORTEST <= ttl <= _LONGEST:
        raise Refused(
            400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1."
        )
    record = {
        "zone_id": zone["id"],
        "zone_name": zone["name"],
        "name": name,
        "type": rtype,
        "content": _content(asked),
        "ttl": ttl,
        "proxied": bool(asked.get("proxied", False)),
        "comment": asked.get("comment"),
        "tags": list(asked.get("tags", ())),
        "meta": {},
    }
    for extra in ("priority", "data"):
        if extra in asked:
            record[extra] = asked[extra]
    if rtype == "SRV":
        record["priority"] = asked["data"]["priority"]
    _alone(record, zone, replacing)
    return record


def _name(asked: Mapping[str, Any], zone: str) -> str:
    name = str(asked.get("name", "")).lower().removesuffix(".")
    if name in {"@", ""}:
        return zone
    return name if name == zone or name.endswith(f".{zone}") else f"{name}.{zone}"


def _content(asked: Mapping[str, Any]) -> str:
    rtype, content = str(asked.get("type")), asked.get("content")
    if rtype in _FROM_DATA:
        if not isinstance(asked.get("data"), Mapping):
            raise Refused(400, 9101, f"data is required for {rtype} records.")
        return _FROM_DATA[rtype].format(**asked["data"])
    if rtype not in _PLAIN:
        raise Refused(400, 9004, f"DNS Type {rtype} is invalid.")
    if not isinstance(content, str) or not content:
        raise Refused(400, 9009, f"Content for {rtype} record is invalid.")
    if rtype == "MX" and "priority" not in asked:
        raise Refused(400, 9102, "priority is a required field.")
    if rtype in _HOSTS and content != ".":
        return content.lower().removesuffix(".")
    return content


def _alone(
    record: Mapping[str, Any], zone: Mapping[str, Any], replacing: str | None
) -> None:
    for other_id, other in zone["records"].items():
        if other_id == replacing or other["name"] != record["name"]:
            continue
        types = {record["type"], other["type"]}
        if types == {record["type"]} and _same(record, other):
            raise Refused(400, 81058, "An identical record already exists.")
        if "CNAME" in types and types <= _ADDRESSED:
            raise Refused(
                400,
                81053,
                "An A, AAAA, or CNAME record with that host already exists.",
            )
        if "CNAME" in types and record["name"] != zone["name"]:
            raise Refused(400, 81054, "A CNAME record with that host already exists.")


def _same(record: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(record.get(k) == other.get(k) for k in ("content", "priority"))


def seeds(zone: str, key: str, row: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return one record set (``name/TYPE``, ttl and canonical values) as records."""
    name, _, rtype = key.partition("/")
    whole = zone if name == "@" else f"{name}.{zone}"
    shared = {"name": whole, "type": rtype, "ttl": int(row[0])}
    return [{**shared, **_seed(rtype, value)} for value in row[1:]]


def _seed(rtype: str, value: str) -> dict[str, Any]:
    parts = value.split()
    match rtype:
        case "MX":
            host = parts[1].removesuffix(".")
            return {"priority": int(parts[0]), "content": host}
        case "CAA":
            flags, tag, quoted = value.split(maxsplit=2)
            data = {"flags": int(flags), "tag": tag, "value": quoted.strip('"')}
            return {"data": data}
        case "SRV":
            numbers = zip(("priority", "weight", "port"), parts, strict=False)
            target = parts[3].removesuffix(".")
            return {"data": {**{k: int(v) for k, v in numbers}, "target": target}}
        case "TXT":
            return {"content": f'"{value}"'}
        case _:
            return {"content": value}
