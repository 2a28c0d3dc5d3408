"""What of all that is offered a person should take. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from reconciler.kinds.backup.offers import OF_THE_COPY, Offer


def chosen(
    offers: Sequence[Offer], sources: Collection[str], until: datetime | None
) -> dict[str, Offer]:
    """
    Return of each source the newest offer that nothing speaks against.

    Args:
        offers: Those of one copy, the newest first.
        sources: Which sources; none: all that are offered.
        until: What is newer is not taken.
    """
    found: dict[str, Offer] = {}
    for one in offers:
        wanted = not sources or one.source in sources
        if wanted and not one.doubt and (until is None or one.at <= until):
            found.setdefault(one.source, one)
    return dict(sorted(found.items()))


def best(copies: Sequence[Mapping[str, Offer]]) -> dict[str, Offer]:
    """
    Return of each source the newest that any copy has.

    Of what is of the same moment, that of the copy which has most of it, so that what
    is taken is of as few copies as can be; then that of the first one.

    Args:
        copies: What is chosen of each, in the order in which they are tried.
    """
    newest: dict[str, datetime] = {}
    for mine in copies:
        for name, one in mine.items():
            newest[name] = max(newest.get(name, one.moment), one.moment)
    fit = [
        {name: one for name, one in mine.items() if one.moment == newest[name]}
        for mine in copies
    ]
    taken: dict[str, Offer] = {}
    for mine in sorted(fit, key=len, reverse=True):  # as they came, where they tie
        for name, one in mine.items():
            taken.setdefault(name, one)
    return dict(sorted(taken.items()))


def passed_over(
    offers: Sequence[Offer], taken: Mapping[str, Offer], until: datetime | None
) -> list[Offer]:
    """Return what is newer than what was *taken*, and why it was not is its doubt."""
    return [
        one
        for one in offers
        if one.doubt
        and (until is None or one.at <= until)
        and (one.source not in taken or one.at > taken[one.source].at)
    ]


def lacking(
    offers: Sequence[Offer], taken: Mapping[str, Offer], until: datetime | None
) -> list[Offer]:
    """Return what is newer than what was *taken*, and another copy may still give."""
    newer = passed_over(offers, taken, until)
    return [one for one in newer if one.doubt in OF_THE_COPY]


def moments(taken: Mapping[str, Offer]) -> int:
    """Return of how many moments it is: what is of one backup is of one."""
    return len({one.moment for one in taken.values()})
