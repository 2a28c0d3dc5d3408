"""
Proofs of names in DNS, through the same drivers that keep the zones (RFC 8555, 8.4).

Each zone is changed once for all names in it, at every account that has it; a name that
is an alias is followed to where it leads. Then every server of every zone is asked,
until all show all values. What was shown is taken away again, and so is what an earlier
run left: it is noted before it is written. Values of others are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple, Protocol

from pydantic import JsonValue

from reconciler.errors import ProviderError, ReconcilerError
from reconciler.model import Cache
from reconciler.providers._authoritative import Server, missing
from reconciler.providers._octodns_texts import Values, Written
from reconciler.providers._webroots import Webroots

#: So long servers may take to show what was written at their master.
PATIENCE: Final = timedelta(minutes=3)
_FIRST: Final = 0.2
_GROWTH: Final = 1.6
_LONGEST: Final = 5.0
#: Where nobody can be asked what the servers show, they are given so long.
_BLIND: Final = 30.0
_ALIASES: Final = 8
#: So many zones are changed, and servers asked, at once.
_WRITERS, _THREADS = 4, 16
_NOTED: Final = timedelta(days=30)


class Zone(NamedTuple):
    """A declared zone, and the accounts that have it."""

    name: str
    accounts: tuple[str, ...]


class Writer(Protocol):
    """An account with zones; ``OctodnsDriver`` is one."""

    def texts(self, name: str, add: Values, drop: Values) -> Written:
        """Put TXT values into the zone *name*, and take others away, in one change."""


class World(NamedTuple):
    """
    What proofs need of the inventory and of the DNS around them.

    Attributes:
        zone_of: Returns the zone that a name is in; None where none is declared.
        writer: Returns the account of that name; raises ReconcilerError.
        servers: Returns the servers of a zone; none where they cannot be asked here.
            Raises ProviderError where the DNS above it does not answer.
        webroot: Returns the folder that an account's web server serves, if it says so.
    """

    zone_of: Callable[[str], Zone | None]
    writer: Callable[[str], Writer]
    servers: Callable[[Zone], Sequence[Server]]
    webroot: Callable[[str], Path | None] = lambda _: None


class _Placed(NamedTuple):
    """
    Where values went.

    Attributes:
        zones: Zone -> the names in it, as they are there, and their values.
        names: A name as it is there -> what it was called by who asked.
        failed: As it was called -> why not.
    """

    zones: dict[Zone, dict[str, frozenset[str]]]
    names: dict[str, set[str]]
    failed: dict[str, str]


class DnsChallenges:
    """The proofs of one inventory; see ``Challenges``."""

    def __init__(
        self,
        world: World,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        cache: Cache,
    ) -> None:
        self._world = world
        self._clock = clock
        self._sleep = sleep
        self._notes = _Notes(cache, clock)
        self._webroots = Webroots(world.webroot)

    def __repr__(self) -> str:
        return "DnsChallenges(...)"

    def present(self, texts: Mapping[str, frozenset[str]]) -> Mapping[str, str]:
        """Publish *texts* and wait until all servers show them; see ``Challenges``."""
        placed = self._placed(texts, there=True)
        late = self._awaited(placed.zones)
        for name, why in late.items():
            for called in placed.names[name]:
                placed.failed.setdefault(called, why)
        return placed.failed

    def remove(self, texts: Mapping[str, frozenset[str]]) -> Mapping[str, str]:
        """Take *texts* away again, and what is left of earlier runs."""
        return self._placed(texts, there=False).failed

    def present_files(
        self, accounts: Iterable[str], files: Mapping[str, str]
    ) -> str | None:
        """Put *files* where web servers show them; see ``Challenges``."""
        return self._webroots.present(accounts, files)

    def remove_files(self, accounts: Iterable[str], files: Mapping[str, str]) -> None:
        """Take *files* away again."""
        self._webroots.remove(accounts, files)

    # -- write ---------------------------------------------------------------------

    def _placed(self, texts: Mapping[str, frozenset[str]], *, there: bool) -> _Placed:
        """Make *texts* be there, or not; follow aliases."""
        placed = _Placed({}, {}, {})
        todo = [(name, name, values) for name, values in texts.items()]
        for _ in range(_ALIASES):
            by_zone = self._by_zone(todo, placed.failed)
            todo = []
            with ThreadPoolExecutor(_WRITERS) as pool:
                done = pool.map(lambda one: self._change(*one, there=there), by_zone)
            for (zone, rows), (aliases, failed) in zip(by_zone, done, strict=True):
                for called, name, values in rows:
                    if name in failed:
                        placed.failed[called] = failed[name]
                    elif name in aliases:
                        todo.append((called, aliases[name], values))
                    else:
                        kept = placed.zones.setdefault(zone, {})
                        kept[name] = kept.get(name, frozenset()) | values
                        placed.names.setdefault(name, set()).add(called)
            if not todo:
                return placed
        for called, _, _ in todo:
            placed.failed[called] = "one alias after the other"
        return placed

    def _by_zone(
        self, todo: Sequence[_Row], failed: dict[str, str]
    ) -> list[tuple[Zone, list[_Row]]]:
        found: dict[Zone, list[_Row]] = {}
        for row in todo:
            zone = self._world.zone_of(row[1])
            if zone is None or not zone.accounts:
                failed[row[0]] = f"{row[1]} is in no declared Domain with records"
            else:
                found.setdefault(zone, []).append(row)
        return list(found.items())

    def _change(
        self, zone: Zone, rows: Sequence[_Row], *, there: bool
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Change one zone at all of its accounts; return aliases and failures."""
        wanted: dict[str, frozenset[str]] = {}
        for _, name, values in rows:
            wanted[name] = wanted.get(name, frozenset()) | values
        add, drop = self._notes.begun(zone.name, wanted, there=there)
        aliases: dict[str, str] = {}
        failed: dict[str, str] = {}
        for account in zone.accounts:
            try:
                done = self._world.writer(account).texts(zone.name, add, drop)
            except ReconcilerError as error:
                failed |= dict.fromkeys(wanted, error.what)
            else:
                aliases |= done.aliases
                failed |= {n: why for n, why in done.refused.items() if n in wanted}
        if not there and not failed:
            self._notes.gone(zone.name, wanted)
        return aliases, failed

    # -- wait ----------------------------------------------------------------------

    def _awaited(self, zones: Mapping[Zone, Values]) -> dict[str, str]:
        """Wait until all servers show everything; return what some do not, and why."""
        asked = self._asked(zones)
        until, pause = self._clock() + PATIENCE, _FIRST
        while asked:
            late = _look(asked)
            asked = [
                (servers, {name: values[name] for name in behind})
                for (servers, values), behind in zip(asked, late, strict=True)
                if behind
            ]
            if asked and self._clock() >= until:
                return {name: why for behind in late for name, why in behind.items()}
            if asked:
                self._sleep(pause)
                pause = min(pause * _GROWTH, _LONGEST)
        return {}

    def _asked(self, zones: Mapping[Zone, Values]) -> list[_Asked]:
        """Return the servers of each zone; where nobody knows them, wait blindly."""
        found: list[_Asked] = []
        blind = False
        for zone, values in zones.items():
            try:
                servers = self._world.servers(zone)
            except ProviderError:
                blind = True
                continue
            if servers:
                found.append((servers, values))
        if blind:
            self._sleep(_BLIND)
        return found


class _Notes:
    """What was written and not yet taken away, by zone; outlives the process."""

    def __init__(self, cache: Cache, clock: Callable[[], datetime]) -> None:
        self._cache = cache
        self._clock = clock
        self._lock = Lock()
        self._earlier: dict[str, Values] = {}
        self._shown: dict[str, Values] = {}

    def begun(self, zone: str, wanted: Values, *, there: bool) -> tuple[Values, Values]:
        """Return what to add and what to drop; noted before anything is written."""
        with self._lock:
            if zone not in self._earlier:
                self._earlier[zone] = self._read(zone)
            earlier, shown = self._earlier[zone], self._shown.get(zone, {})
            if not there:
                others = without(shown, wanted)
                return {}, without(joined(earlier, wanted), others)
            self._shown[zone] = joined(shown, wanted)
            self._write(zone, joined(earlier, self._shown[zone]))
            return wanted, {}

    def gone(self, zone: str, wanted: Values) -> None:
        """Forget *wanted* and what earlier runs left: it is there no more."""
        with self._lock:
            self._earlier[zone] = {}
            self._shown[zone] = without(self._shown.get(zone, {}), wanted)
            self._write(zone, self._shown[zone])

    def _read(self, zone: str) -> Values:
        found = self._cache.get(f"challenges/{zone}")
        return {
            name: frozenset(map(str, values))
            for name, values in (found.items() if isinstance(found, dict) else ())
            if isinstance(values, list)
        }

    def _write(self, zone: str, texts: Values) -> None:
        row: dict[str, JsonValue] = {
            name: list[JsonValue](sorted(values)) for name, values in texts.items()
        }
        self._cache.put(f"challenges/{zone}", row, self._clock() + _NOTED)


#: As it was called, as it is called there, and its values.
_Row = tuple[str, str, frozenset[str]]
#: The servers of one zone, and what they have to show.
_Asked = tuple[Sequence[Server], Values]


def _look(asked: Sequence[_Asked]) -> list[dict[str, str]]:
    """Ask all servers at once; return what is late, for each zone."""
    every = [(server, values) for servers, values in asked for server in servers]
    with ThreadPoolExecutor(_THREADS) as pool:
        said = iter(list(pool.map(lambda one: one[0].texts(one[1]), every)))
    return [
        missing(values, [(server, next(said)) for server in servers])
        for servers, values in asked
    ]


def joined(one: Values, other: Values) -> dict[str, frozenset[str]]:
    """Return the values of both."""
    none: frozenset[str] = frozenset()
    return {n: one.get(n, none) | other.get(n, none) for n in (*one, *other)}


def without(one: Values, other: Values) -> dict[str, frozenset[str]]:
    """Return *one* without what *other* has too."""
    none: frozenset[str] = frozenset()
    left = {name: values - other.get(name, none) for name, values in one.items()}
    return {name: values for name, values in left.items() if values}
