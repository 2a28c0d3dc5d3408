"""PayPal's vault through the real command line, against the gateway's emulator."""

from __future__ import annotations

import json

from reconciler.sandbox.example import Oddity
from reconciler.sandbox.example_wallets import CLIENT, SECRET
from tests.support.agency import ACCOUNTS, Agency
from tests.support.shell import at

PAYPAL = """\
Provider/paypal:
  type: paypal
  account: SANDBXMERCHAN
  endpoint: {paypal}
  credentials:
    clientId: {{file: .sandbox/secrets/paypal-client-id}}
    secret: {{file: .sandbox/secrets/paypal-secret}}
"""
HEAD = "apiVersion: reconciler/v1\n"
WALLETS = "inventory/wallets.yaml"
BAKKER = "Customer/bakker: {legalName: Example Bakery BV, country: NL%s}\n"
ONE = "PaymentMethod/one: {customer: bakker, provider: paypal, token: wallet1x}\n"
TWO = "PaymentMethod/two: {customer: bakker, provider: paypal, token: card1234}\n"
CARD = {"two": Oddity(card={"type": "card", "ends": 5, "last4": "4444"})}
IMPORT = ("import", "Provider/paypal", "--kind", "PaymentMethod")
IMPORTED = "inventory/imported/paypal.yaml"


def agency(tmp_path, *documents, **more):
    wanted = {WALLETS: HEAD + "".join(documents)}
    more = {"remote": False, "accounts": ACCOUNTS + PAYPAL, **more}
    return Agency(tmp_path, wanted, CARD, **more)


def test_a_wallet_needs_nothing_and_a_card_that_ends_is_told(tmp_path):
    primary = BAKKER % ", payment: {primary: one, backup: [two]}"
    with agency(tmp_path, primary, ONE, TWO) as ours:
        plan = ours.plan()
        assert plan.actions == ()
        found = {(one.name, one.code) for one in plan.findings}
        assert found == {("two", "payment-method-expires")}
        ours.sandbox.edit("paypal", "token", {"id": "wallet1x", "delete": True})
        ours.later(days=1)
        found = {(one.name, one.code) for one in ours.plan().findings}
        assert ("one", "payment-method-missing") in found
        assert ours.charges() == []


def test_what_is_new_is_imported_and_the_plan_is_empty(tmp_path):
    with agency(tmp_path, BAKKER % "", ONE, TWO, based=False) as ours:
        (ours.root / WALLETS).unlink()
        done = at(ours, *IMPORT)
        assert done.code == 0, done.out + done.err
        assert f"wrote {IMPORTED}: 1 Customer, 2 PaymentMethod" in done.out
        text = (ours.root / IMPORTED).read_text(encoding="utf-8")
        assert "collect: none" in text
        assert "primary" not in text
        assert at(ours, "validate").code == 0
        for when in ([], ["--as-of", "2027-11-22"]):
            out = at(ours, "plan", *when).out
            assert "No actions." in out
        assert ours.charges() == []
        again = at(ours, *IMPORT)
        assert "nothing to import" in again.out


def test_no_secret_and_no_person_is_told(tmp_path):
    with agency(tmp_path, BAKKER % "", ONE, TWO) as ours:
        seen = tmp_path / "seen.json"
        assert at(ours, "observe", "--out", seen).code == 0
        (access, *_) = ours.sandbox.bench("paypal").state["accounts"][0]["tokens"]
        said = seen.read_text(encoding="utf-8") + at(ours, "plan").out
        assert json.loads(seen.read_text(encoding="utf-8"))
        for secret in (access, CLIENT, SECRET, "payer@example.com", "Bakker BV"):
            assert secret not in said


def test_keys_of_another_account_prove_nothing(tmp_path):
    with agency(tmp_path, BAKKER % "", ONE) as ours:
        accounts = ours.root / "inventory/accounts.yaml"
        text = accounts.read_text(encoding="utf-8")
        accounts.write_text(text.replace("SANDBXMERCHAN", "SANDBXMERCHAX"))
        plan = json.loads(at(ours, "plan", "--format", "json").out)
        assert [one["name"] for one in plan["unknown"]] == ["one"]
        assert at(ours, "doctor").code != 0
