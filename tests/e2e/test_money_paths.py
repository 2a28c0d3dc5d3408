"""What could pay twice, or act because of what is no longer so: and does not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reconciler.engine.exits import Exit
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory

PAYS = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"


def row(agency, vendor, name):
    (found,) = (
        account["domains"][name]
        for account in agency.sandbox.bench(vendor).state["accounts"]
        if name in account["domains"]
    )
    return found


def rules(plan):
    return {v.rule for a in plan.actions for v in a.verdicts if v.decision}


# -- one period, whatever it is called ---------------------------------------------


@pytest.mark.parametrize("edit", ["date", "uid"])
def test_a_payment_whose_end_is_unknown_stops_every_other_one(tmp_path, edit):
    """The vendor calls the same period by another date, or git the name by another."""
    files = inventory(domain("due.example", spec=PAYS))
    oddities = {"due.example": Oddity({"expires": 20})}
    with Agency(tmp_path, files, oddities) as agency:
        registration = row(agency, "porkbun", "due.example")
        old = datetime.fromisoformat(registration["expires"])
        lost = Fault(vendor="porkbun", operation="renew", kind="lost-after")
        agency.sandbox.inject(lost)
        for name in ("listAll", "get"):
            stale = Fault(vendor="porkbun", operation=name, kind="stale", times=0)
            agency.sandbox.inject(stale)
        assert agency.apply().exit is Exit.UNKNOWN
        agency.sandbox.faults.clear()
        agency.later(hours=13)  # its key is too old to be sent again
        if edit == "date":
            registration["expires"] = (old + timedelta(days=1)).isoformat()
        else:
            registration["expires"] = old.isoformat()
            agency.write(
                "inventory/domains.yaml",
                "apiVersion: reconciler/v1\nkind: Domain\n"
                "metadata: {name: due.example, uid: other}\n"
                f"spec: {{provider: porkbun-main, {PAYS}}}\n",
            )
            agency.commit()
        for _ in range(2):
            assert agency.apply().exit is Exit.UNKNOWN
            assert rules(agency.plan()) == {"built-in/outcome-unknown"}
            agency.later(hours=1)
        assert len(agency.charges()) == 1
