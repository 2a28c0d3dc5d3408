"""What the records remember of one resource, in the engine's own terms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from reconciler.model import Money

#: The kind under which a record is kept of what an account itself showed.
ACCOUNT: Final = "Provider"


class Memory(NamedTuple):
    """
    What earlier runs left behind for one resource.

    Attributes:
        deadline: The latest expiry date any run has seen.
        last_paid: What the last renewal or charge cost.
        done: The last intent that took effect, by verb. A failed one is no end: the
            same need keeps its id, its approvals and its count of attempts.
        applied: Money intents that took effect: never done again.
        failures: Definite failures, by action id.
        waits: Until when a vendor refuses a verb, because it is too early.
    """

    deadline: datetime | None = None
    last_paid: Money | None = None
    done: Mapping[str, str] = {}
    applied: frozenset[str] = frozenset()
    failures: Mapping[str, int] = {}
    waits: Mapping[str, datetime] = {}


NOTHING = Memory()


def parsed(text: str) -> datetime | None:
    """Return an ISO 8601 date or time, in UTC where it does not say; None if none."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
