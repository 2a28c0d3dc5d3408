"""What gets a forecast, when it is made anew, and what is kept of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from reconciler.audit.usage_store import Hour
from reconciler.engine.foresee import (
    FRESH,
    SPREAD,
    Case,
    Foreseen,
    Sight,
    foresee,
    is_far,
    renewable,
    sort,
)
from reconciler.model.ref import Ref
from reconciler.model.scaling import Scaling
from reconciler.model.usage import (
    FAR,
    UNASKED,
    Bounds,
    Outlook,
    OutlookState,
    Reading,
)

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
SHOP = Ref("HostingAccount", "shop.example")
RULES = Scaling(target=Decimal("0.9"), horizon=timedelta(days=14))
FORTNIGHT = timedelta(days=14)
MINUTE = timedelta(minutes=1)


def hours(value, days=30, limit=100.0):
    """Hourly use, ending now; *value* is a number or a function of days from now."""
    found = []
    for back in range(days * 24, 0, -1):
        used = value(-back / 24) if callable(value) else value
        found.append(Hour(NOW - timedelta(hours=back - 1), used, used, limit))
    return found


class Oracle:
    """A forecast of one answer, that remembers what it was asked."""

    def __init__(self, probability=0.9):
        self.asked = []
        self._probability = probability

    def __call__(self, asked):
        self.asked.append(asked)
        return Foreseen(
            self._probability,
            NOW + timedelta(days=3),
            "oracle",
            0.5,
            1.0,
            0.95,
            len(asked.samples),
            True,
            "",
            (80.0, 90.0),
            (95.0, 99.0),
            (0.1, 0.9),
        )


def case(used, policy=RULES, bounds=None, **more):
    limits = bounds or Bounds(dict.fromkeys(used, 100.0))
    return Case(SHOP, policy, limits, "whm-1", used, **more)


def test_what_nears_its_limit_is_foreseen_about_the_target():
    oracle = Oracle()
    state = foresee(case({"disk": hours(lambda d: 80 + d)}), oracle, NOW)
    (asked,), (one,) = oracle.asked, state.outlooks
    assert (asked.limit, asked.horizon, asked.kind) == (90.0, FORTNIGHT, "fill")
    assert one.chances == (0.1, 0.9)
    assert (one.limit, one.target, one.probability, one.skill) == (
        100.0,
        0.9,
        0.9,
        True,
    )
    assert (one.metric, one.history, len(one.past)) == ("disk", 720, 31)
    assert one.past[-1] == one.peak == one.current == pytest.approx(80, abs=0.1)
    assert (state.source, state.at) == ("whm-1", NOW)


def test_what_is_far_away_gets_none():
    oracle = Oracle()
    state = foresee(case({"cpu": hours(20.0), "disk": hours(44.0)}), oracle, NOW)
    assert oracle.asked == []
    assert [(o.method, o.probability, o.skill, o.past) for o in state.outlooks] == [
        (FAR, 0.0, False, ())
    ] * 2


@pytest.mark.parametrize(
    ("peaks", "far"),
    [
        ([20.0] * 14, True),
        ([20.0] * 6, False),  # too few days to say so
        ([20.0] * 13 + [50.0], False),
        ([44.0] * 14, True),
        ([float(d) for d in range(28, 42)], False),  # one a day: 28 more in a month
        ([float(d) for d in range(14, 28)], True),
        ([float(d) for d in range(28, 14, -1)], True),
        ([], False),
    ],
)
def test_far_is_below_half_and_going_nowhere(peaks, far):
    assert is_far(peaks, 90.0, FORTNIGHT) is far


def test_the_smaller_plan_is_asked_about_where_it_might_do():
    bounds = Bounds({"disk": 100.0}, {"disk": 50.0})
    low = {}
    for used in (10.0, 30.0, 40.0):
        oracle = Oracle(0.3)
        (one,) = foresee(
            case({"disk": hours(used)}, bounds=bounds), oracle, NOW
        ).outlooks
        low[used] = one.low, [asked.limit for asked in oracle.asked], len(one.past)
    assert low == {10.0: (0.0, [], 31), 30.0: (0.3, [45.0], 31), 40.0: (None, [], 31)}


def test_only_the_metrics_of_the_policy_and_what_has_a_limit():
    used = {"cpu": hours(80.0), "io": hours(80.0), "disk": hours(80.0, limit=None)}
    rules = RULES.model_copy(update={"metrics": ("disk", "io", "inodes")})
    state = foresee(case(used, rules, Bounds({"cpu": 100.0})), Oracle(), NOW)
    assert [(o.metric, o.limit) for o in state.outlooks] == [("io", 100.0)]


def test_what_the_policy_does_not_look_at_is_kept_where_it_may_be_made_smaller():
    """Nothing becomes smaller than what it uses of anything that is limited."""
    rules = RULES.model_copy(update={"metrics": ("cpu",)})
    used = {"cpu": hours(20.0), "disk": hours(80.0), "io": hours(5.0)}
    limits = {"cpu": 100.0, "disk": 100.0}
    oracle = Oracle()
    only = foresee(case(used, rules, Bounds(limits)), oracle, NOW)
    both = foresee(case(used, rules, Bounds(limits, limits)), oracle, NOW)
    assert [o.metric for o in only.outlooks] == ["cpu"]
    assert [(o.metric, o.method, o.skill) for o in both.outlooks] == [
        ("cpu", FAR, False),
        ("disk", UNASKED, False),
    ]
    assert (both.of("disk").past[-1], oracle.asked) == (80.0, [])


def test_hours_of_the_last_day_at_the_target_are_counted():
    busy = hours(lambda days: 95.0 if -5 / 24 < days < -1 / 24 else 50.0)
    spiky = [one._replace(highest=99.0) for one in hours(50.0)]
    found = foresee(case({"cpu": busy, "memory": spiky, "disk": spiky}), Oracle(), NOW)
    assert [(o.metric, o.reached) for o in found.outlooks] == [
        ("cpu", 3),
        ("memory", 0),  # for an hour it counts what was so on average
        ("disk", 24),
    ]


def test_what_lasted_three_hours_of_the_last_day_is_kept():
    busy = hours(lambda days: 50.0 + 24 * (days + 1) if days > -1 else 99.0)
    used = {"cpu": busy, "memory": busy[-2:], "disk": busy}
    found = foresee(case(used), Oracle(), NOW)
    assert [(o.metric, o.lasting) for o in found.outlooks] == [
        ("cpu", pytest.approx(72.0)),  # of 74, 73, 72 and so on
        ("memory", None),
        ("disk", None),
    ]


def test_a_level_is_a_mean_and_a_filling_a_peak():
    mixed = [one._replace(highest=one.mean + 5) for one in hours(80.0)]
    oracle = Oracle()
    foresee(case({"cpu": mixed, "bandwidth": mixed}), oracle, NOW)
    assert [(a.kind, a.samples[0][1]) for a in oracle.asked] == [
        ("level", 80.0),
        ("fill", 85.0),
    ]


def test_what_fills_up_stays_as_it_was_until_it_is_read_again():
    def asked(apart):
        oracle = Oracle()
        foresee(case({"disk": hours(80.0)[::apart]}), oracle, NOW)
        return [at for at, _ in oracle.asked[0].samples]

    for apart in (1, 3, 23):
        found = asked(apart)
        assert {b - a for a, b in pairwise(found)} == {timedelta(hours=1)}
    assert {b - a for a, b in pairwise(asked(24))} == {timedelta(hours=24)}


def test_the_same_day_asks_with_the_same_seed():
    oracle = Oracle()
    for when in (NOW, NOW + timedelta(hours=3), NOW + timedelta(days=1)):
        foresee(case({"cpu": hours(80.0)}), oracle, when)
    first, same, other = (asked.seed for asked in oracle.asked)
    assert first == same != other


# -- when it is made anew --------------------------------------------------------------

OLD = foresee(case({"disk": hours(80.0)}), Oracle(), NOW)
READ = {"disk": Reading("disk", NOW, 80.0, 100.0)}


def again(latest=READ, after=timedelta(hours=2), old=OLD, **more):
    return renewable(case({"disk": ()}, **more), old, latest, NOW + after)


def test_what_was_foreseen_holds_for_a_day():
    assert not again()
    assert not again(after=FRESH - timedelta(minutes=1))
    assert again(after=FRESH + SPREAD)
    assert again(after=-timedelta(hours=1))


def test_many_are_not_made_anew_at_once():
    """Of a thousand that were made in one run, each hour of four has its part."""
    names = [Ref("HostingAccount", f"s{n}.example") for n in range(1000)]
    due = []
    for number in range(5):
        when = NOW + FRESH + number * timedelta(hours=1)
        due.append(
            sum(
                renewable(
                    Case(ref, RULES, Bounds({"disk": 100.0}), "whm-1"), OLD, READ, when
                )
                for ref in names
            )
        )
    parts = [b - a for a, b in pairwise(due)]
    assert due[-1] == 1000
    assert all(200 < part < 300 for part in parts)


@pytest.mark.parametrize(
    ("latest", "more"),
    [
        ({"disk": Reading("disk", NOW, 105.0, 100.0)}, {}),  # nobody foresaw that
        (READ, {"bounds": Bounds({"disk": 200.0})}),  # it is on another plan now
        (READ, {"policy": RULES.model_copy(update={"horizon": timedelta(days=7)})}),
        (READ, {"policy": RULES.model_copy(update={"target": Decimal("0.8")})}),
        ({**READ, "cpu": Reading("cpu", NOW, 1.0, 100.0)}, {}),  # a new metric
        (READ, {"old": None}),
        (READ, {"old": OLD.model_copy(update={"doubt": "all alike"})}),
        (READ, {"old": OLD.model_copy(update={"source": "whm-2"})}),
    ],
)
def test_news_make_it_anew_at_once(latest, more):
    assert again(latest, **more)


def test_what_was_foreseen_is_no_news():
    assert not again({"disk": Reading("disk", NOW, 99.0, 100.0)})  # in the 95 % of it
    assert not again({**READ, "cpu": Reading("cpu", NOW, 1.0, None)})  # without a limit


# -- what is near, where it is looked more often than once a day ----------------------

HOUR = timedelta(hours=1)
CALM = (0.0,) * 6 + (0.02,) * 18
LEVEL = Outlook(
    metric="cpu", limit=100.0, target=0.9, current=80.0, peak=95.0, probability=0.7,
    horizon=14 * 86400, method="paths", skill=True, chances=(0.02, 0.7), soon=CALM,
)  # fmt: skip
NONE = {"chances": (0.0,), "soon": ()}
AUTO = {"mode": "auto", "maxIncrease": "20.00 EUR"}


def near(
    value=80.0, after=HOUR, every=HOUR, read=-MINUTE, metric="cpu", rules=AUTO, **seen
):
    one = LEVEL.model_copy(update={"metric": metric, **seen})
    old = OutlookState(at=NOW, source="whm-1", outlooks=(one,))
    asked = case({metric: ()}, Scaling.model_validate({**rules, "target": "90%"}))
    latest = {metric: Reading(metric, NOW + after + read, value, 100.0)}
    return renewable(asked, old, latest, NOW + after, every)


def test_once_a_day_is_enough_for_who_looks_once_a_day():
    assert near(after=6 * HOUR)
    assert not near(after=6 * HOUR, every=timedelta(days=1))
    assert not near(after=6 * HOUR, rules={"mode": "approve"})  # a person needs a week
    assert near(after=6 * HOUR, rules={"mode": "approve", "lead": "6h"})


def test_what_comes_and_goes_is_near_at_its_target_until_that_is_a_fact():
    assert not near(89.0)
    assert near(90.0, reached=2)
    assert near(92.0, chances=(), soon=())  # whatever is foreseen, or nothing
    assert near(92.0, rules={"mode": "approve"})
    assert not near(92.0, every=timedelta(days=1))
    assert not near(95.0, reached=3)
    assert not near(92.0, read=-HOUR)  # nothing was read since
    assert not near(92.0, metric="disk", **NONE)


@pytest.mark.parametrize(
    ("after", "more", "anew"),
    [
        (5, {}, False),  # the sixth hour is none of risk
        (6, {}, True),
        (4, {"every": 3 * HOUR}, True),  # the seventh lies before the next run
        (6, {"soon": (0.0,) * 6 + (0.009,) * 18}, False),
        (6, {"soon": (0.0,) * 6 + (0.6,) * 18}, True),
        (5, {"soon": (0.6,) * 24}, False),  # it was not moved: nothing is to be added
        (6, {"soon": (0.6,) * 24}, True),  # by now, something may be
        (5, {"soon": (0.6,) * 24, "skill": False}, True),
        (3, {"since": NOW - 2 * HOUR}, False),  # its source was two hours late
        (4, {"since": NOW - 2 * HOUR}, True),
        (1, {"metric": "disk"}, True),  # within the day that it is ahead
        (1, {"metric": "disk", "every": 12 * HOUR}, False),  # 36 hours: by the day
        (6, {"metric": "disk", "rules": {**AUTO, "lead": "1h"}}, True),
        (1, {"metric": "disk", "value": 98.9, **NONE}, False),
        (1, {"metric": "disk", "value": 99.0, **NONE}, True),  # that is full
        (1, {"metric": "disk", "value": 99.0, "read": -HOUR, **NONE}, False),
    ],
)
def test_what_may_come_before_the_next_run_is_near(after, more, anew):
    assert near(after=after * HOUR, **more) is anew


# -- doubt -----------------------------------------------------------------------------

LATEST = (case({"disk": ()}), READ)


def test_what_a_doubtful_source_says_is_not_foreseen_but_doubted():
    due, doubted = sort([LATEST], {SHOP: OLD}, Sight({"whm-1": "all alike"}, None, NOW))
    assert due == {}
    assert doubted[SHOP] == OLD.model_copy(update={"at": NOW, "doubt": "all alike"})
    _, first = sort([LATEST], {}, Sight({"whm-1": "all alike"}, None, NOW))
    assert first[SHOP] == OutlookState(at=NOW, source="whm-1", doubt="all alike")


def test_a_doubt_ends_when_somebody_has_judged():
    old = {SHOP: OLD.model_copy(update={"doubt": "all alike"})}
    part, judged, whole = (Sight({}, fine, NOW) for fine in ((), ("whm-1",), None))
    assert sort([LATEST], old, part)[0] == {}
    assert list(sort([LATEST], old, judged)[0]) == [SHOP]
    assert list(sort([LATEST], old, whole)[0]) == [SHOP]


def test_what_holds_is_left_alone():
    assert sort([LATEST], {SHOP: OLD}, Sight({}, None, NOW)) == ({}, {})
