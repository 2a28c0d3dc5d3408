"""
A small drawing of what was and what is expected: one line of text, or inline SVG. Pure.

The same numbers give the same bytes. Needs nothing: no numpy, no fonts, no script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Literal, NamedTuple, TypeAlias

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*%#"
_AHEAD = {True: "│", False: "|"}
_UNKNOWN = {True: "·", False: "?"}
#: Points of history that a drawing shows, at most.
_POINTS = 150
#: From a value to its place on the page.
Down: TypeAlias = Callable[[float], float]
_WIDTH, _HEIGHT, _TOP, _BASE = 480, 120, 8, 104


class Chart(NamedTuple):
    """
    What is drawn.

    Attributes:
        past: What was, evenly; NaN: unknown.
        median: What is expected after it.
        upper: What is exceeded in one of twenty cases.
        limit: What it is about.
        step: How far one value is from the next.
    """

    past: tuple[float, ...]
    median: tuple[float, ...]
    upper: tuple[float, ...]
    limit: float
    step: Literal["hour", "day"]


def sparkline(chart: Chart, width: int = 40, *, ascii_only: bool = False) -> str:
    """
    Return *chart* in *width* characters: the past, a bar, what is expected.

    The lowest block is nothing, the highest the limit or more. Each character is the
    highest of its values.
    """
    blocks = _ASCII if ascii_only else _BLOCKS
    ahead = min(len(chart.median), max(1, width // 4)) if chart.median else 0
    back = max(1, width - ahead - 1)
    past = _highest(chart.past, back)
    text = "".join(_block(value, chart.limit, blocks) for value in past)
    if not ahead:
        return text
    after = _highest(chart.median, ahead)
    return (
        text
        + _AHEAD[not ascii_only]
        + "".join(_block(value, chart.limit, blocks) for value in after)
    )


def _block(value: float | None, limit: float, blocks: str) -> str:
    if value is None:
        return _UNKNOWN[blocks is _BLOCKS]
    part = min(1.0, max(0.0, value / limit))
    return blocks[min(len(blocks) - 1, int(part * (len(blocks) - 1) + 1e-9))]


def _highest(values: Sequence[float], most: int) -> list[float | None]:
    """Return at most *most* values, each the highest known of its share."""
    many = min(most, len(values))
    found: list[float | None] = []
    for part in range(many):
        share = values[part * len(values) // many : (part + 1) * len(values) // many]
        known = [value for value in share if value == value]  # noqa: PLR0124  (NaN)
        found.append(max(known) if known else None)
    return found


def svg(chart: Chart, title: str, description: str) -> str:
    """
    Return *chart* as inline SVG of at most 6 KiB, with its words for who cannot see it.

    Colours are the page's: ``currentColor``, ``--chart-ahead`` and ``--chart-limit``.
    """
    past = _highest(chart.past, _POINTS)
    ahead = _highest(chart.median, _POINTS // 2)
    upper = _highest(chart.upper, _POINTS // 2)
    known = [value for value in (*past, *ahead, *upper) if value is not None]
    high = max([*known, chart.limit]) * 1.05
    low = min([*known, 0.0])
    # Each drawn point is as many steps as it stands for.
    steps = len(chart.past) + len(chart.median) or 1
    now = _WIDTH * len(chart.past) / steps

    def down(value: float) -> float:
        part = (value - low) / (high - low) if high > low else 0.0
        return _BASE - part * (_BASE - _TOP)

    limit = f"{down(chart.limit):.1f}"
    band = _band(ahead, upper, now, down)
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg" width="100%">'
        f"<title>{_words(title)}</title><desc>{_words(description)}</desc>"
        f'<g fill="none" stroke="currentColor" stroke-linejoin="round">'
        f"{band}"
        f'<path d="{_line(past, 0.0, now, down)}"/>'
        f'<path stroke="var(--chart-ahead,#2a78d6)" stroke-width="2" '
        f'd="{_line(ahead, now, float(_WIDTH), down)}"/>'
        f'<path stroke="var(--chart-limit,#d03b3b)" stroke-dasharray="4 3" '
        f'd="M0 {limit}H{_WIDTH}"/>'
        f'<path stroke-opacity=".35" d="M{now:.1f} {_TOP}V{_BASE}M0 {_BASE}H{_WIDTH}"/>'
        f'</g><g fill="currentColor" font-size="10" font-family="sans-serif">'
        f'<text x="2" y="{_HEIGHT - 4}">{len(chart.past)} {chart.step}s</text>'
        f'<text x="{_WIDTH - 2}" y="{_HEIGHT - 4}" text-anchor="end">'
        f"{len(chart.median)} {chart.step}s ahead</text></g></svg>"
    )


def _words(text: str, most: int = 200) -> str:
    """Return *text* as it may stand in SVG."""
    return escape(text if len(text) <= most else text[: most - 1] + "…")


def _line(values: Sequence[float | None], start: float, end: float, down: Down) -> str:
    """Return a path from *start* to *end*; it is lifted where nothing is known."""
    parts, pen = [], "M"
    for at, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        across = start + (end - start) * (at + 0.5) / len(values)
        parts.append(f"{pen}{across:.0f} {down(value):.1f}")
        pen = "L"
    return "".join(parts)


def _band(
    ahead: Sequence[float | None], upper: Sequence[float | None], now: float, down: Down
) -> str:
    """Return the area between what is expected and what is rarely exceeded."""
    if not ahead:
        return ""
    there = _line(ahead, now, float(_WIDTH), down)
    points = _line(upper, now, float(_WIDTH), down).replace("M", "L").split("L")[1:]
    back = "".join(f"L{point}" for point in reversed(points))
    return (
        '<path stroke="none" fill="var(--chart-ahead,#2a78d6)" fill-opacity=".2" '
        f'd="{there}{back}Z"/>'
    )
