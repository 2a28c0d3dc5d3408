"""
Customers pay: the real command line, over sockets, against both gateways.

What was taken is asked of the gateways (the ledger of what really happened), never of
our own books; what customers were told is read from their mailbox.
"""

from __future__ import annotations

import json

import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Fault
from tests.support.customers import HEAD, Payer, Paying
from tests.support.shell import at

#: As ``standard``, in a week.
SHORT = """\
apiVersion: reconciler/v1
DunningPolicy/standard:
  steps:
    - {after: 0d, do: [charge, notify: first-failure]}
    - {after: 1d, do: [retry]}
    - {after: 2d, do: [backup-gateway]}
    - {after: 4d, do: [notify: final-warning]}
    - {after: 7d, do: [suspend]}
"""
QUICK = {"inventory/dunning.yaml": SHORT}


def begun(tmp_path, *payers, **more):
    """Return an agency that has just taken note of its customers."""
    return Paying(tmp_path, payers, **more)


def invoiced(ours):
    """Run on the two days on which customers are noted, and invoiced."""
    ours.run()
    ours.later(days=1)
    ours.run()


def to_the_charge(ours):
    """Go to the day on which the period of 1 December is charged."""
    ours.later(days=7)


def verified(ours):
    done = at(ours, "audit", "verify")
    assert done.code == 0, done.out
    assert "0 open intents" in done.out


def test_paid_once_whoever_pays_how(tmp_path):
    """A card, a wallet, and somebody who transfers the money."""
    payers = [Payer("bakker"), Payer("cafe", "transfer"), Payer("wally", "wallet")]
    with begun(tmp_path, *payers) as ours:
        first = ours.run()
        assert "0 of 0 done" in first.out  # a new customer is noted, and not charged
        ours.later(days=1)
        ours.run()
        assert ours.taken("bakker") == ours.taken("wally") == []
        to_the_charge(ours)
        said = at(ours, "plan").out
        assert "Subscription/bakker.example" in said
        assert "10.00 EUR" in said
        ours.run()
        ours.later(minutes=20)
        ours.run()  # what is held is taken
        assert ours.taken("bakker") == [("stripe", "10.00 EUR")]
        assert ours.taken("wally") == [("paypal", "10.00 EUR")]
        (bill, *_) = [m for m in ours.inbox.mails if "billing@cafe.example" in m.to]
        text = bill.get_body(("plain",)).get_content()
        assert "IBAN NL91 ABNA 0417 1643 00, Example Agency BV, INV-" in text
        argv = ["--period", "2026-12-01", "--evidence", "statement 48, line 3"]
        paid = ["paid", "Subscription/cafe.example", "--amount", "10.00 EUR", *argv]
        assert at(ours, *paid).code == 0
        assert at(ours, *paid).code == 1  # it is paid already
        for _ in range(2):
            ours.later(days=1)
            assert "0 of 0 done" in ours.run().out
        for name in ours.payers:
            receipts = [s for s in ours.letters(name) if s.startswith("Thank you")]
            assert receipts == [f"Thank you: 10.00 EUR for {name}.example is paid"]
        assert len(ours.charges()) == 2
        verified(ours)


def test_declined_twice_and_paid_at_the_other_gateway(tmp_path):
    """The first invoice can never be paid any more before the other gateway is asked."""
    with begun(tmp_path, Payer("garden", "short", "wallet"), files=QUICK) as ours:
        invoiced(ours)
        to_the_charge(ours)
        ours.run()
        ours.later(days=1)
        ours.run()
        ours.later(days=1)
        steps = []
        for _ in range(4):
            done = json.loads(ours.run("--format", "json").out)["done"]
            steps += [one["verb"] for one in done]
            ours.later(minutes=20)
        assert steps == ["void", "invoice", "authorize", "capture"]
        assert "0 of 0 done" in ours.run().out
        order = [
            (one.vendor, one.operation)
            for one in ours.sandbox.ledger.effects()
            if one.operation in {"declined", "voidInvoice", "authorize", "capture"}
        ]
        assert order == [
            ("stripe", "declined"),
            ("stripe", "declined"),
            ("stripe", "voidInvoice"),
            ("paypal", "authorize"),
            ("paypal", "capture"),
        ]
        assert ours.taken("garden") == [("paypal", "10.00 EUR")]
        invoice = ours.invoice("garden")
        with pytest.raises(ReconcilerError, match="isn't open"):
            ours.sandbox.edit("stripe", "invoice", {"id": invoice, "pay": True})
        assert ours.letters("garden")[-1].startswith("Thank you")
        verified(ours)


def test_without_consent_nobody_else_is_asked(tmp_path):
    payer = Payer("garden", "short", "wallet")
    text = payer.text().replace("backup: true", "backup: false")
    files = {**QUICK, payer.file: text}
    with begun(tmp_path, payer, files=files) as ours:
        invoiced(ours)
        to_the_charge(ours)
        ours.run()
        ours.later(days=1)
        ours.run()
        ours.later(days=2)
        ours.run()
        assert ours.sandbox.ledger.effects("paypal") == []
        assert ours.charges() == []


def test_suspended_after_a_warning_and_back_when_it_is_paid(tmp_path):
    """30 November is a Monday; nobody is cut off on the weekend, nor unwarned."""
    with begun(tmp_path, Payer("novalaw", "stolen"), files=QUICK) as ours:
        invoiced(ours)
        to_the_charge(ours)
        ours.run()
        ours.later(days=4)  # Friday
        ours.run()
        assert ours.suspended() == []
        ours.later(days=2)
        ours.run()
        assert ours.suspended() == []  # Sunday
        ours.later(days=1)
        ours.run()
        assert ours.suspended() == ["novalaw.example"]
        assert len(ours.declines()) == 1  # a stolen card is never tried again
        ours.later(days=3)
        page = {"id": ours.invoice("novalaw"), "pay": True}
        ours.sandbox.edit("stripe", "invoice", page)
        ours.run()
        assert ours.suspended() == []
        ours.run()
        subjects = ours.letters("novalaw")
        parts = ["another card", "goes offline", "is offline", "online again"]
        places = [
            next(n for n, said in enumerate(subjects) if part in said) for part in parts
        ]
        assert places == sorted(places), subjects
        assert sum(said.startswith("Thank you") for said in subjects) == 1
        assert ours.taken("novalaw") == [("stripe", "10.00 EUR")]
        ours.later(days=1)
        assert "0 of 0 done" in ours.run().out
        verified(ours)


ONCE = (
    HEAD
    + """\
DunningPolicy/standard:
  steps:
    - {after: 0d, do: [charge, notify: first-failure]}
"""
)


def test_a_decline_is_an_everyday_event_where_somebody_follows_it_up(tmp_path):
    """It is shown; the run is green, and what comes next is said with its moment."""
    with begun(tmp_path, Payer("garden", "short"), files=QUICK) as ours:
        invoiced(ours)
        to_the_charge(ours)
        done = ours.run()
        assert "charge     Subscription/garden.example" in done.out
        assert "0 of 1 done" in done.out
        assert len(ours.declines()) == 1
        said = at(ours, "explain", "Subscription/garden.example").out
        assert "No command mends this" not in said
        (last,) = said.rstrip().splitlines()[-1:]
        assert last.startswith("Next, by itself: Tue 2026-12-01 ")
        assert "charge again" in last


def test_a_decline_that_nobody_follows_up_is_not_done(tmp_path):
    files = {"inventory/dunning.yaml": ONCE}
    with begun(tmp_path, Payer("garden", "short"), files=files) as ours:
        invoiced(ours)
        to_the_charge(ours)
        assert "0 of 1 done" in ours.run(code=3).out
        said = at(ours, "explain", "Subscription/garden.example").out
        assert "No command mends this" in said


def test_a_card_that_is_gone_is_not_said_to_be_charged_again(tmp_path):
    with begun(tmp_path, Payer("novalaw", "stolen"), files=QUICK) as ours:
        invoiced(ours)
        to_the_charge(ours)
        ours.run()
        due = at(ours, "due", "--horizon", "20d").out
        assert "2026-12-01 is tried again" not in due
        assert (
            "charge again"
            not in at(ours, "explain", "Subscription/novalaw.example").out
        )


HELD = "holds: [dispute], "


def test_a_hold_stops_everything(tmp_path):
    """No charge, no retry, no dunning, no suspension; a receipt would still go."""
    payers = [Payer("bakker"), Payer("garden", "short", "wallet")]
    with begun(tmp_path, *payers, files=QUICK) as ours:
        invoiced(ours)
        to_the_charge(ours)
        ours.edit(payers[0].file, "language: en", f"{HELD}language: en")
        ours.commit()
        ours.run()
        assert ours.taken("bakker") == []
        assert len(ours.declines()) == 1
        ours.edit(payers[1].file, "language: en", f"{HELD}language: en")
        ours.commit()
        before = {name: ours.letters(name) for name in ours.payers}
        for days in (1, 3, 6, 1, 1):
            ours.later(days=days)
            ours.run()
        assert {name: ours.letters(name) for name in ours.payers} == before
        assert (len(ours.declines()), ours.suspended(), ours.charges()) == (1, [], [])
        found = json.loads(at(ours, "plan", "--format", "json").out)["findings"]
        codes = {(one["name"], one["code"]) for one in found}
        assert ("bakker.example", "subscription-held") in codes
        ours.edit(payers[0].file, HELD, "")
        ours.commit()
        ours.run()
        assert ours.taken("bakker") == [("stripe", "10.00 EUR")]


def test_a_freeze_waits_and_is_made_up_for_once(tmp_path):
    frozen = (
        HEAD + "Freeze/year-end: {from: 2026-11-29, until: 2026-12-02, "
        "timeZone: Europe/Amsterdam, reason: nobody is there}\n"
    )
    with begun(tmp_path, Payer("bakker"), policies={"freeze.yaml": frozen}) as ours:
        invoiced(ours)
        to_the_charge(ours)
        for _ in range(2):
            ours.run(code=6)
            ours.later(days=1)
        assert ours.charges() == []
        ours.later(days=1)
        ours.run()
        ours.later(minutes=20)
        ours.run()
        assert ours.taken("bakker") == [("stripe", "10.00 EUR")]


def test_more_than_was_agreed_is_never_charged(tmp_path):
    with begun(tmp_path, Payer("bakker", price="120.00 EUR/month")) as ours:
        invoiced(ours)
        to_the_charge(ours)
        for _ in range(2):
            ours.run(code=6)
            ours.later(days=1)
        assert ours.charges() == []


def renamed(ours, one):
    """Another name, in another file: the uid says that it is the same."""
    old, new = f"Subscription/{one.site}: {{", f"Subscription/{one.name}: {{"
    ours.edit(one.file, old, f"{new}uid: {one.site}, ")
    text = (ours.root / one.file).read_text(encoding="utf-8")
    (ours.root / one.file).unlink()
    ours.write(f"inventory/moved/{one.name}/all.yaml", text)


def gone(ours, one):
    text = (ours.root / one.file).read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("Subscription/")]
    ours.write(one.file, "\n".join(kept) + "\n")


def back(ours, one):
    ours.write(one.file, one.text())


def other_card(ours, one):
    first, second = f"{one.name}-card", f"{one.name}-second"
    ours.edit(one.file, f"primary: {first}", f"primary: {second}")
    ours.edit(one.file, f"backup: [{second}]", f"backup: [{first}]")


def dearer(ours, one):
    ours.edit(one.file, "price: 10.00", "price: 20.00")


EDITS = {"renamed": renamed, "gone": gone, "other": other_card, "dearer": dearer}


def test_whatever_is_edited_a_period_is_charged_once(tmp_path):
    """Renamed and moved, deleted and added again, another card, another price."""
    payers = [
        Payer(f"{what}-{when}", backup="card", price="10.00 EUR/month")
        for what in EDITS
        for when in ("before", "after")
    ]
    with begun(tmp_path, *payers) as ours:

        def edited(when):
            chosen = [one for one in payers if one.name.endswith(when)]
            for one in chosen:
                EDITS[one.name.partition("-")[0]](ours, one)
            ours.commit()
            ours.run("--held-ok")  # who is charged by which card is asked about
            for one in chosen:
                if one.name.startswith("gone"):
                    back(ours, one)
            ours.commit()
            ours.run("--held-ok")

        invoiced(ours)
        edited("before")
        to_the_charge(ours)
        ours.run("--held-ok")
        edited("after")
        ours.later(days=7)
        ours.run("--held-ok")
        taken = {name: ours.taken(name) for name in ours.payers}
        assert taken == {name: [("stripe", "10.00 EUR")] for name in ours.payers}
        verified(ours)


def test_a_lost_answer_is_no_second_charge(tmp_path):
    """Of one the request was lost, of the other the answer; either is paid once."""
    with begun(tmp_path, Payer("bakker"), Payer("cafe")) as ours:
        invoiced(ours)
        to_the_charge(ours)
        for kind in ("lost-before", "lost-after"):
            fault = Fault(vendor="stripe", operation="payInvoice", kind=kind)
            ours.sandbox.inject(fault)
        ours.run(code=9)
        for _ in range(2):
            ours.later(minutes=70)
            at(ours, "apply", "--auto-approve")
        for name in ours.payers:
            assert ours.taken(name) == [("stripe", "10.00 EUR")]
        verified(ours)


def test_a_customer_who_pays_at_the_same_moment_pays_once(tmp_path):
    with begun(tmp_path, Payer("bakker")) as ours:
        invoiced(ours)
        to_the_charge(ours)
        page = {"id": ours.invoice("bakker"), "pay": "meanwhile"}
        ours.sandbox.edit("stripe", "invoice", page)
        at(ours, "apply", "--auto-approve")
        ours.later(days=1)
        ours.run()
        assert ours.taken("bakker") == [("stripe", "10.00 EUR")]
        assert [s[:9] for s in ours.letters("bakker")].count("Thank you") == 1
