"""Ladders, outlooks and policies in as few words as the tests of scaling need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.model import OutlookState, Price
from reconciler.model.scaling import Scaling
from reconciler.model.sizing import Rung, Sizing
from reconciler.model.usage import Outlook

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
GIB = 1024**3
RULES = {"mode": "auto", "maxIncrease": "20.00 EUR", "target": "90%"}


def price(text):
    return Price.model_validate(text)


def disk(gib, cost="5.00 EUR/month", name=None, **more):
    """One size by its disk; *more* are its other limits, in their units."""
    return Rung(name or f"care-{gib}", {"disk": gib * GIB, **more}, price(cost))


LADDER = (
    disk(5, "5.00 EUR/month", memory=512 * 1024**2),
    disk(10, "8.00 EUR/month", memory=GIB),
    disk(20, "15.00 EUR/month", memory=2 * GIB),
)


def foreseen(metric="disk", limit=5 * GIB, probability=0.93, **more):
    """
    An outlook with skill that says: 90 % of the limit will be reached.

    Amounts are shares of what shall not be reached.
    """
    shares = {"current": 0.8, "peak": 0.85, **more}
    whole = {
        "horizon": 14 * 86400,
        "when": NOW + timedelta(days=9),
        "method": "blocks of days",
        "mase": 0.42,
        "naive_mase": 0.61,
        "coverage": 0.94,
        "history": 60 * 24,
        "skill": True,
        "past": [0.8] * 40,
        "ahead": [0.9, 1.0],
        "worst": [0.95, 1.2],
        **shares,
    }
    for name in ("current", "peak"):
        whole[name] = whole[name] * 0.9 * limit
    for name in ("past", "ahead", "worst"):
        whole[name] = tuple(one * 0.9 * limit for one in whole[name])
    return Outlook(
        metric=metric, limit=limit, target=0.9, probability=probability, **whole
    )


def book(*outlooks, at=NOW, doubt=""):
    return OutlookState(at=at, outlooks=outlooks, doubt=doubt)


def rules(**fields):
    return Scaling.model_validate({**RULES, **fields})


def sizing(*outlooks, at=0, ladder=LADDER, seen=None, past=(), above=None, **fields):
    """A case as it is decided: *fields* are those of the policy."""
    return Sizing(
        ladder=ladder,
        at=at,
        rules=rules(**fields),
        seen=seen if seen is not None else book(*outlooks),
        now=NOW,
        past=past,
        above=above,
    )
