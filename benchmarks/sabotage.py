"""
What goes wrong with backups, who finds it, and what is taken for wrong and is not.

Every sabotage is done for real (``tests/support/sabotage.py``) to a site whose backups
are made, copied, drilled and checked by ``apply`` on a clock that is set; and so are
the histories in which nothing is wrong. Restic's own commands look at the same
repositories, right after it was done: ``backup`` as a timer would run it (behind the
program that dumps, where there is one), ``check``, ``check --read-data``, and a restore
of the newest snapshot with ``--verify``. Guessing a password is made cheap, for whoever
looks; nothing else is.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks import dump_plays, sabotage_plays
from benchmarks.matrix import Group, Played, all_played
from benchmarks.row import Row, Size

_SEEDS = 5


def sabotage(size: Size) -> Iterator[Row]:
    """Play all of it with as many seeds as *size* allows."""
    seeds = range(1, _SEEDS + 1 if size.runs >= Size().runs else 2)
    restic = shutil.which("restic") is not None
    told = [
        *sabotage_plays.groups(seeds, restic=restic),
        *dump_plays.groups(seeds, restic=restic),
    ]
    known = all_played(told)
    for one in sorted(known):
        if one.wrong:
            print(f"{one.group} {one.seed}, {one.name}: {one.wrong}", file=sys.stderr)
    if not restic:
        work = "sabotages of restic"
        yield Row(work, None, "", 0, note="restic is not installed")
    harmed = [one for one in told if not one.name.startswith("clean")]
    for group in harmed:
        yield from _found(group, [o for o in known if o.group == group.name])
    names = {one.name for one in harmed}
    yield _row("sabotages found", [one for one in known if one.group in names], "")
    yield _alarms([one for one in known if one.group not in names])


def _found(group: Group, known: Sequence[Played]) -> Iterator[Row]:
    for name in group.names:
        mine = [one for one in known if one.name == name]
        yield _row(f"{group.name}: {name}", mine, _who(group, mine))
    note = _others(known) if group.restic else ""
    yield _row(f"{group.name}: sabotages found", known, note)


def _row(work: str, known: Sequence[Played], note: str) -> Row:
    whole, found = len(known), sum(not one.wrong for one in known)
    return Row(work, found, f"of {whole}", whole, least=True, note=note)


def _who(group: Group, known: Sequence[Played]) -> str:
    """Say who found it, and how many of them the others did."""
    layers = sorted({layer for one in known for layer in one.layers})
    hours = max(one.hours for one in known)
    said = ", ".join(layers) or "nobody"
    if hours:
        said += f", after {hours:.1f} h at most"
    return f"{said}; {_others(known)}" if group.restic else said


def _others(known: Sequence[Played]) -> str:
    seen = Counter(other for one in known for other in one.others)
    return "restic: " + ", ".join(
        f"{name} {seen[name]}" for name in sabotage_plays.OTHERS
    )


def _alarms(known: Sequence[Played]) -> Row:
    false = [one for one in known if one.wrong]
    work = "histories in which nothing is wrong: false alarms"
    said = "; ".join(f"{one.group} {one.seed}, {one.name}" for one in false[:3])
    return Row(work, len(false), f"of {len(known)}", 0, note=said)
