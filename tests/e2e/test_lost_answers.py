"""The registrar has taken the money and the answer never came."""

from __future__ import annotations

from collections import Counter

import pytest

from reconciler.audit import Query, log
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.shell import at

RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
#: provider, vendor, the operation that pays, those that show the expiry.
REGISTRARS = {
    "porkbun-main": ("porkbun", "renew", ("listAll", "get")),
    "namecom-main": ("namecom", "renew", ("listDomains", "getDomain")),
    "aws": ("aws", "RenewDomain", ("ListDomains", "GetDomainDetail")),
}


def agency_with(tmp_path, provider):
    files = inventory(domain("due.example", provider, spec=RENEWED))
    return Agency(tmp_path, files, {"due.example": Oddity({"expires": 20})})


def three_runs(agency):
    """Apply three times, a quarter of an hour and more apart; return the codes."""
    codes = []
    for _ in range(3):
        codes.append(int(agency.apply().exit))
        agency.later(minutes=31)
    return codes


def outcomes(agency):
    lines = log(agency.project().store, Query())
    return [line["status"] for line in lines if line["type"] == "outcome"]


@pytest.mark.parametrize("provider", REGISTRARS)
@pytest.mark.parametrize("kind", ["lost-after", "status-after", "malformed"])
def test_the_next_look_shows_it(tmp_path, provider, kind):
    vendor, pays, _ = REGISTRARS[provider]
    with agency_with(tmp_path, provider) as agency:
        agency.sandbox.inject(Fault(vendor=vendor, operation=pays, kind=kind))
        assert three_runs(agency) == [0, 0, 0]
        assert len(agency.charges()) == 1
        assert outcomes(agency) == ["applied"]
        assert at(agency, "audit", "verify").code == 0


@pytest.mark.parametrize("provider", REGISTRARS)
def test_a_stale_look_and_then_a_true_one(tmp_path, provider):
    """What the vendor lists is old for a while: held, then seen, never paid again."""
    vendor, pays, reads = REGISTRARS[provider]
    with agency_with(tmp_path, provider) as agency:
        agency.sandbox.inject(Fault(vendor=vendor, operation=pays, kind="lost-after"))
        stale = Fault(vendor=vendor, operation=reads[0], kind="stale", skip=1, times=1)
        agency.sandbox.inject(stale)
        assert three_runs(agency) == [9, 0, 0]
        assert len(agency.charges()) == 1
        assert outcomes(agency) == ["unknown", "applied"]


def test_a_look_soon_after_a_lost_answer_proves_nothing(tmp_path):
    """Nothing is sent again before the vendor's reads can be trusted."""
    files = inventory(domain("flag.example"))
    oddities = {"flag.example": Oddity({"autoRenew": False})}
    with Agency(tmp_path, files, oddities) as agency:
        lost = Fault(vendor="porkbun", operation="updateAutoRenew", kind="lost-before")
        agency.sandbox.inject(lost)
        assert int(agency.apply().exit) == 9
        agency.later(minutes=1)
        assert int(agency.apply().exit) == 9
        assert agency.sandbox.ledger.requests()["porkbun"]["updateAutoRenew"] == 1
        agency.later(minutes=31)
        assert int(agency.apply().exit) == 0
        assert agency.sandbox.ledger.requests()["porkbun"]["updateAutoRenew"] == 2
        assert outcomes(agency) == ["unknown", "not_applied", "applied"]


def test_a_refusal_of_the_second_sending_says_nothing_about_the_first(tmp_path):
    """Paid, the answer lost, every look stale: being told to wait is not a *no*."""
    with agency_with(tmp_path, "porkbun-main") as agency:
        inject = agency.sandbox.inject
        inject(Fault(vendor="porkbun", operation="renew", kind="lost-after"))
        for name in ("listAll", "get"):
            inject(Fault(vendor="porkbun", operation=name, kind="stale", times=0))
        assert int(agency.apply().exit) == 9
        agency.later(minutes=31)
        wait = {"kind": "throttle", "retry_after": 3600}
        inject(Fault(vendor="porkbun", operation="renew", **wait))
        assert int(agency.apply().exit) == 9
        agency.later(minutes=31)
        replayed = agency.apply()
        assert [d.outcome.how for d in replayed.done] == ["replayed_key"]
        agency.sandbox.faults.clear()
        agency.later(minutes=31)
        assert three_runs(agency) == [0, 0, 0]
        assert len(agency.charges()) == 1
        keys = {
            line["key"]
            for line in log(agency.project().store, Query())
            if "key" in line
        }
        assert len(keys) == 1


@pytest.mark.parametrize("provider", REGISTRARS)
def test_the_answer_was_lost_before_anything_happened(tmp_path, provider):
    """Nothing was paid: it is paid once, by a run that knows that."""
    vendor, pays, _ = REGISTRARS[provider]
    with agency_with(tmp_path, provider) as agency:
        agency.sandbox.inject(Fault(vendor=vendor, operation=pays, kind="lost-before"))
        assert three_runs(agency) == [9, 0, 0]
        assert len(agency.charges()) == 1


@pytest.mark.parametrize("provider", REGISTRARS)
def test_a_stale_read_after_a_good_renewal_does_not_renew_again(tmp_path, provider):
    vendor, _, reads = REGISTRARS[provider]
    with agency_with(tmp_path, provider) as agency:
        for name in reads:
            fault = Fault(vendor=vendor, operation=name, kind="stale", times=0)
            agency.sandbox.inject(fault.model_copy(update={"skip": 1}))
        codes = three_runs(agency)
        assert codes == [3, 3, 3]  # done, and not seen yet
        assert len(agency.charges()) == 1
        (held,) = agency.plan().actions
        assert "built-in/once" in {v.rule for v in held.verdicts if v.firm}
        agency.sandbox.faults.clear()
        assert three_runs(agency) == [0, 0, 0]
        assert len(agency.charges()) == 1


def blinded(agency, *, paid):
    """Let name.com lose the answer, show old dates and refuse its book of orders."""
    inject = agency.sandbox.inject
    kind = "lost-after" if paid else "lost-before"
    inject(Fault(vendor="namecom", operation="renew", kind=kind))
    for name in ("listDomains", "getDomain"):
        inject(Fault(vendor="namecom", operation=name, kind="stale", times=0))
    refused = {"kind": "status", "status": 403, "times": 0}
    inject(Fault(vendor="namecom", operation="listOrders", **refused))


def opened(agency):
    return next(iter(agency.project().store.read().open))


@pytest.mark.parametrize("paid", [True, False])
def test_where_the_vendor_cannot_tell_it_is_held_until_it_is_settled(tmp_path, paid):
    with agency_with(tmp_path, "namecom-main") as agency:
        blinded(agency, paid=paid)
        assert three_runs(agency) == [9, 9, 9]
        applied = at(agency, "apply", "--auto-approve", "--held-ok")
        assert applied.code == 9
        assert f"reconciler settle {opened(agency)}" in applied.out
        assert len(agency.charges()) == paid
        word = "--happened" if paid else "--did-not-happen"
        said = at(
            agency, "settle", opened(agency)[:12], word, "--evidence", "invoice 7"
        )
        assert said.code == 0, said.err
        codes = three_runs(agency)
        assert 9 not in codes
        assert len(agency.charges()) == 1
        agency.sandbox.faults.clear()
        assert three_runs(agency) == [0, 0, 0]
        assert Counter(e.name for e in agency.charges()) == {"due.example": 1}
        settled = [
            (line["status"], line["how"], line["evidence"]["said"])
            for line in log(agency.project().store, Query())
            if line["type"] == "outcome" and line["how"] == "settled"
        ]
        status = "applied" if paid else "not_applied"
        assert settled == [(status, "settled", "invoice 7")]
        assert at(agency, "audit", "verify").code == 0


def test_a_person_who_contradicts_the_account_is_refused(tmp_path):
    with agency_with(tmp_path, "namecom-main") as agency:
        blinded(agency, paid=True)
        agency.apply()
        agency.sandbox.faults.clear()
        said = at(
            agency, "settle", opened(agency), "--did-not-happen", "--evidence", "sure"
        )
        assert said.code == 1
        assert "E604" in said.err
        assert "due.example" in said.err
        assert len(agency.project().store.read().open) == 1
        assert int(agency.apply().exit) == 0
        assert len(agency.charges()) == 1


def test_money_is_settled_by_its_group(tmp_path):
    files = inventory(domain("due.example", "namecom-main", spec=RENEWED))
    rules = "apiVersion: reconciler/v1\nGroup/money: {members: ['@bea']}\n"
    odd = {"due.example": Oddity({"expires": 20})}
    with Agency(tmp_path, files, odd, policies={"groups.yaml": rules}) as agency:
        blinded(agency, paid=False)
        agency.apply()
        word = ("settle", opened(agency), "--did-not-happen", "--evidence", "asked")
        refused = at(agency, *word, actor="ann")
        assert (refused.code, "E609" in refused.err) == (1, True)
        assert at(agency, *word, actor="Bea").code == 0


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["settle", "feedbeef", "--happened", "--evidence", "x"], 1),
        (["settle", "feedbeef", "--evidence", "x"], 64),
        (["settle", "--happened", "--evidence", "x"], 64),
        (["settle", "feedbeef", "--happened"], 64),
    ],
)
def test_settle_needs_an_open_action_a_word_and_evidence(tmp_path, argv, code):
    with agency_with(tmp_path, "porkbun-main") as agency:
        assert at(agency, *argv).code == code
