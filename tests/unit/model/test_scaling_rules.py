"""What a forecast may lead to, and everything that it may not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.money import Money
from reconciler.model.scaling_rules import decide
from reconciler.model.sizing import Moved, Rung, lent, pictured, recalled, remembered
from tests.support.scaling import (
    GIB,
    LADDER,
    NOW,
    book,
    disk,
    foreseen,
    price,
    sizing,
)

DAY = timedelta(days=1)
FAR = {"probability": 0.0, "current": 0.2, "peak": 0.2, "past": [0.2] * 40,
       "ahead": [0.2], "worst": [0.2], "when": None}  # fmt: skip


def codes(found):
    return [note.code for note in found.notes]


def moved(way="up", days=3, rise="3.00 EUR", was="care-5", to="care-10"):
    return Moved(NOW - days * DAY, way, was, to, rise and Money.read(rise))


# -- larger ------------------------------------------------------------------------


def test_a_sure_forecast_leads_to_the_smallest_size_that_is_enough() -> None:
    found = decide(sizing(foreseen()))
    assert (found.way, found.to and found.to.name) == ("up", "care-10")
    assert found.acts
    assert found.hold is None
    assert str(found.rise) == "3.00 EUR"
    for word in ("disk", "4.5GiB", "14d", "93%", "blocks of days", "0.42", "0.61",
                 "94%", "60 days", "care-10 (10GiB)", "3.00 EUR a month more"):  # fmt: skip
        assert word in found.because


def test_a_size_is_skipped_where_its_target_would_be_reached_too() -> None:
    found = decide(sizing(foreseen(worst=[1.5, 2.1])))
    assert found.to is not None
    assert found.to.name == "care-20"


@pytest.mark.parametrize(
    ("metric", "spikes", "name"),
    [("memory", 2, "care-10"), ("memory", 3, "care-20"), ("disk", 1, "care-20")],
)
def test_a_lone_spike_does_not_choose_the_size(metric, spikes, name) -> None:
    """What is stored does not spike: there, each peak has to be borne."""
    limit = LADDER[0].limits[metric]
    past = [0.8] * 20 + [2.6] * spikes + [0.8] * 5
    found = decide(sizing(foreseen(metric, limit, past=past)))
    assert (found.to and found.to.name) == name


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "care-10"),  # seven days of cool-down and three of lead
        ({"coolDown": "8d"}, "care-20"),
        ({"lead": "4d"}, "care-20"),
        ({"mode": "approve"}, "care-20"),  # nobody is asked twice
        ({"windows": [{"days": ["sun"], "from": "02:00", "to": "23:00"}]}, "care-20"),
    ],
)
def test_a_size_has_to_be_enough_until_it_may_be_changed_again(fields, name) -> None:
    found = decide(sizing(foreseen(worst=[0.95] * 10 + [2.1]), **fields))
    assert (found.to and found.to.name) == name


def test_where_nothing_is_enough_the_largest_is_taken_and_more_is_asked_for() -> None:
    above = disk(40, "28.00 EUR/month")
    found = decide(sizing(foreseen(worst=[1.5, 9.0]), above=above))
    assert (found.to and found.to.name, found.outside) == ("care-20", above)
    assert "not enough" in found.because
    top = decide(sizing(foreseen(limit=20 * GIB), at=2, above=above))
    assert (top.way, top.to, top.outside) == (None, None, above)
    assert "care-20 is the largest of its range" in top.because
    assert "care-40 is outside" in top.because
    alone = decide(sizing(foreseen(), ladder=LADDER[:1]))
    assert (alone.way, alone.outside) == (None, None)
    assert "care-5 alone, and nothing larger is" in alone.because


@pytest.mark.parametrize("probability", [0.0, 0.5, 0.59])
def test_a_forecast_that_is_not_sure_leads_to_nothing(probability: float) -> None:
    found = decide(sizing(foreseen(probability=probability)))
    assert (found.way, found.because, found.notes) == (None, "", ())


def test_no_skill_is_said_and_leads_to_nothing() -> None:
    found = decide(sizing(foreseen(skill=False)))
    assert found.way is None
    assert codes(found) == ["scaling-no-skill"]
    assert "no skill" in found.notes[0].said


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (book(foreseen(), doubt="all zeros"), "all zeros"),
        (book(foreseen(), at=NOW - timedelta(hours=27)), "last looked at"),
        (book(foreseen(current=1.2, reached=24), doubt="all 100%"), "all 100%"),
    ],
)
def test_who_cannot_see_does_nothing(seen, why) -> None:
    found = decide(sizing(seen=seen))
    assert found.way is None
    assert codes(found) == ["usage-doubtful" if seen.doubt else "scaling-blind"]
    assert why in found.notes[0].said


def test_nobody_measures_it() -> None:
    case = sizing()._replace(seen=None, blind="the book is older than a day")
    found = decide(case)
    assert found.way is None
    assert "older than a day" in found.notes[0].said


def test_a_forecast_about_another_size_is_nobodys() -> None:
    """As right after a move: the last forecast is of the limit before."""
    old = foreseen(limit=5 * GIB)
    assert decide(sizing(old, at=1)).way is None
    assert decide(sizing(old, at=0)).way == "up"
    assert decide(sizing(old, at=0, target="85%")).way is None  # another policy's


def test_what_is_reached_now_needs_no_forecast() -> None:
    for now in (
        {"reached": 3},
        {"current": 1.0, "past": [0.8] * 30 + [1.0, 1.01]},
        {"current": 1.09},  # 98 % of what is stored at most
    ):
        found = decide(sizing(foreseen(probability=0.1, skill=False, **now)))
        assert found.way == "up", now
        assert "no forecast" in found.because


@pytest.mark.parametrize("hours", [0, 1, 2])
def test_a_lone_spike_leads_to_nothing_and_is_said(hours: int) -> None:
    spiked = {"current": 0.5, "past": [0.5] * 40 + [1.8], "reached": hours}
    memory = {"metric": "memory", "limit": 512 * 1024**2, "probability": 0.3}
    found = decide(sizing(foreseen(**memory, **spiked)))
    assert found.way is None
    assert codes(found) == ["scaling-spike"]


def test_a_metric_that_the_policy_leaves_out_leads_to_nothing() -> None:
    assert decide(sizing(foreseen(), metrics=["cpu"])).way is None
    assert decide(sizing(foreseen(), metrics=["disk"])).way == "up"
    assert decide(sizing(foreseen(metric="load"))).way is None


def test_a_larger_plan_that_does_not_have_more_of_it_is_no_help() -> None:
    same = (LADDER[0], disk(5, "9.00 EUR/month", "care-ram", memory=GIB))
    found = decide(sizing(foreseen(), ladder=same))
    assert (found.way, found.to) == (None, None)
    unlimited = Rung("care-all", {}, price("9.00 EUR/month"))
    found = decide(sizing(foreseen(), ladder=(LADDER[0], unlimited)))
    assert found.to == unlimited
    assert "no limit" in found.because


# -- when ----------------------------------------------------------------------------


#: Chances of a fortnight: sure by its end, and 2 % (under the risk) for so many days.
def calm_for(days):
    return (0.02,) * days + tuple(0.05 + 0.07 * n for n in range(14 - days))


@pytest.mark.parametrize(
    ("calm", "metric", "fields", "way"),
    [
        (0, "memory", {}, "up"),
        (1, "memory", {}, None),  # who acts alone needs a day
        (2, "disk", {}, "up"),  # what is stored: three
        (3, "disk", {}, None),
        (6, "memory", {"mode": "approve"}, "up"),  # a person: a week
        (7, "memory", {"mode": "approve"}, None),
        (6, "memory", {"mode": "recommend"}, "up"),
        (4, "memory", {"lead": "5d"}, "up"),
        (5, "disk", {"lead": "5d"}, None),
        (4, "disk", {"lead": "97h"}, None),  # by the hour
        (4, "disk", {"lead": "110h"}, "up"),
        (13, "disk", {"lead": "14d"}, "up"),
    ],
)
def test_a_need_waits_until_its_lead_is_at_risk(calm, metric, fields, way) -> None:
    limit = LADDER[0].limits[metric]
    seen = foreseen(metric, limit, chances=calm_for(calm))
    found = decide(sizing(seen, **fields))
    assert found.way == way
    assert codes(found) == ([] if way else ["scaling-waits"])


def test_waiting_is_said_with_how_long_and_how_surely() -> None:
    found = decide(sizing(foreseen(chances=calm_for(5))))
    for word in ("93%", "within 14d", "that can wait: within 3d it is 2%"):
        assert word in found.notes[0].said


def test_without_chances_nobody_knows_whether_it_can_wait() -> None:
    assert decide(sizing(foreseen(chances=()))).way == "up"


@pytest.mark.parametrize(("ago", "way"), [(0, None), (4, "up")])
def test_a_move_is_not_put_off_past_the_cool_down(ago, way) -> None:
    """The next occasion is not the next look where nothing may be done until then."""
    past = (moved(days=4 - ago),)
    seen = foreseen(chances=calm_for(4 if ago == 0 else 6))
    assert decide(sizing(seen, past=past)).way == way


@pytest.mark.parametrize(
    ("days", "calm", "way"),
    [
        (["mon"], 3, None),  # NOW is a Sunday, 9:00: the next look is in a window
        (["tue"], 3, None),
        (["sun"], 3, "up"),  # not before a week
        (["sun"], 7, None),
        (["wed"], 3, None),
        (["thu"], 3, "up"),
    ],
)
def test_the_next_window_lies_before_the_need(days, calm, way) -> None:
    window = {"days": days, "from": "00:00", "to": "23:00"}
    seen = foreseen(chances=calm_for(calm))
    assert decide(sizing(seen, windows=[window])).way == way


def test_what_is_reached_does_not_wait_and_who_waits_makes_nothing_smaller() -> None:
    calm = {"chances": calm_for(9), "limit": 20 * GIB}
    now = foreseen(**{**calm, "limit": 5 * GIB}, reached=3)
    assert decide(sizing(now)).way == "up"
    waiting = foreseen(**calm, current=0.1, past=[0.1] * 40, worst=[0.1])
    memory = foreseen("memory", 2 * GIB, **{**FAR, "current": 0.1})
    assert decide(sizing(waiting, memory, at=2)).way is None
    waiting = waiting.model_copy(update={"probability": 0.0})
    assert decide(sizing(waiting, memory, at=2)).way == "down"


# -- by whose leave, when, for how much -----------------------------------------------


def test_the_modes() -> None:
    recommended = decide(sizing(foreseen(), mode="recommend"))
    assert (recommended.way, recommended.acts) == ("up", False)
    approved = decide(sizing(foreseen(), mode="approve"))
    assert (approved.acts, "mode: approve" in (approved.hold or "")) == (True, True)
    alone = decide(sizing(foreseen(), mode="auto"))
    assert (alone.acts, alone.hold) == (True, None)


@pytest.mark.parametrize(
    ("past", "most", "says"),
    [
        ((), "2.99 EUR", "2.99 EUR of maxIncrease 2.99 EUR is left"),
        ((), "3.00 EUR", None),
        ((moved(),), "5.99 EUR", "2.99 EUR of maxIncrease 5.99 EUR is left"),
        ((moved(),), "6.00 EUR", None),
        ((moved(days=31),), "3.00 EUR", None),
        ((moved(rise="1.00 USD"),), "20.00 EUR", "0.00 EUR of maxIncrease"),
        ((), "50.00 USD", "maxIncrease is 50.00 USD"),
        ((moved(rise=None, way="down"),), "3.00 EUR", None),
    ],
)
def test_what_costs_more_than_was_allowed_is_held(past, most, says) -> None:
    found = decide(sizing(foreseen(), past=past, maxIncrease=most))
    assert found.way == "up"
    if says is None:
        assert found.hold is None
    else:
        assert says in (found.hold or "")


def test_what_nobody_knows_the_price_of_is_held() -> None:
    for ladder in (
        (LADDER[0], LADDER[1]._replace(price=None)),
        (LADDER[0]._replace(price=None), LADDER[1]),
        (LADDER[0], LADDER[1]._replace(price=price("8.00 USD/month"))),
    ):
        found = decide(sizing(foreseen(), ladder=ladder))
        assert "nobody can say what care-10 costs" in (found.hold or "")
    unwritten = sizing(foreseen(), mode="approve")
    unwritten = unwritten._replace(
        rules=unwritten.rules.model_copy(update={"max_increase": None})
    )
    assert "maxIncrease is not written" in (decide(unwritten).hold or "")


def test_a_year_is_twelve_months() -> None:
    ladder = (disk(5, "60.00 EUR/year"), disk(10, "96.00 EUR/year"))
    assert str(decide(sizing(foreseen(), ladder=ladder)).rise) == "3.00 EUR"


def test_the_cool_down_and_the_windows_put_it_off() -> None:
    found = decide(sizing(foreseen(), past=(moved(days=3, rise=None),)))
    assert found.not_before == NOW + 4 * DAY
    assert decide(sizing(foreseen(), past=(moved(days=8),))).not_before is None
    window = {"days": ["tue"], "from": "02:00", "to": "04:00"}  # NOW is a Sunday
    found = decide(sizing(foreseen(), windows=[window]))
    assert found.not_before == NOW.replace(day=24, hour=2)
    found = decide(sizing(foreseen(), windows=[window], past=(moved(days=3),)))
    assert found.not_before == NOW.replace(day=1, month=12, hour=2)


# -- bursts ----------------------------------------------------------------------------

CPU = ({"cpu": 100.0}, {"cpu": 200.0}, {"cpu": 400.0})
CORES = tuple(
    Rung(f"c{n}", limits, price(f"{n}.00 EUR/month")) for n, limits in enumerate(CPU, 1)
)
BURST = {"burst": {"lasts": "2d", "most": 2}}


def cores(current=0.5, at=0, past=(), **more):
    seen = foreseen("cpu", CORES[at].limits["cpu"], current=current, **more)
    return sizing(seen, at=at, ladder=CORES, past=past, **BURST)


def test_what_passes_by_is_a_burst_and_what_is_stored_is_not() -> None:
    assert decide(cores()).way == "burst"
    assert decide(sizing(foreseen(), **BURST)).way == "up"


def test_what_needs_it_more_often_needs_it_for_good() -> None:
    burst = [moved("burst", days, None, "c1", "c2") for days in (40, 25, 12)]
    back = [moved("back", days, None, "c2", "c1") for days in (36, 20, 10)]
    past = tuple(sorted((*burst, *back)))
    assert decide(cores(past=past[:-2])).way == "burst"
    assert decide(cores(past=past)).way == "up"


@pytest.mark.parametrize(
    ("days", "used", "more", "way"),
    [
        (1, 0.1, {}, None),  # has not lasted
        (2, 0.1, {}, "back"),
        (2, 0.6, {}, None),  # 108 % of one core
        (2, 0.1, {"low": 0.5}, None),  # the forecast says it will be needed again
        (2, 0.1, {"low": 0.1}, "back"),
    ],
)
def test_a_burst_is_given_back_once_it_is_over(days, used, more, way) -> None:
    past = (moved("burst", days, None, "c1", "c2"),)
    peaks = [0.3] * 20 + [0.9] + [used] * (days + 1)
    calm = {**FAR, "current": used, "past": peaks, **more}
    seen = foreseen("cpu", CORES[1].limits["cpu"], **calm)
    found = decide(sizing(seen, at=1, ladder=CORES, past=past, **BURST))
    assert found.way == way
    if way:
        assert found.to == CORES[0]
        assert found.acts
        assert found.not_before is None  # no cool-down keeps a burst


@pytest.mark.parametrize(("ago", "way"), [(0, None), (1, None), (2, None), (3, "back")])
def test_a_day_of_the_burst_that_needed_it_keeps_it(ago: int, way: str | None) -> None:
    past = (moved("burst", 9, None, "c1", "c2"),)
    peaks = [0.1] * 12
    peaks[-1 - ago] = 0.9
    seen = foreseen("cpu", CORES[1].limits["cpu"], **{**FAR, "past": peaks})
    assert decide(sizing(seen, at=1, ladder=CORES, past=past, **BURST)).way == way


def test_a_burst_is_not_given_back_blindly() -> None:
    """What the smaller size limits has to be known, all of it."""
    small = Rung("c1", {"cpu": 100.0, "inodes": 9.0}, CORES[0].price)
    past = (moved("burst", 5, None, "c1", "c2"),)
    seen = foreseen("cpu", 200.0, **FAR)
    found = decide(sizing(seen, at=1, ladder=(small, CORES[1]), past=past, **BURST))
    assert found.way is None
    assert "nobody measures inodes" in found.notes[0].said


def test_a_burst_that_somebody_moved_on_is_over() -> None:
    past = (moved("burst", 5, None, "c1", "c2"),)
    assert lent(past, "c2") == past[0]
    assert lent(past, "c3") is None
    assert lent((*past, moved("up", 1, None, "c2", "c3")), "c3") is None
    assert lent((), "c2") is None


# -- smaller ---------------------------------------------------------------------------


def shrunk(at=2, days=30, most=0.1, past=(), both=True, **more):
    """Disk and memory at a share of the *present* limits, for so many days."""
    fields = {**FAR, "current": most, "past": [most] * days, "worst": [most]}
    fields.update(more.pop("seen", {}))
    here = LADDER[at].limits
    outlooks = [foreseen("disk", here["disk"], **fields)]
    if both:
        outlooks.append(foreseen("memory", here["memory"], **fields))
    return sizing(*outlooks, at=at, past=past, **more)


def test_thirty_days_that_fit_with_room_lead_down_and_never_by_themselves() -> None:
    found = decide(shrunk())
    assert (found.way, found.to, found.acts) == ("down", LADDER[0], False)
    assert "30 days of readings fit care-5" in found.because
    held = decide(shrunk(down="approve"))
    assert held.acts
    assert "down: approve" in (held.hold or "")
    assert decide(shrunk(down="never")).way is None


@pytest.mark.parametrize(
    "case",
    [
        shrunk(days=29),
        shrunk(most=0.36),  # 72 % of the target of the next smaller one
        shrunk(both=False),  # nobody measures the memory
        shrunk(seen={"low": 0.3}),
        shrunk(seen={"worst": [1.0]}),
        shrunk(past=(moved("up", 29),)),
        shrunk(at=0),
        shrunk()._replace(seen=book(*shrunk().seen.outlooks, doubt="all zeros")),
    ],
)
def test_nothing_is_made_smaller_without_proof(case) -> None:
    assert decide(case).way is None


def test_a_forecast_alone_makes_nothing_smaller() -> None:
    """However sure it is that little will be used: thirty days have to show it."""
    calm = foreseen(limit=10 * GIB, **{**FAR, "past": [0.1] * 5, "low": 0.0})
    assert decide(sizing(calm, at=1, ladder=LADDER[:2])).way is None


# -- laws --------------------------------------------------------------------------------

SHARE = st.floats(0, 3, allow_nan=False)


@dataclass
class Drawn:
    at: int
    fields: dict


OUTLOOKS = st.fixed_dictionaries(
    {
        "probability": st.floats(0, 1),
        "current": SHARE,
        "peak": SHARE,
        "skill": st.booleans(),
        "past": st.lists(SHARE, max_size=40),
        "worst": st.lists(SHARE, max_size=3),
        "reached": st.integers(0, 24),
        "low": st.none() | st.floats(0, 1),
    }
)


@given(
    at=st.integers(0, 2),
    disk_=OUTLOOKS,
    memory=OUTLOOKS,
    down=st.sampled_from(["never", "recommend", "approve"]),
    burst=st.booleans(),
)
def test_the_laws_of_every_decision(at, disk_, memory, down, burst) -> None:
    here = LADDER[at]
    outlooks = [
        foreseen(name, here.limits[name], **fields)
        for name, fields in (("disk", disk_), ("memory", memory))
    ]
    more = BURST if burst else {}
    case = sizing(*outlooks, at=at, down=down, **more)
    found = decide(case)
    assert found == decide(case)
    assert (found.way is None) == (found.to is None)
    assert found.to is None or (found.to in LADDER and found.to != here)
    if found.way == "down":
        assert LADDER.index(found.to) < at
        assert not (found.acts and found.hold is None)  # never without a person
        assert all(len(one.past) >= 30 for one in outlooks)
    if found.way in {"up", "burst"}:
        assert LADDER.index(found.to) > at
        least = float(case.rules.probability)
        sure = any(one.skill and one.probability >= least for one in outlooks)
        over = [max((one.current, *one.past)) / one.goal for one in outlooks]
        assert sure or max(over) >= 0.97 or any(one.reached >= 3 for one in outlooks)
    assert not decide(case._replace(seen=book(*outlooks, doubt="alike"))).way


# -- what is kept -------------------------------------------------------------------------


def test_the_records_keep_what_counts() -> None:
    facts: dict = {}
    moves = [moved("up", 50), moved("burst", 20, None), moved("back", 1, "2.00 EUR")]
    for one in moves:
        facts = remembered(facts, one)
    assert list(recalled(facts)) == moves[1:]
    assert remembered(facts, moves[-1]) == facts
    for odd in ({}, {"scalings": 5}, {"scalings": [[1, 2], ["x"], None]}):
        assert recalled(odd) == ()


def test_a_chart_is_whole_numbers_and_small() -> None:
    data = pictured("disk", foreseen(past=[0.5] * 400, worst=[2.0] * 90))
    assert data["past"] == [500] * 56
    assert data["worst"] == [2000] * 28
    assert data["metric"] == "disk"
