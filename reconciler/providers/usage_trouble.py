"""
Whether something is wrong with what is patched, by our own books of health.

There is no vendor, and nobody looks here: ``health check`` looks, and keeps what it
saw. Where a policy names a check, that one speaks; else any open incident does, of it
or of what it heeds (a backup heeds what it is of).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from reconciler.errors import ReconcilerError
from reconciler.kinds.health_check import HealthCheck, HealthState
from reconciler.model import (
    Account,
    AnyResource,
    Change,
    Observation,
    Observed,
    Ref,
    Unknown,
    Witness,
)
from reconciler.model.updates import TroubleState

_UP: Final = "up"


class UsageTrouble(Witness[AnyResource]):
    """The last word of our checks about each thing."""

    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account

    def __repr__(self) -> str:
        return f"UsageTrouble({self._account.name})"

    def observe(self, wants: Sequence[AnyResource]) -> Observation:
        """Report what is kept about each."""
        return Observation({want.name: self._seen(want) for want in wants})

    def _seen(self, want: AnyResource) -> Observed:
        book = self._account.usage
        if book is None:
            return Unknown(why="nobody keeps what is checked here", later=True)
        rules = want.makings.patching
        check = rules.check if rules else None
        refs = [Ref(HealthCheck.kind, check)] if check else [want.ref, *want.heeds()]
        try:
            found = [one for ref in refs if (one := book.health(ref)) is not None]
        except ReconcilerError as error:
            return Unknown(why=error.what)
        said = [told(one) for one in found if isinstance(one, HealthState)]
        ill = [one for one in said if one.since is not None]
        return next(iter(ill or said), TroubleState())

    def touched(self, want: AnyResource, change: Change | None) -> None:
        """Do nothing: what is kept is another's to change."""


def told(state: HealthState) -> TroubleState:
    """Return what *state* says; of what is in doubt, how it was before."""
    if state.ill:
        return TroubleState(seen=state.seen, since=state.since, why=state.why)
    seen = (
        state.seen if state.phase == _UP else min(state.since, state.seen or state.at)
    )
    return TroubleState(seen=seen, doubt=state.phase != _UP)


DRIVER = UsageTrouble
