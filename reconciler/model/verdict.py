"""What a rule thinks of an action."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from reconciler.model.location import Location


class Decision(IntEnum):
    """How far an action may go; the strictest of all verdicts wins."""

    ALLOW = 0
    HOLD = 1
    DENY = 2

    def __str__(self) -> str:
        return self.name.lower()


class Verdict(NamedTuple):
    """
    One rule's decision, and why.

    Attributes:
        rule: ``<Kind>/<name>`` of the policy, or ``built-in/<name>``.
        needs: The groups whose approval would lift a HOLD. Two entries of the same
            group are two different persons.
        firm: No approval lifts it (a lost answer, a stale read, an open intent).
    """

    decision: Decision
    rule: str
    why: str
    needs: tuple[str, ...] = ()
    at: Location | None = None
    firm: bool = False
