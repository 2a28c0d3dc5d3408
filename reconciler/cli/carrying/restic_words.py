"""Words of restic's that other programs pass on to it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from reconciler.cli.carrying.carried import FOREVER
from reconciler.cli.carrying.section import Section

#: ``1y5m7d2h`` (restic's documentation, "Removing snapshots according to a policy").
_SPAN: Final = re.compile(
    r"(?:([0-9]{1,18})y)?(?:([0-9]{1,18})m)?(?:([0-9]{1,18})d)?(?:([0-9]{1,18})h)?"
)
#: Months and years have no one length: the shortest, so that nothing is missed that
#: was rightly forgotten.
_MONTH: Final = 28
_YEAR: Final = 365
_HOUR: Final = timedelta(hours=1)


def within(section: Section, key: str) -> timedelta | None:
    """Return the length of *key*, at most ``FOREVER``; None where it says nothing."""
    text = section.text(key)
    if text is None:
        return None
    found = _SPAN.fullmatch(text.text)
    if not text.text or found is None:
        section.fault(text.at, f"{key} has to be a time as restic writes it", "as 14d")
        return None
    years, months, days, hours = (int(part or 0) for part in found.groups())
    total = (years * _YEAR + months * _MONTH + days) * 24 + hours
    return min(total, FOREVER // _HOUR) * _HOUR


def count(section: Section, key: str) -> int | None:
    """Return how many *key* keeps; -1 is all of them, which restic calls unlimited."""
    value = section.raw(key)
    if value is not None and value.data == "unlimited":
        return -1
    return section.count(key)
