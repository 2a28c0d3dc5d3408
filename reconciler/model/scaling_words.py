"""The sentences of scaling: what is foreseen, how surely, and what it costs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from reconciler.model.calendar import duration_text
from reconciler.model.hosting import METRICS
from reconciler.model.scaling import Scaling
from reconciler.model.sizing import Cost, Moved, Rung
from reconciler.model.usage import Outlook

_SURE = 0.995
_UNITS = ("", "Ki", "Mi", "Gi", "Ti")
_STEP = 1024
_HOUR, _HOURS = timedelta(hours=1), 24


def amount(metric: str, value: float) -> str:
    """Return an amount of *metric* for people: three digits are enough."""
    unit = METRICS.get(metric, "")
    if not unit.startswith("B"):
        return f"{value:,.0f}{unit}" if value >= 10 else f"{value:.2g}{unit}"  # noqa: PLR2004
    power = 0
    while value >= _STEP and power < len(_UNITS) - 1:
        value, power = value / _STEP, power + 1
    return f"{value:.3g}{_UNITS[power]}{unit}"


def chance(probability: float) -> str:
    """Return a probability for people; nothing is ever said to be certain."""
    if probability > _SURE:
        return "over 99%"
    return "under 1%" if probability < 1 - _SURE else f"{probability:.0%}"


def proven(outlook: Outlook) -> str:
    """Return by which method something is foreseen, and what that is worth."""
    said = [outlook.method or "a forecast"]
    if outlook.mase is not None and outlook.naive_mase is not None:
        said.append(
            f"back-tested error {outlook.mase:.2f}, naive {outlook.naive_mase:.2f}"
        )
    if outlook.coverage is not None:
        said.append(f"its 95% line held {outlook.coverage:.0%}")
    said.append(f"{outlook.history // 24} days of readings")
    return ", ".join(said)


def need(outlook: Outlook, rules: Scaling, *, now: bool) -> str:
    """Return why a larger size is needed."""
    metric, most = outlook.metric, amount(outlook.metric, outlook.goal)
    if now:
        has = amount(metric, outlook.current)
        return f"{metric} is at {has} and stays at or above {most} now: no forecast"
    horizon = duration_text(timedelta(seconds=outlook.horizon)) or str(rules.horizon)
    when = f", about {outlook.when:%Y-%m-%d}" if outlook.when else ""
    return (
        f"{metric} will reach {most} within {horizon} with a probability of "
        f"{chance(outlook.probability)}{when} ({proven(outlook)})"
    )


def waits(outlook: Outlook, rules: Scaling, span: timedelta, early: float) -> str:
    """Return that a need is expected, and that it can be met later as well."""
    return (
        f"{need(outlook, rules, now=False)}; that can wait: within {ahead(span)} it is "
        f"{chance(early)}"
    )


def brim(outlook: Outlook) -> str:
    """Return that it is as good as full, and did not rise enough to be moved yet."""
    share = outlook.current / outlook.limit
    return (
        f"{outlook.metric} is at {share:.0%} of its limit, rises too little to be full "
        "tomorrow, and is looked at each hour"
    )


def near(span: timedelta, early: float) -> str:
    """Return how near it is that a need is met now and not later."""
    return f"; within {ahead(span)} it is {chance(early)}"


def ahead(span: timedelta) -> str:
    """Return a time to come for people: by the hour up to a day, else in days."""
    hours = max(1, round(span / _HOUR))
    if hours == 1:
        return "the next hour"
    return f"{hours} hours" if hours < _HOURS else f"{-(-hours // _HOURS)}d"


def sized(rung: Rung, metric: str, *, enough: bool) -> str:
    """Return what is to be had from *rung*."""
    most = rung.limits.get(metric)
    allows = amount(metric, most) if most is not None else "no limit"
    if enough:
        return f"{rung.name} ({allows}) is the smallest that is enough"
    return f"{rung.name} ({allows}) is the most that its range has, and not enough"


def nowhere(because: str, here: Rung, outside: Rung | None, *, ranged: bool) -> str:
    """Return that nothing in the range helps."""
    end = (
        f"{here.name} is the largest of its range that helps"
        if ranged
        else f"it may be on {here.name} alone"
    )
    more = f", and {outside.name} is outside" if outside else ", and nothing larger is"
    return f"{because}; {end}{more}"


def back(loan: Moved, home: Rung, lasts: timedelta) -> str:
    """Return why a burst is over."""
    return (
        f"the burst of {loan.at:%Y-%m-%d} has passed: what was used in the last "
        f"{duration_text(lasts)} fits {home.name}"
    )


def stays(loan: Moved, metric: str) -> str:
    """Return why a burst is not given back."""
    return (
        f"the burst of {loan.at:%Y-%m-%d} is not given back: nobody measures {metric}, "
        f"which {loan.was} limits"
    )


def smaller(rung: Rung, held: Outlook, rules: Scaling) -> str:
    """Return why a smaller size is enough."""
    metric = held.metric
    used = amount(metric, max(held.current, *held.past[-30:]))
    most = amount(metric, rung.limits[metric] * float(rules.target))
    return (
        f"30 days of readings fit {rung.name} with room: at most {used} of {metric}, "
        f"where {most} would be allowed"
    )


def money(here: Rung, to: Rung, cost: Cost) -> Iterator[str]:
    """Yield why a person has to agree to what *to* costs more."""
    if not cost.known:
        yield f"nobody can say what {to.name} costs more than {here.name}"
    if cost.rise is None:
        return
    more = f"{to.name} costs {cost.rise} a month more"
    if cost.most is None or cost.room is None:
        yield f"{more}, and maxIncrease is not written"
    elif cost.rise.currency != cost.most.currency:
        yield f"{more}, and maxIncrease is {cost.most}"
    elif not cost.rise <= cost.room:
        yield f"{more}, and {cost.room} of maxIncrease {cost.most} is left in 30 days"


def blind(why: str) -> str:
    """Return that nothing is known, so that nothing follows."""
    return f"nothing is scaled: {why}"


def no_skill(outlook: Outlook) -> str:
    """Return that a forecast is no better than none."""
    return (
        f"{outlook.metric}: no skill, so that nothing follows from its forecast of "
        f"{chance(outlook.probability)} ({proven(outlook)})"
    )


def spike(outlook: Outlook) -> str:
    """Return that an hour at the limit is no reason."""
    most = amount(outlook.metric, outlook.goal)
    return (
        f"{outlook.metric} was at {most} today, and not for long: a lone spike cannot "
        "be foreseen, and nothing follows from it"
    )
