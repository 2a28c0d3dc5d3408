"""A disk that fills up on a WHM server: measured over weeks, foreseen, recommended."""

from __future__ import annotations

from contextlib import closing

from reconciler.audit.usage_store import Measured
from reconciler.cli.accounts import probing
from reconciler.cli.usage_books import usage_store
from reconciler.engine import Exit
from reconciler.engine.probing import probe
from reconciler.model.usage import UsageState
from reconciler.sandbox.example import Oddity
from tests.e2e.test_hosting import ACCOUNTS
from tests.support.agency import Agency
from tests.support.shell import at

PLANS = """\
apiVersion: reconciler/v1
HostingPlan/care-5: {price: 10.00 EUR/month, packages: {whm: care_5g}, limits: {disk: 5GiB}, up: care-20}
HostingPlan/care-20: {price: 19.00 EUR/month, packages: {whm: care_20g}, limits: {disk: 20GiB}}
ScalingPolicy/room: {metrics: [disk], horizon: 14d, target: 90%, probability: 80%}
"""
HOSTED = """\
apiVersion: reconciler/v1
HostingAccount/shop.example: {provider: whm-1, plan: {min: care-5, max: care-20}, scaling: room}
HostingAccount/calm.example: {provider: whm-1, plan: {min: care-5, max: care-20}, scaling: room}
"""
FILES = {"inventory/plans.yaml": PLANS, "inventory/hosted.yaml": HOSTED}
USE = {
    "shop.example": {"disk": 2620.0, "grows": 45.0},
    "calm.example": {"disk": 400.0, "grows": 1.0},
}


def weeks(agency, days, every=20):
    """Let *days* pass, and ask the server every so many hours; kept in one go."""
    project, found = agency.project(), []
    wants = [want for want in project.scope().wants() if want.probes()]
    for _ in range(0, days * 24, every):
        agency.later(hours=every)
        with closing(probing(project, wants)) as accounts:
            seen = probe(wants, accounts).seen
        for ref, states in seen.items():
            for state in states.values():
                assert isinstance(state, UsageState)
                found += (Measured(ref, state.source, one) for one in state.readings)
    usage_store(project).add(found, agency.clock())


def test_a_disk_that_fills_up_is_foreseen_and_a_calm_one_costs_nothing(tmp_path):
    odd = {name: Oddity(hosting={"use": use}) for name, use in USE.items()}
    with Agency(tmp_path, FILES, odd, accounts=ACCOUNTS) as agency:
        weeks(agency, 40)
        before = agency.plan()
        assert {f.code for f in before.findings if f.kind != "Provider"} == {
            "scaling-blind"
        }
        done = at(agency, "usage", "probe")
        assert (done.code, done.err.count("Traceback")) == (Exit.DONE, 0), done.err
        assert "foresaw 2 of 2 that are scaled" in done.out
        (soonest, *_, calm) = [
            line
            for line in at(agency, "usage", "list").out.splitlines()
            if "disk" in line
        ]
        assert soonest.startswith("HostingAccount/shop.example")
        assert calm.endswith("far away")
        plan = agency.plan()
        (found,) = [f for f in plan.findings if f.name == "shop.example"]
        assert found.code == "scaling-recommended"
        assert "care-20" in found.message
        assert [f for f in plan.findings if f.name == "calm.example"] == []
        assert plan.actions == ()
        shown = at(
            agency, "usage", "show", "HostingAccount/shop.example", "--metric", "disk"
        )
        assert "95 % covered" in shown.out


AHEAD = PLANS.replace(
    "ScalingPolicy/room: {",
    "ScalingPolicy/room: {mode: auto, maxIncrease: 500.00 EUR, ",
)
MANY = [f"s{number}.example" for number in range(7)]
STORM = "apiVersion: reconciler/v1\n" + "".join(
    f"HostingAccount/{name}: "
    "{provider: whm-1, plan: {min: care-5, max: care-20}, scaling: room}\n"
    for name in MANY
)


def deeds(agency):
    effects = agency.sandbox.ledger.effects("whm")
    return [one.name for one in effects if one.operation != "by-hand"]


def used(number, grows):
    """Return what account *number* uses: no two the same, or the source is doubted."""
    busy = {"cpu": 20.0 + number, "memory": 300.0 + number * 9, "io": 50.0 + number}
    busy |= {"traffic": 80.0 + number, "day": 0.3, "noise": 0.1}
    disk = {"disk": 2720.0 + number * 5, "files": 9000 + number * 41, "grows": grows}
    return busy | disk


def test_a_storm_of_forecasts_moves_nothing_and_is_an_incident(tmp_path):
    odd = {
        name: Oddity(hosting={"use": used(number, 45.0)})
        for number, name in enumerate(MANY)
    }
    files = {"inventory/plans.yaml": AHEAD, "inventory/hosted.yaml": STORM}
    with Agency(tmp_path, files, odd, accounts=ACCOUNTS) as agency:
        weeks(agency, 40)
        assert at(agency, "usage", "probe").code == Exit.DONE
        plan = agency.plan()
        held = {
            a.want.name
            for a in plan.actions
            if "built-in/mass" in {v.rule for v in a.verdicts}
        }
        assert held == set(MANY)
        (alarm,) = [f for f in plan.findings if f.code == "many-at-once"]
        assert alarm.name == "whm-1"
        done = at(agency, "apply")
        assert done.code == Exit.UNAPPROVED
        assert "7 of 7 at whm-1 would be scaled in one run" in done.out
        assert deeds(agency) == []


def test_a_few_forecasts_move_what_they_are_about(tmp_path):
    odd = {
        name: Oddity(hosting={"use": used(number, 45.0 if number < 2 else 1.0)})
        for number, name in enumerate(MANY)
    }
    files = {"inventory/plans.yaml": AHEAD, "inventory/hosted.yaml": STORM}
    with Agency(tmp_path, files, odd, accounts=ACCOUNTS) as agency:
        weeks(agency, 40)
        assert at(agency, "usage", "probe").code == Exit.DONE
        assert at(agency, "apply").code == Exit.DONE
        assert sorted(deeds(agency)) == MANY[:2]
        assert agency.plan().actions == ()
