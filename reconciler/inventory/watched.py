"""
What is wrong with health checks together, which no single document shows.

Two of the same page make two incidents of one outage. And what is looked at has to be
ours: whoever may write a check could otherwise let this tool speak to anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.inventory.complaint import Complaint, shown
from reconciler.inventory.loaded import Loaded
from reconciler.model import Ref
from reconciler.model.names import to_ascii

CHECK: Final = "HealthCheck"
_PORTS: Final = {"http": 443, "tls": 443}
_NAMED: Final = ("Domain", "Site")


def complaints(loaded: Loaded) -> Iterator[Complaint]:
    """Yield checks of the same thing, and those of what is not ours."""
    if CHECK not in loaded.index.kinds:
        return
    seen: dict[tuple[object, ...], int] = {}
    strange: list[tuple[int, str]] = []
    for row, kind in enumerate(loaded.index.kinds):
        if kind == CHECK:
            spec = loaded.spec(row)
            yield from _twice(loaded, seen, row, spec)
            strange += [(row, host) for host in _strange(loaded, spec)]
    yield from _of_others(loaded, strange)


def _target(loaded: Loaded, spec: Mapping[str, Any]) -> tuple[str, str, int, str]:
    """Return scheme, host, port and path; an empty host where nothing says it."""
    kind = str(spec.get("type", "http"))
    if url := spec.get("url"):
        said = urlsplit(str(url))
        port = said.port or (443 if said.scheme == "https" else 80)
        path = (said.path or "/") + (f"?{said.query}" if said.query else "")
        return said.scheme, _plain(said.hostname or ""), port, path
    host = _plain(str(spec.get("host") or _host(loaded, str(spec.get("of")))))
    port = int(spec.get("port") or _PORTS.get(kind, 0))
    scheme = "https" if kind == "http" else kind
    return scheme, host, port, str(spec.get("path", "/"))


def _twice(
    loaded: Loaded,
    seen: dict[tuple[object, ...], int],
    row: int,
    spec: Mapping[str, Any],
) -> Iterator[Complaint]:
    kind, host = str(spec.get("type", "http")), spec.get("of")
    records = (spec.get("expect") or {}).get("records") or {}
    families = tuple(spec.get("addresses") or ())
    metrics = tuple(sorted(spec.get("usage") or ()))
    looks = _target(loaded, spec)
    about = (kind, looks if looks[1] else host, records.get("type"), families, metrics)
    what = (*about, host) if kind == "usage" else about
    first = seen.setdefault(what, row)
    if first != row:
        refs = loaded.index.refs
        said = f"{refs[row]}: {refs[first]} looks at the same"
        said += f", at {loaded.location(first)}"
        yield Complaint("E175", loaded.location(row), said)


def _strange(loaded: Loaded, spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield a host that is neither that of what it is of, nor in a Domain."""
    of = str(spec.get("of"))
    if spec.get("type") == "usage" or Ref(*_split(of)) not in loaded.index.row_of:
        return
    host = _target(loaded, spec)[1]
    written = spec.get("url") or spec.get("host")
    if not host:
        yield ""
    elif written and host != _plain(_host(loaded, of)) and not _declared(loaded, host):
        yield host


def _of_others(loaded: Loaded, strange: list[tuple[int, str]]) -> Iterator[Complaint]:
    """Yield what is *strange* and no account's either; few ever are."""
    known = _addresses(loaded) if any(host for _, host in strange) else set()
    for row, host in strange:
        if host in known:
            continue
        ref, spec = loaded.index.refs[row], loaded.spec(row)
        field = "spec.url" if spec.get("url") else "spec.host"
        at = loaded.locate(ref, field) or loaded.location(row)
        what = f"{shown(host)} is nothing that is declared"
        if not host:
            what = f"nothing says where {spec.get('of')} is: write host"
        yield Complaint("E176", at, f"{ref}: {what}")


def _split(of: str) -> tuple[str, str]:
    kind, _, name = of.partition("/")
    return kind, name


def _declared(loaded: Loaded, host: str) -> bool:
    there, labels = loaded.index.row_of, host.split(".")
    above = (".".join(labels[start:]) for start in range(len(labels) - 1))
    return any(Ref(kind, name) in there for name in above for kind in _NAMED)


def _addresses(loaded: Loaded) -> set[str]:
    """Return the addresses and hosts of all accounts, and the domains they have."""
    found: set[str] = set()
    for row, kind in enumerate(loaded.index.kinds):
        if kind == "Provider":
            spec = loaded.spec(row)
            found |= {_plain(str(spec[n])) for n in ("ipv4", "ipv6") if spec.get(n)}
            found.add(urlsplit(str(spec.get("endpoint") or "")).hostname or "")
        elif kind == "HostingAccount":
            name = loaded.index.refs[row].name
            found.add(_plain(str(loaded.spec(row).get("domain") or name)))
    return found - {""}


def _host(loaded: Loaded, of: str) -> str:
    kind, _, name = of.partition("/")
    row = loaded.index.row_of.get(Ref(kind, name))
    if kind in _NAMED:
        return name
    if row is None:
        return ""
    spec = loaded.spec(row)
    match kind:
        case "HostingAccount":
            return str(spec.get("domain") or name)
        case "Certificate":
            names = [str(n) for n in spec.get("names") or () if "*" not in str(n)]
            return names[0] if names else ""
        case "Provider":
            where = spec.get("ipv4") or spec.get("ipv6")
            return str(
                where or urlsplit(str(spec.get("endpoint") or "")).hostname or ""
            )
        case _:
            return ""


def _plain(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return to_ascii(host)
    except ValueError:
        return host
