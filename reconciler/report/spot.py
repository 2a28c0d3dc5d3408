"""Which line a reviewer should look at: a Site, or what many Sites share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.report.plan_document import ActionData, FindingData, Place

Cause = tuple[str, str, int]


def cause(one: ActionData | FindingData) -> Cause:
    """Return what is the same for everything that one line brings about."""
    at = one["source"]
    word = str(one.get("verb") or one.get("code"))
    return (word, at["file"], at["line"]) if at else (word, "", 0)


def spot(one: ActionData | FindingData, *, shared: bool) -> Place | None:
    """
    Return where *one* belongs.

    Where its cause is *shared*, that is the line that was written for all of them. A
    single resource of a Site belongs to the Site: its profile may be older than both.
    """
    return one["source"] if shared else one.get("entry") or one["source"]


def placed(findings: Iterable[FindingData]) -> list[FindingData]:
    """Return *findings*, each at the line a person should look at."""
    findings = list(findings)
    shared = Counter(map(cause, findings))
    return [
        {**one, "source": spot(one, shared=shared[cause(one)] > 1)} for one in findings
    ]
