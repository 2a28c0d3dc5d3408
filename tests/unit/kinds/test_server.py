"""What has to happen to a machine: a table, and that nothing is left afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.server import (
    GrowVolume,
    Offer,
    PowerOn,
    Resize,
    Server,
    ServerState,
)
from reconciler.model import (
    OUTLOOK,
    USAGE,
    Absent,
    Ended,
    Makings,
    Money,
    Outlook,
    OutlookState,
    Risk,
    Share,
    Unknown,
)
from reconciler.model.scaling import Scaling

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)  # a Sunday
GIB = 1024**3
SIZES = ["s", "m", "l", "xl"]
OFFERS = {
    name: Offer(
        cores=2**n,
        memory=2**n * 4 * GIB,
        disk=2**n * 40 * GIB,
        monthly=Money.read(f"{2**n * 5}.00 EUR"),
    )
    for n, name in enumerate(SIZES)
}


def server(**spec: Any) -> Server:
    whole = {"provider": "cloud", "size": "s", "maxPrice": "99.00 EUR/month", **spec}
    return Server.model_validate({"metadata": {"name": "web-1"}, "spec": whole})


def state(**more: Any) -> ServerState:
    usual = {"machine": "7", "name": "web-1", "size": "s", "status": "running"}
    usual |= {"disk": 40 * GIB, "offers": OFFERS, "region": "nbg1"}
    return ServerState.model_validate({**usual, **more})


def diff(want: Server, live: Any, now: datetime = NOW, **more: Any) -> list[Any]:
    return [*want.diff({want.share: live, **more}, now)]


def codes(want: Server, live: Any, have: Any = None) -> list[str]:
    found = {want.share: live, **(have or {})}
    return [one.code for one in want.findings(found, NOW)]


RANGE = {"size": {"min": "s", "max": "l"}, "sizes": SIZES}


@pytest.mark.parametrize(
    ("spec", "live", "verbs"),
    [
        ({}, {}, []),
        ({"size": "m"}, {}, ["resize"]),
        ({"size": "m"}, {"status": "off"}, []),
        ({"size": "m"}, {"status": "other"}, []),
        ({"size": "m"}, {"busy": "a snapshot"}, []),
        ({}, {"status": "off", "ours": True}, ["power-on"]),
        ({"size": "m"}, {"status": "off", "ours": True}, ["power-on", "resize"]),
        (RANGE, {}, []),
        (RANGE, {"size": "l"}, []),
        (RANGE, {"size": "xl"}, ["resize"]),
        ({"disk": "40GiB"}, {}, []),
        ({"disk": "60GiB"}, {}, []),
        ({"disk": "60GiB"}, {"disk_grows": True}, ["grow-volume"]),
        ({"disk": "20GiB"}, {"disk_grows": True}, []),
        ({"volumes": {"a": "9GiB"}}, {"volumes": {"a": 5 * GIB}}, ["grow-volume"]),
        ({"volumes": {"a": "9GiB"}}, {}, []),
        ({"machine": "8", "size": "m"}, {}, []),
        ({"region": "hel1", "size": "m"}, {}, []),
    ],
)
def test_what_follows(spec: Any, live: Any, verbs: list[str]) -> None:
    assert [one.verb for one in diff(server(**spec), state(**live))] == verbs


def test_nothing_follows_from_what_nobody_knows() -> None:
    want = server(size="m")
    assert diff(want, Unknown(why="down")) == []
    assert diff(want, Absent()) == []
    assert codes(want, Absent()) == ["server-missing"]
    assert codes(want, Unknown(why="down")) == []


def test_within_a_range_it_goes_to_the_smallest_that_is_enough() -> None:
    want = server(size={"min": "s", "max": "l"}, sizes=SIZES)
    xl = {**OFFERS, "tiny": Offer(cores=2, memory=6 * GIB, monthly=None)}
    (change,) = diff(want, state(size="tiny", offers=xl, disk=30 * GIB))
    assert change.details["size"] == "m"
    (change,) = diff(want, state(size="gone", disk=300 * GIB))
    assert (change.details["size"], change.smaller) == ("l", True)


def test_what_it_costs_and_may_cost() -> None:
    (change,) = diff(server(size="l"), state(volumes={"a": 10 * GIB}))
    assert (str(change.cost), str(change.ceiling)) == ("15.00 EUR", "99.00 EUR")
    (change,) = diff(server(), state(size="l", disk=40 * GIB))
    assert change.cost is None
    assert change.smaller
    assert change.needs_proof
    (change,) = diff(server(size="l", maxPrice="19.99 EUR/month"), state())
    assert "costs 20.00 EUR in a month" in change.hold
    (change,) = diff(server(size="l", maxPrice="240.00 EUR/year"), state())
    assert change.hold is None
    (change,) = diff(server(size="l", maxPrice="99.00 USD/month"), state())
    assert change.firm
    storage = Money.read("0.10 EUR")
    stored = state(volumes={"a": 900 * GIB}, storage=storage)
    (change,) = diff(server(size="l"), stored)
    assert "costs 110.00 EUR" in change.hold


def test_what_disks_cost_is_money_under_the_ceiling() -> None:
    want = server(volumes={"a": "9GiB"})
    storage = Money.read("0.05 EUR")
    (change,) = diff(want, state(volumes={"a": 5 * GIB}, storage=storage))
    assert isinstance(change, GrowVolume)
    assert (change.risk, change.reversible) == (Risk.MONEY, False)
    assert (str(change.cost), str(change.ceiling)) == ("0.20 EUR", "99.00 EUR")
    (change,) = diff(want, state(volumes={"a": 5 * GIB}))
    assert change.cost is None, "the built-in rule holds what nobody quotes"
    tiny = Money.read("0.01 EUR").times(0)
    (change,) = diff(want, state(volumes={"a": 5 * GIB}, storage=tiny))
    assert str(change.cost) == "0.01 EUR"


def test_a_disk_that_comes_along_is_for_good_and_needs_proof() -> None:
    (change,) = diff(server(size="m", irreversible=["disk"]), state())
    assert (change.risk, change.needs_proof, change.lasting) == (
        Risk.DESTRUCTIVE,
        True,
        True,
    )
    (change,) = diff(server(size="m"), state())
    assert (change.risk, change.needs_proof) == (Risk.DISRUPTIVE, False)


def test_it_is_stopped_in_its_windows_alone() -> None:
    window = {"days": ["mon"], "from": "02:00", "to": "04:00", "timeZone": "UTC"}
    want = server(size="m", windows=[window])
    (change,) = diff(want, state())
    opens = datetime(2026, 11, 23, 2, tzinfo=UTC)
    assert change.not_before == opens
    assert want.quiet_until({}, NOW) == opens
    inside = opens + timedelta(hours=1)
    (change,) = diff(want, state(), inside)
    assert change.not_before is None
    assert want.quiet_until({}, inside) == opens + timedelta(hours=2)
    (started,) = diff(server(windows=[window]), state(status="off", ours=True))
    assert started.not_before is None, "what we stopped does not wait for a window"


def test_many_at_once_have_a_name() -> None:
    (change,) = diff(server(size="m"), state())
    assert change.crowd == "taken down"
    (change,) = diff(server(), state(size="m"))
    assert change.crowd == "made smaller"


@pytest.mark.parametrize(
    ("spec", "live", "found"),
    [
        ({}, {}, []),
        ({}, {"status": "off"}, ["server-off"]),
        ({}, {"status": "off", "ours": True}, ["server-left-off"]),
        ({}, {"busy": "x"}, ["server-busy"]),
        ({"machine": "8"}, {}, ["server-differs"]),
        ({"region": "hel1"}, {}, ["server-differs"]),
        ({"size": "huge"}, {}, ["size-unknown"]),
        ({"disk": "20GiB"}, {}, ["disk-larger"]),
        ({"disk": "60GiB"}, {}, ["disk-fixed"]),
        ({"disk": "60GiB"}, {"disk_grows": True}, []),
        ({"volumes": {"a": "5GiB"}}, {}, ["volume-missing"]),
    ],
)
def test_what_a_person_should_know(spec: Any, live: Any, found: list[str]) -> None:
    assert codes(server(**spec), state(**live)) == found


def test_who_measures_it() -> None:
    want = server(panel="whm-1", metrics="prometheus")
    assert [one.provider for one in want.probes()] == ["cloud", "whm-1", "prometheus"]
    assert {one.family for one in want.probes()} == {"usage"}
    assert want.witnesses() == ()
    assert server(scaling="calm").witnesses() == (Share(USAGE, OUTLOOK),)


def test_done_and_pending() -> None:
    want = server(size="m")
    (change,) = diff(want, state())

    def done(**more: Any) -> bool | None:
        return want.done(change, {want.share: state(**more)})

    assert done() is False
    assert done(size="m") is True
    assert done(size="m", status="off") is True, "that it is off is another matter"
    assert done(size="m", busy="x") is None
    assert done(size="m", machine="8") is None
    assert want.pending(change, {want.share: state(busy="x")})
    assert want.pending(change, {want.share: state()}) is None


# -- scaled ------------------------------------------------------------------------


CALM = Scaling(mode="auto", max_increase=Money.read("30.00 EUR"))


def outlook(metric: str, limit: float, **more: Any) -> Outlook:
    usual: dict[str, Any] = {
        "metric": metric,
        "limit": limit,
        "current": limit * 0.8,
        "peak": limit * 0.85,
        "probability": 0.95,
        "horizon": 14 * 86400,
        "target": 0.9,
        "skill": True,
        "method": "test",
        "mase": 0.5,
        "naive_mase": 1.0,
        "coverage": 0.95,
        "worst": (limit * 1.1,),
        "past": tuple(limit * 0.7 for _ in range(40)),
    }
    return Outlook.model_validate({**usual, **more})


def scaled(rules: Scaling = CALM, **spec: Any) -> Server:
    want = server(**{**RANGE, "scaling": "calm", **spec})
    return want.joined(lambda: Makings(scaling=rules)).recalling(dict)


def seen(*outlooks: Outlook, **more: Any) -> dict[Share, OutlookState]:
    found = OutlookState(at=NOW, outlooks=outlooks, **more)
    return {Share(USAGE, OUTLOOK): found}


def test_a_forecast_leads_to_a_larger_size_within_the_range() -> None:
    want = scaled()
    have = {want.share: state(), **seen(outlook("cpu", 100.0))}
    (change,) = want.diff(have, NOW)
    assert isinstance(change, Resize)
    assert (change.details["size"], change.details["scaling"]) == ("m", "calm")
    assert (change.merges, change.crowd, change.hold) == (False, "scaled", None)
    ended = Ended("applied", NOW, 1, {})
    kept = want.remembers(change, ended, have)
    assert kept["scalings"][0][1:4] == ["up", "s", "m"]
    assert want.remembers(change, Ended("failed", NOW, 1, {}), have) == {}


def test_its_bounds_are_those_of_its_size() -> None:
    want = scaled()
    assert want.bounds({}).limits == {}
    found = want.bounds({want.share: state(size="m")})
    assert found.limits == {
        "cpu": 200.0,
        "memory": 8.0 * GIB,
        "disk": 40.0 * GIB,
    }
    assert found.smaller is not None
    assert found.smaller["cpu"] == 100.0


def test_a_source_in_doubt_leads_to_nothing() -> None:
    want = scaled()
    have = seen(outlook("cpu", 100.0), doubt="all zeros")
    assert [*want.diff({want.share: state(), **have}, NOW)] == []
    assert codes(want, state(), have) == ["usage-doubtful"]


def test_outside_the_range_it_is_proposed() -> None:
    want = scaled()
    have = {want.share: state(size="l"), **seen(outlook("cpu", 400.0))}
    assert [*want.diff(have, NOW)] == []
    (proposal,) = want.proposals(have, NOW)
    assert (proposal.field, proposal.change.value) == ("spec.size", "xl")
    assert "scaling-outside" in [one.code for one in want.findings(have, NOW)]
    (chapter,) = want.story(have, NOW)
    assert chapter.title.startswith("scaled by calm")


def test_what_a_person_is_asked_can_be_agreed_to_and_facts_cannot() -> None:
    asks = Scaling(mode="approve", max_increase=Money.read("30.00 EUR"))
    have = seen(outlook("cpu", 100.0))
    want = scaled(asks)
    (change,) = want.diff({want.share: state(), **have}, NOW)
    assert change.hold
    assert not change.firm
    poor = scaled(asks, maxPrice="6.00 EUR/month")
    (change,) = poor.diff({poor.share: state(), **have}, NOW)
    assert change.firm


def test_a_machine_without_a_policy_asks_for_nothing() -> None:
    want = server(**RANGE)
    have = {want.share: state(), **seen(outlook("cpu", 100.0))}
    assert [*want.diff(have, NOW)] == []
    assert want.quiet_until(have, NOW) is None


# -- a law -------------------------------------------------------------------------


@given(
    size=st.sampled_from(SIZES),
    wanted=st.sampled_from(SIZES),
    power=st.sampled_from([("running", False), ("off", True), ("off", False)]),
    disks=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    along=st.booleans(),
)
def test_after_doing_it_nothing_is_left(
    size: str, wanted: str, power: Any, disks: tuple[int, int], along: bool
) -> None:
    want = server(
        size=wanted,
        volumes={"a": f"{disks[1]}GiB"},
        irreversible=["disk"] if along else [],
    )
    live = state(
        size=size,
        status=power[0],
        ours=power[1],
        volumes={"a": disks[0] * GIB},
        disk=int(OFFERS[size].disk or 0),
    )
    for change in diff(want, live):
        match change:
            case PowerOn():
                live = live.model_copy(update={"status": "running", "ours": False})
            case GrowVolume():
                live = live.model_copy(
                    update={"volumes": {"a": change.details["bytes"]}}
                )
            case Resize() if change.hold is None:
                live = live.model_copy(update={"size": change.details["size"]})
            case Resize():
                continue
        assert want.done(change, {want.share: live}) is True
    left = diff(want, live)
    assert all(one.hold for one in left)
    assert [one.verb for one in left] in ([], ["resize"])
