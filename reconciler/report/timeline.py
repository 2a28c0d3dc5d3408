"""What is due as a drawing: one bar for each day, as high as there is much."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from markupsafe import Markup

from reconciler.report.agenda import Day
from reconciler.report.words import count

_HEIGHT = 84
_BASE = 104
_TICKS = 4
#: From the ground up.
_BY = ("auto", "nobody", "you")
_KEY = {"auto": "by itself", "you": "YOU", "nobody": "nobody, as wanted"}


def timeline(days: Sequence[Day], today: date) -> Markup:
    """
    Return *days* (at least one) as an inline SVG that is as wide as its place.

    Horizontal places are per cent, so that text keeps its size on a telephone.
    """
    first = min(today, days[0].date)
    length = max((days[-1].date - first).days + 1, 7)
    most = max(sum(_amounts(day).values()) for day in days)
    bars = Markup("").join(_bars(days, first, length, most))
    ticks = Markup("").join(_ticks(first, length))
    used = [by for by in _BY if any(_amounts(day)[by] for day in days)]
    total = count(sum(sum(_amounts(day).values()) for day in days), "thing")
    label = f"{total} due from {days[0].date} to {days[-1].date}"
    return Markup(
        '<svg class="timeline" role="img" aria-label="{}">{}'
        '<line class="axis" x1="0" x2="100%" y1="{}" y2="{}"/>{}</svg>{}'
    ).format(label, bars, _BASE, _BASE, ticks, _key(used))


def _amounts(day: Day) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in day.lines:
        found[line.by] += len(line.items)
    return found


def _bars(days: Sequence[Day], first: date, length: int, most: int) -> Iterator[Markup]:
    width = 100 / length
    for day in days:
        # The square root shows one thing beside four hundred.
        amounts = _amounts(day)
        total = sum(amounts.values())
        high = max(6.0, _HEIGHT * math.sqrt(total / most))
        top = float(_BASE)
        for by in _BY:
            if part := high * amounts[by] / total:
                top -= part
                yield Markup(
                    '<rect class="{}" x="{:.3f}%" y="{:.1f}" width="{:.3f}%" '
                    'height="{:.1f}" rx="1.5"><title>{}: {}</title></rect>'
                ).format(
                    by,
                    (day.date - first).days * width + width * 0.12,
                    top,
                    width * 0.76,
                    part,
                    day.date,
                    count(amounts[by], "thing") + f", {_KEY[by]}",
                )


def _ticks(first: date, length: int) -> Iterator[Markup]:
    step = max(1, math.ceil(length / _TICKS))
    for offset in range(0, length, step):
        day = first + timedelta(days=offset)
        where = 100 * offset / length
        yield Markup('<text x="{:.3f}%" y="{}">{}</text>').format(
            where, _BASE + 20, f"{day.day} {day:%b}"
        )


def _key(used: Sequence[str]) -> Markup:
    parts = (
        Markup(
            '<span><svg viewBox="0 0 10 10" aria-hidden="true">'
            '<rect class="{}" width="10" height="10" rx="2"/></svg>{}</span>'
        ).format(by, _KEY[by])
        for by in used
    )
    return Markup('<p class="key timeline-key">{}</p>').format(Markup("").join(parts))
