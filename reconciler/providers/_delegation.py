"""
DS records and glue at any registrar: when to ask, what to send, when to refuse.

Vendors have no idempotency key for either. What is sent is the difference to what a
fresh read shows, so that sending the same change again has no second effect.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.domain import Delegate, Dnssec, Domain, Glue
from reconciler.kinds.domain.delegation import host_of
from reconciler.kinds.domain.dnssec import ds_text
from reconciler.providers._detail import Details

_DS: Final = "ds"
_GLUE: Final = "glue"
SentT = TypeVar("SentT")


class Ds(NamedTuple):
    """One DS record in its parts, as vendors take it."""

    key_tag: int
    algorithm: int
    kind: int
    digest: str

    def __str__(self) -> str:
        return ds_text(*self)


def parsed(text: str) -> Ds:
    """Return the parts of a DS as the kind spells it."""
    key_tag, algorithm, kind, digest = text.split()
    return Ds(int(key_tag), int(algorithm), int(kind), digest)


def asks_ds(want: Domain, live: frozenset[str] | None) -> bool:
    """Whether *want* needs its DS records read: by itself, or because it moves."""
    wanted = want.spec.nameservers
    moves = wanted != "from-dns" and live not in {None, frozenset(wanted)}
    return want.spec.dnssec != "unmanaged" or moves


def asks_glue(want: Domain) -> bool:
    """Whether *want* says anything about glue."""
    return bool(want.spec.glue)


def texts(kept: JsonValue) -> frozenset[str]:
    """Return a kept list of texts as a set."""
    assert isinstance(kept, list)  # noqa: S101  (made by the drivers alone)
    return frozenset(map(str, kept))


def hosts_of(kept: JsonValue) -> dict[str, tuple[str, ...]]:
    """Return kept glue: every host with its addresses in order."""
    assert isinstance(kept, dict)  # noqa: S101  (made by the drivers alone)
    return {
        host: tuple(sorted(map(str, addresses)))
        for host, addresses in kept.items()
        if isinstance(addresses, list)
    }


def addresses(said: Iterable[object]) -> list[str]:
    """Return IP addresses as every equal one is spelt, in order."""
    return sorted({str(ip_address(str(one))) for one in said})


def guard(change: Delegate, live: frozenset[str]) -> None:
    """
    Refuse a delegation that would leave a DS behind that nobody answers for.

    Raises:
        Rejected: The registry has such a DS; nothing was sent.
    """
    keeps = change.details.get("keeps_ds")
    stale = live - frozenset(map(str, keeps if isinstance(keeps, list) else ()))
    if stale:
        raise Rejected(
            f"the registry has the DS {min(stale).rsplit(maxsplit=1)[0]}, which the "
            "new nameservers do not answer for: the name would be gone for whoever "
            "validates",
            hint="dnssec: sync or off removes it first; or do so at the registrar",
        )


class Step(NamedTuple):
    """One host of a glue change: what it has and what it shall have."""

    host: str
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None


def glue_steps(change: Glue, live: Mapping[str, tuple[str, ...]]) -> Iterator[Step]:
    """Yield what is left to do of *change*."""
    for field in change.fields:
        host, after = host_of(field.field), field.after
        there = live.get(host)
        wanted = tuple(map(str, after)) if isinstance(after, tuple) else None
        if there != wanted:
            yield Step(host, there, wanted)


def ds_steps(change: Dnssec, live: frozenset[str]) -> tuple[list[Ds], list[Ds]]:
    """Return which DS records are left to add, and which to remove."""
    add = sorted(change.wanted - live)
    return list(map(parsed, add)), list(map(parsed, sorted(live - change.wanted)))


def in_turn(calls: Iterable[Callable[[], SentT]]) -> list[SentT]:
    """
    Make *calls* that have an effect, one after another, and return the answers.

    Raises:
        ProviderError: What the first of them raised; Ambiguous from the second on,
            because a refusal is no definite *no effect* then: the next run looks.
    """
    sent: list[SentT] = []
    for call in calls:
        try:
            sent.append(call())
        except ProviderError as error:
            if not sent or isinstance(error, Ambiguous):
                raise
            what = f"stopped half-way: {error.what}"
            raise Ambiguous(what, request_id=error.request_id) from None
    return sent


class Looks(ABC):
    """
    What one account's registrations have at their registries.

    Asked where a domain needs it, and once a day at most; a driver says how.
    """

    def __init__(self, details: Details) -> None:
        self._details = details

    def seen(
        self, want: Domain, raw: Mapping[str, Any], hosts: frozenset[str] | None
    ) -> dict[str, Any]:
        """Return ``ds`` and ``glue``, each only where *want* needs it."""
        found: dict[str, Any] = {}
        name, mark = want.name, dict(raw)
        if asks_ds(want, hosts):
            kept = self._details.ask(_DS, name, mark, lambda: self._ds(name))
            found["ds"] = texts(kept)
        if asks_glue(want):
            kept = self._details.ask(_GLUE, name, mark, lambda: self._glue(name))
            found["glue"] = hosts_of(kept)
        return found

    def forget(self, name: str) -> None:
        """Ask anew next time."""
        self._details.forget(_DS, name)
        self._details.forget(_GLUE, name)

    def ds(self, name: str) -> frozenset[str]:
        """Return the DS records that are there now."""
        return texts(self._ds(name))

    def glue(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return the hosts that are there now."""
        return hosts_of(self._glue(name))

    @abstractmethod
    def _ds(self, name: str) -> JsonValue:
        """Read the DS records, as texts."""

    @abstractmethod
    def _glue(self, name: str) -> JsonValue:
        """Read the hosts and their addresses."""
