"""
Whether something is made larger or smaller within its range, and why. Pure.

What may lead to a larger size: a forecast that beats the naive one and is sure enough,
once waiting would be a risk; or a limit that is reached now, and not for an hour only.
To a smaller one: thirty days of readings that would have fitted with room, never a
forecast. A source that is not to be believed, an old book and a lone spike lead to
nothing. Where several sizes are enough, the smallest one is taken, and not merely the
next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from reconciler.model import scaling_words as words
from reconciler.model.hosting import FILLS
from reconciler.model.money import Money
from reconciler.model.scaling import Scaling
from reconciler.model.scaling_occasions import early, urgent, waits
from reconciler.model.sizing import (
    MONTH,
    Cost,
    Decision,
    Moved,
    Note,
    Rung,
    Sizing,
    Way,
    lent,
)
from reconciler.model.usage import BRIM, DAY, STALE, SUSTAINED, Outlook
from reconciler.model.windows import coming

#: What is stored is as good as full here: waiting for a forecast helps nobody. Who
#: reads and moves more often may wait for `BRIM`, while it does not rise that fast.
FULL: Final = 0.97
#: Who read so many hours of the last day counts hours.
_OFTEN: Final = 18
#: What was used has to stay below such a share of the target of a smaller size.
ROOM: Final = 0.7
#: The finding about a source that is not believed; whoever keeps the books tells it,
#: once for all that the source measures.
DOUBTED: Final = "usage-doubtful"
#: What needs the smaller size's limit again with such a chance is not made smaller.
AGAIN: Final = 0.2
#: Days of two weeks whose peaks may be lone spikes.
_SPIKES: Final = 2
#: Two limits that are nearer to each other are the same one.
_ALIKE: Final = 0.005
#: Of every reading that has to be there before something is made smaller.
_DAYS: Final = MONTH.days


class _Need(NamedTuple):
    """A metric that will not fit, or does not fit now, and how that is known."""

    outlook: Outlook
    now: bool


def decide(case: Sizing) -> Decision:
    """Return what follows for *case*; nothing follows from what nobody knows."""
    seen, why = case.seen, _blind(case)
    if seen is not None and seen.doubt:
        return Decision(notes=(Note(DOUBTED, words.blind(why)),))
    if seen is None or why:
        return Decision(notes=(Note("scaling-blind", words.blind(why)),))
    limited = [*_limited(case)]
    likely = [*_needs(case, limited)]
    needs = [one for one in likely if one.now or not waits(case, one.outlook)]
    notes = tuple(_notes(case, limited, likely))
    if needs:
        return _up(case, limited, needs)._replace(notes=notes)
    if likely:  # who waits makes nothing smaller
        return Decision(notes=(*notes, *(_late(case, one.outlook) for one in likely)))
    loan = lent(case.past, case.ladder[case.at].name)
    if loan is not None:
        found = _back(case, loan)
        return found._replace(notes=(*notes, *found.notes))
    return _down(case)._replace(notes=notes)


def _blind(case: Sizing) -> str:
    """Return why nothing may follow from what is foreseen."""
    if case.seen is None:
        return case.blind or "nobody measured it yet"
    if case.seen.doubt:
        return f"its source is not to be believed: {case.seen.doubt}"
    if case.now - case.seen.at > STALE:
        return f"its usage was last looked at on {case.seen.at:%Y-%m-%d %H:%M}"
    return ""


def _limited(case: Sizing) -> Iterator[Outlook]:
    """Yield what is foreseen of the limits that it has now, and of no other size's."""
    rules, here = case.rules, case.ladder[case.at]
    for outlook in case.seen.outlooks if case.seen else ():
        most = here.limits.get(outlook.metric)
        if most is None or (rules.metrics and outlook.metric not in rules.metrics):
            continue
        same = abs(outlook.limit - most) <= _ALIKE * most
        if same and abs(outlook.target - float(rules.target)) <= _ALIKE:
            yield outlook


def _needs(case: Sizing, limited: Sequence[Outlook]) -> Iterator[_Need]:
    """Yield what needs a larger size, most certain first."""
    found = []
    for outlook in limited:
        if reached(case, outlook):
            found.append(_Need(outlook, now=True))
        elif outlook.skill and (
            outlook.probability >= float(case.rules.probability)
            or urgent(case, outlook)
        ):
            found.append(_Need(outlook, now=False))
    yield from sorted(found, key=lambda one: (not one.now, -one.outlook.probability))


def reached(case: Sizing, outlook: Outlook) -> bool:
    """
    Say whether a limit is reached now, and not for an hour only.

    Either in some hours of the last day, or yesterday, today and still. What is
    stored does not pass by: there, almost full is enough. Who reads each hour, and
    moves more often than once a day, counts hours.
    """
    if outlook.reached >= SUSTAINED:
        return True
    often = case.seen is not None and case.seen.pace < DAY and outlook.read >= _OFTEN
    most = case.ladder[case.at].limits[outlook.metric]
    if outlook.metric in FILLS and outlook.current >= FULL * most:
        return not often or _brims(case, outlook, most)
    days = outlook.past[-2:]
    still = outlook.current >= outlook.goal and not often
    return still and len(days) > 1 and min(days) >= outlook.goal


def _brims(case: Sizing, outlook: Outlook, most: float) -> bool:
    """
    Say whether what is as good as full has to be larger within the hour.

    Where it would be full tomorrow if it rises as since yesterday; or at the brim,
    unless a forecast with skill sees no risk: what lies there for a night is in it.
    """
    rise = outlook.current - outlook.past[-2] if len(outlook.past) > 1 else 0.0
    if outlook.current + rise >= most:
        return True
    calm = outlook.skill and waits(case, outlook)
    return outlook.current >= BRIM * most and not calm


def _notes(
    case: Sizing, limited: Sequence[Outlook], needs: Sequence[_Need]
) -> Iterator[Note]:
    """Yield what looks as if something had to follow, and why nothing does."""
    needy = {one.outlook.metric for one in needs}
    for outlook in limited:
        if outlook.metric in needy:
            continue
        sure = outlook.probability >= float(case.rules.probability)
        if sure and not outlook.skill:
            yield Note("scaling-no-skill", words.no_skill(outlook))
        elif outlook.metric in FILLS and outlook.current >= FULL * outlook.limit:
            yield Note("scaling-waits", words.brim(outlook))
        elif outlook.past and outlook.past[-1] >= outlook.goal:
            yield Note("scaling-spike", words.spike(outlook))


def _late(case: Sizing, outlook: Outlook) -> Note:
    """Return that something is needed, but not yet."""
    said = words.waits(outlook, case.rules, *early(case, outlook))
    return Note("scaling-waits", said)


# -- larger ----------------------------------------------------------------------


def _up(case: Sizing, limited: Sequence[Outlook], needs: Sequence[_Need]) -> Decision:
    """Return the smallest larger size that is enough; the best there is if none is."""
    first = needs[0]
    larger = case.ladder[case.at + 1 :]
    better = [one for one in larger if _better(case, one, needs)]
    enough = [one for one in better if _fits(case, one, limited)]
    because = words.need(first.outlook, case.rules, now=first.now)
    if not first.now and first.outlook.soon:
        because += words.near(*early(case, first.outlook))
    outside = None
    if not enough:
        outside = (
            case.above if case.above and _better(case, case.above, needs) else None
        )
    if not better:
        here = case.ladder[case.at]
        said = words.nowhere(because, here, outside, ranged=len(case.ladder) > 1)
        return Decision(because=said, outlook=first.outlook, outside=outside)
    best = enough[0] if enough else better[-1]
    way: Way = "burst" if _passes(case, needs) else "up"
    sized = words.sized(best, first.outlook.metric, enough=bool(enough))
    found = _planned(case, way, best, f"{because}; {sized}")
    return found._replace(outlook=first.outlook, outside=outside)


def _better(case: Sizing, rung: Rung, needs: Sequence[_Need]) -> bool:
    """Say whether *rung* allows more of everything that is needed."""
    here = case.ladder[case.at].limits
    return all(
        _most(rung, one.outlook.metric) > here[one.outlook.metric] * (1 + _ALIKE)
        for one in needs
    )


def _most(rung: Rung, metric: str) -> float:
    return rung.limits.get(metric, float("inf"))


def _fits(case: Sizing, rung: Rung, limited: Sequence[Outlook]) -> bool:
    """Say whether the target of *rung* is not likely to be reached either."""
    return all(
        expected(one, _borne(case, one.metric))
        < _most(rung, one.metric) * float(case.rules.target)
        for one in limited
    )


def _borne(case: Sizing, metric: str) -> int | None:
    """
    Return for how many days a larger size has to be enough; None: all of the horizon.

    Who acts alone may act again after the cool-down, and its lead before it is needed.
    A person is not asked twice for one need, and a window may be closed by then.
    """
    rules = case.rules
    if rules.mode != "auto" or rules.windows:
        return None
    lead = rules.lead_for(metric, case.seen.pace if case.seen else DAY)
    return max(1, -(-(rules.cool_down + lead) // DAY))


def expected(outlook: Outlook, days: int | None = None) -> float:
    """
    Return the most that is to be expected, as far as a larger size has to bear it.

    The 95 % quantile of *days* (None: all that are known) where the forecast has skill,
    and what was used in two weeks. Of what comes and goes, the two highest days are
    left out, and so are the two highest hours of this one: they may be lone spikes.
    """
    peaks = sorted(outlook.past[-14:], reverse=True) or [outlook.peak]
    stored = outlook.metric in FILLS
    known = peaks if stored or len(peaks) <= _SPIKES else peaks[_SPIKES:]
    ahead = outlook.worst[:days] if outlook.skill else ()
    now = outlook.current if outlook.lasting is None else outlook.lasting
    return max((now, *known[:1], *ahead))


def _passes(case: Sizing, needs: Sequence[_Need]) -> bool:
    """Say whether the need may pass by, so that the larger size is given back."""
    burst = case.rules.burst
    if burst is None or any(one.outlook.metric in FILLS for one in needs):
        return False
    lately = [
        one for one in case.past if one.way == "burst" and case.now - one.at <= MONTH
    ]
    return len(lately) < burst.most


# -- smaller ---------------------------------------------------------------------


def _back(case: Sizing, loan: Moved) -> Decision:
    """Return the way back from a burst, once what was used would have fitted."""
    lasts = case.rules.burst.lasts if case.rules.burst else MONTH
    home = next((one for one in case.ladder[: case.at] if one.name == loan.was), None)
    if home is None or case.now - loan.at < lasts:
        return Decision()
    for metric, most in home.limits.items():
        found = case.seen.of(metric) if case.seen else None
        if found is None:
            said = words.stays(loan, metric)
            return Decision(notes=(Note("scaling-blind", said),))
        used = max(found.current, *found.past[-lasts.days - 1 :])
        if used >= most * float(case.rules.target) or _again(case, found):
            return Decision()
    return _planned(case, "back", home, words.back(loan, home, lasts))


def _again(case: Sizing, outlook: Outlook) -> bool:
    """Say whether the smaller size is likely to be needed again: a veto."""
    low = outlook.low
    return low is not None and low >= min(AGAIN, 1 - float(case.rules.probability))


def _down(case: Sizing) -> Decision:
    """Return the smallest size that thirty days would have fitted in with room."""
    if case.rules.down == "never" or case.at == 0:
        return Decision()
    if any(
        one.way in {"up", "burst"} and case.now - one.at < MONTH for one in case.past
    ):
        return Decision()
    for rung in case.ladder[: case.at]:
        held = _held(case, rung)
        if held is not None:
            because = words.smaller(rung, held, case.rules)
            found = _planned(case, "down", rung, because)
            return found._replace(outlook=held)
    return Decision()


def _held(case: Sizing, rung: Rung) -> Outlook | None:
    """Return what came nearest to the limits of *rung*; None where not all held."""
    found: list[tuple[float, Outlook]] = []
    for metric, most in rung.limits.items():
        outlook = case.seen.of(metric) if case.seen else None
        if outlook is None or len(outlook.past) < _DAYS or not most:
            return None
        target = most * float(case.rules.target)
        used = max(outlook.current, *outlook.past[-_DAYS:])
        ahead = max(outlook.worst, default=0.0) if outlook.skill else 0.0
        if used > ROOM * target or ahead >= target or _again(case, outlook):
            return None
        found.append((used / target, outlook))
    return max(found, key=lambda one: one[0])[1] if found else None


# -- by whose leave, when, and for how much --------------------------------------


def _planned(case: Sizing, way: Way, to: Rung, because: str) -> Decision:
    """Return the move *way* to *to* with everything that has to be kept."""
    rules = case.rules
    mode, field = (rules.down, "down") if way == "down" else (rules.mode, "mode")
    holds = [f"the policy asks a person ({field}: approve)"] * (mode == "approve")
    cost = _cost(case, to)
    if way in {"up", "burst"}:
        holds += words.money(case.ladder[case.at], to, cost)
    if cost.rise is not None:
        because += f"; it costs {cost.rise} a month more"
    return Decision(
        way=way,
        to=to,
        because=because,
        acts=mode in {"approve", "auto"},
        hold="; ".join(holds) or None,
        not_before=_not_before(case, way),
        rise=cost.rise,
        room=cost.room,
    )


def _cost(case: Sizing, to: Rung) -> Cost:
    """Return what *to* costs more, and what is left of what it may."""
    here, most = case.ladder[case.at], case.rules.max_increase
    room = most and _room(case, most)
    if here.price is None or to.price is None:
        return Cost(None, known=False, most=most, room=room)
    before, after = here.price.over(1), to.price.over(1)
    if before.currency != after.currency:
        return Cost(None, known=False, most=most, room=room)
    more = after.amount - before.amount
    rise = Money(amount=more, currency=after.currency) if more > 0 else None
    return Cost(rise, known=True, most=most, room=room)


def _room(case: Sizing, most: Money) -> Money:
    """Return what is left of the increase that thirty days may bring."""
    left = most.amount
    for one in case.past:
        if one.rise is not None and case.now - one.at < MONTH:
            same = one.rise.currency == most.currency
            left -= one.rise.amount if same else most.amount
    return Money(amount=max(left, Decimal(0)), currency=most.currency)


def _not_before(case: Sizing, way: Way) -> datetime | None:
    """Return when the cool-down is over and a window is open; None: now."""
    rules: Scaling = case.rules
    ready = case.now
    if case.past and way != "back":  # a burst is given back when it has lasted
        ready = max(ready, case.past[-1].at + rules.cool_down)
    span = coming(rules.windows, ready)
    start = max(ready, span.start) if span else ready
    return start if start > case.now else None
