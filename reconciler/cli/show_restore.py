"""What there is to restore, and what was restored: for people, and as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from reconciler.cli.restore_choice import against, minute
from reconciler.kinds.backup import GONE, moments
from reconciler.report.visible import visible
from reconciler.report.words import count, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.cli.restored import Done, Found
    from reconciler.kinds.backup import Offer

FORMAT: Final = "reconciler.restore/v1"
_FEW, _FILES, _ID = 20, 200, 12
_HASH: Final = re.compile(r"[0-9a-f]+")
_COLOURS = {
    "verified": "green",
    "unverified": "yellow",
    "partly": "yellow",
    "differs": "red",
}


class Shown(NamedTuple):
    """The same, twice."""

    lines: Sequence[str]
    data: dict[str, Any]


def listing(found: Found, command: str) -> Shown:
    """Return what every copy has, and *command*, which restores what is said of it."""
    return Shown(list(_listed(found, command)), _listed_data(found))


def outcome(done: Done) -> Shown:
    """Return what became of a restore."""
    return Shown(list(_ended(done)), _ended_data(done))


def _listed(found: Found, command: str) -> Iterator[str]:
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
    yield from _would(found.taken)
    yield from _missing(found.missing)
    if found.taken:
        yield f"run: {visible(command)}"


def _would(taken: Mapping[str, Offer]) -> Iterator[str]:
    """Yield what would be restored: of each source where they are not of one moment."""
    if not taken:
        yield "nothing of it would be restored:"
        return
    copies = dict.fromkeys(one.copy for one in taken.values())
    if moments(taken) == 1 and len(copies) == 1:
        at = minute(min(one.at for one in taken.values()))
        yield f"it would be {next(iter(copies))}, as of {at}:"
        return
    yield "it would be" + ("" if moments(taken) == 1 else ", not of one moment") + ":"
    wide = max(map(len, taken))
    for name, one in taken.items():
        yield f"  {name:<{wide}}  as of {minute(one.at)}, of {one.copy}"


def _missing(missing: Mapping[str, str]) -> Iterator[str]:
    for name, why in missing.items():
        yield f"  MISSING {name}: {visible(why)}"


def _copy(found: Found, copy: str) -> Iterator[str]:
    trouble = found.asked.record.trouble(copy)
    offers = found.offers[copy]
    there = sum(one.doubt != GONE for one in offers)
    yield f"{copy}  {count(there, 'snapshot')}" + (
        f"  DOUBTFUL: {visible(trouble)}" if trouble else ""
    )
    wide = max((len(one.source) for one in offers), default=0)
    far = max((len(_short(one.snapshot.id)) for one in offers), default=0)
    for one in offers[:_FEW]:
        snapshot = one.snapshot
        files = "" if snapshot.files is None else count(snapshot.files, "file")
        bytes_ = "" if snapshot.size is None else size(snapshot.size)
        yield visible(
            f"  {minute(one.at)}  {one.source:<{wide}}  {_short(snapshot.id):<{far}}  "
            f"{files:>12}  {bytes_:>9}  {_standing(one)}"
        ).rstrip()
    if (more := len(offers) - _FEW) > 0:
        yield f"  and {more} older ones"


def _short(id_: str) -> str:
    """Return enough of a hash; the names that panels give begin alike, and are told."""
    return id_[:_ID] if _HASH.fullmatch(id_) else id_


def _standing(one: Offer) -> str:
    if one.doubt == GONE:
        return "IS GONE: it has a receipt"
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
    for what, why in done.aside:
        yield f"passed over  {what}: {visible(why)}"
    for one in done.over[:_FEW]:
        name = f"{one.source} of {minute(one.at)} ({_short(one.snapshot.id)})"
        yield f"passed over  {visible(name)}: {against(one)}"
    back = done.back.restored
    for name, part in done.parts.items():
        offer = done.taken[name]
        of = f"{minute(offer.at)} ({_short(offer.snapshot.id)} of {offer.copy})"
        much = f"{count(len(part.files), 'file')}, {size(part.size)}"
        yield visible(f"{name}  as of {of}: {much}")
    if moments(done.taken) > 1:
        yield "  they are not of one moment: look whether they fit together"
    word = click.style(done.verdict.upper(), fg=_COLOURS[done.verdict], bold=True)
    yield (
        f"{word}  {count(back.files, 'file')}, {size(back.bytes)} in "
        f"{back.listed + back.fetched:.1f} s, in {visible(str(done.into))}"
    )
    yield from _missing(done.missing)
    for name, many in done.left_out.items():
        yield f"  LEFT OUT of {name}: {count(many, 'link')}, which may lead anywhere"
    if done.back.wrong:
        yield f"  what came back is not what was backed up: {visible(done.back.wrong)}"
        yield "  another copy may have it as it was: --copy NAME, into another folder"
    for name in done.back.unproven:
        yield f"  {name}: nothing was written down that it could be compared with"
    for name in done.back.alone:
        copy = done.taken[name].copy
        yield f"  {name}: is as {copy} itself says; no receipt of it is known"
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
        "missing": dict(found.missing),
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
        "copy": ", ".join(done.copies),
        "into": str(done.into),
        "verdict": done.verdict,
        "why": done.back.wrong or None,
        "restored": [_offer(one) for one in done.taken.values()],
        "missing": dict(done.missing),
        "left_out": dict(done.left_out),
        "passed_over": [_offer(one) for one in done.over],
        "not_from": [{"what": what, "why": why} for what, why in done.aside],
        "unreadable": dict(done.silent),
        "files": back.files,
        "bytes": back.bytes,
        "milliseconds": round((back.listed + back.fetched) * 1000),
        "checks": [one.row() for one in done.back.looks],
        "without_receipt": [*done.back.unproven, *done.back.alone],
        "unrecorded": done.unrecorded or None,
    }
