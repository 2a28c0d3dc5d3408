"""What `explain`, `due`, `plan` and the log say of what a customer pays: end to end."""

from __future__ import annotations

import json

from tests.e2e.test_own_invoices import ALL, PAY, invoiced, started
from tests.support.shell import at

WHO = "Subscription/acme"


def test_one_customer_from_new_to_paid(tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_ADDRESS", "Street 7")
    with started(tmp_path) as agency:
        assert "Story  is new here" in at(agency, "explain", WHO).out
        agency.apply()
        said = at(agency, "explain", WHO).out
        assert "Story  nothing was invoiced here yet" in said
        assert "invoice 2026-12-01 to 2026-12-31: 12.10 EUR" in said
        invoiced(agency)

        due = at(agency, "due", "--horizon", "60d").out
        assert "we pay  clients pay" in due
        assert "2026-12-01 is to be paid" in due
        # Each invoice once, when it is to be paid, and not when it is made.
        assert "clients pay 24.20 EUR" in due
        data = json.loads(at(agency, "due", "--horizon", "60d", "--format", "json").out)
        assert (data["cost"], data["charge"]) == ("", "24.20 EUR")

        said = at(agency, "explain", WHO)
        assert "Story  not paid yet; 1 period not paid" in said.out
        assert "2026-12-01 to 2026-12-31  12.10 EUR  open" in said.out
        assert "invoiced at own: INV-000001, 12.10 EUR" in said.out
        agency.later(days=16)  # made late, it leaves as much time as usual
        assert "12.10 EUR  UNPAID" in at(agency, "explain", WHO).out
        at(agency, *PAY, *ALL, actor="treasurer")
        agency.apply()

        told = json.loads(at(agency, "explain", WHO, "--format", "json").out)
        head, period, after = told["story"]
        assert head["title"].startswith("paid until 2026-12-31")
        assert period["title"] == "2026-12-01 to 2026-12-31  12.10 EUR  paid"
        assert period["lines"][-1].endswith("12.10 EUR paid at own (transfer)")
        assert after["lines"][-1] == "stop it: write holds into Customer/acme"
        plan = json.loads(at(agency, "plan", "--format", "json").out)
        assert plan["summary"]["charge"] == []
