"""
Whether our things answer, looked at from here: hundreds at once, a few at one server.

Sources: those of ``_health_looks``. What follows:

* A look that is bad is repeated, after a pause that all share: what comes and goes
  within seconds is no outage. What is good once is good.
* So many looks go to one server at a time: to look must not be what brings it down.
* Where everything is bad at once, the root of the DNS is asked: does nobody answer
  there either, it is this machine that has no network, and nobody can tell.
* Nothing is kept here: what it adds up to is judged elsewhere, from what was seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Lock, Semaphore
from typing import Final

from reconciler.errors import ProviderError, Transient
from reconciler.kinds.health_check import HealthCheck, Sighting
from reconciler.model import Account, Observation
from reconciler.model.driver import Probe
from reconciler.providers._health_looks import Bad, Looker, Untold
from reconciler.providers._names import Names
from reconciler.providers._network import Network

THREADS: Final = 128
#: So many looks at one address at once.
WIDTH: Final = 8


class PublicHealth(Probe[HealthCheck]):
    """Everything that has a health check, as anyone sees it."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._network = Network(account)
        self._doors: dict[str, Semaphore] = defaultdict(lambda: Semaphore(WIDTH))
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"PublicHealth({self._account.name})"

    def identity(self) -> str | None:
        """Nobody's: there are no credentials."""
        return None

    def observe(self, wants: Sequence[HealthCheck]) -> Observation:
        """
        Look at each, as often as it says, and report a ``Sighting``.

        Each says where it is (``host`` or ``url``); see ``health.Places``.
        """
        found: dict[str, Sighting] = {}
        left = list(wants)
        tries = 0
        while left:
            tries += 1
            found |= self._round(left, tries)
            again = [w for w in left if not _over(found[w.name], w, tries)]
            if again:
                self._account.sleep(max(w.spec.spacing.total_seconds() for w in again))
            left = again
        if found and not any(one.up for one in found.values()):
            found = self._doubted(found)
        return Observation({**found}, requests={"health": len(found)})

    def _round(self, wants: Sequence[HealthCheck], tries: int) -> dict[str, Sighting]:
        # What was resolved (or was not) in one round is no answer for the next.
        names = Names(self._account, self._network)
        looker = Looker(self._account, self._network, names, self._door)

        def look(want: HealthCheck) -> Sighting:
            return self._seen(looker, want, tries)

        with ThreadPoolExecutor(min(THREADS, len(wants))) as pool:
            seen = list(pool.map(look, wants))
        return dict(zip((want.name for want in wants), seen, strict=True))

    def _seen(self, looker: Looker, want: HealthCheck, tries: int) -> Sighting:
        seen = _tried(lambda: looker.look(want.spec))
        if isinstance(seen, timedelta):
            took = round(seen.total_seconds() * 1000)
            at = self._account.clock()
            return Sighting(at=at, up=True, took=took, tries=tries)
        return Sighting(
            at=self._account.clock(),
            up=None if isinstance(seen, Untold) else False,
            why=str(seen),
            symptom=seen.symptom if isinstance(seen, Bad) else "reach",
            tries=tries,
        )

    def _door(self, address: str) -> AbstractContextManager[object]:
        with self._lock:
            return self._doors[address]

    def _doubted(self, found: dict[str, Sighting]) -> dict[str, Sighting]:
        """Return what is known where all is bad: nothing, if we are the cause."""
        names = Names(self._account, self._network)
        if _anybody(names, self._network.roots):
            return found
        told = {"up": None, "why": "this machine has no network", "symptom": "reach"}
        return {name: one.model_copy(update=told) for name, one in found.items()}


def _tried(look: Callable[[], timedelta]) -> timedelta | Bad | Untold:
    """Return how long it took, or what is wrong; a fault of ours proves nothing."""
    try:
        return look()
    except (Bad, Untold) as found:
        return found
    except Transient as error:
        return Bad(error.what)
    except ProviderError as error:
        return Untold(error.what)
    except (ValueError, KeyError, TypeError, OSError) as error:
        return Untold(f"what was answered cannot be read: {type(error).__name__}")


def _over(seen: Sighting, want: HealthCheck, tries: int) -> bool:
    return seen.up is True or tries >= want.spec.retries


def _anybody(names: Names, roots: Iterable[str]) -> bool:
    for address in roots:
        try:
            names.ask(address, ".", "NS")
        except ProviderError:
            continue
        return True
    return False


DRIVER = PublicHealth
