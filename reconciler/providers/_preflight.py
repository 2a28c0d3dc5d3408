"""
What an authority would refuse, seen before it is asked: CAA records and signatures.

A refusal costs one of the few failures that an authority allows in an hour, and says
less than we can see ourselves. Sources: RFC 8659 (CAA), RFC 4035 (5: what a validating
resolver does); authorities look names up with resolvers that validate
(baseline requirements, 3.2.2.8.1 and 3.2.2.4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock

from reconciler.errors import ProviderError
from reconciler.model.material import Refusal
from reconciler.providers._caa import refused
from reconciler.providers._names import Names
from reconciler.providers._signatures import bogus


class Preflight:
    """Looks for one run; what is seen of a zone is seen once. Thread-safe."""

    def __init__(self, names: Names, clock: Callable[[], datetime]) -> None:
        self._names = names
        self._clock = clock
        self._lock = Lock()
        self._zones: dict[str, str | None] = {}

    def refusal(self, names: Sequence[str], caa: Sequence[str]) -> Refusal | None:
        """
        Return why an authority would refuse one of *names*.

        What cannot be seen refuses nothing: the authority looks for itself.

        Args:
            caa: What the authority is called in CAA records; where nobody says, those
                are not looked at.
        """
        for name in names:
            try:
                found = self._unsound(name) or self._forbidden(name, caa)
            except ProviderError:
                continue
            if found is not None:
                return found
        return None

    def _unsound(self, name: str) -> Refusal | None:
        zone = self._names.zone(name.removeprefix("*."))
        with self._lock:
            seen = zone in self._zones
        if not seen:
            why = bogus(self._names, zone, self._clock())
            with self._lock:
                self._zones[zone] = why
        why = self._zones[zone]
        if why is None:
            return None
        return Refusal("dnssec", f"resolvers that validate refuse {zone}: {why}")

    def _forbidden(self, name: str, caa: Sequence[str]) -> Refusal | None:
        if not caa or not all(refused(self._names, name, one) for one in caa):
            return None
        tag = "issuewild" if name.startswith("*.") else "issue"
        return Refusal(
            "caa",
            f"the CAA records of {name} do not allow {caa[0]}",
            f'add to its zone: CAA 0 {tag} "{caa[0]}"',
        )
