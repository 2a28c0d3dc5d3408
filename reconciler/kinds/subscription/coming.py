"""What dunning still does by itself about an unpaid invoice, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.facts import Invoiced, Try
from reconciler.kinds.subscription.suspension import foreseen, suspended_from
from reconciler.model.terms import Deed, Notify, Step

#: What takes money.
_CHARGES: Final = frozenset({"charge", "retry", "backup-gateway"})


class Coming(NamedTuple):
    """
    A step that is still to come.

    Attributes:
        deeds: What it really does, of what the policy says.
    """

    at: datetime
    notices: tuple[Notify, ...]
    deeds: tuple[Deed, ...]

    @property
    def charges(self) -> bool:
        """Whether money is taken."""
        return bool(_CHARGES.intersection(self.deeds))


def coming(case: Case, one: Invoiced) -> Iterator[Coming]:
    """Yield the steps that are still to come, in order; none where nothing failed."""
    first = case.failed_at(one)
    if first is None:
        return
    for step in case.terms.dunning.steps:
        at = case.after(first, step.after)
        if step.does("suspend"):
            at = suspended_from(case, one) or foreseen(case, one) or at
        found = Coming(at, step.notices, tuple(_deeds(case, one, step)))
        if at > case.now and (found.notices or found.deeds):
            yield found


def used_up(case: Case, tries: Sequence[Try]) -> bool:
    """Say whether banks were asked as often as the policy allows."""
    asked = [t for t in tries if t.kind != "refused"]
    return len(asked) >= case.terms.dunning.max_attempts


def _deeds(case: Case, one: Invoiced, step: Step) -> Iterator[Deed]:
    for deed in step.do:
        if not isinstance(deed, str):
            continue
        if deed in _CHARGES and not _charges(case, one, deed):
            continue
        if deed == "request-card-update" and case.terms.collect != "auto":
            continue
        yield deed


def _charges(case: Case, one: Invoiced, deed: Deed) -> bool:
    """
    Say whether there is something to charge at that step.

    A method that was refused for good is not charged again, whatever a policy says;
    a backup that was tried has had its turn.
    """
    tries, agreed = case.books.tries(one.of), case.agreed
    if case.terms.collect != "auto" or agreed is None or used_up(case, tries):
        return False
    primary, asked = case.primary(), {t.method for t in tries if t.declined}
    if deed == "backup-gateway":
        rest = case.terms.methods[1:]
        return agreed.backup and any(m.token not in asked for m in rest)
    gone = {t.method for t in tries if t.kind == "hard"}
    return primary is not None and primary.token not in gone
