"""
What machines of a cloud use: which machine is which, and since when it was not asked.

A source that keeps its measurements is asked for everything since the last time, and an
hour more: what was read and then lost on its way is read again, and the same reading
twice is one. The first time, it is asked for as much as helps a forecast.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, NamedTuple

from reconciler.errors import ProviderError
from reconciler.kinds.server import Offer, Server, ServerState
from reconciler.model import (
    Absent,
    Account,
    AnyResource,
    Observation,
    Observed,
    Probe,
    Reading,
    Unknown,
    UsageState,
)
from reconciler.providers._machines import Machines, machines_of

#: So much is asked for again.
_OVERLAP: Final = timedelta(hours=1)
#: So long is remembered when something was last asked.
_KEPT: Final = timedelta(days=60)
#: Seconds between two samples: finer ones say nothing more about weeks.
STEP: Final = 300
#: What one core is, in per cent of one core.
CORE: Final = 100.0


class Since:
    """When each thing was last asked about; safe to lose."""

    def __init__(self, account: Account, first: timedelta) -> None:
        self._account = account
        self._first = first

    def _key(self, name: str) -> str:
        return f"{self._account.endpoint}|{self._account.name}|usage|{name}"

    def start(self, name: str) -> datetime:
        """Return from when on *name* has to be asked about."""
        now = self._account.clock()
        oldest = now - self._first
        kept = self._account.cache.get(self._key(name))
        if not isinstance(kept, str):
            return oldest
        return max(oldest, min(datetime.fromisoformat(kept), now) - _OVERLAP)

    def note(self, name: str, at: datetime) -> None:
        """Remember that *name* was asked about up to *at*."""
        until = self._account.clock() + _KEPT
        self._account.cache.put(self._key(name), at.isoformat(), until)


class Target(NamedTuple):
    """
    One machine to be measured.

    Attributes:
        name: Of the document; ``state`` is of the machine it is about.
        offer: What its size has; None where that could not be read.
        start: From when on it was not asked about, up to *end*.
    """

    name: str
    state: ServerState
    offer: Offer | None
    start: datetime
    end: datetime

    @property
    def cpu(self) -> float | None:
        """All that its cores can do, in per cent of one."""
        return self.offer.cores * CORE if self.offer else None


Measured = Mapping[str, list[Reading] | Unknown]


class CloudProbe(Probe[AnyResource]):
    """The use of the machines of one account; a cloud fills in how it is read."""

    machines: ClassVar[type[Machines]]
    first: ClassVar[timedelta]

    def __init__(self, account: Account) -> None:
        self._account = account
        self._there = self.machines(account)
        self._since = Since(account, self.first)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._there.close()

    def identity(self) -> str | None:
        """Return whose the credentials are."""
        return self._there.identity()

    @abstractmethod
    def measured(self, targets: Sequence[Target]) -> Measured:
        """Return the readings of each target by name, or why there are none."""

    @abstractmethod
    def counted(self) -> dict[str, int]:
        """Return how many requests were sent beside those for the listing."""

    def observe(self, wants: Sequence[AnyResource]) -> Observation:
        """Report what the source has since the last time."""
        self._there.counted()
        self.counted()
        states: dict[str, Observed] = {}
        targets: list[Target] = []
        try:
            for want, found in self._found(wants):
                if isinstance(found, Target):
                    targets.append(found)
                else:
                    states[want.name] = found
            states |= self._read(targets)
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            states = {want.name: lost for want in wants}
        requests = self._there.counted()
        for operation, count in self.counted().items():
            requests[operation] = requests.get(operation, 0) + count
        return Observation(states, requests=requests)

    def _found(
        self, wants: Sequence[AnyResource]
    ) -> Iterator[tuple[AnyResource, Target | Absent | Unknown]]:
        known = [want for want in wants if isinstance(want, Server)]
        there = [*self._there.listed(known)] if known else []
        end = self._account.clock()
        for want in wants:
            if not isinstance(want, Server):
                yield want, Unknown(why="it measures machines alone")
                continue
            found = machines_of(want, there)
            if not found:
                yield want, Absent()
            elif len(found) > 1:
                why = f"{want.machine} is the name of several machines"
                yield want, Unknown(why=why)
            else:
                state = found[0]
                offer = self._there.offers(state, [state.size]).get(state.size)
                start = self._since.start(want.name)
                yield want, Target(want.name, state, offer, start, end)

    def _read(self, targets: Sequence[Target]) -> Iterator[tuple[str, Observed]]:
        found = self.measured(targets) if targets else {}
        for target in targets:
            said = found.get(target.name, Unknown(why="its source said nothing of it"))
            if isinstance(said, Unknown):
                yield target.name, said
                continue
            said.sort(key=lambda one: (one.at, one.metric))
            self._since.note(target.name, target.end)
            readings = tuple(said)
            yield (
                target.name,
                UsageState(readings=readings, source=self._account.name),
            )


def each(
    targets: Iterable[Target], read: Mapping[str, list[Reading]] | None = None
) -> dict[str, list[Reading] | Unknown]:
    """Return room for the readings of each target."""
    return {one.name: list((read or {}).get(one.name, ())) for one in targets}


def windows(
    start: datetime, end: datetime, fine: timedelta, coarse: int
) -> list[tuple[datetime, datetime, int]]:
    """
    Return the spans to ask for, each with the seconds between its samples.

    Five minutes in the last *fine*, *coarse* before: so that what is asked for again
    is asked for as it was before.
    """
    edge = (end - fine).timestamp() // coarse * coarse
    border = datetime.fromtimestamp(edge, UTC)
    if start >= border:
        return [(start, end, STEP)]
    return [(start, border, coarse), (border, end, STEP)]


def month(at: datetime) -> datetime:
    """Return when the month of *at* began, in UTC."""
    utc = at.astimezone(UTC)
    return utc.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
