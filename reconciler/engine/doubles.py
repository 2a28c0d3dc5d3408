"""One live thing that two documents declare: neither would be the only one. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from reconciler.model import AnyResource, Finding, Severity, Share


def declared_twice(wants: Iterable[AnyResource]) -> Iterator[Finding]:
    """
    Name every further document of the same live thing.

    *wants* are those that accounts do not list by name: names alone are unique.
    """
    first: defaultdict[tuple[str, Share, str], list[AnyResource]] = defaultdict(list)
    for want in sorted(wants, key=lambda each: each.ref):
        for share in want.shares():
            first[want.kind, share, want.listed_as].append(want)
    for (_, share, listed), (one, *others) in first.items():
        for other in others:
            at = f" ({place})" if (place := one.at()) else ""
            message = f"is {listed} at {share.provider}, and so is {one.ref}{at}"
            yield other.found("declared-twice", Severity.ERROR, message)
