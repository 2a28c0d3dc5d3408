"""
A storm: much goes wrong at once, and people are told as little as tells everything.

Eight servers in two regions carry 200 domains with four checks each, and have four of
their own: 832 checks, looked at every minute for six hours. Seven things really happen:
a server dies, a region loses packets, certificates of one authority come near their
end, a DNS host falls silent, three domains fail by themselves. Twelve more domains come
and go, and one look in five hundred fails for no reason. All is drawn from a seed.

Told by every change of every check, and by three bad and two good looks of each check
(as Gatus does by default), is counted beside ours on the same looks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

from benchmarks.row import Row, Size
from reconciler.health.incidents import turned
from reconciler.health.memory import Book, Watch
from reconciler.health.topology import CLASSES, Topology
from reconciler.kinds.health_check import HealthCheck, Sighting
from reconciler.model import Ref

MINUTES, SERVERS, DOMAINS = 360, 8, 200
START = 1_795_327_200
_NOISE = 0.002
_LOSS, _LOSE_HALF = 0.6, 0.5
#: Drawn after the last change of the machine; see docs/health.md.
SEEDS = (20261129, 20261130, 20261201, 20261202, 20261203)
GATE, FIRST = 45, 5


class Truth(NamedTuple):
    """Something that really happens: at what, of which class, from when to when."""

    root: Ref
    group: str
    start: int
    end: int


class Told(NamedTuple):
    """
    What came of a storm.

    Attributes:
        pages: How often somebody was told anything, that it is over included.
        named: How many of the seven were named by their root.
        first: Minutes from its beginning to the first notice, of the slowest.
        each: The same by every change of every check.
        three: The same by three bad and two good looks.
        seconds: CPU of the machine, by run.
    """

    pages: int
    named: int
    first: int
    each: int
    three: int
    seconds: float


class Storm:
    """One storm; the same seed, the same storm."""

    def __init__(self, seed: int, minutes: int = MINUTES) -> None:
        self._random = Random(seed)  # noqa: S311  (no secret hangs on it)
        self.minutes = minutes
        self.watches = [*self._domains(), *self._servers()]
        self.truths = list(self._truths())
        flappers = self._random.sample(range(DOMAINS), 40)
        taken = {t.root.name for t in self.truths}
        free = [n for n in flappers if _domain(n).name not in taken]
        self._flapping = {
            _domain(n): self._random.randint(0, minutes // 2) for n in free[:12]
        }
        self._hits = {
            one.name: [truth for truth in self.truths if _hit(one, truth)]
            for one in self.watches
        }

    def _domains(self) -> Iterator[Watch]:
        for number in range(DOMAINS):
            of, server = _domain(number), number % SERVERS
            carried = (Ref("Provider", f"srv{server}"), _region(server))
            above = {
                "reach": carried,
                "usage": carried,
                "dns": (Ref("Provider", f"dns{number % 3}"),),
                "certificate": (Ref("Certificate", of.name), _issuer(number)),
            }
            kinds = {"http": {}, "tcp": {"port": 25}, "dns": _RECORDS, "tls": _SOON}
            for kind, more in kinds.items():
                spec = _spec(f"Domain/{of.name}", type=kind, **more)
                yield Watch(f"{of.name}-{kind}", of, spec, above)

    @staticmethod
    def _servers() -> Iterator[Watch]:
        for server in range(SERVERS):
            of = Ref("Provider", f"srv{server}")
            above = dict.fromkeys(set(CLASSES.values()), (_region(server),))
            for port in (22, 80, 443, 2087):
                spec = _spec(str(of), type="tcp", port=port)
                yield Watch(f"{of.name}-{port}", of, spec, above)

    def _truths(self) -> Iterator[Truth]:
        draw = self._random
        server = draw.randrange(SERVERS)
        # Where a whole server or region is bad nobody could tell one more domain.
        calm = [n for n in range(DOMAINS) if _spared(n % SERVERS, server)]
        alone = draw.sample(calm, 3)

        def at(root: Ref, group: str, lasts: int) -> Truth:
            start = draw.randint(5, self.minutes - lasts - 40)
            return Truth(root, group, start, start + lasts)

        yield at(Ref("Provider", f"srv{server}"), "reach", 40)
        yield at(_region(server + 1), "reach", 25)
        start = draw.randint(5, self.minutes // 2)
        yield Truth(Ref("Issuer", "ca0"), "certificate", start, self.minutes)
        yield at(Ref("Provider", f"dns{draw.randrange(3)}"), "dns", 20)
        for number in alone:
            yield at(_domain(number), "reach", 30)

    def look(self, watch: Watch, minute: int) -> str | None:
        """Return the symptom of a bad look; None where it is good."""
        draw = self._random
        for truth in self._hits[watch.name]:
            lost = truth.root.kind == "Region" and draw.random() >= _LOSS
            if truth.start <= minute < truth.end and not lost:
                return "certificate" if truth.group == "certificate" else truth.group
        if watch.of in self._flapping and watch.spec.type == "http":
            flaps = minute >= self._flapping[watch.of]
            if flaps and draw.random() < _LOSE_HALF:
                return "reach"
        return "reach" if draw.random() < _NOISE else None


_RECORDS = {"expect": {"records": {"type": "A"}}}
_SOON = {"expect": {"notAfter": "14d"}, "severity": "warning"}


def _spec(of: str, **more):
    found = HealthCheck.model_validate(
        {"metadata": {"name": "x"}, "spec": {"of": of, "every": "1m", **more}}
    )
    return found.spec


def _spared(server: int, dead: int) -> bool:
    """Say whether *server* is alive, and in the region that loses nothing."""
    return server != dead and _region(server) == _region(dead)


def _domain(number: int) -> Ref:
    return Ref("Domain", f"d{number:03}.example")


def _region(server: int) -> Ref:
    return Ref("Region", "west" if server % 2 else "east")


def _issuer(number: int) -> Ref:
    return Ref("Issuer", "ca0" if number % 5 < 3 else "ca1")


def _hit(watch: Watch, truth: Truth) -> bool:
    """Say whether what happens shows in this check."""
    kind = watch.spec.type
    if truth.group == "dns":
        return kind == "dns" and truth.root in watch.above["dns"]
    if truth.group == "certificate":
        return kind == "tls" and truth.root in watch.above["certificate"]
    below = watch.of == truth.root or truth.root in watch.above["reach"]
    return below and kind in {"http", "tcp", "tls"}


def play(storm: Storm) -> Told:
    """Play *storm*, and count who is told what."""
    topology = Topology(storm.watches)
    book, spoken, pages = Book(), set(), 0
    named: dict[int, int] = {}
    last = dict.fromkeys(topology.watches, "+++")
    down: set[str] = set()
    each = three = 0
    spent = 0.0
    for minute in range(storm.minutes):
        now = START + 60 * minute
        at = datetime.fromtimestamp(now, UTC)
        good = Sighting(at=at, up=True)
        seen: dict[str, Sighting] = {}
        for name, watch in topology.watches.items():
            symptom = storm.look(watch, minute)
            seen[name] = good if symptom is None else _bad(at, symptom)
            mark = "+" if symptom is None else "-"
            each += mark != last[name][-1]
            last[name] = last[name][1:] + mark
            if name not in down and last[name] == "---":
                down.add(name)
                three += 1
            elif name in down and last[name].endswith("++"):
                down.discard(name)
                three += 1
        begun = time.process_time()
        book = turned(book, topology, seen, now).book
        spent += time.process_time() - begun
        loud = {i.id: i for i in book.incidents.values() if i.open and not i.flapping}
        pages += len(loud.keys() - spoken)
        # What turned out to be a part of something larger ends without a word.
        ended = (book.incidents.get(key) for key in spoken - loud.keys())
        pages += sum(1 for one in ended if one is None or one.merged is None)
        for one in loud.values():
            for number, truth in enumerate(storm.truths):
                same = (one.root, CLASSES[one.symptom]) == (truth.root, truth.group)
                if same and truth.start <= minute <= truth.end + 10:
                    named.setdefault(number, minute - truth.start)
        spoken = set(loud)
    slowest = max(named.values(), default=storm.minutes)
    return Told(pages, len(named), slowest, each, three, spent / storm.minutes)


def _bad(at: datetime, symptom: str) -> Sighting:
    return Sighting(at=at, up=False, why="no answer", symptom=symptom)


def storm(size: Size) -> list[Row]:
    """Return what people are told in storms, beside simpler ways to tell them."""
    seeds = SEEDS[: size.runs] if size.runs < len(SEEDS) - 2 else SEEDS
    found = [play(Storm(seed)) for seed in seeds]
    worst = max(found, key=lambda one: one.pages)
    every = min(one.each for one in found)
    what = f"storms of {len(found)} seeds, 832 checks for six hours"
    return [
        Row(
            f"{what}: notices, of the worst",
            worst.pages,
            "",
            GATE,
            other=worst.three,
            note=f"other: 3 bad, 2 good; every change: {every} or more",
        ),
        Row(f"{what}: named, of seven", min(o.named for o in found), "", 7, least=True),
        Row(f"{what}: first notice", max(o.first for o in found), "min", FIRST),
        Row(
            "one run of 832 checks, judged",
            1000 * max(o.seconds for o in found),
            "ms",
            note="CPU",
        ),
    ]
