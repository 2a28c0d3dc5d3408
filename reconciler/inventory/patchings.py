"""
What is wrong with what is patched, which only policy, account and server together show.

A policy that can never lead to anything is worse than none: somebody relies on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from reconciler.inventory.complaint import Complaint
from reconciler.inventory.loaded import Loaded
from reconciler.model import Location, Ref
from reconciler.model.patching import Patching

POLICY: Final = "PatchPolicy"
_PATCHED: Final = frozenset({"HostingAccount", "Server"})
_FIELD: Final = "spec.patching"
_SORTS: Final = ("security", "minor", "major")
_IN_WINDOWS: Final = frozenset({"window", "approve"})
#: Vendors whose sites are reached over SSH alone -> the setting that says where.
_BY_LOGIN: Final = {"whm": "toolkit"}


class _Patched(NamedTuple):
    """One resource that a policy patches; specs as they are written."""

    row: int
    ref: Ref
    spec: Mapping[str, Any]
    policy: Ref
    rules: Mapping[str, Any]


def complaints(loaded: Loaded) -> Iterator[Complaint]:
    """Yield the policies that cannot work for what names them."""
    for one in _patched(loaded):
        yield from _never(loaded, one)
        yield from _unreachable(loaded, one)


def _patched(loaded: Loaded) -> Iterator[_Patched]:
    """Yield what is patched; who names no policy is not even looked at."""
    index = loaded.index
    named = {
        number: edge
        for number in index.used_edges()
        for edge in index.edge_table[number]
        if edge.kind == POLICY
    }
    if not named:
        return
    for row, number in enumerate(index.edges):
        edge = named.get(number)
        if edge is None or index.kinds[row] not in _PATCHED:
            continue
        policy = Ref(POLICY, edge.name)
        at = index.row_of.get(policy)
        if at is not None:
            rules = loaded.spec(at)
            yield _Patched(row, index.refs[row], loaded.spec(row), policy, rules)


def _never(loaded: Loaded, one: _Patched) -> Iterator[Complaint]:
    """Yield what waits for a window that never opens."""
    if one.rules.get("windows"):
        return
    usual = Patching.model_fields
    waits = [
        sort
        for sort in _SORTS
        if one.rules.get(sort, usual[sort].default) in _IN_WINDOWS
    ]
    if waits:
        what = (
            f"{one.ref}: {one.policy} has no windows, so that {' and '.join(waits)} "
            "updates are never installed"
        )
        said = ", ".join(f"{sort}: never" for sort in waits)
        yield Complaint("E179", _at(loaded, one), what, f"write windows, or {said}")


def _unreachable(loaded: Loaded, one: _Patched) -> Iterator[Complaint]:
    """Yield what nobody tells about, so that nothing is ever patched."""
    if one.ref.kind == "Server":
        if one.spec.get("panel") is None:
            what = f"{one.ref}: nobody tells what is installed on it"
            hint = "write panel: the server of accounts that runs on it"
            yield Complaint("E179", _at(loaded, one), what, hint)
        return
    server = Ref("Provider", str(one.spec.get("provider")))
    at = loaded.index.row_of.get(server)
    spec = loaded.spec(at) if at is not None else {}
    setting = _BY_LOGIN.get(str(spec.get("type")))
    if setting is not None and setting not in (spec.get("settings") or {}):
        what = f"{one.ref}: nobody tells what is installed on it: {server} is no way in"
        hint = f"write settings: {{{setting}: root@HOST}} in {server}"
        yield Complaint("E179", _at(loaded, one), what, hint)


def _at(loaded: Loaded, one: _Patched) -> Location:
    return loaded.locate(one.ref, _FIELD) or loaded.location(one.row)
