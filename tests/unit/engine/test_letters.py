"""Which letters a run owes: named, true as servers show it, from what is recorded now."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from reconciler.engine import Scope, World, letters
from reconciler.inventory import WorkTree, load
from reconciler.kinds.hosting_account import HostingState
from reconciler.kinds.payment_method import PaymentMethodState
from reconciler.kinds.subscription import Bill, BillingState
from reconciler.model import Observation, Share
from tests.support.dunning import local

FILE = """\
apiVersion: reconciler/v1
Provider/stripe: {type: stripe, credentials: {key: {env: KEY}}}
Provider/whm-1: {type: whm, credentials: {user: {env: A}, token: {env: B}}}
HostingPlan/care-5: {price: 12.00 EUR/year, packages: {whm: care_5g}}
HostingAccount/acme.example: {provider: whm-1, plan: care-5}
PaymentMethod/acme-visa: {customer: acme, provider: stripe, token: pm_1}
Customer/acme:
  legalName: Example Bakery BV
  country: NL
  timeZone: Europe/Amsterdam
  payment:
    primary: acme-visa
    consent: {reference: signed, date: 2026-01-01, max: 99.00 EUR}
Subscription/acme.example:
  {customer: acme, since: 2026-12-04, covers: [HostingAccount/acme.example]}
"""
OF = "bill/2026-12-04/renewal/0"
FAILED = local(2026, 12, 3, 9)
WARNED = {"at": local(2026, 12, 14, 9).isoformat(), "channel": "m", "state": "accepted"}
FACTS = {
    "known": {"at": "2026-01-01T00:00:00+00:00", "collector": "reconciler"},
    f"{OF}/invoice": {
        "at": "2026-11-20T09:00:00+00:00",
        "provider": "stripe",
        "id": "in_1",
        "number": "INV-7",
        "total": "12.00 EUR",
        "begins": "2026-12-04",
        "ends": "2027-12-04",
        "due": "2026-12-04",
    },
    f"{OF}/try/charge-1": {
        "at": FAILED.isoformat(),
        "kind": "soft",
        "code": "no",
        "method": "pm_1",
    },
}
BILL = Bill.model_validate(
    {
        "period": "2026-12-04",
        "id": "in_1",
        "state": "open",
        "total": "12.00 EUR",
        "left": "12.00 EUR",
        "paid": "0.00 EUR",
    }
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("owed")
    (root / "inventory").mkdir()
    (root / "inventory" / "all.yaml").write_text(FILE)
    return load(WorkTree(root))


def owed(tree, now, *, suspended=False, facts=(), card=True, selected=lambda _: True):
    method = PaymentMethodState(token="pm_1", type="card", brand="visa", last4="4242")
    account = HostingState(
        account="acme",
        domain="acme.example",
        package="care_5g",
        suspended=suspended,
        ours=suspended,
    )
    bills = BillingState(way="invoice", bills=(BILL,))
    world = World(
        {
            Share("stripe", "billing"): Observation({"acme.example": bills}),
            Share("stripe", "payment"): Observation(
                {"acme-visa": method} if card else {}
            ),
            Share("whm-1", "hosting"): Observation({"acme.example": account}),
        }
    )
    known = {**FACTS, **dict(facts)}
    ledger = SimpleNamespace(
        records=dict, record=lambda _kind, _uid: SimpleNamespace(facts=known)
    )
    kinds = frozenset({"Subscription", "PaymentMethod", "HostingAccount"})
    scope = Scope("main", tree, None, kinds, None, selected)
    return letters(scope, world, lambda: ledger, now)


def test_a_letter_says_what_its_method_is_called(tree):
    (found,) = owed(tree, FAILED + timedelta(minutes=5))
    assert str(found.want.ref) == "Subscription/acme.example"
    assert found.letter.text == "first-failure"
    assert found.letter.values["method"] == "Visa ...4242"
    (found,) = owed(tree, FAILED + timedelta(minutes=5), card=False)
    assert found.letter.values["method"] == ""


def test_a_suspension_is_told_when_the_server_shows_it(tree):
    warned = {"told/2026-12-04/renewal/final-warning": WARNED}
    late = local(2026, 12, 17, 10)
    assert owed(tree, late, facts=warned.items()) == []
    (found,) = owed(tree, late, facts=warned.items(), suspended=True)
    assert found.letter.text == "suspended"


def test_what_is_recorded_by_now_is_told_no_more(tree):
    told = {"told/2026-12-04/renewal/first-failure": WARNED}
    now = FAILED + timedelta(minutes=5)
    assert owed(tree, now, facts=told.items()) == []


def test_who_is_not_selected_hears_nothing(tree):
    now = FAILED + timedelta(minutes=5)
    assert owed(tree, now, selected=lambda ref: ref.kind != "Subscription") == []
