"""Accounts on a hosting server: suspended once, lifted only by who suspended them."""

from __future__ import annotations

import json
import re

import pytest

from reconciler.audit import Query, log
from reconciler.engine import Exit
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency
from tests.support.shell import at

ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/whm-1:
  type: whm
  account: whm1.agency.example
  endpoint: {whm}
  credentials:
    user: {{file: .sandbox/secrets/whm-user}}
    token: {{file: .sandbox/secrets/whm-token}}
"""
PLANS = """\
apiVersion: reconciler/v1
HostingPlan/care-5: {price: 120.00 EUR/year, packages: {whm: care_5g}}
"""
HOSTED = """\
apiVersion: reconciler/v1
HostingAccount/bakker.example: {provider: whm-1, account: bakker, plan: care-5, state: active}
HostingAccount/cafe.example: {provider: whm-1, plan: care-5, state: active}
HostingAccount/fiets.example: {provider: whm-1, plan: care-5}
"""
FILE = "inventory/hosted.yaml"
FILES = {"inventory/plans.yaml": PLANS, FILE: HOSTED}
BAKKER = (
    "account: bakker, plan: care-5, state: active",
    "account: bakker, plan: care-5, state: suspended",
)
OPS = {
    "ops.yaml": "apiVersion: reconciler/v1\n"
    "ApprovalRule/disruptive: {match: {risks: [disruptive]}, groups: [ops]}\n"
}


def agency_with(tmp_path, oddities=None, **more):
    odd = {name: Oddity(hosting=fields) for name, fields in (oddities or {}).items()}
    return Agency(tmp_path, FILES, odd, accounts=ACCOUNTS, **more)


def done(agency, name="bakker.example"):
    return [e.operation for e in agency.sandbox.ledger.effects("whm", name)]


def found(plan):
    return sorted((f.name, f.code) for f in plan.findings if f.kind != "Provider")


def held(plan):
    return sorted(
        (
            action.want.name,
            action.change.verb,
            " ".join(v.rule for v in action.verdicts if v.decision != "allow"),
        )
        for action in plan.actions
    )


def suspend(agency):
    agency.edit(FILE, *BAKKER)
    agency.commit("bakker: suspend")


def test_a_fresh_world_needs_nothing(tmp_path):
    with agency_with(tmp_path) as agency:
        plan = agency.plan()
        assert (plan.actions, plan.unknown, found(plan)) == ((), (), [])
        assert [(u.kind, u.name) for u in plan.unmanaged] == [
            ("HostingAccount", "stray-site.example")
        ]
        requests = agency.sandbox.ledger.requests()["whm"]
        assert requests == {"gethostname": 1, "listaccts": 1}
        assert re.search(r"ok +whm-1", at(agency, "doctor").out)


def test_a_site_is_suspended_and_set_free_by_commits(tmp_path):
    with agency_with(tmp_path) as agency:
        suspend(agency)
        assert agency.apply().exit is Exit.DONE
        assert agency.plan().actions == ()
        agency.edit(FILE, *reversed(BAKKER))
        agency.commit("bakker: has paid")
        assert agency.apply().exit is Exit.DONE
        assert agency.plan().actions == ()
        assert done(agency) == ["suspend", "unsuspend"]
        assert at(agency, "audit", "verify").code == 0


def test_a_suspension_waits_for_its_approval(tmp_path):
    with agency_with(tmp_path, policies=OPS) as agency:
        suspend(agency)
        assert agency.apply().exit is Exit.UNAPPROVED
        assert done(agency) == []
        (action,) = agency.plan().actions
        assert (str(action.change.risk), str(action.op_class)) == (
            "disruptive",
            "probe",
        )


def test_what_others_did_is_told_and_left_alone(tmp_path):
    oddities = {
        "bakker.example": {"suspended": "abuse desk"},
        "cafe.example": {"plan": "care_20g"},
        "fiets.example": {"absent": True},
    }
    with agency_with(tmp_path, oddities) as agency:
        plan = agency.plan()
        assert found(plan) == [("bakker.example", "suspended-by-others")]
        assert held(plan) == [
            ("cafe.example", "change-plan", "built-in/drift"),
            ("fiets.example", "create", "built-in/vanished"),
        ]
        assert agency.apply().exit is Exit.UNAPPROVED
        assert agency.sandbox.ledger.effects("whm") == []


def test_lifted_by_hand_is_not_suspended_again_by_itself(tmp_path):
    with agency_with(tmp_path) as agency:
        suspend(agency)
        agency.apply()
        agency.sandbox.edit("whm", "account", {"user": "bakker", "suspended": None})
        (action,) = agency.plan().actions
        assert (action.change.verb, str(action.decision)) == ("suspend", "hold")
        agency.apply()
        assert done(agency) == ["suspend", "by-hand"]


@pytest.mark.parametrize("kind", ["lost-before", "lost-after", "status-after"])
def test_a_lost_answer_is_never_a_second_suspension(tmp_path, kind):
    with agency_with(tmp_path) as agency:
        suspend(agency)
        agency.sandbox.inject(Fault(vendor="whm", operation="suspendacct", kind=kind))
        codes = []
        for _ in range(3):
            codes.append(int(agency.apply().exit))
            agency.later(minutes=20)
        assert codes[-1] == 0
        assert done(agency) == ["suspend"]
        assert agency.plan().actions == ()
        assert at(agency, "audit", "verify").code == 0


def test_a_change_that_half_worked_is_seen(tmp_path):
    with agency_with(tmp_path, {"bakker.example": {"half": True}}) as agency:
        suspend(agency)
        assert agency.apply().exit is Exit.DONE
        (outcome,) = [
            line
            for line in log(agency.project().store, Query())
            if line["type"] == "outcome"
        ]
        assert (outcome["status"], outcome["how"]) == ("applied", "observed")
        assert done(agency) == ["suspend"]


def test_another_server_is_another_account(tmp_path):
    with agency_with(tmp_path) as agency:
        suspend(agency)
        agency.sandbox.inject(
            Fault(vendor="whm", operation="gethostname", kind="wrong-account", times=0)
        )
        plan = agency.plan()
        assert plan.actions == ()
        assert not plan.complete
        assert "wrong-account" in {f.code for f in plan.findings}
        assert agency.apply().exit is Exit.PARTLY
        assert agency.sandbox.ledger.effects("whm") == []


@pytest.mark.parametrize("kind", ["empty", "wrong-account"])
def test_a_server_that_suddenly_has_nothing_of_ours(tmp_path, kind):
    with agency_with(tmp_path) as agency:
        suspend(agency)
        agency.sandbox.inject(
            Fault(vendor="whm", operation="listaccts", kind=kind, times=0)
        )
        plan = agency.plan()
        assert plan.actions == ()
        assert "mass-absence" in {f.code for f in plan.findings}
        assert "account-missing" not in {f.code for f in plan.findings}


def test_a_changed_package_of_a_plan_is_seen_at_once(tmp_path):
    with agency_with(tmp_path) as agency:
        agency.plan()
        agency.edit("inventory/plans.yaml", "whm: care_5g", "whm: care_6g")
        agency.commit("plans: another package")
        plan = agency.plan()
        assert {code for _, code in found(plan)} == {"package-missing"}
        moves = {(verb, why) for _, verb, why in held(plan)}
        assert moves == {("change-plan", "built-in/limit")}
        whys = {v.why for action in plan.actions for v in action.verdicts}
        assert "whm-1 has no package care_6g" in whys
        assert int(agency.apply().exit) != 0
        assert agency.sandbox.ledger.effects("whm") == []


def test_no_token_and_no_address_is_shown(tmp_path):
    oddities = {"cafe.example": {"suspended": "canary-reason of Mr Smith"}}
    with agency_with(tmp_path, oddities) as agency:
        suspend(agency)
        agency.sandbox.inject(
            Fault(
                vendor="whm",
                operation="suspendacct",
                kind="status",
                status=400,
                text="sandbox-whm-token hidden@customer.example",
            )
        )
        texts = [
            at(agency, "plan", "--format", "json").out,
            at(agency, "apply").out,
            at(agency, "audit", "log", "--format", "json").out,
            at(agency, "observe", "--out", str(agency.root / "seen.json")).out,
            (agency.root / "seen.json").read_text(encoding="utf-8"),
        ]
        assert json.loads(texts[0])["actions"]
        for secret in ("sandbox-whm-token", "canary-reason"):
            assert not [text for text in texts if secret in text]


def test_other_commands_know_accounts(tmp_path):
    oddities = {"cafe.example": {"plan": "care_20g"}}
    with agency_with(tmp_path, oddities) as agency:
        seen = str(agency.root / ".sandbox" / "seen.json")
        assert at(agency, "observe", "--out", seen).code == 0
        plan = json.loads(at(agency, "plan", "--format", "json").out)
        again = at(agency, "plan", "--observed", seen, "--format", "json").out
        assert json.loads(again)["findings"] == plan["findings"]
        (action,) = plan["actions"]
        assert (action["verb"], action["decision"]) == ("change-plan", "hold")
        assert action["source"]["file"] == FILE
        assert json.loads(again)["actions"] == plan["actions"]
        said = at(agency, "explain", "HostingAccount/cafe.example")
        assert "care_20g" in said.out
        assert "ladder" not in said.out
        agency.sandbox.edit("whm", "account", {"user": "bakker", "suspended": "abuse"})
        drift = at(agency, "drift", "--format", "json")
        assert [one["field"] for one in json.loads(drift.out)["drift"]] == ["spec.plan"]
