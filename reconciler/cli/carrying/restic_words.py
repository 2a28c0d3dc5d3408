"""Words of restic's that other programs pass on to it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from reconciler.cli.carrying.section import Section

#: ``1y5m7d2h`` (restic's documentation, "Removing snapshots according to a policy").
_SPAN: Final = re.compile(r"(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?(?:(\d+)h)?")
#: Months and years have no one length: the shortest, so that nothing is missed that
#: was rightly forgotten.
_MONTH: Final = 28
_YEAR: Final = 365


def within(section: Section, key: str) -> timedelta | None:
    """Return the length of *key*; None where it says nothing."""
    text = section.text(key)
    if text is None:
        return None
    found = _SPAN.fullmatch(text.text)
    if not text.text or found is None:
        section.fault(text.at, f"{key} has to be a time as restic writes it", "as 14d")
        return None
    years, months, days, hours = (int(part or 0) for part in found.groups())
    return timedelta(days=years * _YEAR + months * _MONTH + days, hours=hours)
