"""Give what is made its number, in the commit that says that it is about to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.audit import INVOICES, Ledger, number_text
from reconciler.model import Action, AnyDriver, Share


def numbered(
    wave: Sequence[Action], ledger: Ledger, drivers: Mapping[Share, AnyDriver]
) -> Sequence[Action]:
    """
    Return *wave* with a number of our own in every change that needs one. Pure.

    A number is given by the commit of its intent: if that commit is not made, nobody
    had it. An intent that was open before has its number already.
    """
    if not any(_needs(action, drivers) for action in wave):
        return wave
    series = ledger.series(INVOICES)
    found = []
    for action in wave:
        if not _needs(action, drivers):
            found.append(action)
            continue
        number = number_text(INVOICES, series.next(action.id))
        series = series.given(action.id)
        more = {**action.change.details, "series": INVOICES, "number": number}
        change = action.change.model_copy(update={"details": more})
        found.append(action._replace(change=change))
    return found


def _needs(action: Action, drivers: Mapping[Share, AnyDriver]) -> bool:
    if not action.change.numbered or action.resumes:
        return False
    return drivers[action.change.share].numbers
