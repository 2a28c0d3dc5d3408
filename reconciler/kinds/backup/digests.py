"""What is left of receipts that are too old to be kept: what was backed up. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.backup.facts import Received, fact

#: Copy -> snapshot -> the digest of its manifest, as its receipt said.
DIGESTS: Final = "digests"
Facts = dict[str, JsonValue]


def outlived(
    recorded: Mapping[str, JsonValue],
    old: Iterable[Received],
    known: Mapping[str, Collection[str]],
) -> Facts:
    """
    Return the digests of *old* receipts, which are about to go, with those before.

    By copy *known* has the snapshots that are vouched for: no other digest is kept.
    """
    before = fact(recorded, DIGESTS)
    rows = {copy: fact(before, copy) for copy in before}
    for one in old:
        mine = {
            str(row["snapshot"]): told
            for row in one.sources.values()
            if (told := row.get("manifest"))
        }
        rows[one.copy] = {**rows.get(one.copy, {}), **mine}
    return _changed(before, rows, known)


def copied(
    recorded: Mapping[str, JsonValue],
    first: str,
    copy: str,
    pairs: Mapping[str, str],
    known: Mapping[str, Collection[str]],
) -> Facts:
    """Return the digests with those of what *copy* got of *first*: the same ones."""
    before = fact(recorded, DIGESTS)
    rows = {name: fact(before, name) for name in before}
    mine = {
        new: told
        for old, new in pairs.items()
        if (told := rows.get(first, {}).get(old))
    }
    return _changed(before, {**rows, copy: {**rows.get(copy, {}), **mine}}, known)


def _changed(
    before: Mapping[str, JsonValue],
    rows: Mapping[str, Mapping[str, JsonValue]],
    known: Mapping[str, Collection[str]],
) -> Facts:
    """Return *rows*, as far as they are *known*; nothing where that is no news."""
    kept: Facts = {}
    for copy, mine in rows.items():
        left = {one: told for one, told in mine.items() if one in known.get(copy, ())}
        if left:
            kept[copy] = left
    return {} if kept == before else {DIGESTS: kept}


def digest_of(
    recorded: Mapping[str, JsonValue], copy: str, snapshot: str
) -> Mapping[str, JsonValue]:
    """Return what is kept of the receipt of *snapshot*; empty where nothing is."""
    told = fact(fact(recorded, DIGESTS), copy).get(snapshot)
    return {"snapshot": snapshot, "manifest": told} if told else {}
