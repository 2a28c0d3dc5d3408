"""What there is to restore, and what was restored: for people, and as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from reconciler.report.visible import visible
from reconciler.report.words import count, size

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.cli.restored import Done, Found
    from reconciler.kinds.backup import Offer

FORMAT: Final = "reconciler.restore/v1"
_FEW, _FILES, _ID = 20, 200, 12
_HASH: Final = re.compile(r"[0-9a-f]+")
_COLOURS = {"verified": "green", "unverified": "yellow", "differs": "red"}


class Shown(NamedTuple):
    """The same, twice."""

    lines: Sequence[str]
    data: dict[str, Any]


def listing(found: Found) -> Shown:
    """Return what every copy has."""
    return Shown(list(_listed(found)), _listed_data(found))


def outcome(done: Done) -> Shown:
    """Return what became of a restore."""
    return Shown(list(_ended(done)), _ended_data(done))


def _listed(found: Found) -> Iterator[str]:
    want = found.asked.want
    yield click.style(str(want.ref), bold=True) + f"  of {want.of}"
    if found.asked.blind:
        yield f"  the records cannot be read: {visible(found.asked.blind)}"
    for copy in found.asked.record.copies():
        if copy in found.silent:
            yield f"{copy}  CANNOT BE READ: {visible(found.silent[copy])}"
        elif copy in found.offers:
            yield from _copy(found, copy)
    yield from _files(found)
    yield ""
    if found.taken:
        one = next(iter(found.taken.values()))
        yield f"without more words it would be {one.copy}, as of {_text(one.at)}:"
        yield f"run: reconciler restore {want.ref} --into DIR"
    else:
        yield "nothing of it could be restored without --snapshot"


def _copy(found: Found, copy: str) -> Iterator[str]:
    trouble = found.asked.record.trouble(copy)
    offers = found.offers[copy]
    yield f"{copy}  {count(len(offers), 'snapshot')}" + (
        f"  DOUBTFUL: {visible(trouble)}" if trouble else ""
    )
    wide = max((len(one.source) for one in offers), default=0)
    far = max((len(_short(one.snapshot.id)) for one in offers), default=0)
    for one in offers[:_FEW]:
        snapshot = one.snapshot
        files = "" if snapshot.files is None else count(snapshot.files, "file")
        bytes_ = "" if snapshot.size is None else size(snapshot.size)
        yield visible(
            f"  {_text(one.at)}  {one.source:<{wide}}  {_short(snapshot.id):<{far}}  "
            f"{files:>12}  {bytes_:>9}  {_standing(one)}"
        ).rstrip()
    if (more := len(offers) - _FEW) > 0:
        yield f"  and {more} older ones"


def _short(id_: str) -> str:
    """Return enough of a hash; the names that panels give begin alike, and are told."""
    return id_[:_ID] if _HASH.fullmatch(id_) else id_


def _standing(one: Offer) -> str:
    if one.doubt:
        return one.doubt
    if one.drilled is not None:
        return f"a drill of it passed on {one.drilled.date()}"
    return "has a receipt" if one.receipt else ""


def _files(found: Found) -> Iterator[str]:
    for name, part in found.files.items():
        yield ""
        yield f"{name}, {count(len(part.files), 'file')} of those names:"
        for one in part.files[:_FILES]:
            yield visible(f"  {size(one.size):>9}  {one.path}")
        if (more := len(part.files) - _FILES) > 0:
            yield f"  and {more} more"


def _ended(done: Done) -> Iterator[str]:
    for one in done.over:
        what = f"{one.source} of {_text(one.at)} ({_short(one.snapshot.id)})"
        yield f"passed over  {what}: {one.doubt}"
    back = done.back.restored
    for name, part in done.parts.items():
        offer = done.taken[name]
        of = f"{_text(offer.at)} ({_short(offer.snapshot.id)} of {done.copy})"
        much = f"{count(len(part.files), 'file')}, {size(part.size)}"
        yield visible(f"{name}  as of {of}: {much}")
    word = click.style(done.verdict.upper(), fg=_COLOURS[done.verdict], bold=True)
    yield (
        f"{word}  {count(back.files, 'file')}, {size(back.bytes)} in "
        f"{back.listed + back.fetched:.1f} s, in {visible(str(done.into))}"
    )
    if done.back.wrong:
        yield f"  what came back is not what was backed up: {visible(done.back.wrong)}"
    for name in done.back.unproven:
        yield f"  {name}: nothing was written down that it could be compared with"
    for name in done.back.alone:
        yield f"  {name}: is as {done.copy} itself says; no receipt of it is known"
    if done.unrecorded:
        yield f"NOT RECORDED in the audit log: {visible(done.unrecorded)}"


def _listed_data(found: Found) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "address": str(found.asked.want.ref),
        "of": str(found.asked.want.of),
        "records": found.asked.blind or None,
        "copies": [
            {
                "name": copy,
                "unreadable": found.silent.get(copy),
                "doubt": found.asked.record.trouble(copy) or None,
                "snapshots": [_offer(one) for one in found.offers.get(copy, ())],
            }
            for copy in found.asked.record.copies()
            if copy in found.offers or copy in found.silent
        ],
        "chosen": [_offer(one) for one in found.taken.values()],
        "files": {
            name: [{"path": one.path, "bytes": one.size} for one in part.files]
            for name, part in found.files.items()
        },
    }


def _offer(one: Offer) -> dict[str, Any]:
    return {
        "copy": one.copy,
        "source": one.source,
        "snapshot": one.snapshot.id,
        "at": one.at.isoformat(),
        "files": one.snapshot.files,
        "bytes": one.snapshot.size,
        "receipt": one.receipt,
        "drilled": one.drilled.isoformat() if one.drilled else None,
        "doubt": one.doubt or None,
    }


def _ended_data(done: Done) -> dict[str, Any]:
    back = done.back.restored
    return {
        "format": FORMAT,
        "address": str(done.asked.want.ref),
        "copy": done.copy,
        "into": str(done.into),
        "verdict": done.verdict,
        "why": done.back.wrong or None,
        "restored": [_offer(one) for one in done.taken.values()],
        "passed_over": [_offer(one) for one in done.over],
        "unreadable": dict(done.silent),
        "files": back.files,
        "bytes": back.bytes,
        "milliseconds": round((back.listed + back.fetched) * 1000),
        "checks": [one.row() for one in done.back.looks],
        "without_receipt": [*done.back.unproven, *done.back.alone],
        "unrecorded": done.unrecorded or None,
    }


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
