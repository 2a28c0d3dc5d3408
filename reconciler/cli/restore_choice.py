"""What somebody wants back, and which of the offers that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from reconciler.errors import UsageError
from reconciler.kinds.backup import GONE, Offer, chosen
from reconciler.providers._drill_port import Key

#: So much of an id is enough, where it is the only one that begins so.
_SHORTEST: Final = 6
_AGAINST: Final = {
    "suspicious": "is suspicious",
    "no receipt": "has no receipt",
    GONE: GONE,
}


class Choice(NamedTuple):
    """
    What somebody wants back.

    Attributes:
        copy: From where; None: the first copy that nothing speaks against.
        until: As it was then; None: the newest.
        snapshots: The beginnings of ids; none: by time.
        sources: Only these; none: all that are declared.
        only: Only files like these; none: all.
    """

    copy: str | None = None
    until: datetime | None = None
    snapshots: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    key: Key = "drill"


def of_copy(offers: Sequence[Offer], choice: Choice) -> dict[str, Offer]:
    """Return of each source what *choice* takes of one copy."""
    if choice.snapshots:
        named = by_id(offers, choice)
        return {one.source: one for mine in named.values() for one in mine}
    return chosen(offers, choice.sources, choice.until)


def by_id(offers: Iterable[Offer], choice: Choice) -> Mapping[str, list[Offer]]:
    """
    Return by each beginning of an id the offers that it names: one of each copy.

    Raises:
        UsageError: One names two snapshots, or two name one source.
    """
    there = [one for one in offers if one.doubt != GONE]
    found: dict[str, list[Offer]] = {}
    begins: dict[str, str] = {}
    for begin in dict.fromkeys(choice.snapshots):
        same = [one for one in there if one.snapshot.id == begin]
        same = same or [one for one in there if one.snapshot.id.startswith(begin)]
        if len(begin) < _SHORTEST or len({one.snapshot.id for one in same}) > 1:
            raise UsageError(
                f"{begin!r} names no single snapshot", hint="write more of it"
            )
        for source in dict.fromkeys(one.source for one in same):
            if begins.setdefault(source, begin) != begin:
                what = f"{begin!r} is a second snapshot of {source}"
                raise UsageError(what, hint="restore them one after the other")
            if choice.sources and source not in choice.sources:
                what = f"{begin!r} is a snapshot of {source}, which --source leaves out"
                raise UsageError(what, hint="write one of them")
        found[begin] = same
    return found


def against(one: Offer) -> str:
    """Return what speaks against it, to be put after its name."""
    return _AGAINST.get(one.doubt) or f"is not taken: {one.doubt}"


def minute(at: datetime) -> str:
    """Return a time for people."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
