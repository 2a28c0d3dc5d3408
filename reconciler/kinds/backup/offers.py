"""What can be brought back by hand, and what of it a person should take. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case, Known
from reconciler.kinds.backup.checking import CHECKS
from reconciler.kinds.backup.facts import fact
from reconciler.kinds.backup.memory import ALARM
from reconciler.kinds.backup.state import Snapshot
from reconciler.model.backing import Backing


class Offer(NamedTuple):
    """
    One snapshot that could be restored.

    Attributes:
        at: What is newer is not in it: what the client said, or, where that is later
            than it arrived, when it arrived.
        receipt: Whether the record vouches for it.
        drilled: When a drill of this very snapshot passed last.
        doubt: Why nobody should take it unseen; empty where nothing speaks against it.
    """

    at: datetime
    copy: str
    snapshot: Snapshot
    receipt: bool = False
    drilled: datetime | None = None
    doubt: str = ""

    @property
    def source(self) -> str:
        """The source that it is of."""
        return self.snapshot.source


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
            )
            for one in listed
        ]
        return sorted(found, key=lambda one: (one.at, one.source), reverse=True)

    def promise(self, copy: str, snapshot: str) -> Mapping[str, JsonValue]:
        """Return what the receipt of *snapshot* says; empty where there is none."""
        for one in reversed(self._case.receipts(copy)):
            for row in one.sources.values():
                if row.get("snapshot") == snapshot:
                    return row
        return {}

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
        strange = fact(self._recorded, ALARM).get("suspect")
        suspects = map(str, strange if isinstance(strange, list) else ())
        if (one.original or one.id) in set(suspects) - self._case.accepted:
            return "suspicious"
        failed = self._drilled(copy, one.id, "failed")
        passed = self._drilled(copy, one.id, "passed")
        if failed is not None and (passed is None or passed < failed):
            return "its drill failed"
        return "" if one.id in known else "no receipt"


def chosen(
    offers: Sequence[Offer], sources: Collection[str], until: datetime | None
) -> dict[str, Offer]:
    """
    Return of each source the newest offer that nothing speaks against.

    Args:
        offers: The newest first.
        sources: Which sources; none: all that are offered.
        until: What is newer is not taken.
    """
    found: dict[str, Offer] = {}
    for one in offers:
        wanted = not sources or one.source in sources
        if wanted and not one.doubt and (until is None or one.at <= until):
            found.setdefault(one.source, one)
    return dict(sorted(found.items()))


def passed_over(
    offers: Sequence[Offer], taken: Mapping[str, Offer], until: datetime | None
) -> list[Offer]:
    """Return what is newer than what was *taken*, and why it was not is its doubt."""
    return [
        one
        for one in offers
        if one.doubt
        and (until is None or one.at <= until)
        and (one.source not in taken or one.at > taken[one.source].at)
    ]
