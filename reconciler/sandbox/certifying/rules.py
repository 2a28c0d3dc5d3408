"""The rule that most tools began with, to be compared with ours."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.kinds.certificate.budget import Budgets
from reconciler.kinds.certificate.decision import Case, Decision, Hold, Wait
from reconciler.kinds.certificate.renewal import Reason

_BEFORE = timedelta(days=30)


def thirty_days(case: Case, budgets: Budgets, now: datetime) -> Decision:
    """Renew thirty days before the end, in every run until the one issuer does it."""
    del budgets
    at = case.life.ends - _BEFORE if case.life else now
    wait = Wait(at, Hold.TIME) if now < at else None
    until = at if wait else None
    return Decision(at, Reason.FRACTION, case.issuers[0].name, wait, until=until)
