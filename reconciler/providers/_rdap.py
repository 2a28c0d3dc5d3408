"""
What an RDAP answer says, in our words. Pure.

Sources: RFC 9083 (the JSON), RFC 8056 (EPP statuses in RDAP), RFC 3915 (grace
periods), RFC 9224 (which server to ask), and ICANN's RDAP response profile (the event
``registrar expiration``, the ``related`` link to the registrar).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from reconciler.kinds.domain import Standing
from reconciler.providers._said import shown

#: What is printed of what strangers wrote is a host name and nothing else.
_HOST: Final = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


class View(NamedTuple):
    """
    One server's word about one name.

    Attributes:
        expires: Its event ``expiration``.
        registrar_expires: Its event ``registrar expiration``.
        related: Where it says that the registrar answers.
    """

    expires: datetime | None
    registrar_expires: datetime | None
    statuses: tuple[str, ...]
    nameservers: tuple[str, ...] | None
    registrar: str | None
    related: str | None


def view(data: Any, name: str) -> View:
    """
    Return what *data* says about *name*.

    Raises:
        ValueError: It is no answer about this name: it proves nothing.
    """
    if not isinstance(data, dict) or data.get("objectClassName") != "domain":
        raise ValueError("the answer is no RDAP domain")
    said = str(data.get("ldhName", "")).lower().rstrip(".")
    if said != name:
        raise ValueError("the answer is about another name")
    events = dict(_events(data))
    return View(
        events.get("expiration"),
        events.get("registrar expiration"),
        tuple(sorted({str(s).lower() for s in _list(data, "status")})),
        _nameservers(data),
        _registrar(data),
        _related(data),
    )


def _list(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = data.get(key, ())
    if not isinstance(found, (list, tuple)):
        raise ValueError(f"{key} is no list")  # noqa: TRY004  (bad data, not a bad call)
    return found


def _events(data: Mapping[str, Any]) -> Iterator[tuple[str, datetime]]:
    for event in _list(data, "events"):
        if isinstance(event, dict) and isinstance(event.get("eventDate"), str):
            when = datetime.fromisoformat(event["eventDate"])
            action = str(event.get("eventAction", "")).lower()
            yield action, when if when.tzinfo else when.replace(tzinfo=UTC)


def _nameservers(data: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "nameservers" not in data:
        return None
    hosts = (
        str(one["ldhName"]).lower().rstrip(".")
        for one in _list(data, "nameservers")
        if isinstance(one, dict) and one.get("ldhName")
    )
    return tuple(sorted({host for host in hosts if _HOST.fullmatch(host)}))


def _registrar(data: Mapping[str, Any]) -> str | None:
    """Return the organisation with the role *registrar* (jCard, RFC 7095)."""
    for entity in _list(data, "entities"):
        if not isinstance(entity, dict) or "registrar" not in _list(entity, "roles"):
            continue
        match entity.get("vcardArray"):
            case ["vcard", list() as lines]:
                for line in lines:
                    if isinstance(line, list) and line[:1] == ["fn"]:
                        return shown(str(line[-1]))[:80] or None
            case _:
                continue
    return None


def _related(data: Mapping[str, Any]) -> str | None:
    for link in _list(data, "links"):
        if not isinstance(link, dict) or link.get("rel") != "related":
            continue
        if link.get("type", "application/rdap+json") == "application/rdap+json":
            return str(link.get("href", "")) or None
    return None


def standing(statuses: Sequence[str]) -> Standing:
    """Return where a name stands that has these statuses."""
    if "redemption period" in statuses or "pending restore" in statuses:
        return Standing.REDEMPTION
    if "pending delete" in statuses:
        return Standing.PENDING_DELETE
    if "auto renew period" in statuses:
        return Standing.AUTO_RENEW_GRACE
    return Standing.REGISTERED


class Bootstrap:
    """
    Which server answers for which suffix (RFC 9224).

    Args:
        data: The bootstrap file, in IANA's format.

    Raises:
        ValueError: It is none.
    """

    def __init__(self, data: Any) -> None:
        self._urls: dict[str, list[str]] = {}
        services = data.get("services") if isinstance(data, dict) else None
        for service in services if isinstance(services, list) else [None]:
            match service:
                case [list() as suffixes, list() as urls]:
                    for suffix in suffixes:
                        self._urls[str(suffix).lower()] = [str(url) for url in urls]
                case _:
                    raise ValueError("this is no RDAP bootstrap file")

    def server(self, name: str) -> str | None:
        """Return the base URL for *name*: of its longest suffix, https before http."""
        labels = name.split(".")
        for at in range(1, len(labels)):
            urls = self._urls.get(".".join(labels[at:]))
            if urls is not None:
                best = sorted(urls, key=lambda url: urlsplit(url).scheme != "https")
                return f"{best[0].rstrip('/')}/" if best else None
        return None
