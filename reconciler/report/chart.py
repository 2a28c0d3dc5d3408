"""What an action follows from, as a small chart: history, forecast, and the limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from reconciler.report.plan_document import ChartData
from reconciler.report.words import count

#: What must not be reached, in the numbers of a chart.
_LIMIT: Final = 1000
_BLOCKS: Final = "▁▂▃▄▅▆▇"
_FULL: Final = "█"
_BACK, _AHEAD = 28, 14
_WIDE, _HIGH, _EDGE = 480, 120, 18
#: What is higher is cut off, so that one spike does not flatten all else.
_TOP = 2000


def sparkline(chart: ChartData) -> str:
    """Return *chart* in one line of text; a full block is the limit, or above."""
    past, ahead = chart["past"][-_BACK:], chart["ahead"][:_AHEAD]
    drawn = f"{_blocks(past)}│{_blocks(ahead)}" if ahead else _blocks(past)
    return f"{chart['metric']} {drawn}  {told(chart)}"


def told(chart: ChartData) -> str:
    """Return what a chart shows, for those who do not see it."""
    past, worst = chart["past"], chart["worst"]
    says = [f"now {_share(past[-1])} of what may be used"] if past else []
    if chart["ahead"]:
        days = count(len(chart["ahead"]), "day")
        says.append(f"{_share(max(chart['ahead']))} expected in {days}")
    reached = next((n for n, one in enumerate(worst, 1) if one >= _LIMIT), None)
    if reached is not None:
        says.append(f"1 in 20: full in {count(reached, 'day')}")
    return ", ".join(says)


def svg(chart: ChartData) -> Markup:
    """Return *chart* as an inline SVG; its colours are those of the page."""
    past, ahead, worst = chart["past"], chart["ahead"], chart["worst"]
    many = max(len(past) + max(len(ahead), len(worst)), 2)
    top = min(max([_LIMIT * 11 // 10, *past, *ahead, *worst]), _TOP)
    frame = _Frame(many, top)
    now = len(past) - 1
    last = past[-1:]
    label = f"{chart['metric']}: {told(chart)}"
    shapes = [_line("past", frame.points(past, 0))]
    if ahead:
        shapes.append(_line("ahead", frame.points([*last, *ahead], max(now, 0))))
    if worst and ahead:
        over = frame.points([*last, *worst], max(now, 0))
        under = frame.points([*last, *ahead], max(now, 0))
        band = " ".join([*over, *reversed(under)])
        shapes.insert(0, Markup('<polygon class="band" points="{}"/>').format(band))
    edge = frame.y(_LIMIT)
    shapes.append(
        Markup(
            '<line class="limit" x1="0" x2="{}" y1="{}" y2="{}"/>'
            '<text x="4" y="{}">{} limit</text>'
        ).format(_WIDE, edge, edge, edge - 4, chart["metric"])
    )
    if past and ahead:
        shapes.append(
            Markup(
                '<line class="today" x1="{}" x2="{}" y1="{}" y2="{}"/>'
                '<text x="{}" y="{}" text-anchor="middle">today</text>'
            ).format(
                frame.x(now), frame.x(now), _EDGE, _HIGH - _EDGE,
                frame.x(now), _HIGH - 4,
            )
        )  # fmt: skip
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>'
    ).format(label, _WIDE, _HIGH, Markup("").join(shapes))


class _Frame:
    """Where a day and a share stand in the drawing."""

    def __init__(self, many: int, top: int) -> None:
        self._step = _WIDE / (many - 1)
        self._top = top

    def x(self, day: int) -> float:
        return round(day * self._step, 1)

    def y(self, share: int) -> float:
        high = min(max(share, 0), self._top) / self._top
        return round(_HIGH - _EDGE - high * (_HIGH - 2 * _EDGE), 1)

    def points(self, shares: Sequence[int], first: int) -> list[str]:
        return [
            f"{self.x(first + day)},{self.y(share)}" for day, share in enumerate(shares)
        ]


def _line(name: str, points: Sequence[str]) -> Markup:
    return Markup('<polyline class="{}" points="{}"/>').format(name, " ".join(points))


def _blocks(shares: Sequence[int]) -> str:
    return "".join(
        _FULL if share >= _LIMIT else _BLOCKS[max(share, 0) * len(_BLOCKS) // _LIMIT]
        for share in shares
    )


def _share(share: int) -> str:
    return f"{share / 10:.0f}%"
