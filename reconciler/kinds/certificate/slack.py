"""Whether there is time enough to fail between a renewal and the end. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, NamedTuple

from reconciler.kinds.certificate.renewal import Renewal, part, reserve

#: So many runs at least fit into what is left when a renewal comes due.
LEAST_RUNS: Final = 8
#: So long an issuer may be down: such a thing happens every few years.
OUTAGE: Final = timedelta(days=3)


class Weakness(NamedTuple):
    """A plan that is one accident away from an expired certificate, and its field."""

    code: str
    message: str
    field: str


def weaknesses(
    length: timedelta, renewal: Renewal, interval: timedelta, issuers: int
) -> Iterator[Weakness]:
    """
    Yield what is too tight about certificates that are good for *length*.

    Args:
        length: The lifetime that is issued, or was last.
        renewal: What is written about it.
        interval: How long it is from run to run.
        issuers: How many are asked.
    """
    left = part(length, reserve(length, renewal))
    runs = left // interval
    if runs < LEAST_RUNS:
        many = "1 run fits" if runs == 1 else f"{runs} runs fit"
        message = (
            f"{many} into the {_hours(left)} that are left of {_hours(length)} when it "
            f"is renewed; {LEAST_RUNS} are needed: run every "
            f"{_hours(left / LEAST_RUNS)}, or renew earlier"
        )
        yield Weakness("certificate-slack-small", message, "spec.renewal")
    if left < OUTAGE + LEAST_RUNS * interval and issuers == 1:
        message = (
            f"its one issuer may be down for {_hours(OUTAGE)}, and {_hours(left)} are "
            "left when it is renewed: name a second one"
        )
        yield Weakness("certificate-one-issuer", message, "spec.issuers")
    longest = max((window.length for window in renewal.windows), default=None)
    if longest is not None and longest < interval:
        message = (
            f"runs are {_hours(interval)} apart: none may ever fall into a window of "
            f"{_hours(longest)}"
        )
        yield Weakness("certificate-window-short", message, "spec.renewal.windows")


def _hours(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours // 24} d" if hours % 24 == 0 and hours else f"{hours} h"
