"""What gateways took against what is recorded: every way in which they can differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.subscription import Books
from reconciler.kinds.subscription.reckoning import (
    LEAD,
    Past,
    Window,
    forgotten,
    reckon,
    remembered,
)
from reconciler.model import Money
from reconciler.model.billing import Capture, Hold, hashed

NOW = datetime(2026, 12, 20, 9, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=30), NOW, NOW)
PERIOD = "2026-12-01"
BOTH = ("stripe", "paypal")


def money(text):
    return Money.model_validate(text)


def taken(
    name="ch_1",
    amount="10.00 EUR",
    day=-19,
    *,
    uid="acme",
    leg=0,
    refunded=None,
    **more,
):
    """Return a capture of *day* days from now, for the first period of *uid*."""
    whole = money(amount)
    return Capture(
        id=name,
        at=NOW + timedelta(days=day),
        amount=whole,
        refunded=money(refunded) if refunded else whole.times(0),
        operation=None,
        object=None,
        subscription=uid,
        generation=f"{PERIOD}/renewal/{leg}" if uid else None,
        page=f"https://gateway.example/{name}",
        **more,
    )


def paid(amount="10.00 EUR", day=-19, provider="stripe", how="charge", leg=0):
    at = (NOW + timedelta(days=day)).isoformat()
    fact = {"at": at, "amount": amount, "provider": provider, "how": how}
    return {f"bill/{PERIOD}/renewal/{leg}/paid": fact}


def made(total="10.00 EUR", leg=0, provider="stripe"):
    fact = {
        "at": (NOW - timedelta(days=27)).isoformat(),
        "provider": provider,
        "id": f"in_{leg}",
        "number": f"A-{leg}",
        "total": total,
        "begins": PERIOD,
        "ends": "2027-01-01",
        "due": PERIOD,
    }
    return {f"bill/{PERIOD}/renewal/{leg}/invoice": fact}


def compared(facts, *captures, accounts=BOTH, window=WINDOW, **elsewhere):
    """Compare *captures* of Stripe (and *elsewhere*'s) with the facts of ``acme``."""
    books = dict.fromkeys(accounts, ()) | {"stripe": captures} | elsewhere
    books = {name: found for name, found in books.items() if name in accounts}
    return reckon([Past("acme", "Acme", Books(facts))], books, window)


def said(found):
    return [(one.code, str(one.severity)) for one in found.remarks]


def statuses(found):
    return {row.capture.id: row.status for row in found.rows}


def test_what_agrees_needs_no_word():
    found = compared({**made(), **paid()}, taken())
    assert (said(found), statuses(found)) == ([], {"ch_1": "paid"})
    (row,) = found.rows
    assert (row.name, row.number) == ("Acme", "A-0")


def test_other_business_is_left_alone():
    found = compared({}, taken(uid=None), taken("ch_2", uid=None))
    assert said(found) == []
    assert found.sums(lambda row: row.of is None) == [money("20.00 EUR")]


class TestTwice:
    def test_by_one_gateway(self):
        found = compared({**made(), **paid()}, taken(), taken("ch_2", day=-2))
        assert said(found) == [("captured-twice", "critical")]
        assert statuses(found) == {"ch_1": "paid", "ch_2": "twice"}
        (remark,) = found.remarks
        for part in (
            "10.00 EUR on 2026-12-01 (ch_1)",
            "give back 10.00 EUR of stripe ch_2 at https://gateway.example/ch_2",
            "charged-twice.md",
        ):
            assert part in remark.message

    def test_by_two_gateways_the_recorded_one_is_kept(self):
        facts = {**made(), **made(leg=1, provider="paypal")}
        facts |= paid(provider="paypal", leg=1, day=-12)
        found = compared(facts, taken(), paypal=[taken("pp", day=-12, leg=1)])
        assert statuses(found) == {"ch_1": "twice", "pp": "paid"}

    def test_by_a_transfer_and_a_card(self):
        found = compared({**made(), **paid(how="transfer")}, taken())
        assert said(found) == [("captured-twice", "critical")]
        assert "(transfer)" in found.remarks[0].message

    def test_the_first_long_ago(self):
        """It is in no list any more, but in the records."""
        long_ago = -30 - LEAD.days - 1
        found = compared({**made(), **paid(day=long_ago)}, taken(day=-2))
        assert said(found) == [("captured-twice", "critical")]

    def test_the_recorded_gateway_could_not_be_read(self):
        facts = {**made(), **paid(provider="paypal")}
        found = compared(facts, taken(), accounts=("stripe",))
        assert said(found) == [("captured-twice", "critical")]

    def test_before_anything_is_recorded(self):
        found = compared(made(), taken(), taken("ch_2"))
        assert said(found) == [("captured-twice", "critical")]

    def test_with_credit_less_than_the_total_is_owed(self):
        facts = {**made("10.00 EUR"), **paid("4.00 EUR")}
        found = compared(facts, taken(amount="4.00 EUR"), taken("b", "4.00 EUR"))
        assert said(found) == [("captured-twice", "critical")]

    def test_given_back_it_is_over(self):
        facts = {**made(), **paid()}
        second = taken("ch_2", refunded="10.00 EUR")
        found = compared(facts, taken(), second)
        assert said(found) == [("refunded", "info")]
        assert statuses(found) == {"ch_1": "paid", "ch_2": "refunded"}

    def test_in_parts_is_not_twice(self):
        parts = (taken(amount="6.00 EUR"), taken("ch_2", "4.00 EUR"))
        assert said(compared({**made(), **paid()}, *parts)) == []


class TestUnknown:
    def test_for_nobody_that_was_ever_here(self):
        found = compared({}, taken(uid="stranger"))
        assert said(found) == [("captured-unknown", "error")]
        assert found.remarks[0].name == "stranger"

    def test_for_a_period_that_nothing_was_made_for(self):
        assert said(compared({}, taken())) == [("captured-unknown", "error")]

    def test_the_next_run_takes_note_of_what_is_new(self):
        assert said(compared(made(), taken(day=-0.5))) == [
            ("captured-unrecorded", "info")
        ]
        assert said(compared(made(), taken(day=-3))) == [
            ("captured-unrecorded", "error")
        ]

    def test_a_name_that_the_gateway_could_not_hold(self):
        facts = {**made(), **paid()}
        assert said(compared(facts, taken(uid=hashed("acme")))) == []


class TestNotTaken:
    @pytest.mark.parametrize(
        ("how", "severity"), [("charge", "error"), ("elsewhere", "warning")]
    )
    def test_recorded_and_nowhere(self, how, severity):
        found = compared({**made(), **paid(how=how)})
        assert said(found) == [("paid-not-captured", severity)]

    def test_not_before_the_gateway_had_time(self):
        assert said(compared({**made(), **paid(day=-0.5)})) == []

    def test_nothing_is_expected_of(self):
        """A transfer; an account that could not be read; an invoice that cost nothing."""
        assert said(compared(paid(how="transfer", provider="own"))) == []
        assert said(compared(paid(provider="paypal"), accounts=("stripe",))) == []
        assert said(compared(paid("0.00 EUR"))) == []

    def test_a_bank_decides_later_than_it_is_asked(self):
        """Begun before the window, recorded in it."""
        facts = {**made(), **paid(day=-29)}
        assert said(compared(facts, taken(day=-40))) == []


def test_another_amount_or_currency():
    facts = {**made(), **paid()}
    for amount in ("9.00 EUR", "11.00 EUR", "10.00 USD"):
        assert said(compared(facts, taken(amount=amount))) == [
            ("amount-differs", "error")
        ]


def test_given_back_and_disputed():
    facts = {**made(), **paid()}
    found = compared(facts, taken(refunded="10.00 EUR"))
    assert said(found) == [("refunded", "warning")]
    assert "still counts as paid" in found.remarks[0].message
    found = compared(facts, taken(refunded="2.50 EUR"))
    assert said(found) == [("refunded", "warning")]
    found = compared(facts, taken(disputed=True))
    assert said(found) == [("disputed", "error")]
    assert "holds: [dispute]" in found.remarks[0].message


def test_outside_the_window_nothing_is_said():
    facts = {**made(), **paid(day=-40)}
    found = compared(facts, taken(day=-40), taken("ch_2", day=-39))
    assert (said(found), found.rows) == ([], ())


CAPTURES = st.lists(
    st.builds(
        taken,
        st.uuids().map(str),
        st.sampled_from(["10.00 EUR", "4.00 EUR"]),
        st.floats(-29, -2),
        leg=st.integers(0, 1),
        refunded=st.sampled_from([None, "4.00 EUR"]),
    ),
    max_size=4,
)


@given(CAPTURES, CAPTURES, st.booleans())
def test_no_more_is_kept_than_is_owed(stripe, paypal, known):
    """Without what is to be given back, nobody paid more than once."""
    facts = {**made(), **(paid() if known else {})}
    found = compared(facts, *stripe, paypal=paypal)
    kept = [row for row in found.rows if row.status not in {"twice", "refunded"}]
    total = sum(r.capture.amount.minor - r.capture.refunded.minor for r in kept)
    assert total <= money("10.00 EUR").minor
    twice = [row for row in found.rows if row.status == "twice"]
    critical = [code for code, severity in said(found) if severity == "critical"]
    assert critical == (["captured-twice"] if twice else [])
    again = compared(facts, *stripe[::-1], paypal=paypal[::-1])
    assert again == found


# -- what is held, and nobody remembers ------------------------------------------------


def hold(uid="acme", hours=30, page="https://gateway.example/H1"):
    at, amount = NOW - timedelta(hours=hours), money("10.00 EUR")
    return Hold("H1", at, amount, uid, f"{PERIOD}/renewal/0", page)


@pytest.mark.parametrize("uid", ["acme", hashed("acme")])
def test_a_hold_that_no_record_remembers_is_named_with_where_it_is_let_go(uid):
    (one,) = forgotten("paypal", [hold(uid)], [Past("acme", "Acme", Books({}))], WINDOW)
    assert (one.code, one.severity, one.name) == ("held-unknown", "warning", "Acme")
    for word in (PERIOD, "10.00 EUR", "H1", "void it at https://gateway.example/H1"):
        assert word in one.message


def test_a_hold_of_nobody_we_know_is_named_too():
    (one,) = forgotten("paypal", [hold("gone", page=None)], [], WINDOW)
    assert one.name == "gone"
    assert one.message.endswith("void it")


def test_a_hold_of_today_may_be_on_its_way_into_the_records():
    assert list(forgotten("paypal", [hold(hours=25)], [], WINDOW)) == []


def test_what_is_held_or_was_lost_is_remembered():
    facts = {
        f"bill/{PERIOD}/renewal/0/authorized": {"id": "H2", "at": NOW.isoformat()},
        f"bill/{PERIOD}/renewal/0/try/held-H1": {"kind": "soft"},
        f"bill/{PERIOD}/renewal/0/try/charge-1": {"kind": "soft"},
        "known": {"at": NOW.isoformat()},
    }
    assert set(remembered(Books(facts))) == {"H1", "H2"}
