"""The books of both gateways against the records, by the real command line."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing

from reconciler.audit import Query, log
from reconciler.sandbox import Fault
from tests.support.customers import Payer, Paying
from tests.support.shell import at

PAID = ("bakker", "wally")


def paying(tmp_path):
    return Paying(tmp_path, [Payer("bakker"), Payer("wally", "wallet")])


def paid(ours):
    """Go to where both customers have paid, and PayPal's books show it."""
    ours.run()
    for days in (1, 7, 1, 1):
        ours.later(days=days)
        ours.run()
    assert [ours.taken(name) for name in PAID] == [
        [("stripe", "10.00 EUR")],
        [("paypal", "10.00 EUR")],
    ]


def books(ours, *argv, code=0):
    done = at(ours, "books", *argv)
    assert done.code == code, done.out + done.err
    return done.out


def found(ours, code):
    """Return the findings of a plan with that code: its resource and severity."""
    plan = json.loads(at(ours, "plan", "--format", "json").out)
    return [
        (f"{one['kind']}/{one['name']}", one["severity"])
        for one in plan["findings"]
        if one["code"] == code
    ]


def compared(ours):
    """Return how often the books were compared by a run."""
    lines = log(ours.project().store, Query())
    return sum(line.get("event") == "books" for line in lines)


def test_charged_twice_is_an_incident_that_stays_until_it_is_given_back(tmp_path):
    with paying(tmp_path) as ours:
        paid(ours)
        assert "What was taken is what is recorded" in books(ours)
        assert found(ours, "captured-twice") == []
        ours.sandbox.edit("stripe", "copy", {"id": ours.invoice("bakker")})
        extra = ours.charges()[-1].details["charge"]
        out = books(ours, code=1)
        assert "Subscription/bakker.example  captured-twice" in out
        assert f"give back 10.00 EUR of stripe {extra} at https://dashboard" in out
        assert found(ours, "captured-twice") == []  # looking writes nothing
        ours.later(days=1)
        ours.run()
        for _ in range(2):  # every plan says it, also the one that does not look
            assert found(ours, "captured-twice") == [
                ("Subscription/bakker.example", "critical")
            ]
            ours.later(hours=2)
            ours.run()
        ours.sandbox.edit("stripe", "charge", {"id": extra, "refund": True})
        ours.later(days=1)
        ours.run()
        assert found(ours, "captured-twice") == []
        assert "refunded" in books(ours)
        assert len(ours.taken("bakker")) == 2  # nothing here gave it back, or took more
        refunds = [e.operation for e in ours.sandbox.ledger.effects("stripe")]
        assert refunds.count("refund") == 1


def test_other_business_of_the_account_is_left_alone(tmp_path):
    with paying(tmp_path) as ours:
        paid(ours)
        shop = {"customer": "cus_bakker", "amount": 1234, "currency": "eur"}
        ours.sandbox.edit("stripe", "charge", shop)
        out = books(ours)
        assert "1 payment for something else, left alone  12.34 EUR" in out
        assert "2 payments for 2 periods  20.00 EUR" in out


def test_once_a_day_and_never_in_the_way(tmp_path):
    """A gateway whose books cannot be read keeps no run from its work."""
    with paying(tmp_path) as ours:
        ours.run()
        before = compared(ours)
        assert before == 2  # both accounts
        ours.later(hours=3)
        ours.run()
        assert compared(ours) == before
        fault = Fault(vendor="stripe", operation="listCharges", kind="status", times=0)
        ours.sandbox.inject(fault)
        fault = fault.model_copy(update={"vendor": "paypal", "operation": "search.get"})
        ours.sandbox.inject(fault)
        ours.later(days=8)
        assert "applied     charge     Subscription/bakker" in ours.run().out
        assert found(ours, "books-unread") == [
            ("Provider/paypal", "warning"), ("Provider/stripe", "warning"),
        ]  # fmt: skip
        out = books(ours, code=3)
        assert "could not be compared" in out
        ours.sandbox.faults.clear()
        ours.later(days=1)
        ours.run()
        assert found(ours, "books-unread") == []


def held_by_nobody(ours):
    """Hold money as a run does that loses all its records; return PayPal's id of it."""
    (hold,) = (
        one
        for one in ours.plan().actions
        if (one.want.name, one.change.verb) == ("wally.example", "authorize")
    )
    project = ours.project()
    with closing(project), closing(project.accounts([hold.want])) as accounts:
        driver = accounts.drivers[hold.change.share]
        receipt = driver.apply(hold.want, hold.change, "lost")
    (effect,) = ours.sandbox.ledger.effects("paypal")[-1:]
    assert (effect.operation, receipt.replayed) == ("authorize", False)
    return effect.details["authorization"]


def test_money_that_is_held_and_forgotten_is_named_until_it_is_let_go(tmp_path):
    with paying(tmp_path) as ours:
        ours.run()
        ours.later(days=1)
        ours.run()
        ours.later(days=7)
        lost = held_by_nobody(ours)
        ours.run()  # the same again, and recorded
        assert found(ours, "held-unknown") == []
        fault = Fault(
            vendor="paypal", operation="authorizations.get", kind="status", times=0
        )
        ours.sandbox.inject(fault)
        ours.later(days=2)
        out = books(ours, code=3)
        assert "what it holds could not be compared with the records" in out
        assert "1 payment for 1 period" in out  # what was taken still is
        ours.sandbox.faults.clear()
        ours.run()
        about = ("Subscription/wally.example", "warning")
        assert found(ours, "held-unknown") == [about]
        assert lost in books(ours)
        ours.sandbox.edit("paypal", "void", {"id": lost})
        ours.later(days=1)
        ours.run()
        assert found(ours, "held-unknown") == []


def test_a_part_of_the_inventory_is_no_day_of_the_books(tmp_path):
    with paying(tmp_path) as ours:
        at(ours, "--select", "Subscription/bakker.example", "apply", "--auto-approve")
        assert compared(ours) == 0


def test_a_month_for_the_accountant(tmp_path):
    with paying(tmp_path) as ours:
        paid(ours)
        text = books(ours, "--month", "2026-11", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [
            (r["account"], r["amount"], r["customer"], r["period"], r["status"])
            for r in rows
        ] == [("stripe", "10.00", "bakker", "2026-12-01", "paid")]
        assert rows[0]["number"].endswith("-0001")
        data = json.loads(books(ours, "--since", "2026-11-01", "--format", "json"))
        assert [one["account"] for one in data["captures"]] == ["stripe", "paypal"]
        total = sum(float(one["amount"]) for one in data["captures"])
        assert total == 20.0
        assert data["findings"] == []


WRONG = [
    ("--since", "yesterday"),
    ("--month", "2026-13"),
    ("--month", "2026-11", "--since", "2026-11-01"),
    ("--since", "2026-12-01", "--until", "2026-11-01"),
    ("--zone", "Mars/Olympus"),
]


def test_what_is_written_wrongly_is_said_and_nobody_is_asked(tmp_path):
    with paying(tmp_path) as ours:
        for argv in WRONG:
            done = at(ours, "books", *argv)
            assert done.code == 64
            assert done.err.startswith("E640 --") or "hint: write it as" in done.err
        assert ours.sandbox.ledger.requests() == {}
