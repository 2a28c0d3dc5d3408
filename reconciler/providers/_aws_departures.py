"""
What leaves a Route 53 Domains account: transfers under way, and what became of a name.

A name that expired for good or was deleted is no longer listed ("the domain reappears
in the response to ListDomains" when it was restored). ``ListOperations`` still knows:
``EXPIRE_DOMAIN`` and ``DELETE_DOMAIN`` began its redemption, ``TRANSFER_OUT_DOMAIN``
and ``INTERNAL_TRANSFER_OUT_DOMAIN`` gave it away. For most TLDs it can be bought back
for 30 days ("between 45 and 75 days after expiration").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.domain import Phase
from reconciler.providers._aws import pages
from reconciler.providers._detail import Details

Ask = Callable[..., dict[str, Any]]

_LOST: Final = ("EXPIRE_DOMAIN", "DELETE_DOMAIN")
_BACK: Final = ("RESTORE_DOMAIN", "REGISTER_DOMAIN", "TRANSFER_IN_DOMAIN")
_AWAY: Final = ("TRANSFER_OUT_DOMAIN", "INTERNAL_TRANSFER_OUT_DOMAIN")
_INSIDE: Final = "INTERNAL_TRANSFER_OUT_DOMAIN"
_OPEN: Final = frozenset({"SUBMITTED", "IN_PROGRESS"})
#: How far back is looked: past this a name is nobody's any more.
_SINCE: Final = timedelta(days=90)
REDEMPTION: Final = timedelta(days=30)
PENDING_DELETE: Final = timedelta(days=35)
#: A transfer to another registrar takes five days at least: this finds it in time.
_FRESH: Final = timedelta(hours=6)
_PAGE: Final = 100
_WHAT: Final = "departures"


class Departure(NamedTuple):
    """One operation that took a name away, or is about to."""

    kind: str
    status: str
    at: datetime
    operation: str

    @property
    def transfer(self) -> str | None:
        """What to say about a transfer that is under way; None if it is none."""
        if self.kind not in _AWAY or self.status not in _OPEN:
            return None
        whom = "another AWS account" if self.kind == _INSIDE else "another registrar"
        return f"to {whom}, operation {self.operation}"

    @property
    def stoppable(self) -> bool:
        """Whether there is a call that stops it."""
        return self.kind == _INSIDE

    def phase(self, now: datetime) -> Phase | None:
        """Return the phase of a name that is no longer listed; None: it is gone."""
        if self.status != "SUCCESSFUL":
            return None
        if self.kind in _AWAY:
            return Phase.TRANSFERRED
        if self.kind in _LOST and now < self.at + REDEMPTION:
            return Phase.REDEMPTION
        lost = self.kind in _LOST and now < self.at + PENDING_DELETE
        return Phase.PENDING_DELETE if lost else None


def departures(
    details: Details, ask: Ask, missing: Sequence[str], now: datetime
) -> Mapping[str, Departure]:
    """
    Return the latest departure of each name that has one.

    Asked some times a day, and at once where the *missing* names are others.
    """
    mark: JsonValue = [*missing]
    kept = details.ask(_WHAT, "*", mark, lambda: _read(ask, now), _FRESH)
    assert isinstance(kept, dict)  # noqa: S101  (made by _read alone)
    found: dict[str, Departure] = {}
    for name, said in kept.items():
        assert isinstance(said, list)  # noqa: S101
        kind, status, at, operation = map(str, said)
        found[name] = Departure(kind, status, datetime.fromisoformat(at), operation)
    return found


def forget(details: Details) -> None:
    """Ask anew next time."""
    details.forget(_WHAT, "*")


def _read(ask: Ask, now: datetime) -> dict[str, JsonValue]:
    latest: dict[str, JsonValue] = {}
    for operation in _operations(ask, now):
        name = str(operation.get("DomainName", "")).lower()
        kind, status = str(operation.get("Type")), str(operation.get("Status"))
        if status not in {*_OPEN, "SUCCESSFUL"}:
            continue  # a refused transfer changes nothing
        at = operation["SubmittedDate"].astimezone(UTC).isoformat()
        latest[name] = [kind, status, at, str(operation.get("OperationId"))]
    return latest


def _operations(ask: Ask, now: datetime) -> Iterator[Mapping[str, Any]]:
    """Yield the operations in the order in which they were begun."""
    found: list[Mapping[str, Any]] = []
    for page in pages(
        lambda **more: ask("Operations", "list_operations", **more),
        "Marker<NextPageMarker",
        SubmittedSince=now - _SINCE,
        Type=[*_LOST, *_AWAY, *_BACK],
        MaxItems=_PAGE,
    ):
        found += page["Operations"]
    yield from sorted(found, key=lambda one: one["SubmittedDate"])
