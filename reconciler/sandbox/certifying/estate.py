"""An estate of certificates: looked at run after run, renewed and installed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Final, NamedTuple

from reconciler.kinds.certificate.budget import Budgets, Names, Ordered
from reconciler.kinds.certificate.decision import Case, Decision, decide
from reconciler.kinds.certificate.failure import Attempt, Failover, Issuing, fault
from reconciler.kinds.certificate.renewal import Ari, NoAri, Renewal
from reconciler.kinds.certificate.together import Rule, together
from reconciler.sandbox.certifying.authority import Authority, Issued, Refused

START: Final = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
#: So long after a recall was announced orders are its rush, and no usual load.
_RUSH: Final = timedelta(days=7)
#: One in a hundred installations fails, and goes on to for up to two days.
_FAILS: Final = 0.01
_FAILS_FOR: Final = 48


class Setup(NamedTuple):
    """
    What is simulated.

    Attributes:
        authorities: The issuers, in the order in which they are asked.
        shared: Which share of them is for names under one registered domain.
        skipped: Which share of the runs does not take place.
        rule: Decides about each certificate.
        retries: Whether an installation that failed is tried again in the next run.
        breaks: Whether installations fail at times.
    """

    authorities: tuple[Authority, ...]
    certificates: int = 1000
    shared: float = 0.1
    days: int = 3 * 365
    interval: timedelta = timedelta(hours=6)
    skipped: float = 0.05
    renewal: Renewal = Renewal()
    failover: Failover = Failover()
    rule: Rule = decide
    retries: bool = True
    breaks: bool = True
    seed: int = 1


class Outcome(NamedTuple):
    """
    How it ended.

    Attributes:
        expired: How many certificates were ever served after their end.
        renewals: How often each was issued, on average.
        peak: The most orders in one run, but for the week after a recall.
        refused: How many orders a limit turned away.
        revoked: For how many hours a revoked one was served, of all together.
        failed: How many orders failed, for whatever reason.
        left: How much time was left at the least, when another one was served.
        looks: How many decisions were made.
    """

    expired: int
    renewals: float
    peak: int
    refused: int
    revoked: float
    failed: int
    left: timedelta
    looks: int


class _One:
    """One certificate, and what is known of it."""

    def __init__(self, number: int, issued: Issued) -> None:
        self.uid, self.names = f"c{number}", issued.names
        self.issued = self.served = self.tried = issued
        self.ari: Ari | NoAri = NoAri("was not asked for yet")
        self.attempts: tuple[Attempt, ...] = ()
        self.breaks_until = START
        self.stuck = False


class Estate:
    """Some certificates, all issued in the same minute, as after a migration."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._chance = random.Random(setup.seed)  # noqa: S311  (no secret)
        self._by_name = {one.name: one for one in setup.authorities}
        self._issuers = tuple(Issuing(one.name) for one in setup.authorities)
        first = setup.authorities[0]
        self._ones = [
            _One(number, first.starts_with(self._names(number), START))
            for number in range(setup.certificates)
        ]
        before = (Ordered(START, first.name, one.names) for one in self._ones)
        long_ago = (one._replace(at=START - timedelta(days=30)) for one in before)
        self._budgets = Budgets(long_ago, {}, _last_two)
        self._wake = [(START, number) for number in range(setup.certificates)]
        self._expired: set[str] = set()
        self._revoked = timedelta(0)
        self._left = timedelta.max
        self._recalled = [
            one.recall.announced for one in setup.authorities if one.recall
        ]
        self._made = self._failed = self._peak = self._looks = 0

    def played(self) -> Outcome:
        """Let the days go by."""
        ends = START + timedelta(days=self.setup.days)
        news = sorted(self._news())
        for now in self._runs(ends):
            while news and news[0] <= now:
                news.pop(0)
                self._wake = [(now, number) for number in range(len(self._ones))]
            self._run(now)
        for one in self._ones:
            self._ended(one, ends)
        return Outcome(
            len(self._expired),
            self._made / self.setup.certificates,
            self._peak,
            sum(one.refused for one in self.setup.authorities),
            self._revoked / timedelta(hours=1),
            self._failed,
            self._left,
            self._looks,
        )

    def _names(self, number: int) -> Names:
        shared = number < self.setup.certificates * self.setup.shared
        return frozenset(
            {f"s{number}.shared.example" if shared else f"s{number}.example"}
        )

    def _news(self) -> Iterator[datetime]:
        """Yield when issuers say something that nobody could foresee."""
        for one in self.setup.authorities:
            if one.recall:
                yield from one.recall

    def _runs(self, ends: datetime) -> Iterator[datetime]:
        now = START
        while (now := now + self.setup.interval) < ends:
            if self._chance.random() >= self.setup.skipped:
                yield now

    def _run(self, now: datetime) -> None:
        """Do what one scheduled run does."""
        looked = []
        while self._wake and self._wake[0][0] <= now:
            _, number = heappop(self._wake)
            looked.append((number, self._ones[number]))
        cases = [self._case(one, now) for _, one in looked]
        self._looks += len(cases)
        decided = together(cases, self._budgets, now, self.setup.rule)
        orders = 0
        for number, one in looked:
            decision = decided[one.uid]
            if decision.go:
                orders += 1
                self._order(one, decision, now)
            if one.served is not one.issued and not one.stuck:
                self._install(one, now)
            busy = decision.go or (one.served is not one.issued and not one.stuck)
            wake = now if busy else decision.until or now
            heappush(self._wake, (wake, number))
        if not any(at <= now < at + _RUSH for at in self._recalled):
            self._peak = max(self._peak, orders)

    def _case(self, one: _One, now: datetime) -> Case:
        """Look at everything that there is to see of *one*."""
        issuer = self._by_name[one.issued.issuer]
        if not issuer.down(now):
            one.ari = issuer.suggestion(one.issued, now)
        revoked = issuer.revoked_at(one.issued)
        return Case(
            one.uid,
            one.names,
            one.issued.life,
            self._issuers,
            issued_by=issuer.name,
            revoked=revoked is not None and revoked <= now,
            ari=one.ari,
            renewal=self.setup.renewal,
            failover=self.setup.failover,
            attempts=one.attempts,
            interval=self.setup.interval,
        )

    def _order(self, one: _One, decision: Decision, now: datetime) -> None:
        issuer = self._by_name[decision.issuer]
        replaces = one.issued if decision.replaces else None
        try:
            one.issued = issuer.issue(one.names, now, replaces)
        except Refused as refused:
            self._failed += 1
            after = now + refused.after if refused.after is not None else None
            attempt = Attempt(now, issuer.name, fault(refused.code), retry_after=after)
            one.attempts = (*one.attempts, attempt)
            return
        self._made += 1
        one.attempts, one.stuck = (), False
        one.ari = NoAri("was not asked for yet")
        order = Ordered(now, issuer.name, one.names, replaces is not None)
        self._budgets.add(order)

    def _install(self, one: _One, now: datetime) -> None:
        """Install and serve what was issued, unless the target is out of order."""
        if one.tried is not one.issued:
            one.tried = one.issued
            if self.setup.breaks and self._chance.random() < _FAILS:
                hours = self._chance.randrange(_FAILS_FOR)
                one.breaks_until = now + timedelta(hours=hours)
        if now < one.breaks_until:
            one.stuck = not self.setup.retries
            return
        self._ended(one, now)
        one.served = one.issued

    def _ended(self, one: _One, now: datetime) -> None:
        """Count what was wrong with the one that was served up to *now*."""
        left = one.served.life.ends - now
        self._left = min(self._left, left)
        if left <= timedelta(0):
            self._expired.add(one.uid)
        since = self._by_name[one.served.issuer].revoked_at(one.served)
        if since is not None and since < now:
            self._revoked += now - since


def _last_two(name: str) -> str:
    return ".".join(name.split(".")[-2:])
