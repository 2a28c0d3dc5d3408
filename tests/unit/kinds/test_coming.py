"""What still comes by itself about what is not paid: said, and nothing else said."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from reconciler.kinds.subscription import Charge, memory
from reconciler.model import FieldChange, Money
from reconciler.model.terms import Dunning, Method, Notice, Step
from tests.support.dunning import AGREED, SHARE, VISA, Customer, local

#: A Tuesday; nine in the morning a day before is when it is charged.
BEGINS = date(2026, 12, 1)
FAILED = local(2026, 11, 30, 9)
SECOND = Method(name="acme-second", provider="stripe", token="pm_2")
HOLD = {"holds": ("dispute",)}
FREE = {"holds": ()}


def day(number, hour=9):
    """Return that hour, so many days after the first refusal."""
    return FAILED + timedelta(days=number, hours=hour - 9)


def declined(kind="soft", **terms):
    customer = Customer(BEGINS, **terms).invoiced(local(2026, 11, 17, 9))
    customer.bill(payment="failed")
    return customer.failed(FAILED, kind)


def due(customer, now):
    return [one.what for one in customer.want.due(customer.have, now)]


def charged(customer, now):
    return [what for what in due(customer, now) if "tried again" in what]


def last(customer, now):
    *_, chapter = customer.want.story(customer.have, now)
    return chapter


def charge(customer):
    return Charge(
        share=SHARE,
        fields=(FieldChange(field="spec.customer", after="paid"),),
        because="x",
        generation=customer.of.generation,
        charge=Money.model_validate("12.10 EUR"),
        details={"uid": "acme", **customer.of._asdict()},
    )


def seen_to(customer, now):
    return customer.want.sees_to(charge(customer), customer.have, now)


# -- another charge that will not be -----------------------------------------------------


def test_a_soft_decline_is_tried_again_and_said_to_be():
    customer = declined()
    assert charged(customer, day(0)) == ["2026-12-01 is tried again"]
    assert any("charge again" in line for line in last(customer, day(0)).lines)


def test_a_card_that_was_refused_for_good_is_not_said_to_be_charged_again():
    customer = declined("hard")
    assert charged(customer, day(0)) == []
    lines = [line for line in last(customer, day(0)).lines if "unpaid" in line]
    assert lines
    assert not any("charge" in line for line in lines)
    # Another card in its place is.
    customer.terms_with(methods=(SECOND,))
    assert charged(customer, day(0)) == ["2026-12-01 is tried again"]


def test_a_backup_is_said_to_be_charged_until_it_was():
    agreed = AGREED.model_copy(update={"backup": True})
    customer = declined("hard", methods=(VISA, SECOND), agreed=agreed)
    assert charged(customer, day(0)) == ["2026-12-01 is tried again"]
    # It had its turn already, as the primary method that it was then.
    customer.failed(day(1), "soft", token="pm_2")
    assert charged(customer, day(1)) == []
    without = declined("hard", methods=(VISA, SECOND))
    assert charged(without, day(0)) == []


def test_attempts_that_are_used_up_are_no_attempts_to_come():
    customer = declined()
    for number in range(1, 6):
        customer.failed(day(number / 10))
    assert charged(customer, day(1)) == []


# -- what is next, and whether anybody has to do anything ----------------------------------


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (0, "Tue 2026-12-01 09:00 (Europe/Amsterdam)  2026-12-01 unpaid: charge again"),
        (6, "Mon 2026-12-07 09:00 (Europe/Amsterdam)  2026-12-01 unpaid: charge a"),
        (8, "Thu 2026-12-10 09:00 (Europe/Amsterdam)  2026-12-01 unpaid: tell final"),
        (20, "Wed 2027-01-13 09:00 (Europe/Amsterdam)  2026-12-01 unpaid: propose"),
    ],
)
def test_the_next_step_is_said_with_its_moment(at, said):
    agreed = AGREED.model_copy(update={"backup": True})
    customer = declined(methods=(VISA, SECOND), agreed=agreed)
    customer.told(day(11), "final-warning").told(day(14), "suspended")
    assert last(customer, day(at)).follows.startswith(said)
    assert seen_to(customer, day(at))


def test_nothing_follows_where_nothing_is_wrong_or_nothing_is_left():
    gone = declined().told(day(10), "final-warning").told(day(14), "suspended")
    assert (last(gone, day(45)).follows, seen_to(gone, day(45))) == ("", False)
    paid = declined().paid(day(1))
    assert (last(paid, day(1)).follows, seen_to(paid, day(1))) == ("", False)
    fine = Customer(BEGINS).invoiced(local(2026, 11, 17, 9))
    assert (last(fine, day(-3)).follows, seen_to(fine, day(-3))) == ("", False)


def test_nobody_sees_to_it_under_a_hold_or_where_the_policy_ends():
    assert not seen_to(declined(**HOLD), day(0))
    assert last(declined(**HOLD), day(0)).follows == ""
    once = Step(after=timedelta(0), do=("charge", Notice(notify="first-failure")))
    assert not seen_to(declined(dunning=Dunning(steps=(once,))), day(0))


def test_another_period_is_no_follow_up():
    customer = declined()
    other = charge(customer)
    of = customer.of._replace(period="2027-12-01")
    details = {**other.details, **of._asdict()}
    more = {"details": details, "generation": of.generation}
    other = other.model_copy(update=more)
    assert not customer.want.sees_to(other, customer.have, day(0))


# -- after a hold -----------------------------------------------------------------------


def noticed(customer, now):
    """Take note of what a run at *now* sees."""
    case = customer.want.case(customer.have, now)
    customer.facts |= memory.noticed(case, now)


def suspended(customer, now):
    return [one.says for one in customer.want.sways(customer.have, now)]


def warned():
    """Return who was warned on Thursday, and would be off the net on Monday."""
    customer = declined().told(day(10), "final-warning")
    customer.facts["promised/2026-12-01/renewal"] = {"suspends": day(14).isoformat()}
    noticed(customer, day(10))
    return customer


def test_a_hold_and_its_end_are_noted_once():
    customer = warned()
    assert "held" not in customer.facts
    customer.terms_with(**HOLD)
    noticed(customer, day(11))
    assert customer.facts["held"] == {"since": day(11).isoformat(), "until": None}
    noticed(customer, day(12))
    assert customer.facts["held"] == {"since": day(11).isoformat(), "until": None}
    customer.terms_with(**FREE)
    for number in (90, 91):
        noticed(customer, day(number))
        held = {"since": day(11).isoformat(), "until": day(90).isoformat()}
        assert customer.facts["held"] == held


def test_without_a_hold_the_warning_counts():
    assert suspended(warned(), day(14)) == ["suspended"]


def test_a_warning_of_before_a_hold_does_not_count_any_more():
    """Day 90 is a Sunday: the letter waits for Monday, and leaves three days again."""
    customer = warned().terms_with(**HOLD)
    noticed(customer, day(11))
    assert suspended(customer, day(60)) == []
    customer.terms_with(**FREE)
    # The very run that sees the end of the hold takes nothing off the net.
    assert suspended(customer, day(90)) == ["owes"]
    noticed(customer, day(90))
    assert suspended(customer, day(90)) == ["owes"]
    assert customer.run(day(90)) == []
    (letter,) = customer.letters(day(91))
    assert letter.text == "final-warning"
    assert letter.values["suspends"] == "2027-03-05"
    assert customer.run(day(91)) == ["final-warning-20261211"]
    assert suspended(customer, day(94)) == ["owes"]  # the day that it names is kept
    assert customer.run(day(94)) == []
    assert suspended(customer, day(95)) == ["suspended"]
    assert "suspended" in customer.steps(day(95))


def test_a_second_hold_asks_for_a_warning_of_its_own():
    customer = warned()
    for start, end in ((11, 20), (21, 30)):
        customer.terms_with(**HOLD)
        noticed(customer, day(start))
        customer.terms_with(**FREE)
        noticed(customer, day(end))
        assert suspended(customer, day(end)) == ["owes"]
        (step,) = customer.run(day(end + 1))
        assert step == f"final-warning-{day(start):%Y%m%d}"


def test_what_is_off_the_net_stays_so_after_a_hold():
    """Whoever was cut off is not put back by a dispute that came to nothing."""
    customer = warned().told(day(14), "suspended").terms_with(**HOLD)
    noticed(customer, day(20))
    customer.terms_with(**FREE)
    noticed(customer, day(30))
    assert suspended(customer, day(30)) == ["suspended"]
    assert customer.run(day(31)) == []


def test_a_hold_of_before_it_failed_is_over():
    customer = Customer(BEGINS, **HOLD).invoiced(local(2026, 11, 17, 9))
    noticed(customer, day(-10))
    customer.terms_with(**FREE)
    noticed(customer, day(-5))
    customer.bill(payment="failed")
    customer.failed(FAILED).told(day(10), "final-warning")
    assert suspended(customer, day(14)) == ["suspended"]


# -- what somebody could pay twice -----------------------------------------------------------


def found(customer, now):
    return {one.code for one in customer.want.findings(customer.have, now)}


def test_what_was_transferred_and_can_still_be_paid_is_said():
    customer = declined().paid(day(2), how="transfer")
    assert "payable-twice" not in found(customer, day(3))  # marked as paid there
    customer.bill(state="open", left="12.10 EUR", paid="0.00 EUR", at=None)
    (one,) = [
        f
        for f in customer.want.findings(customer.have, day(3))
        if f.code == "payable-twice"
    ]
    assert "INV-7" in one.message
    assert "stripe" in one.message
    customer.paid(day(2), how="charge")
    customer.bill(state="open", left="12.10 EUR", paid="0.00 EUR", at=None)
    assert "payable-twice" not in found(customer, day(3))  # a read that is old
