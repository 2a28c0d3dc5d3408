"""Whether what is in an archive is what its manifest says."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.paths import ROOT, plain
from reconciler.providers._archive_open import Member, hashed
from reconciler.providers._archive_seal import Damaged
from reconciler.providers._archive_tree import Entry


def content(found: Iterator[Member], beside: str) -> Iterator[tuple[Entry, str]]:
    """Yield what is in a tar with its hashes; what lies *beside* is in no manifest."""
    for member in found:
        if member.entry.path != beside:
            yield member.entry, hashed(member) if member.content else ""


def same(kept: tuple[Entry, str] | None, listed: Entry | None) -> int:
    """Return the size of what is in both; raise Damaged where they differ."""
    if kept is None or listed is None:
        raise Damaged("it has other files than its manifest")
    entry, digest = kept
    # Before paths were made plain, a manifest had them as they were written: ./a.
    path = "" if plain(listed.path) == ROOT else plain(listed.path)
    if (entry.path, entry.kind, entry.size, digest, entry.target) != (
        path,
        listed.kind,
        listed.size,
        listed.sha256,
        listed.target,
    ):
        raise Damaged(f"{listed.path[:64]!r} is not what its manifest says")
    return entry.size
