"""A model of an issuer: lifetimes, suggestions, limits, outages, revocations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.kinds.certificate.budget import Names
from reconciler.kinds.certificate.renewal import Ari, Lifetime, NoAri

_HOUR = timedelta(hours=1)
_SHORT = timedelta(days=10)


class Refused(Exception):
    """
    No certificate came.

    Attributes:
        code: An ACME error type, or ``timeout``.
        after: For how long not to ask again, where it says so.
    """

    def __init__(self, code: str, after: timedelta | None = None) -> None:
        super().__init__(code)
        self.code, self.after = code, after


class Outage(NamedTuple):
    """From *start*, for *length*, nobody answers."""

    start: datetime
    length: timedelta


class Recall(NamedTuple):
    """
    A revocation of everything that was issued before.

    Attributes:
        announced: From when the suggested windows are in the past.
        at: When it is revoked.
    """

    announced: datetime
    at: datetime


class Bucket:
    """Tokens that drop in one by one, counted the way one would explain it."""

    def __init__(self, count: int, per: timedelta) -> None:
        self._count, self._drop = count, per / count
        self._tokens = float(count)
        self._since: datetime | None = None

    def lacks(self, now: datetime) -> timedelta | None:
        """Return how long it takes until there is a token; None: there is one."""
        if self._since is not None:
            came = (now - self._since) / self._drop
            self._tokens = min(float(self._count), self._tokens + came)
        self._since = now
        if self._tokens >= 1 - 1e-6:
            return None
        return (1 - self._tokens) * self._drop

    def take(self) -> None:
        """Take one."""
        self._tokens -= 1


class Issued(NamedTuple):
    """A certificate: by whom, for which names, when, and for how long."""

    issuer: str
    names: Names
    at: datetime
    life: Lifetime


class Authority:
    """
    One issuer; its limits are Let's Encrypt's, each domain counted by its last part.

    Attributes:
        refused: How many orders a limit turned away.
        asked: How many orders were sent, whatever came of them.
    """

    def __init__(
        self,
        name: str,
        lifetime: timedelta,
        *,
        suggests: bool = True,
        outages: Iterable[Outage] = (),
        recall: Recall | None = None,
        late: timedelta = timedelta(0),
    ) -> None:
        self.name, self._lifetime, self._suggests = name, lifetime, suggests
        self._outages, self.recall, self._late = tuple(outages), recall, late
        self._known: set[Names] = set()
        self._replaced: set[tuple[Names, datetime]] = set()
        self._buckets: dict[tuple[str, object], Bucket] = {}
        self.refused = self.asked = 0

    def down(self, now: datetime) -> bool:
        """Say whether nobody answers."""
        return any(start <= now < start + length for start, length in self._outages)

    def starts_with(self, names: Names, at: datetime) -> Issued:
        """Return a certificate of before the story: no limit counts it."""
        self._known.add(names)
        return self._made(names, at)

    def issue(self, names: Names, now: datetime, replaces: Issued | None) -> Issued:
        """
        Return a new certificate.

        Raises:
            Refused: It is down, or one of its limits is reached.
        """
        self.asked += 1
        if self.down(now):
            raise Refused("timeout")
        if not self._replacing(names, replaces):
            self._limited(names, now)
        self._known.add(names)
        return self._made(names, now)

    def suggestion(self, one: Issued, now: datetime) -> Ari | NoAri:
        """Return the window that it suggests (RFC 9773), as Boulder works it out."""
        if not self._suggests or one.issuer != self.name:
            return NoAri("its issuer suggests nothing")
        if self.recall and one.at < self.recall.announced <= now:
            return Ari(now - _HOUR, now - _HOUR / 2, now, now)
        length = one.life.length
        reserve = length / 2 if length < _SHORT else length / 3
        ideal, margin = one.life.ends - reserve + self._late, length / 100
        return Ari(ideal - margin, ideal + margin, now, now)

    def revoked_at(self, one: Issued) -> datetime | None:
        """Return when *one* was, or will be, revoked."""
        if self.recall and one.issuer == self.name and one.at < self.recall.announced:
            return self.recall.at
        return None

    def _made(self, names: Names, now: datetime) -> Issued:
        begins = now - _HOUR
        return Issued(self.name, names, now, Lifetime(begins, begins + self._lifetime))

    def _replacing(self, names: Names, replaces: Issued | None) -> bool:
        """Say whether it is a renewal under no limit: of each only the first is."""
        if replaces is None or replaces.issuer != self.name:
            return False
        key = (replaces.names, replaces.at)
        if key in self._replaced or not names & replaces.names:
            return False
        self._replaced.add(key)
        return True

    def _limited(self, names: Names, now: datetime) -> None:
        wanted: list[tuple[str, object, int, int]] = [("names", names, 5, 7 * 24)]
        if names not in self._known:
            domains = {".".join(name.split(".")[-2:]) for name in names}
            wanted.append(("orders", "", 300, 3))
            wanted += [("domain", domain, 50, 7 * 24) for domain in domains]
        buckets = [
            self._buckets.setdefault(
                (kind, about), Bucket(count, timedelta(hours=hours))
            )
            for kind, about, count, hours in wanted
        ]
        lacking = [lack for one in buckets if (lack := one.lacks(now)) is not None]
        if lacking:
            self.refused += 1
            raise Refused("rateLimited", max(lacking))
        for bucket in buckets:
            bucket.take()
