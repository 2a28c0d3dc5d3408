"""
What is wrong with certificates together, which no single document shows.

An authority counts certificates with the same names (Let's Encrypt: five in a week),
two certificates at one place replace each other for ever, and a name that is in no
declared zone cannot be proven by a record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.inventory.complaint import Complaint, shown
from reconciler.inventory.loaded import Loaded
from reconciler.model import Ref

CERTIFICATE: Final = "Certificate"
_ACCOUNT: Final = "Provider"
_REPOSITORY: Final = "BackupRepository"
#: What may not be called like what: of accounts, and of what one account has.
_APART: Final = {
    "Issuer": (_ACCOUNT,),
    _REPOSITORY: (_ACCOUNT, "Issuer"),
    "Backup": (_REPOSITORY,),
}
_PLACED: Final = ("acme", "import")


def complaints(loaded: Loaded) -> Iterator[Complaint]:
    """Yield what certificates do to each other, and names that cannot be proven."""
    yield from _same_name(loaded)
    names: dict[tuple[str, ...], int] = {}
    places: dict[tuple[str, ...], int] = {}
    for row, kind in enumerate(loaded.index.kinds):
        if kind != CERTIFICATE:
            continue
        spec = loaded.spec(row)
        mode = spec.get("mode", "acme")
        if mode == "acme":
            yield from _twice(loaded, names, row, spec)
            yield from _in_no_zone(loaded, row, spec)
        if mode in _PLACED:
            yield from _one_place(loaded, places, row, spec)


def _same_name(loaded: Loaded) -> Iterator[Complaint]:
    """Yield what has the name of an account, and is one too or is listed by it."""
    rows = loaded.index.row_of
    for row, ref in enumerate(loaded.index.refs):
        for kind in _APART.get(ref.kind, ()):
            other = rows.get(Ref(kind, ref.name))
            if other is not None:
                at = loaded.location(other)
                what = f"{ref}: {kind}/{ref.name} has the same name, at {at}"
                yield Complaint("E163", loaded.location(row), what)


def _twice(
    loaded: Loaded, names: dict[tuple[str, ...], int], row: int, spec: Mapping[str, Any]
) -> Iterator[Complaint]:
    wanted = tuple(sorted(map(str, spec.get("names") or ())))
    first = names.setdefault(wanted, row)
    if first != row:
        refs = loaded.index.refs
        what = (
            f"{refs[row]}: {refs[first]} is for the same names, "
            f"at {loaded.location(first)}"
        )
        at = loaded.locate(refs[row], "spec.names")
        yield Complaint("E161", at or loaded.location(row), what)


def _in_no_zone(
    loaded: Loaded, row: int, spec: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Yield the names that no declared Domain has."""
    if spec.get("challenge", "dns-01") != "dns-01":
        return
    ref, there = loaded.index.refs[row], loaded.index.row_of
    for number, name in enumerate(spec.get("names") or ()):
        labels = str(name).removeprefix("*.").split(".")
        above = (".".join(labels[start:]) for start in range(len(labels) - 1))
        if not any(Ref("Domain", zone) in there for zone in above):
            what = f"{ref}: spec.names[{number}]: {shown(str(name))} is in no Domain"
            at = loaded.locate(ref, f"spec.names[{number}]")
            yield Complaint("E160", at or loaded.location(row), what)


def _one_place(
    loaded: Loaded,
    places: dict[tuple[str, ...], int],
    row: int,
    spec: Mapping[str, Any],
) -> Iterator[Complaint]:
    refs = loaded.index.refs
    for number, one in enumerate(spec.get("deploy") or ()):
        target = str(one.get("target"))
        own = "" if target.startswith("HostingAccount/") else refs[row].name
        keys = ("as", "region", "at")
        where = (target, *(str(one.get(key) or "") for key in keys))
        place = where if where[3] or not own else (*where, own)
        first = places.setdefault(place, row)
        if first != row:
            what = (
                f"{refs[row]}: {target} has {refs[first]} already, "
                f"at {loaded.location(first)}"
            )
            at = loaded.locate(refs[row], f"spec.deploy[{number}]")
            yield Complaint("E162", at or loaded.location(row), what)
