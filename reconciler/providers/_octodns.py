"""
DNS records through octoDNS' provider classes, used as a library.

Its Manager is left out on purpose: thresholds, isolation of zones and the loop that
applies are ours. What is written is built from the approved change alone, so that
nothing else in a zone can move. Neither octoDNS nor a vendor is imported before the
first zone has to be read.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, NamedTuple

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    Transient,
    Unsupported,
)
from reconciler.kinds.domain import Domain, DomainChange, ZoneState
from reconciler.kinds.domain.zone import key_of, wanted
from reconciler.model import (
    Absent,
    Account,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
    Unmanaged,
)
from reconciler.providers._octodns_kept import Kept, Reading
from reconciler.providers._octodns_texts import Values, Written, merged
from reconciler.providers._txt import OURS, Form

_THREADS = 8
#: A zone that others change meanwhile is read and changed so often, with such pauses.
_TRIES, _PAUSE = 6, 0.25


class Listed(NamedTuple):
    """
    One zone as the vendor's listing shows it.

    Attributes:
        handle: The vendor's own name for the zone.
        serial: What provably moves with every edit; None where nothing does.
        nameservers: The hosts, where the listing says so.
        trouble: Why this zone can be neither read nor written, if so.
    """

    name: str
    handle: str
    serial: int | None = None
    nameservers: frozenset[str] = frozenset()
    trouble: str | None = None


class Desk(NamedTuple):
    """
    An octoDNS provider at work on one zone, new for every reading and change.

    Attributes:
        provider: The octoDNS provider; its errors are ours already.
        foreign: What the reading left out and must be left alone, and why.
        lasting: Whether the zone's serial moves with every edit.
        effects: Returns how many requests with an effect went well so far.
        reference: Returns the vendor's name for what was done, and a request id.
    """

    provider: Any
    foreign: Mapping[str, str]
    lasting: Callable[[], bool]
    effects: Callable[[], int]
    reference: Callable[[], tuple[str, str | None]]
    form: Form = OURS


class OctodnsDriver(Driver[Domain, DomainChange]):
    """
    The records of all zones of one account.

    A vendor's driver lists its zones, opens a desk for one, and makes one.
    """

    can: ClassVar[Mapping[str, OpClass]] = {
        "records": OpClass.PROBE,
        "prune": OpClass.PROBE,
    }

    def __init__(self, account: Account) -> None:
        self.account = account
        self._kept = Kept(account)
        self._known: dict[str, Listed] = {}

    @abstractmethod
    def listing(self) -> Iterable[Listed]:
        """Return every zone of the account; raise ProviderError, never a part."""

    @abstractmethod
    def desk(self, zone: Listed) -> Desk:
        """Return a new octoDNS provider that knows *zone*."""

    @abstractmethod
    def make(self, want: Domain, key: str) -> Listed:
        """Make an empty zone for *want*."""

    @abstractmethod
    def requests(self) -> Mapping[str, int]:
        """Return how many requests were sent so far, by operation."""

    def nameservers(self, zone: Listed, apex: frozenset[str]) -> frozenset[str]:
        """Return the hosts that serve *zone*; *apex* is its own NS record."""
        return zone.nameservers or apex

    def signs(self, zone: Listed) -> frozenset[str] | None:
        """Return the DS records of the keys that sign *zone*; None: not told here."""
        del zone
        return None

    def refuses(self, key: str, row: tuple[str, ...]) -> str | None:
        """Say why the vendor cannot hold a record set, if so."""
        del key, row
        return None

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Return the records of each wanted zone; see the port for the duties."""
        before = dict(self.requests())
        names = [want.name for want in wants]
        try:
            live = self._list()
        except ProviderError as error:
            failed = Unknown(why=error.what, request_id=error.request_id)
            states = dict.fromkeys(names, failed)
            return Observation(states, requests=self._since(before))
        found = self._observed(wants, live)
        unmanaged = [
            Unmanaged(Domain.kind, name, self.account.name)
            for name in sorted(live.keys() - set(names))
        ]
        return Observation(found, tuple(unmanaged), requests=self._since(before))

    def _list(self) -> dict[str, Listed]:
        try:
            self._known = {zone.name: zone for zone in self.listing()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"the listing cannot be read: {type(error).__name__}"
            raise Rejected(what) from error
        return self._known

    def _since(self, before: Mapping[str, int]) -> dict[str, int]:
        return {
            operation: number - before.get(operation, 0)
            for operation, number in self.requests().items()
            if number > before.get(operation, 0)
        }

    def _observed(
        self, wants: Sequence[Domain], live: Mapping[str, Listed]
    ) -> dict[str, Observed]:
        """Return the state of each zone; threads are for those that must be read."""
        kept = [self._observe(want, live, fetch=False) for want in wants]
        pairs = zip(wants, kept, strict=True)
        unread = [want for want, state in pairs if state is None]
        with ThreadPoolExecutor(_THREADS) as pool:
            read = pool.map(lambda want: self._observe(want, live, fetch=True), unread)
            fetched = {want.name: s for want, s in zip(unread, read, strict=True)}
        return {
            want.name: state or fetched[want.name] or Unknown(why="was not read")
            for want, state in zip(wants, kept, strict=True)
        }

    def _observe(
        self, want: Domain, live: Mapping[str, Listed], *, fetch: bool
    ) -> Observed | None:
        """Return the state of one zone; None where it must be read, but may not."""
        zone = live.get(want.name)
        if zone is None:
            return Absent()
        if zone.trouble:
            return Unknown(why=zone.trouble)
        try:
            reading = self._kept.get(zone.name, zone.serial)
            if reading is None:
                if not fetch:
                    return None
                reading = self._read(zone)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        declared = wanted(want.spec.dns)
        if why := self._unwritable(declared, reading):
            return Unknown(why=why)
        return ZoneState(
            records=reading.records,
            nameservers=reading.nameservers,
            serial=zone.serial,
            foreign={**reading.foreign, **self._refused(declared, reading)},
            ds=self._signed(want, zone),
        )

    def _signed(self, want: Domain, zone: Listed) -> frozenset[str] | None:
        """
        Ask which keys sign the zone, where its DS records follow them.

        Anew at each look: a DS that stays because of an old answer would be stale.
        """
        if want.spec.dnssec != "sync":
            return None
        try:
            return self.signs(zone)
        except (ProviderError, KeyError, TypeError, ValueError):
            return None

    def _read(self, zone: Listed) -> Reading:
        desk = self.desk(zone)
        reading, _ = self._read_at(desk, zone)
        if zone.serial is not None and desk.lasting():
            self._kept.put(zone.name, zone.serial, reading)
        return reading

    def _read_at(self, desk: Desk, zone: Listed) -> tuple[Reading, Any]:
        from reconciler.providers._octodns_rows import rows_of, zone_of  # noqa: PLC0415

        live = zone_of(zone.name)
        try:
            desk.provider.populate(live, lenient=True)
        except ProviderError:
            raise
        except Exception as error:
            raise Rejected(
                f"{zone.name} cannot be read by octoDNS: {type(error).__name__}"
            ) from error
        rows = rows_of(live, desk.form)
        hosts = self.nameservers(zone, rows.nameservers)
        foreign = {**rows.foreign, **desk.foreign}
        return Reading(rows.records, foreign, hosts), live

    def _refused(self, declared: Container[str], reading: Reading) -> dict[str, str]:
        """Return what else is there and could not be declared as it is, and why."""
        refused = {
            key: self.refuses(key, row)
            for key, row in reading.records.items()
            if key not in declared
        }
        return {key: why for key, why in refused.items() if why}

    def _unwritable(
        self, declared: Mapping[str, tuple[str, ...]], reading: Reading
    ) -> str | None:
        """Say why what is declared cannot be written at all, if so."""
        for key, row in declared.items():
            if why := blocked(key, reading.foreign) or self.refuses(key, row):
                return f"{key} cannot be managed at {self.account.name}: {why}"
        return None

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Write exactly the fields of *change*; see the port for the duties."""
        if change.verb not in self.can:
            raise Unsupported(f"cannot {change.verb} here")
        zone = self._known.get(want.name) or self._list().get(want.name)
        if zone is None:
            if not change.details.get("create"):
                raise Rejected(f"the zone {want.name} has gone")
            self._refuse(change, {})
            zone = self._known[want.name] = self.make(want, key)
        if zone.trouble:
            raise Rejected(f"{want.name}: {zone.trouble}")
        desk = self.desk(zone)
        reading, live = self._read_at(desk, zone)
        self._refuse(change, reading.foreign)
        todo = _todo(change, reading.records)
        self._write(desk, live, todo)
        reference, request_id = desk.reference()
        return Receipt(
            reference=reference, request_id=request_id, details={"written": len(todo)}
        )

    def texts(self, name: str, add: Values, drop: Values) -> Written:
        """
        Put TXT values beside those of the zone *name* and take others away, at once.

        The same again does nothing; another who writes meanwhile is waited for.

        Args:
            name: The zone.
            add: Whole names and their values.
            drop: The same, of what shall not be there.

        Raises:
            ProviderError: There is no such zone, or it cannot be read or written.
        """
        zone = self._known.get(name) or self._list().get(name)
        if zone is None or zone.trouble:
            why = zone.trouble if zone else "there is no such zone"
            raise Rejected(f"{name} at {self.account.name}: {why}")
        for number in range(1, _TRIES + 1):
            desk = self.desk(zone)
            reading, live = self._read_at(desk, zone)
            refuses = partial(self._no_text, reading.foreign)
            found = merged(name, reading.records, add, drop, refuses)
            try:
                self._write(desk, live, found.todo)
            except (Rejected, Transient, Ambiguous):
                if number == _TRIES:
                    raise
                self.account.sleep(_PAUSE * number)
            else:
                return found.written
        raise AssertionError("unreachable")

    def _no_text(
        self, foreign: Mapping[str, str], key: str, row: tuple[str, ...]
    ) -> str | None:
        return blocked(key, foreign) or self.refuses(key, row)

    def happened(
        self, want: Domain, change: DomainChange, key: str, since: datetime
    ) -> bool | None:
        """Say from a fresh reading whether a lost *change* took effect."""
        del key
        try:
            zone = self._list().get(want.name)
            live = self._read_at(self.desk(zone), zone)[0].records if zone else {}
        except ProviderError:
            return None
        if zone and not _todo(change, live, strictly=False):
            return True
        return False if self.account.clock() - since >= self.settles else None

    def _refuse(self, change: DomainChange, foreign: Mapping[str, str]) -> None:
        for field in change.fields:
            key, row = key_of(field.field), field.after
            why = blocked(key, foreign)
            if not why and isinstance(row, tuple):
                why = self.refuses(key, row)
            if why:
                raise Unsupported(f"{key} cannot be written: {why}")

    def _write(self, desk: Desk, live: Any, todo: Mapping[str, Any]) -> None:
        from reconciler.providers._octodns_plan import plan_of  # noqa: PLC0415

        if not todo:
            return
        try:
            desk.provider.apply(plan_of(live, todo, desk.form))
        except ProviderError:
            raise
        except Exception as error:
            kind = Ambiguous if desk.effects() else Unsupported
            raise kind(f"octoDNS cannot write this: {type(error).__name__}") from error


def blocked(key: str, foreign: Mapping[str, str]) -> str | None:
    """Say why a record set may not be written beside *foreign* ones, if so."""
    if key in foreign:
        return foreign[key]
    name, _, rtype = key.partition("/")
    for other, why in foreign.items():
        beside, _, theirs = other.partition("/")
        if beside == name and "CNAME" in {rtype, theirs}:
            return f"beside {other}: {why}"
    return None


def _todo(
    change: DomainChange,
    live: Mapping[str, tuple[str, ...]],
    *,
    strictly: bool = True,
) -> dict[str, tuple[str, ...] | None]:
    """Return what is left to write; raise Rejected where the zone has moved."""
    todo: dict[str, tuple[str, ...] | None] = {}
    for field in change.fields:
        key = key_of(field.field)
        after = field.after if isinstance(field.after, tuple) else None
        now = live.get(key)
        if now == after:
            continue
        if strictly and now != field.before:
            raise Rejected(
                f"the zone moved: {key} is no longer what the plan was made for",
                hint="plan again",
            )
        todo[key] = after
    return todo
