"""
Waiting until what was just installed is served: at every address, and for good.

A web server takes seconds to serve what it was told to (nginx with 500 sites takes four
or five), and while it changes over its old and its new processes answer in turn. One
look right after would say that it failed, or that it went well, by chance. So every
address is asked again and again, all of them at once, until each has answered rightly
several times in a row with a pause between, or the time is up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from reconciler.errors import ProviderError
from reconciler.model import Account

#: How long a server may take, all certificates of one wave together.
PATIENCE: Final = timedelta(seconds=120)
#: So many right answers in a row of one address are enough.
PROBES: Final = 3
_THREADS: Final = 16
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 2.0
_SLOWER: Final = 1.2


class Spot(NamedTuple):
    """One address at which one name of one certificate (*of*) has to be served."""

    of: str
    name: str
    address: str


class Shown(NamedTuple):
    """What one address answers: a chain (DER, leaf first), or why there is none."""

    chain: tuple[bytes, ...] = ()
    problem: str | None = None

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the leaf, in hex."""
        return sha256(self.chain[0]).hexdigest() if self.chain else None


class Settling:
    """
    The patience of one account; its limits are ``settleSeconds`` and ``probes``.

    Args:
        addresses: Returns where a name leads; raises ProviderError.
        look: Returns what one address serves for a name.
    """

    def __init__(
        self,
        account: Account,
        addresses: Callable[[str], Sequence[str]],
        look: Callable[[str, str], Shown],
    ) -> None:
        self._account = account
        self._addresses = addresses
        self._look = look
        limits = account.limits
        seconds = limits.get("settleSeconds", PATIENCE.total_seconds())
        self._patience = timedelta(seconds=seconds)
        self._probes = int(limits.get("probes", PROBES))

    def wait(self, wanted: Iterable[tuple[str, str, str]]) -> dict[Spot, Shown]:
        """
        Return when every address serves what is wanted, or when the time is up.

        Args:
            wanted: The certificate's name, a name that it is served for, and the
                fingerprint that is wanted there.

        Returns:
            Each address that has not settled, with the last other thing it served.
        """
        fingerprints = {
            Spot(of, name, address): fingerprint
            for of, name, fingerprint in wanted
            for address in self._found(name)
        }
        right = dict.fromkeys(fingerprints, 0)
        others: dict[Spot, Shown] = {}
        until = self._account.clock() + self._patience
        left, pause = self._patience.total_seconds(), _FIRST_PAUSE
        with ThreadPoolExecutor(_THREADS) as pool:
            while right:
                spots = list(right)
                seen = pool.map(lambda at: self._look(at.name, at.address), spots)
                for at, one in zip(spots, seen, strict=True):
                    if one.fingerprint == fingerprints[at]:
                        right[at] += 1
                        if right[at] >= self._probes:
                            del right[at]
                    else:
                        right[at], others[at] = 0, one
                # A clock that stands still does not make anybody wait for ever.
                if not right or left <= 0 or self._account.clock() >= until:
                    break
                self._account.sleep(pause)
                left -= pause
                pause = min(pause * _SLOWER, _LONGEST_PAUSE)
        return {at: others[at] for at in right if at in others}

    def _found(self, name: str) -> Sequence[str]:
        try:
            return self._addresses(name)
        except ProviderError:
            return ()  # the look that follows says so
