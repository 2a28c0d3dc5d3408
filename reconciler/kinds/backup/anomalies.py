"""
What makes a backup suspicious: shrunk, churned, or no longer to be compressed. Pure.

The numbers cost nothing: they are those of the backup itself. Measured with restic 0.18
on a site of 200 MB: what changes in a day packs to 0.52 of its size, an update of the
CMS to 0.54, files that were encrypted in place to 0.97; a tree that was restored counts
as changed by its inodes alone, and adds hardly anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.backup.facts import Received
from reconciler.kinds.backup.state import Snapshot
from reconciler.model.backing import Anomaly

#: Less than this was added: too little to tell.
_LITTLE: Final = 1024**2
#: Such a share of the whole is new in bytes, where many files are said to be.
_NEW: Final = Decimal("0.1")
#: What a file's name and its dates take at most: they are new where it was restored.
_TOLD: Final = 1024
#: Of fewer files a share says nothing: a dump is one, and another one every day.
_FEW: Final = 20


class Figures(NamedTuple):
    """What is told of one source in one backup; None: it is not told."""

    id: str
    files: int | None
    size: int | None
    added: int | None
    packed: int | None
    changed: int | None

    @property
    def ratio(self) -> Decimal | None:
        """How small what was added became; None where that says nothing."""
        if self.added is None or self.packed is None or self.added < _LITTLE:
            return None
        return Decimal(self.packed) / Decimal(self.added)


def strange(rules: Anomaly, now: Figures, before: Sequence[Figures]) -> Iterator[str]:
    """Yield what is strange about *now*, beside those that were good."""
    if not before:
        return
    last = before[-1]
    for what, is_now, was in (
        ("files", now.files, last.files),
        ("bytes", now.size, last.size),
    ):
        if is_now is not None and was and was - is_now >= rules.shrink * was:
            yield f"{is_now:,} {what}, and {was:,} before"
    turned = _turned(now, last)
    if turned is None or now.added is None:
        return
    files = now.files or 0
    content = now.added - _TOLD * files
    heavy = bool(now.size) and content >= _NEW * Decimal(now.size or 0)
    many = files >= _FEW
    if turned >= rules.churn and heavy and many:
        yield f"{turned:.0%} of its files are new or changed"
    usual = [one.ratio for one in before if one.ratio is not None]
    ratio = now.ratio
    loose = not usual or sorted(usual)[len(usual) // 2] < rules.packed
    if ratio is not None and ratio >= rules.packed and turned >= _NEW and loose:
        yield f"what is new compresses to {ratio:.0%}, as if it were encrypted"


def _turned(now: Figures, last: Figures) -> Decimal | None:
    """
    Return the share of files that are new or changed.

    What only came, and took nothing's place, is no sign of anything: what is encrypted
    under another name takes the place of what it was.
    """
    if now.changed is None or not now.files:
        return None
    more = max(now.files - (last.files or now.files), 0)
    turned = Decimal(max(now.changed - more, 0)) / Decimal(now.files - more)
    return min(turned, Decimal(1))


def figures(receipt: Received, source: str, listed: Mapping[str, Snapshot]) -> Figures:
    """Return what *receipt*, and the listing where it tells more, say of *source*."""
    row = receipt.sources[source]
    name = str(row["snapshot"])
    seen = listed.get(name)
    return Figures(
        name,
        _told(row, "files", seen.files if seen else None),
        _told(row, "bytes", seen.size if seen else None),
        _told(row, "added", seen.added if seen else None),
        _told(row, "packed", seen.packed if seen else None),
        _told(row, "changed", seen.changed if seen else None),
    )


def _told(row: Mapping[str, JsonValue], key: str, live: int | None) -> int | None:
    """Return what the receipt says, or else what the listing does."""
    value = row.get(key)
    told = isinstance(value, int) and not isinstance(value, bool)
    return int(str(value)) if told else live
