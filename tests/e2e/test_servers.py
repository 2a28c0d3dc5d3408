"""Machines of ours: resized at rest, once, and never left off."""

from __future__ import annotations

import pytest

from reconciler.engine import Exit
from reconciler.providers._machines import MARK
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency
from tests.support.deadly import Death, Warm, deadly
from tests.support.shell import at

ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/cloud:
  type: hetzner
  endpoint: {hetzner}
  credentials:
    token: {{file: .sandbox/secrets/hetzner-token}}
Provider/ocean:
  type: digitalocean
  account: 5df3e3004a17e242b7c20ca6c9fc25b701a47ece
  endpoint: {digitalocean}
  credentials:
    token: {{file: .sandbox/secrets/digitalocean-token}}
  settings: {{price.volume: 0.10 USD}}
"""
FILE = "inventory/servers.yaml"
EUR, USD = "maxPrice: 40.00 EUR/month", "maxPrice: 40.00 USD/month"
SERVERS = f"""\
apiVersion: reconciler/v1
Server/web: {{provider: cloud, size: cx22, {EUR}}}
Server/mail: {{provider: ocean, size: s-1vcpu-2gb, volumes: {{box: 10GiB}}, {USD}}}
Server/shop: {{provider: ocean, size: s-1vcpu-1gb, {USD}}}
"""
LARGER = ("web: {provider: cloud, size: cx22", "web: {provider: cloud, size: cx32")


def agency_with(tmp_path, servers=SERVERS, oddities=None, **more):
    odd = {name: Oddity(hosting=fields) for name, fields in (oddities or {}).items()}
    return Agency(tmp_path, {FILE: servers}, odd, accounts=ACCOUNTS, **more)


def row(agency, name, vendor="hetzner"):
    machines = agency.sandbox.bench(vendor).state["machines"].values()
    return next(one for one in machines if one["name"] == name)


def done(agency, name, vendor="hetzner"):
    return [e.operation for e in agency.sandbox.ledger.effects(vendor, name)]


def edit(agency, *change):
    agency.edit(FILE, *change)
    agency.commit("servers: another size")


def codes(plan, kind="Server"):
    return sorted((f.name, f.code) for f in plan.findings if f.kind == kind)


def test_a_commit_resizes_a_machine_and_the_next_plan_is_empty(tmp_path):
    with agency_with(tmp_path) as agency:
        plan = agency.plan()
        assert (plan.actions, plan.unknown, codes(plan)) == ((), (), [])
        edit(agency, *LARGER)
        edit(agency, "box: 10GiB", "box: 20GiB")
        plan = agency.plan()
        costs = {a.change.verb: str(a.change.cost) for a in plan.actions}
        assert costs == {"resize": "3.01 EUR", "grow-volume": "1.00 USD"}
        assert agency.apply().exit is Exit.DONE
        assert (row(agency, "web")["size"], row(agency, "web")["status"]) == (
            "cx32",
            "running",
        )
        assert row(agency, "mail", "digitalocean")["volumes"]["box"]["size"] == 20
        assert agency.plan().actions == ()
        assert at(agency, "audit", "verify").code == 0


def test_killed_before_each_step_it_runs_again_and_is_changed_once(tmp_path):
    """Before the stop, the change, the start, and before the mark is taken away."""
    names = {number: f"w{number}" for number in range(3, 7)}
    lines = [
        f"Server/{n}: {{provider: cloud, size: cx22, {EUR}}}\n" for n in names.values()
    ]
    servers = "apiVersion: reconciler/v1\n" + "".join(lines)
    with Warm() as warm, agency_with(tmp_path, servers) as agency:
        agency.git("remote", "set-url", "origin", str(agency.remote))
        deadly(agency.remote)
        state = agency.sandbox.bench("hetzner").state
        state["takes"] = dict.fromkeys(
            ("shutdown_server", "change_server_type", "start_server"), 0
        )
        state["starts"] = False
        died, seen = [], set()
        for number, name in names.items():
            edit(
                agency,
                f"{name}: {{provider: cloud, size: cx22",
                f"{name}: {{provider: cloud, size: cx32",
            )
            lived = warm.run(agency, "apply", "--auto-approve", death=Death(number))
            died.append(lived.killed)
            seen.add((row(agency, name)["size"], row(agency, name)["status"]))
            agency.later(minutes=31)
            assert agency.apply().exit is Exit.DONE, (number, lived.out)
            found = row(agency, name)
            assert (found["size"], found["status"]) == ("cx32", "running"), number
            assert done(agency, name).count("change_server_type") == 1, number
            left = found["labels"].get(MARK)
            assert left is None or number == 6, "it ran, and died before it was said"
        assert agency.plan().actions == ()
        assert all(died), lived.effects
        assert seen == {
            ("cx22", "running"),
            ("cx22", "off"),
            ("cx32", "off"),
            ("cx32", "running"),
        }
        assert at(agency, "audit", "verify").code == 0


@pytest.mark.parametrize("kind", ["lost-before", "lost-after"])
def test_a_lost_answer_is_never_a_second_change(tmp_path, kind):
    with agency_with(tmp_path) as agency:
        edit(agency, *LARGER)
        fault = Fault(vendor="hetzner", operation="change_type", kind=kind)
        agency.sandbox.inject(fault)
        exits = []
        for _ in range(3):
            exits.append(int(agency.apply().exit))
            assert row(agency, "web")["status"] == "running", "whatever is known"
            agency.later(minutes=20)
        assert exits[-1] == 0
        assert done(agency, "web").count("change_server_type") == 1
        assert agency.plan().actions == ()


def test_an_action_that_errors_fails_and_leaves_it_running(tmp_path):
    with agency_with(tmp_path) as agency:
        edit(agency, *LARGER)
        agency.sandbox.edit("hetzner", "fails", {"change_server_type": "no room"})
        assert agency.apply().exit is Exit.PARTLY
        found = row(agency, "web")
        assert (found["size"], found["status"], found["labels"]) == (
            "cx22",
            "running",
            {},
        )
        assert agency.apply().exit is Exit.DONE, "the next run tries again"


def test_a_machine_that_was_left_off_is_an_incident_and_is_started(tmp_path):
    stopped = {MARK: "0.x"}
    with agency_with(tmp_path, oddities={"web": {"status": "off"}}) as agency:
        assert codes(agency.plan()) == [("web", "server-off")]
        stopped = {MARK: f"{int(agency.clock().timestamp())}.x"}
        agency.sandbox.edit("hetzner", "machine", {"name": "web", "labels": stopped})
        plan = agency.plan()
        assert codes(plan) == [("web", "server-left-off")]
        assert [a.change.verb for a in plan.actions] == ["power-on"]
        assert agency.apply().exit is Exit.DONE
        assert row(agency, "web")["status"] == "running"
        assert agency.plan().actions == ()


def test_another_account_is_another_machine(tmp_path):
    with agency_with(tmp_path) as agency:
        edit(agency, "size: s-1vcpu-2gb", "size: s-2vcpu-4gb")
        fault = Fault(
            vendor="digitalocean", operation="getAccount", kind="wrong-account", times=0
        )
        agency.sandbox.inject(fault)
        plan = agency.plan()
        assert plan.actions == ()
        assert "wrong-account" in {f.code for f in plan.findings}
        assert agency.apply().exit is Exit.PARTLY
        assert agency.sandbox.ledger.effects("digitalocean") == []


def test_a_machine_that_is_gone_is_told_and_none_is_made(tmp_path):
    with agency_with(tmp_path, oddities={"mail": {"absent": True}}) as agency:
        plan = agency.plan()
        assert codes(plan) == [("mail", "server-missing")]
        assert plan.actions == ()
        agency.sandbox.edit("hetzner", "machine", {"name": "web", "remove": True})
        plan = agency.plan()
        assert "absence-unproven" in {f.code for f in plan.findings}


def test_a_smaller_size_waits_for_a_backup_that_was_proven(tmp_path):
    with agency_with(tmp_path, oddities={"web": {"disk": 20}}) as agency:
        edit(agency, "size: cx22", "size: cx32")
        assert agency.apply().exit is Exit.DONE
        edit(agency, "size: cx32", "size: cx22")
        (action,) = agency.plan().actions
        rules = {v.rule for v in action.verdicts if str(v.decision) == "hold"}
        assert rules == {"built-in/backup-proof"}
        agency.apply()
        assert row(agency, "web")["size"] == "cx32"


def test_without_a_ceiling_nothing_is_bought(tmp_path):
    with agency_with(tmp_path, SERVERS.replace(f", {EUR}", "")) as agency:
        edit(agency, *LARGER)
        (action,) = agency.plan().actions
        assert str(action.decision) == "hold"
        agency.apply()
        assert done(agency, "web") == []


def test_a_storm_of_resizes_stops_at_the_built_in_limit(tmp_path):
    names = [f"w{number}" for number in range(7)]
    lines = [f"Server/{n}: {{provider: cloud, size: cx22, {EUR}}}\n" for n in names]
    servers = "apiVersion: reconciler/v1\n" + "".join(lines)
    with agency_with(tmp_path, servers) as agency:
        edit(agency, "size: cx22", "size: cx32")
        plan = agency.plan()
        assert len(plan.actions) == 7
        assert {str(a.decision) for a in plan.actions} == {"hold"}
        assert "many-at-once" in {f.code for f in plan.findings}
        agency.apply()
        assert agency.sandbox.ledger.effects("hetzner") == []


def test_no_token_is_shown(tmp_path):
    with agency_with(tmp_path) as agency:
        edit(agency, *LARGER)
        fault = Fault(
            vendor="hetzner",
            operation="change_type",
            kind="status",
            status=400,
            text="sandbox-hetzner-token",
        )
        agency.sandbox.inject(fault)
        texts = [
            at(agency, "apply").out,
            at(agency, "plan", "--format", "json").out,
            at(agency, "audit", "log", "--format", "json").out,
        ]
        assert not [text for text in texts if "sandbox-hetzner-token" in text]
        assert "web" in texts[0]


def test_doctor_asks_every_cloud(tmp_path):
    with agency_with(tmp_path) as agency:
        said = at(agency, "doctor").out
        assert "cloud" in said
        assert "ocean" in said


def test_what_machines_use_is_probed_kept_and_shown(tmp_path):
    use = {"cpu": {"base": 40}, "io": {"base": 1e6}}
    with agency_with(tmp_path, oddities={"web": {"usage": use}}) as agency:
        probed = at(agency, "usage", "probe")
        assert probed.code == 0, probed.out
        shown = at(agency, "usage", "show", "Server/web")
        assert shown.code == 0, shown.out
        assert "40.0% of 200.0%" in shown.out, shown.out
        assert "daily peaks, 15 d" in shown.out, "two weeks are there at once"
