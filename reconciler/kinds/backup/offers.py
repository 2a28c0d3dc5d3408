"""What can be brought back by hand, and what speaks against it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case, Known
from reconciler.kinds.backup.digests import digest_of
from reconciler.kinds.backup.facts import CHECKS, fact
from reconciler.kinds.backup.state import Snapshot
from reconciler.kinds.backup.suspicion import doubted
from reconciler.model.backing import Backing

#: It has a receipt, and its copy does not list it any more.
GONE: Final = "is gone"
_UNFIT: Final = "its drill failed"
#: What speaks against one copy of it, and not against what was backed up.
OF_THE_COPY: Final = frozenset({GONE, _UNFIT})


class Offer(NamedTuple):
    """
    One snapshot that could be restored.

    Attributes:
        at: What is newer is not in it: what the client said, or, where that is later
            than it arrived, when it arrived.
        receipt: Whether the record vouches for it.
        drilled: When a drill of this very snapshot passed last.
        doubt: Why nobody should take it unseen; empty where nothing speaks against it.
        made: When the backup began that it is of, where the record says so: what is of
            one backup is of one moment.
    """

    at: datetime
    copy: str
    snapshot: Snapshot
    receipt: bool = False
    drilled: datetime | None = None
    doubt: str = ""
    made: datetime | None = None

    @property
    def source(self) -> str:
        """The source that it is of."""
        return self.snapshot.source

    @property
    def moment(self) -> datetime:
        """Of when it is; the same for all that is of one backup."""
        return self.made or self.at


class Record:
    """
    What the record says of a backup, asked snapshot by snapshot.

    Args:
        recorded: None where nobody could read it: then nothing is vouched for, and
            nothing is in doubt.
    """

    def __init__(
        self,
        recorded: Mapping[str, JsonValue] | None,
        backing: Backing,
        now: datetime,
        accepted: Sequence[str] = (),
    ) -> None:
        self.readable = recorded is not None
        self._recorded = recorded or {}
        known = Known("", backing, (), self._recorded, accepted)
        self._case = Case(known, {}, now)

    def copies(self) -> list[str]:
        """Return the copies: those that the record says are damaged come last."""
        names = dict.fromkeys(one.repository for one in self._case.copies)
        return sorted(names, key=lambda name: bool(self.trouble(name)))

    def trouble(self, copy: str) -> str:
        """Return what was wrong with *copy* at the last look; empty: nothing."""
        last = self._case.conclusive(copy)
        if last is not None and last.verdict == "failed":
            why = f": {last.why}" if last.why else ""
            return f"its last drill failed on {last.at.date()}{why}"
        row = fact(self._recorded, CHECKS).get(copy)
        if isinstance(row, dict) and row.get("bad"):
            return "some of its packs are damaged"
        return ""

    def offers(self, copy: str, listed: Sequence[Snapshot]) -> list[Offer]:
        """Return what *copy* has, the newest first."""
        known = self._case.vouched.get(copy, {})
        found = [
            Offer(
                min(one.said, one.at),
                copy,
                one,
                one.id in known,
                self._drilled(copy, one.id, "passed"),
                self._doubt(copy, one, known),
                known[one.id][1] if one.id in known else None,
            )
            for one in listed
        ]
        found += self._gone(copy, listed)
        return sorted(found, key=lambda one: (one.at, one.source), reverse=True)

    def declared(self) -> list[str]:
        """Return the copies as the policy names them, the one written to first."""
        return [*dict.fromkeys(one.repository for one in self._case.copies)]

    def sources(self) -> list[str]:
        """Return the sources that the policy declares."""
        return list(self._case.backing.sources)

    def known(self) -> set[str]:
        """Return every source that is declared, or that something has a receipt of."""
        rows = (row for mine in self._case.vouched.values() for row in mine.values())
        return {*self.sources(), *(source for source, _ in rows)}

    def _gone(self, copy: str, listed: Sequence[Snapshot]) -> Iterator[Offer]:
        """
        Yield what has a receipt and is not listed, and is not older than all that is.

        What is older went by a rule: a panel's, or that of a prune that a record which
        cannot be read anew does not know of.
        """
        there = {one.id for one in listed}
        oldest: dict[str, datetime] = {}
        for one in listed:
            at = min(one.said, one.at)
            oldest[one.source] = min(oldest.get(one.source, at), at)
        for name, (source, at) in self._case.vouched.get(copy, {}).items():
            if name not in there and (source not in oldest or at > oldest[source]):
                lost = Snapshot(id=name, source=source, at=at, said=at)
                yield Offer(at, copy, lost, receipt=True, doubt=GONE, made=at)

    def promise(self, copy: str, snapshot: str) -> Mapping[str, JsonValue]:
        """
        Return what the receipt of *snapshot* says; empty where there is none.

        Of a receipt that is too old to be kept the digest of its manifest is left.
        """
        for one in reversed(self._case.receipts(copy)):
            for row in one.sources.values():
                if row.get("snapshot") == snapshot:
                    return row
        return digest_of(self._recorded, copy, snapshot)

    @cached_property
    def _suspicious(self) -> frozenset[str]:
        """What nobody looked at, by its name in each copy."""
        found = (self._case.same(one) for one in doubted(self._case))
        return frozenset(name for same in found for name in same)

    def _drilled(self, copy: str, snapshot: str, verdict: str) -> datetime | None:
        """Return when a drill of *snapshot* had this *verdict* last."""
        times = [
            one.at
            for one in self._case.drilled
            if one.copy == copy
            and one.verdict == verdict
            and snapshot in one.snapshots.values()
        ]
        return max(times, default=None)

    def _doubt(self, copy: str, one: Snapshot, known: Collection[str]) -> str:
        if not self.readable:
            return ""
        if self._suspicious.intersection((one.id, one.original)):
            return "suspicious"
        failed = self._drilled(copy, one.id, "failed")
        passed = self._drilled(copy, one.id, "passed")
        if failed is not None and (passed is None or passed < failed):
            return _UNFIT
        return "" if one.id in known else "no receipt"
