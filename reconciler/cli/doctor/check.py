"""One thing that was looked at, and how all of them are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple

Level = Literal["ok", "note", "FIX"]
_COLOURS = {"ok": "green", "note": "blue", "FIX": "red"}
_WIDTH = 16


class Check(NamedTuple):
    """
    What was found.

    Attributes:
        level: ``FIX`` is for a person; ``note`` is what no check can tell.
        about: An account, a ref, a file: what it is about.
        said: What is so.
        fix: What to do; only with ``FIX``.
    """

    level: Level
    about: str
    said: str
    fix: str = ""


def ok(about: str, said: str) -> Check:
    """Return that something is as it should be."""
    return Check("ok", about, said)


def note(about: str, said: str) -> Check:
    """Return something to know."""
    return Check("note", about, said)


def mend(about: str, said: str, fix: str) -> Check:
    """Return something to mend, and how."""
    return Check("FIX", about, said, fix)


def lines(checks: Iterable[Check]) -> Iterator[str]:
    """Yield *checks* for a terminal; what is equally well is one line."""
    import click

    for (level, said), same in groupby(checks, key=lambda c: (c.level, c.said)):
        group = list(same)
        word = click.style(f"{level:<5}", fg=_COLOURS[level])
        about = ", ".join(check.about for check in group)
        yield f"  {word} {about:<{_WIDTH}}  {said}"
        for fix in dict.fromkeys(check.fix for check in group if check.fix):
            yield f"        fix: {fix}"


def data(checks: Sequence[Check]) -> dict[str, Any]:
    """Return *checks* as JSON data."""
    return {
        "format": "reconciler.doctor/v1",
        "ok": all(check.level != "FIX" for check in checks),
        "checks": [check._asdict() for check in checks],
    }
