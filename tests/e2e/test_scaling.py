"""Accounts are scaled as their forecasts are kept, and what is recommended applies."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import timedelta

from reconciler.audit.outlooks import renew
from reconciler.cli.usage_books import shelf
from reconciler.engine import Exit
from reconciler.model import OutlookState, Ref
from reconciler.model.usage import OUTLOOK
from tests.e2e.test_hosting import ACCOUNTS
from tests.e2e.test_hosting_changes import deeds, run
from tests.support.agency import Agency
from tests.support.scaling import GIB, foreseen
from tests.support.shell import at

HEAD = "apiVersion: reconciler/v1\n"
PLANS = f"""{HEAD}\
HostingPlan/care-5:
  {{price: 5.00 EUR/month, limits: {{disk: 5GiB}}, packages: {{whm: care_5g}}, up: care-10}}
HostingPlan/care-10:
  {{price: 8.00 EUR/month, limits: {{disk: 10GiB}}, packages: {{whm: care_10g}}, up: care-20}}
HostingPlan/care-20:
  {{price: 15.00 EUR/month, limits: {{disk: 20GiB}}, packages: {{whm: care_20g}}}}
"""
FILE = "inventory/shops.yaml"
POLICY = "ScalingPolicy/ahead: {mode: auto, maxIncrease: 20.00 EUR}  # by the board\n"
#: So that the server has every package.
KEEPS_ALL = (
    "HostingAccount/all.example:\n"
    "  {provider: whm-1, plan: {min: care-5, max: care-20}}\n"
)
SHOPS = """\
# The shops.
HostingAccount/shop.example:
  provider: whm-1   # the old server
  state: active
  plan: {min: care-5, max: care-10}  # agreed in May
  scaling: ahead
"""


def agency_with(tmp_path, shops=SHOPS, policy=POLICY):
    files = {"inventory/plans.yaml": PLANS + KEEPS_ALL, FILE: HEAD + policy + shops}
    return Agency(tmp_path, files, {}, accounts=ACCOUNTS)


def foresee(agency, name="shop.example", limit=5 * GIB, doubt="", **fields):
    """Keep a forecast, as ``usage probe`` does."""
    project = agency.project()
    now = project.clock()
    seen = foreseen(limit=limit, **{"when": now + timedelta(days=9), **fields})
    state = OutlookState(at=now, outlooks=(seen,), source="whm-1", doubt=doubt)
    new = {Ref("HostingAccount", name): state}
    assert renew(shelf(project, OUTLOOK), new, now, lambda _ref: True)


def test_a_year_in_small(tmp_path):
    """Moved ahead of time, recorded, cooled down, moved on, and outside at last."""
    with agency_with(tmp_path) as agency:
        said = at(agency, "plan")
        assert "nothing is scaled: nobody measured and foresaw it yet" in said.out
        foresee(agency)
        said = at(agency, "plan")
        assert re.search(r"allow +change-plan +HostingAccount/shop\.example", said.out)
        assert "disk will reach 4.5GiB within 14d with a probability of 93%" in said.out
        assert "plan: care-5 -> care-10" in said.out
        assert "│" in said.out  # its chart
        assert "care-10 (10GiB) is the smallest that is enough" in said.out
        page = at(agency, "plan", "--format", "html").out
        assert page.count('<svg class="chart"') == 1
        assert agency.apply().exit is Exit.DONE
        assert deeds(agency) == [("shop.example", "change-package")]
        # The forecast is about the plan before: nothing follows from it any more.
        assert agency.plan().actions == ()
        agency.later(days=3)
        foresee(agency, limit=10 * GIB)
        plan = agency.plan()
        assert plan.actions == ()
        assert plan.deferred == ()  # there is nothing larger in its range
        (found,) = [f for f in plan.findings if f.code == "scaling-outside"]
        assert "care-10 is the largest of its range that helps" in found.message
        assert f"{found.source}".startswith(f"{FILE}:7:")
        told = at(agency, "explain", "HostingAccount/shop.example").out
        assert "scaled by ahead  now on care-10" in told
        assert "up from care-5 to care-10, 3.00 EUR a month more" in told
        # A person makes the range wider; the cool-down still holds.
        done = at(agency, "propose", "--format", "patch")
        assert done.code == 0
        assert apply_patch(agency, done.out) == ["max: care-20}  # agreed in May"]
        agency.commit("shop: may grow")
        (later,) = agency.plan().deferred
        assert later.until - agency.project().clock() <= timedelta(days=4)
        agency.later(days=4, hours=1)
        foresee(agency, limit=10 * GIB)
        assert agency.apply().exit is Exit.DONE
        assert len(deeds(agency)) == 2
        told = at(agency, "explain", "HostingAccount/shop.example").out
        assert "up from care-10 to care-20, 7.00 EUR a month more" in told
        assert at(agency, "audit", "verify").code == 0
        rebuilt = at(agency, "audit", "rebuild")
        assert rebuilt.code == 0
        again = at(agency, "explain", "HostingAccount/shop.example").out
        assert "up from care-5 to care-10" in again


def apply_patch(agency, patch):
    """Apply it as git does; return the new lines' ends."""
    done = subprocess.run(
        ["git", "-C", str(agency.root), "apply", "--verbose", "-"],
        input=patch,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = agency.git("diff", "--unified=0").splitlines()
    added = [line for line in lines if re.match(r"\+[^+]", line)]
    removed = [line for line in lines if re.match(r"-[^-]", line)]
    assert len(added) == len(removed) == 1
    return [added[0].partition("min: care-5, ")[2] or added[0][1:].strip()]


SITE = """\
Customer/acme: {legalName: Acme BV, country: NL}
SiteProfile/shop:
  HostingAccount: {plan: {min: care-5, max: care-10}, scaling: ahead, state: active}
Site/shop.example: {profile: shop, customer: acme, server: whm-1}
Site/other.example: {profile: shop, customer: acme, server: whm-1}
"""


def test_what_a_site_makes_is_proposed_for_that_site_alone(tmp_path):
    policy = POLICY.replace("auto", "recommend")
    with agency_with(tmp_path, SITE, policy) as agency:
        foresee(agency)
        foresee(agency, "other.example", probability=0.1)
        plan = agency.plan()
        assert plan.actions == ()
        found = [f.name for f in plan.findings if f.code == "scaling-recommended"]
        assert found == ["shop.example"]
        told = at(agency, "propose")
        assert "HostingAccount/shop.example" in told.out
        assert "probability of 93%" in told.out
        done = at(agency, "propose", "--format", "patch")
        (line,) = apply_patch(agency, done.out)
        assert line.startswith("Site/shop.example:")
        assert "with: {HostingAccount: {plan: care-10}}" in line
        agency.commit("shop: larger")
        (action,) = agency.plan().actions
        assert action.want.name == "shop.example"
        assert action.change.details["package"] == "care_10g"


def test_what_would_not_load_is_no_patch_and_says_why(tmp_path):
    """Its Subscription takes its price from the one plan it is on."""
    shops = (
        "Customer/acme: {legalName: Acme BV, country: NL, payment: {collect: none}}\n"
        + SHOPS.replace("{min: care-5, max: care-10}", "care-5")
        + "Subscription/shop:\n  customer: acme\n  since: 2026-01-01\n"
        "  covers: [HostingAccount/shop.example]\n"
    )
    with agency_with(tmp_path, shops) as agency:
        foresee(agency)
        done = at(agency, "propose", "--format", "json")
        data = json.loads(done.out)
        assert done.code == Exit.PARTLY
        assert data["patch"] == ""
        (one,) = data["proposals"]
        assert "E143" in one["why_not"]
        assert (one["source"]["file"], one["field"]) == (FILE, "spec.plan")
        assert "not in the patch" in at(agency, "propose").out
        assert agency.git("status", "--porcelain", "--", "inventory") == ""


def test_a_range_never_takes_its_price_from_the_plans(tmp_path):
    """So a move that nobody signed charges no customer more."""
    shops = (
        "Customer/acme: {legalName: Acme BV, country: NL, payment: {collect: invoice}}\n"
        + SHOPS
        + "Subscription/shop:\n  customer: acme\n  since: 2026-01-01\n"
        "  price: 9.00 EUR/month\n  covers: [HostingAccount/shop.example]\n"
    )
    with agency_with(tmp_path, shops) as agency:
        foresee(agency)
        before = agency.project().inventory.get(Ref("Subscription", "shop"))
        (action,) = [a for a in agency.plan().actions if a.change.verb == "change-plan"]
        assert action.change.charge is None
        assert action.change.cost is None
        run(agency)
        after = agency.project().inventory.get(Ref("Subscription", "shop"))
        assert before.spec.terms == after.spec.terms
        assert after.spec.terms is not None
        assert str(after.spec.terms.price) == "9.00 EUR"
        agency.write(FILE, (agency.root / FILE).read_text().replace(
            "  price: 9.00 EUR/month\n", ""))  # fmt: skip
        done = at(agency, "validate")
        assert done.code == 1
        assert "E143" in done.out + done.err


def test_what_leads_to_nothing(tmp_path):
    with agency_with(tmp_path) as agency:
        for fields, code in (
            ({"probability": 0.59}, None),
            ({"skill": False}, "scaling-no-skill"),
            ({"doubt": "all 100%"}, "usage-doubtful"),
        ):
            agency.later(minutes=1)
            foresee(agency, **fields)
            plan = agency.plan()
            assert plan.actions == ()
            assert [f.code for f in plan.findings] == ([code] if code else [])
        assert at(agency, "propose").out == "Nothing is proposed.\n"
        agency.later(hours=27)
        old = {f.code: f.message for f in agency.plan().findings}
        assert set(old) == {"scaling-blind", "witness-unreadable"}
        assert "nobody probes" in old["scaling-blind"]
        agency.edit(FILE, "maxIncrease: 20.00 EUR", "maxIncrease: 20")
        for command in ("validate", "plan", "apply", "propose"):
            done = at(agency, command)
            assert done.code == 1
            assert f"{FILE}:2:" in done.out + done.err
            assert "E125" in done.out + done.err
        assert deeds(agency) == []


def test_a_person_agrees_first_and_a_lost_answer_moves_nothing_twice(tmp_path):
    from reconciler.sandbox import Fault

    with agency_with(tmp_path, policy=POLICY.replace("auto", "approve")) as agency:
        foresee(agency)
        (action,) = agency.plan().actions
        assert str(action.decision) == "hold"
        assert agency.apply().exit is Exit.UNAPPROVED
        assert deeds(agency) == []
        fault = Fault(vendor="whm", operation="changepackage", kind="lost-after")
        agency.sandbox.inject(fault)
        run(agency, "bo", approve=True)
        for _ in range(2):
            agency.later(minutes=20)
            run(agency)
        assert deeds(agency) == [("shop.example", "change-package")]
        told = at(agency, "explain", "HostingAccount/shop.example").out
        assert "up from care-5 to care-10" in told
