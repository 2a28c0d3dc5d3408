"""
What issuers still allow, by the orders that are recorded: buckets of tokens. Pure.

The buckets are those of Let's Encrypt (letsencrypt.org/docs/rate-limits), and so is how
they are counted: of each bucket no more is kept than the moment at which it is full
again, as in the Generic Cell Rate Algorithm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, Self

from reconciler.model.limits import Limits, Rate

#: Returns the registered domain of a name.
Registered = Callable[[str], str]
Names = frozenset[str]
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_USUAL: Final = Limits()
_WEEK: Final = timedelta(days=7)
_WORDS: Final = {
    "orders": "{rate} orders of one account",
    "domain": "{rate} certificates under {about}",
    "names": "{rate} certificates for the same names",
    "failures": "{rate} failed validations of {about}",
}
Bucket = tuple[Literal["orders", "domain", "names", "failures"], str | Names]


class Ordered(NamedTuple):
    """
    One order at a production server, as it is recorded.

    Attributes:
        replaces: Whether it named the certificate that it replaces (RFC 9773) and was
            taken for a renewal: it is counted nowhere.
        issued: Whether a certificate came of it.
        failed: The names whose validation failed.
    """

    at: datetime
    issuer: str
    names: Names
    replaces: bool = False
    issued: bool = True
    failed: Names = frozenset()


class Later(NamedTuple):
    """Until when an issuer would refuse an order, and by which limit."""

    until: datetime
    why: str


class Budgets:
    """
    What the issuers allow after the orders so far.

    Give it those of two weeks at least. Orders of the past are counted as they come:
    ``add`` takes one that is no earlier than all before it.
    """

    def __init__(
        self,
        orders: Iterable[Ordered],
        limits: Mapping[str, Limits],
        registered: Registered,
    ) -> None:
        self._limits, self._registered = limits, registered
        self._full: dict[tuple[str, Bucket], datetime] = {}
        self._issued: dict[Names, tuple[datetime, ...]] = {}
        self._waiting: list[Ordered] | None = sorted(orders)
        self._known: set[tuple[str, Names]] = set()

    def fork(self) -> Self:
        """Return a copy: what is added to it is not added here."""
        self._count()
        copy = type(self)((), self._limits, self._registered)
        copy._full, copy._issued = self._full.copy(), self._issued.copy()  # noqa: SLF001
        copy._known = self._known.copy()  # noqa: SLF001
        return copy

    def add(self, order: Ordered) -> None:
        """Count one more order."""
        self._count()
        self._add(order)

    def ask(
        self, issuer: str, names: Names, now: datetime, *, replaces: bool
    ) -> Later | None:
        """
        Return until when an order would be refused; None: it may be sent now.

        *replaces*: It names the certificate that it renews, by the same issuer.
        """
        if replaces:
            return None
        self._count()
        limits = self._limits.get(issuer, _USUAL)
        renews = (issuer, names) in self._known
        found = [
            (self._free(issuer, bucket, rate, now), bucket, rate)
            for bucket, rate in self._buckets(limits, names, names, renews=renews)
        ]
        if not found:
            return None
        until, (limit, about), rate = max(found, key=lambda one: one[0])
        if until <= now:
            return None
        return Later(until, _WORDS[limit].format(rate=rate, about=about))

    def lately(self, names: Names, before: datetime, within: timedelta = _WEEK) -> int:
        """Return how often *names* were issued *within* so long before *before*."""
        self._count()
        issued = self._issued.get(names, ())
        return sum(before - within <= at < before for at in issued)

    def _count(self) -> None:
        waiting, self._waiting = self._waiting, None
        for order in waiting or ():
            self._add(order)

    def _add(self, order: Ordered) -> None:
        limits = self._limits.get(order.issuer, _USUAL)
        renews = (order.issuer, order.names) in self._known
        names = frozenset[str]() if order.replaces else order.names
        for bucket, rate in self._buckets(limits, names, order.failed, renews=renews):
            if order.issued or bucket[0] in {"orders", "failures"}:
                full = max(self._full.get((order.issuer, bucket), _NEVER), order.at)
                self._full[order.issuer, bucket] = full + rate.one
        if order.issued:
            self._known.add((order.issuer, order.names))
            before = self._issued.get(order.names, ())
            recent = (at for at in before if at > order.at - 2 * _WEEK)
            self._issued[order.names] = (*recent, order.at)

    def _buckets(
        self, limits: Limits, names: Names, failed: Names, *, renews: bool
    ) -> Iterable[tuple[Bucket, Rate]]:
        """Yield from which buckets an order takes, or would take, a token."""
        if isinstance(limits.failures, Rate):
            for name in failed:
                yield ("failures", name), limits.failures
        if not names:
            return
        if isinstance(limits.names, Rate):
            yield ("names", names), limits.names
        if renews:  # counted by its names alone
            return
        if isinstance(limits.orders, Rate):
            yield ("orders", ""), limits.orders
        if isinstance(limits.domain, Rate):
            for domain in {self._registered(name) for name in names}:
                yield ("domain", domain), limits.domain

    def _free(self, issuer: str, bucket: Bucket, rate: Rate, now: datetime) -> datetime:
        """Return from when *bucket* has a token."""
        full = max(self._full.get((issuer, bucket), _NEVER), now)
        return full + rate.one - rate.per
