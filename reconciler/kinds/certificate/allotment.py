"""What an issuer's limits leave for each of all its certificates. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.kinds.certificate.budget import Budgets, Later, Registered
from reconciler.kinds.certificate.case import case_of, ordered
from reconciler.kinds.certificate.decision import Decision, Hold
from reconciler.kinds.certificate.state import IssuanceState
from reconciler.kinds.certificate.together import together

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate


def allotted(
    wants: Sequence[Certificate],
    states: Mapping[str, IssuanceState],
    registered: Registered,
    now: datetime,
) -> dict[str, Later]:
    """
    Return which of *wants* have to wait for a limit, until when, and for which.

    Args:
        wants: Everything that one issuer may be asked for.
        states: What is known of each, by its name.
        registered: Returns the registered domain of a name.
        now: The most urgent ones of this moment get what is left.
    """
    limits = {
        one.name: one.limits for want in wants for one in want.makings.authorities
    }
    past = [one for want in wants for one in ordered(want)]
    budgets = Budgets(past, limits, registered)
    names = {want.uid: want.name for want in wants}
    cases = [case_of(w, states[w.name]) for w in wants if w.name in states]
    decided = together(cases, budgets, now)
    return {
        names[uid]: Later(decision.wait.until, _limit(decision))
        for uid, decision in decided.items()
        if decision.wait is not None and decision.wait.hold is Hold.LIMIT
    }


def _limit(decision: Decision) -> str:
    assert decision.wait is not None  # noqa: S101  (asked only where it waits)
    return decision.wait.why.removeprefix(f"{decision.issuer} allows ")
