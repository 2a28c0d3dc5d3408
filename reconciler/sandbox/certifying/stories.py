"""What three years may bring: outages of days, a recall, targets out of order."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from reconciler.kinds.certificate.decision import decide
from reconciler.kinds.certificate.together import Rule
from reconciler.sandbox.certifying.authority import Authority, Outage, Recall
from reconciler.sandbox.certifying.estate import START, Setup

_DAY: Final = timedelta(days=1)
OUTAGE: Final = timedelta(hours=72)
#: On which days the first issuer goes down: when those of 45 and 90 days are renewed,
#: when those of 200 are, and at any time; and the second one.
_FIRST: Final = (59, 133, 400, 700.3, 901)
_SECOND: Final = (250, 703.5)
_RECALL: Final = 320
#: The longest lifetime now, those of today's profiles, and the shortest one.
LIFETIMES: Final = (200 * _DAY, 90 * _DAY, 45 * _DAY, timedelta(hours=160))


def three_years(
    lifetime: timedelta,
    *,
    second: bool = True,
    certificates: int = 1000,
    rule: Rule = decide,
) -> Setup:
    """
    Return three years with everything in them, of certificates of *lifetime*.

    *second*: Whether there is another issuer to ask. It goes down, too, and once just
    when the first one is back.
    """
    announced = START + _RECALL * _DAY
    first = Authority(
        "first",
        lifetime,
        outages=[Outage(START + day * _DAY, OUTAGE) for day in _FIRST],
        recall=Recall(announced, announced + timedelta(hours=25)),
    )
    other = Authority(
        "second",
        lifetime,
        suggests=False,
        outages=[Outage(START + day * _DAY, OUTAGE) for day in _SECOND],
    )
    both = (first, other) if second else (first,)
    return Setup(both, certificates, rule=rule)
