"""Accounts are made, moved and deleted once, by review, and never the wrong one."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from reconciler.cli.apply_command import approvals, carry_out
from reconciler.engine import Exit
from reconciler.model import Proof
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.e2e.test_hosting import ACCOUNTS, done, held
from tests.support.agency import Agency
from tests.support.shell import at

PLANS = """\
apiVersion: reconciler/v1
HostingPlan/care-5:
  {price: 120.00 EUR/year, limits: {disk: 5GiB}, packages: {whm: care_5g}, up: care-20}
HostingPlan/care-20:
  {price: 240.00 EUR/year, limits: {disk: 20GiB}, packages: {whm: care_20g}}
"""
FILE = "inventory/hosted.yaml"
HEAD = "apiVersion: reconciler/v1\n"
KEEPS_BOTH = (
    "HostingAccount/range.example:\n"
    "  {provider: whm-1, plan: {min: care-5, max: care-20}}\n"
)
NEW = "HostingAccount/novalaw.example: {provider: whm-1, plan: care-5}\n"


def hosted(name, plan="care-5", more="state: active"):
    return f"HostingAccount/{name}: {{provider: whm-1, plan: {plan}, {more}}}\n"


def agency_with(tmp_path, *documents, oddities=None):
    text = HEAD + KEEPS_BOTH + "".join(documents)
    files = {"inventory/plans.yaml": PLANS, FILE: text}
    odd = {name: Oddity(hosting=fields) for name, fields in (oddities or {}).items()}
    return Agency(tmp_path, files, odd, accounts=ACCOUNTS)


def proven(ref, now):
    return Proof(now - timedelta(hours=1), now, f"restored {ref.name}")


def run(agency, actor="ann", *, proof=None, approve=False):
    """Apply as *actor*, who approves whatever waits; with another proof of backups."""
    project = agency.project(actor)
    if proof:
        project.proof = proof
    approved = None
    if approve:
        waiting = agency.plan(actor).actions
        approved = {action.id: action.digest for action in waiting}
    given = approvals(project, approved, source="actor", reason=None)
    return carry_out(project, approved=approved, given=given)


def deeds(agency):
    return sorted(
        (e.name, e.operation)
        for e in agency.sandbox.ledger.effects("whm")
        if e.operation != "by-hand"
    )


def may_delete(agency):
    (token,) = agency.sandbox.bench("whm").state["tokens"]
    token["rights"] = [*token["rights"], "kill-acct"]


def test_a_new_client_is_one_line_and_one_account(tmp_path):
    with agency_with(tmp_path, hosted("bakker.example")) as agency:
        agency.write(FILE, (agency.root / FILE).read_text() + NEW)
        agency.commit("novalaw: a new client")
        said = at(agency, "plan").out
        assert re.search(r"allow +create +HostingAccount/novalaw\.example +whm-1", said)
        assert agency.apply().exit is Exit.DONE
        assert deeds(agency) == [("novalaw.example", "create")]
        plan = agency.plan()
        assert (plan.actions, plan.findings, plan.unknown) == ((), (), ())
        assert at(agency, "audit", "verify").code == 0
        # What was there and is gone needs a person.
        agency.sandbox.edit("whm", "account", {"user": "novalawe", "remove": True})
        assert held(agency.plan()) == [
            ("novalaw.example", "create", "built-in/vanished")
        ]
        assert agency.apply().exit is Exit.UNAPPROVED
        assert deeds(agency) == [("novalaw.example", "create")]


@pytest.mark.parametrize("kind", ["lost-before", "lost-after"])
def test_no_lost_answer_does_anything_twice(tmp_path, kind):
    names = ("grow.example", "limit.example", "end.example")
    with agency_with(tmp_path, *map(hosted, names)) as agency:
        may_delete(agency)
        own = "state: active, limits: {disk: 8GiB}"
        agency.write(
            FILE,
            HEAD
            + KEEPS_BOTH
            + hosted("grow.example", "care-20")
            + hosted("limit.example", more=own)
            + hosted("end.example", more="state: terminated")
            + NEW,
        )
        agency.commit("all at once")
        for operation in ("createacct", "changepackage", "editquota", "removeacct"):
            fault = Fault(vendor="whm", operation=operation, kind=kind)
            agency.sandbox.inject(fault)
        run(agency, "bo", proof=proven, approve=True)
        run(agency, "cy", proof=proven, approve=True)
        for _ in range(3):
            agency.later(minutes=20)
            run(agency, proof=proven)
        assert deeds(agency) == [
            ("end.example", "remove"),
            ("grow.example", "change-package"),
            ("limit.example", "edit-quota"),
            ("novalaw.example", "create"),
        ]
        plan = agency.plan()
        assert (plan.actions, plan.unknown) == ((), ())
        assert at(agency, "audit", "verify").code == 0


def test_an_end_needs_a_proven_backup_and_two_persons(tmp_path):
    with agency_with(tmp_path, hosted("bakker.example")) as agency:
        may_delete(agency)
        agency.edit(FILE, "state: active", "state: terminated")
        agency.commit("bakker: ends")
        (action,) = agency.plan().actions
        proof = next(v for v in action.verdicts if v.rule == "built-in/backup-proof")
        assert (str(proof.decision), proof.firm) == ("hold", True)
        assert "was restored and verified" in proof.why
        # Nobody lifts that, however many agree.
        run(agency, "bo", approve=True)
        run(agency, "cy", approve=True)
        assert deeds(agency) == []
        # With a proof the two who agreed are enough: they agreed to this very end.
        assert run(agency, proof=proven).exit is Exit.DONE
        assert deeds(agency) == [("bakker.example", "remove")]
        assert agency.plan().actions == ()


def test_one_person_is_not_two_and_a_protected_account_stays(tmp_path):
    shield = "HostingAccount/kept.example:\n  protected: true\n  provider: whm-1\n"
    shield += "  plan: care-5\n  state: active\n"
    with agency_with(tmp_path, hosted("bakker.example"), shield) as agency:
        may_delete(agency)
        agency.edit(FILE, "state: active", "state: terminated")
        agency.commit("both end")
        plan = agency.plan()
        assert {a.want.name for a in plan.actions} == {"bakker.example"}
        assert "protected-terminated" in {f.code for f in plan.findings}
        for _ in range(2):
            run(agency, "bo", proof=proven, approve=True)
        assert int(run(agency, proof=proven).exit) == Exit.UNAPPROVED
        assert deeds(agency) == []
        run(agency, "cy", proof=proven, approve=True)
        assert deeds(agency) == [("bakker.example", "remove")]


def test_many_at_once_stop_and_are_an_incident(tmp_path):
    names = [f"c{number}.example" for number in range(7)]
    documents = [hosted(name, "care-20") for name in names]
    with agency_with(tmp_path, *documents) as agency:
        for old, new, verb in (
            ("plan: care-20", "plan: care-5", "change-plan"),
            ("state: active", "state: suspended", "suspend"),
        ):
            agency.edit(FILE, old, new)
            agency.commit(verb)
            plan = agency.plan()
            mass = {n for n, v, rules in held(plan) if v == verb and "mass" in rules}
            assert mass == set(names)
            assert "many-at-once" in {f.code for f in plan.findings}
            run(agency, proof=proven)
            assert deeds(agency) == []
            agency.edit(FILE, new, old)


def test_the_wrong_account_and_the_wrong_server_are_seen(tmp_path):
    with agency_with(tmp_path, hosted("grow.example")) as agency:
        agency.edit(FILE, "plan: care-5, state", "plan: care-20, state")
        agency.commit("grow")
        for operation in ("accountsummary", "gethostname"):
            agency.sandbox.inject(
                Fault(vendor="whm", operation=operation, kind="wrong-account", times=0)
            )
            result = agency.apply()
            assert result.exit is not Exit.DONE
            assert deeds(agency) == []
            agency.sandbox.faults.clear()
        agency.sandbox.edit("whm", "account", {"user": "growexample", "half": True})
        agency.apply()
        assert done(agency, "grow.example") == ["by-hand", "change-package"]
