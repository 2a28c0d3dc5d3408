"""Accounts on a Plesk server, from a commit to the panel and back."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from reconciler.audit import Query, log
from reconciler.engine import Exit
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency
from tests.support.shell import at

ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/plesk-1:
  type: plesk
  account: plesk1.agency.example
  endpoint: {plesk}
  credentials: {{key: {{file: .sandbox/secrets/plesk-key}}}}
"""
PLANS = """\
apiVersion: reconciler/v1
HostingPlan/care-5:
  {price: 120.00 EUR/year, limits: {disk: 5GiB}, packages: {plesk: Care 5}, up: care-20}
HostingPlan/care-20:
  {price: 300.00 EUR/year, limits: {disk: 20GiB}, packages: {plesk: Care 20}, down: care-5}
"""
HOSTED = """\
apiVersion: reconciler/v1
HostingAccount/bakker.example: {provider: plesk-1, account: bakker, plan: care-5, state: active}
HostingAccount/cafe.example: {provider: plesk-1, plan: care-5, state: active}
HostingAccount/fiets.example: {provider: plesk-1, plan: care-20}
"""
FILE = "inventory/hosted.yaml"
FILES = {"inventory/plans.yaml": PLANS, FILE: HOSTED}
BAKKER = "account: bakker, plan: care-5, state: active"
EDITS = {
    "suspend": BAKKER.replace("active", "suspended"),
    "change-plan": BAKKER.replace("care-5", "care-20"),
}
OPERATIONS = {
    "suspend": "webspace set",
    "change-plan": "subscription --switch-subscription",
}
DONE = {"suspend": "suspend", "change-plan": "switch", "create": "create"}


def agency_with(tmp_path, oddities=None, **more):
    odd = {name: Oddity(hosting=fields) for name, fields in (oddities or {}).items()}
    return Agency(tmp_path, FILES, odd, accounts=ACCOUNTS, **more)


def done(agency, name="bakker.example"):
    return [e.operation for e in agency.sandbox.ledger.effects("plesk", name)]


def found(plan):
    return sorted((f.name, f.code) for f in plan.findings if f.kind != "Provider")


def ask(agency, verb):
    """Commit what asks for *verb*."""
    if verb == "create":
        text = "HostingAccount/new.example: {provider: plesk-1, plan: care-5}\n"
        agency.edit(FILE, HOSTED, HOSTED + text)
    else:
        agency.edit(FILE, BAKKER, EDITS[verb])
    agency.commit(f"hosting: {verb}")
    return "new.example" if verb == "create" else "bakker.example"


def inject(agency, operation, kind, **more):
    fault = Fault(vendor="plesk", operation=operation, kind=kind, **more)
    agency.sandbox.inject(fault)


def outcomes(agency):
    lines = log(agency.project().store, Query())
    return [(o["status"], o["how"]) for o in lines if o["type"] == "outcome"]


def test_a_fresh_world_needs_nothing(tmp_path):
    with agency_with(tmp_path) as agency:
        plan = agency.plan()
        assert (plan.actions, plan.unknown, found(plan)) == ((), (), [])
        requests = agency.sandbox.ledger.requests()["plesk"]
        assert requests == {"server": 1, "service-plan get+webspace get": 1}
        agency.sandbox.bench("plesk").state["keys"][0]["address"] = None
        said = at(agency, "doctor").out
        assert re.search(r"plesk-1.*the key 1 opens the whole server", said)
        assert "sandbox-plesk-key" not in said


def test_what_is_there_is_declared_as_it_is_and_measured(tmp_path):
    with agency_with(tmp_path) as agency:
        edit = agency.sandbox.edit
        edit(
            "plesk",
            "account",
            {"user": "shop", "domain": "shop.example", "plan": "Care 5"},
        )
        edit("plesk", "account", {"user": "odd", "domain": "odd.example", "plan": None})
        done = at(agency, "import", "Provider/plesk-1", "--kind", "HostingAccount")
        assert done.code == 0, done.out + done.err
        made = {
            one.name: one.spec
            for one in agency.project().inventory.of("HostingAccount")
        }
        assert "odd.example" not in made
        shop = made["shop.example"]
        assert (shop.account, shop.plan, shop.state) == ("shop", "care-5", "follow")
        plan = agency.plan()
        assert (plan.actions, found(plan)) == ((), [])
        assert [one.name for one in plan.unmanaged] == ["odd.example"]
        probed = at(agency, "usage", "probe")
        assert probed.code == 0, probed.out + probed.err
        said = at(agency, "usage", "show", "HostingAccount/shop.example").out
        assert "disk" in said
        assert "bandwidth" in said


def test_a_site_is_suspended_and_set_free_by_commits(tmp_path):
    with agency_with(tmp_path) as agency:
        ask(agency, "suspend")
        assert agency.apply().exit is Exit.DONE
        assert agency.plan().actions == ()
        agency.edit(FILE, EDITS["suspend"], BAKKER)
        agency.commit("bakker: has paid")
        assert agency.apply().exit is Exit.DONE
        assert agency.plan().actions == ()
        assert done(agency) == ["suspend", "unsuspend"]
        assert at(agency, "audit", "verify").code == 0


def test_a_new_account_and_a_larger_plan(tmp_path):
    with agency_with(tmp_path) as agency:
        ask(agency, "create")
        ask(agency, "change-plan")
        assert agency.apply().exit is Exit.DONE
        plan = agency.plan()
        assert (plan.actions, found(plan)) == ((), [])
        assert (done(agency), done(agency, "new.example")) == (["switch"], ["create"])


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        ("suspend", "lost-before"),
        ("suspend", "lost-after"),
        ("change-plan", "status-after"),
        ("create", "lost-before"),
        ("create", "lost-after"),
    ],
)
def test_a_lost_answer_never_makes_a_second_change(tmp_path, verb, kind):
    with agency_with(tmp_path) as agency:
        name = ask(agency, verb)
        inject(agency, OPERATIONS.get(verb, "domains"), kind)
        for _ in range(2):
            agency.apply()
            agency.clock.advance(timedelta(minutes=20))
        assert done(agency, name) == [DONE[verb]]
        assert agency.plan().actions == ()


def test_a_change_that_half_worked_is_seen(tmp_path):
    with agency_with(tmp_path, {"bakker.example": {"half": True}}) as agency:
        ask(agency, "change-plan")
        assert agency.apply().exit is Exit.DONE
        assert outcomes(agency) == [("applied", "observed")]
        assert done(agency) == ["switch"]


def test_a_command_that_outlives_its_answer_is_waited_for(tmp_path):
    with agency_with(tmp_path, {"bakker.example": {"slow": 240}}) as agency:
        ask(agency, "change-plan")
        assert agency.apply().exit is Exit.UNKNOWN
        assert done(agency) == []
        agency.clock.advance(timedelta(minutes=5))
        assert agency.apply().exit is Exit.DONE
        assert done(agency) == ["switch"]
        assert agency.plan().actions == ()


def test_a_code_that_is_not_0_is_a_failure_though_http_says_200(tmp_path):
    """The plan is taken from the panel between our look and our command."""
    with agency_with(tmp_path) as agency:
        ask(agency, "change-plan")
        inject(agency, "service-plan get+webspace get*", "stale", times=0)
        agency.sandbox.bench("plesk").state["plans"].pop("Care 20")
        agency.apply()
        assert [status for status, _ in outcomes(agency)] == ["failed"]
        assert done(agency) == []


def test_a_customised_subscription_waits_for_a_person(tmp_path):
    with agency_with(tmp_path, {"bakker.example": {"locked": True}}) as agency:
        ask(agency, "change-plan")
        (action,) = agency.plan().actions
        assert (action.change.verb, str(action.decision)) == ("change-plan", "hold")
        assert ("bakker.example", "account-customised") in found(agency.plan())
        agency.apply()
        assert done(agency) == []


def test_another_subscription_in_the_answer_is_never_touched(tmp_path):
    with agency_with(tmp_path) as agency:
        ask(agency, "suspend")
        inject(agency, "* one", "wrong-account", times=0)
        agency.apply()
        assert agency.sandbox.ledger.effects("plesk") == []
        assert [status for status, _ in outcomes(agency)] == ["failed"]


def test_another_server_is_another_account(tmp_path):
    with agency_with(tmp_path) as agency:
        ask(agency, "suspend")
        inject(agency, "server", "wrong-account", times=0)
        plan = agency.plan()
        assert (plan.actions, plan.complete) == ((), False)
        assert "wrong-account" in {f.code for f in plan.findings}
        assert agency.apply().exit is Exit.PARTLY
        assert agency.sandbox.ledger.effects("plesk") == []


def test_a_server_that_suddenly_has_nothing_of_ours(tmp_path):
    with agency_with(tmp_path) as agency:
        ask(agency, "suspend")
        inject(agency, "service-plan get+webspace get", "empty", times=0)
        plan = agency.plan()
        assert plan.actions == ()
        assert "mass-absence" in {f.code for f in plan.findings}


def test_what_others_did_is_told_and_left_alone(tmp_path):
    oddities = {
        "bakker.example": {"status": 16, "note": "abuse desk"},
        "cafe.example": {"status": 272, "note": "suspended-by-reconciler 0-1"},
    }
    with agency_with(tmp_path, oddities) as agency:
        plan = agency.plan()
        assert plan.actions == ()
        assert found(plan) == [
            ("bakker.example", "suspended-by-others"),
            ("cafe.example", "suspended-by-others"),
        ]


def test_no_key_and_no_note_is_shown(tmp_path):
    oddities = {"cafe.example": {"note": "canary-note about Mr Smith"}}
    with agency_with(tmp_path, oddities) as agency:
        ask(agency, "suspend")
        text = "sandbox-plesk-key is not accepted"
        inject(agency, "webspace set", "status", status=400, text=text)
        seen = agency.root / "seen.json"
        texts = [
            at(agency, "plan", "--format", "json").out,
            at(agency, "apply").out,
            at(agency, "audit", "log", "--format", "json").out,
            at(agency, "observe", "--out", str(seen)).out,
            seen.read_text(encoding="utf-8"),
        ]
        assert json.loads(texts[0])["actions"]
        for secret in ("sandbox-plesk-key", "canary-note"):
            assert not [one for one in texts if secret in one]
