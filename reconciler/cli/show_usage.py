"""What is used, and what is foreseen, as text and as JSON."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.engine.foresee import daily
from reconciler.model.hosting import METRICS
from reconciler.model.usage import FAR, STALE, UNASKED
from reconciler.report.visible import visible
from reconciler.report.words import count

if TYPE_CHECKING:
    from reconciler.audit.usage_store import Hour
    from reconciler.cli.usage_probing import Missed, Result
    from reconciler.cli.usage_shown import Line, Listed, Shown
    from reconciler.model.usage import Outlook, OutlookState

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_STEPS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_FEW: Final = 5


def write(data: dict[str, Any]) -> None:
    """Print *data* as JSON."""
    sys.stdout.write(json.dumps(data, indent=2, sort_keys=True) + "\n")


def amount(metric: str, value: float) -> str:
    """Return an amount of *metric* for people, as in ``5.4 GiB``."""
    unit = METRICS[metric]
    if not unit.startswith("B"):
        return f"{value:,.1f}%" if unit == "%" else f"{value:,.4g}"
    step = 0
    while value >= 1024 and step < len(_STEPS) - 1:  # noqa: PLR2004  (of a KiB)
        value, step = value / 1024, step + 1
    return f"{value:.3g} {_STEPS[step]}{unit[1:]}"


def probed_lines(result: Result, *, full: bool) -> Iterator[str]:
    """Yield what a probe run did."""
    same = "" if result.kept else ", all of it known before"
    yield (
        f"measured {count(result.read, 'resource')} at "
        f"{count(result.sources, 'source')}: {count(result.readings, 'reading')}{same}"
    )
    if result.scaled:
        yield f"foresaw {len(result.foreseen)} of {result.scaled} that are scaled"
    for source, why in sorted(result.doubts.items()):
        word = click.style("DOUBTFUL", fg="red", bold=True)
        yield f"  {word} {source}: {why}; nothing is scaled by what it says"
    yield from _missed(result.missed, full=full)


def _missed(missed: Sequence[Missed], *, full: bool) -> Iterator[str]:
    """Yield what was not read; the same of many in one line."""
    alike: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for one in missed:
        alike[one.source, one.why, one.gone].append(str(one.ref))
    for (source, why, gone), names in sorted(alike.items()):
        word = click.style("absent " if gone else "unknown", fg="yellow")
        some = names if full else names[:_FEW]
        more = f" and {len(names) - len(some)} more" if len(names) > len(some) else ""
        yield f"  {word}  {', '.join(some)}{more} ({source}): {visible(why)}"


def probed_data(result: Result) -> dict[str, Any]:
    """Return what a probe run did."""
    return {
        "format": "reconciler.usage-probe/v1",
        "at": result.at.isoformat(),
        "resources": result.read,
        "readings": result.readings,
        "missed": [{**m._asdict(), "ref": str(m.ref)} for m in result.missed],
        "doubtful": dict(result.doubts),
        "foreseen": sorted(map(str, result.foreseen)),
        "scaled": result.scaled,
    }


def shown_lines(seen: Shown) -> Iterator[str]:
    """Yield one resource: each metric with its past and its future."""
    yield click.style(str(seen.ref), bold=True)
    state = seen.outlook
    if state and state.doubt:
        yield f"  DOUBTFUL {state.source}: {state.doubt}"
    for metric, hours in seen.hours.items():
        one = state.of(metric) if state else None
        yield from _metric(metric, hours, one, seen.at)
        yield from _unusual(seen.unusual[metric])
    for metric in seen.doubted.keys() - seen.hours.keys():
        yield f"  {metric}: nothing of it that is believed"
    if state is None:
        yield "nothing is foreseen: name a ScalingPolicy in `scaling`"
    else:
        late = " (STALE)" if seen.at - state.at > STALE else ""
        when = f"{state.at:%Y-%m-%d %H:%M} UTC{late}"
        yield f"foreseen {when}, measured by {state.source}"


def _metric(
    metric: str, hours: Sequence[Hour], one: Outlook | None, now: datetime
) -> Iterator[str]:
    last = hours[-1]
    limit = one.limit if one else last.limit
    of = f" of {amount(metric, limit)} ({last.mean / limit:.0%})" if limit else ""
    peaks = [high for _, high in daily(hours)]
    since = now - timedelta(days=14)
    top = max((h.highest for h in hours if h.at > since), default=last.highest)
    yield (
        f"  {metric:<10} {amount(metric, last.mean)}{of}"
        f" · peak of 14 d {amount(metric, top)}"
    )
    yield f"             {sparkline(peaks, limit)}  daily peaks, {len(peaks)} d"
    if one is not None:
        yield f"             {said(one)}"


def _unusual(hours: Sequence[datetime]) -> Iterator[str]:
    """Yield when it was unlike everything before, the last time first."""
    if hours:
        more = f", and {len(hours) - 1} more of 14 d" if len(hours) > 1 else ""
        yield f"             unusual: {hours[-1]:%Y-%m-%d %H:%M} UTC{more}"


def said(one: Outlook) -> str:
    """Return what is foreseen in one sentence, with what it is worth."""
    days = one.horizon / 86400
    within = f"{one.target:.0%} of the limit within {days:.3g} d"
    if one.method == FAR:
        return f"far away from {within}"
    if one.method == UNASKED:
        return "its ScalingPolicy does not look at it"
    parts = [f"{one.probability:.0%} likely to reach {within}"]
    if one.when is not None:
        parts.append(f"about {one.when:%Y-%m-%d %H:%M} UTC")
    parts.append(one.method)
    if one.mase is not None and one.naive_mase is not None:
        parts.append(f"error {one.mase:.2f}, naive {one.naive_mase:.2f}")
    if one.coverage is not None:
        parts.append(f"95 % covered {one.coverage:.0%}")
    parts.append(f"{one.history / 24:.0f} d of history")
    if not one.skill:
        parts.insert(0, "NO SKILL, nothing follows from it")
    if one.note:
        parts.append(one.note)
    return visible(" · ".join(parts))


def sparkline(values: Sequence[float], limit: float | None) -> str:
    """Return *values* as blocks, from nothing to the limit (or the highest)."""
    top = max(limit or 0.0, *values) or 1.0
    last = len(_BLOCKS) - 1
    return "".join(
        _BLOCKS[min(last, int(value / top * len(_BLOCKS)))] for value in values
    )


def shown_data(seen: Shown) -> dict[str, Any]:
    """Return one resource."""
    state = seen.outlook
    return {
        "format": "reconciler.usage/v1",
        "resource": str(seen.ref),
        "at": seen.at.isoformat(),
        "metrics": {
            metric: {
                "unit": METRICS[metric],
                "at": hours[-1].at.isoformat(),
                "value": hours[-1].mean,
                "limit": hours[-1].limit,
                "peaks": {f"{day:%Y-%m-%d}": high for day, high in daily(hours)},
                "unusual": [at.isoformat() for at in seen.unusual[metric]],
            }
            for metric, hours in seen.hours.items()
        },
        "outlook": None if state is None else _state(state),
    }


def _state(state: OutlookState) -> dict[str, Any]:
    return state.model_dump(mode="json")


def listed_lines(found: Listed, most: int) -> Iterator[str]:
    """Yield what fills up soonest."""
    if not found.lines:
        yield "nothing was measured since yesterday: reconciler usage probe"
        return
    some = found.lines[:most] if most else found.lines
    names = max(len(str(line.ref)) for line in some)
    for line in some:
        yield visible(
            f"{line.ref!s:<{names}}  {line.metric:<9}  {_row(line, found.at)}"
        )
    if len(some) < len(found.lines):
        yield f"and {len(found.lines) - len(some)} more: --most 0"


def _row(line: Line, now: datetime) -> str:
    full = f"{line.share:>4.0%}" if line.limit else "   -"
    text = f"{full}  {amount(line.metric, line.value):>10}"
    one = line.outlook
    if line.doubt:
        return f"{text}  DOUBTFUL: {line.doubt}"
    if one is None or one.method == UNASKED:
        return text
    if one.method == FAR:
        return f"{text}  far away"
    sure = f"{one.probability:.0%} in {one.horizon / 86400:.3g} d"
    if not one.skill:
        return f"{text}  no skill"
    days = f", in {(one.when - now) / timedelta(days=1):.1f} d" if one.when else ""
    return f"{text}  {sure}{days}"


def listed_data(found: Listed) -> dict[str, Any]:
    """Return everything that was measured."""
    return {
        "format": "reconciler.usage-list/v1",
        "at": found.at.isoformat(),
        "usage": [
            {
                "resource": str(line.ref),
                "metric": line.metric,
                "unit": METRICS[line.metric],
                "at": line.at.isoformat(),
                "value": line.value,
                "limit": line.limit,
                "doubt": line.doubt,
                "outlook": line.outlook and line.outlook.model_dump(mode="json"),
            }
            for line in found.lines
        ],
    }
