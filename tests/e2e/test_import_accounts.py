"""Accounts of a server become documents on declared plans, and the plan is empty."""

from __future__ import annotations

import json

from tests.e2e.test_hosting import ACCOUNTS
from tests.support.agency import Agency
from tests.support.shell import at

PLANS = """\
apiVersion: reconciler/v1
HostingPlan/care-5:
  {price: 9.00 EUR/month, limits: {disk: 5GiB}, packages: {whm: basic, plesk: x}}
HostingPlan/other: {price: 9.00 EUR/month, packages: {plesk: basic}}
HostingAccount/known.example: {provider: whm-1, plan: care-5}
"""
LIVE = {
    "bakker": {"domain": "bakker.example"},
    "cafe": {"domain": "cafe.example", "quota": 8192},
    "fiets": {"domain": "fiets.example", "suspended": "abuse"},
    "odd": {"domain": "odd.example", "plan": "nobodys"},
    "free": {"domain": "free.example", "quota": 0},
}


def test_what_is_there_is_declared_as_it_is(tmp_path):
    files = {"inventory/plans.yaml": PLANS}
    with Agency(tmp_path, files, accounts=ACCOUNTS) as agency:
        for user, fields in LIVE.items():
            usual = {"user": user, "plan": "basic", "owner": "reconciler-sandbox"}
            agency.sandbox.edit("whm", "account", {**usual, **fields})
        done = at(agency, "import", "Provider/whm-1", "--kind", "HostingAccount")
        assert done.code == 0, done.out + done.err
        tree = agency.project().inventory
        made = {one.name: one.spec for one in tree.of("HostingAccount")}
        assert set(made) == {
            "known.example",
            "bakker.example",
            "cafe.example",
            "fiets.example",
        }
        bakker = made["bakker.example"]
        assert (bakker.account, bakker.plan, bakker.state) == (
            "bakker",
            "care-5",
            "follow",
        )
        assert bakker.limits.disk is None
        assert made["cafe.example"].limits.disk == 8 * 1024**3
        text = (agency.root / "inventory/imported/whm-1.yaml").read_text()
        assert "suspended since" in text
        assert "with limits of its own" in text
        said = done.out + done.err
        assert "is the package nobodys on whm-1" in said
        assert "free.example" in said  # no document says: unlimited
        plan = json.loads(at(agency, "plan", "--format", "json").out)
        assert (plan["actions"], plan["unknown"]) == ([], [])
        assert {(f["name"], f["code"]) for f in plan["findings"]} == {
            ("fiets.example", "suspended-by-others")
        }
        assert {one["name"] for one in plan["unmanaged"]} == {
            "odd.example",
            "free.example",
            "stray-site.example",
        }
