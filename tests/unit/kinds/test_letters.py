"""Letters: each once, at the right local time, and never what a payment overtook."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.payment_method import PaymentMethod, PaymentMethodState
from reconciler.kinds.subscription import PLACEHOLDERS, TEXTS
from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.suspension import suspended_from
from reconciler.model import Money, Ref, Share
from reconciler.model.terms import Dunning, Invoicing, Notice, Step
from tests.support.cards import method
from tests.support.dunning import VISA, ZONE, Customer, local

#: A Friday; charged on the Thursday before at nine.
DAY = date(2026, 12, 4)
MADE = local(2026, 11, 20, 9)
CHARGED = local(2026, 12, 3, 9)
HOUR = timedelta(hours=1)
MINUTES = timedelta(minutes=5)


def at(*parts):
    return local(2026, *parts)


def invoiced(**more):
    return Customer(DAY, **more).invoiced(MADE)


def told(customer, first, last, step=HOUR):
    """Run every hour; return (local moment, step) of what was told."""
    found, now = [], first
    while now <= last:
        found += [(now, one) for one in customer.run(now)]
        now += step
    return found


def case(customer, now):
    want = customer.want
    return Case(want.spec, customer.terms, want.books, customer.have, now)


# -- before it is due ----------------------------------------------------------------


def test_the_invoice_is_told_once_and_says_when_it_is_charged():
    customer = invoiced()
    (letter,) = customer.letters(MADE + MINUTES)
    assert (letter.key, letter.text) == ("told/2026-12-04/renewal/invoice", "invoice")
    assert letter.customer == "acme"
    assert letter.about == (Share("stripe", "billing"), "in_0")
    assert letter.names == {"method": Ref("PaymentMethod", "acme-visa")}
    assert set(letter.values) == set(PLACEHOLDERS)
    said = {k: v for k, v in letter.values.items() if v}
    assert said == {
        "covers": "acme.example",
        "period": "2026-12-04",
        "ends": "2027-12-03",
        "number": "INV-7",
        "amount": "12.10 EUR",
        "total": "12.10 EUR",
        "collect": "auto",
        "charge": "2026-12-03",
        "due": "2026-12-04",
    }
    assert customer.run(MADE + MINUTES) == ["invoice"]
    assert customer.steps(MADE + 2 * MINUTES) == []


def test_reminders_come_at_their_lead_times_and_the_invoice_stands_for_the_first():
    # A reminder on a Saturday or Sunday waits, and is overtaken by the next one.
    customer = invoiced()
    found = told(customer, MADE + MINUTES, CHARGED - HOUR)
    assert found == [
        (MADE + MINUTES, "invoice"),
        (at(11, 26, 9, 5), "remind-7d"),
        (at(11, 30, 9, 5), "remind-3d"),
        (at(12, 2, 9, 5), "remind-1d"),
    ]


@pytest.mark.parametrize(
    ("begins", "told_on"),
    [
        # The clocks go forward on 29 March, back on 25 October; and a year ends.
        (
            date(2026, 3, 31),
            ["03-17", "03-23", "03-27", "03-30", "04-02", "04-09", "04-13"],
        ),
        (
            date(2026, 10, 27),
            ["10-13", "10-19", "10-23", "10-26", "10-29", "11-05", "11-09"],
        ),
        (
            date(2027, 1, 1),
            ["12-18", "12-24", "12-28", "12-30", "12-31", "01-04", "01-11", "01-14"],
        ),
    ],
    ids=["forward", "back", "year"],
)
def test_a_whole_course_is_told_at_nine_by_the_customers_clock(begins, told_on):
    customer = Customer(begins)
    start = customer.want.case({}, datetime.now(UTC)).charge_at(begins)
    made = customer.want.case({}, start).after(start, -timedelta(days=13))
    customer.invoiced(made)
    found = told(customer, made + MINUTES, start - HOUR)
    customer.failed(start)
    found += told(customer, start + MINUTES, start + timedelta(days=15))
    local_times = [moment.astimezone(ZoneInfo(ZONE)) for moment, _ in found]
    assert [f"{here:%m-%d}" for here in local_times] == told_on
    # What a weekend held up comes when the quiet hours end.
    assert {f"{here:%H:%M}" for here in local_times} <= {"09:05", "08:05"}
    assert [step for _, step in found][-2:] == ["final-warning", "suspended"]


def test_only_the_latest_reminder_is_sent_after_a_silence():
    customer = invoiced().told(MADE, "invoice")
    assert customer.run(at(12, 2, 10)) == ["remind-1d"]
    assert customer.steps(at(12, 2, 11)) == []


def test_who_pays_by_itself_is_reminded_of_the_day_it_is_due():
    customer = invoiced(collect="invoice")
    found = told(customer, MADE + MINUTES, local(2026, 12, 4, 9))
    days = [(now.day, step) for now, step in found]
    assert days == [
        (20, "invoice"),
        (27, "remind-7d"),
        (1, "remind-3d"),
        (3, "remind-1d"),
    ]
    letter = invoiced(collect="invoice").letters(MADE + MINUTES)[0]
    assert letter.values["collect"] == "invoice"
    assert letter.values["charge"] == ""
    assert letter.names == {}


def test_a_long_lead_time_reminds_before_there_is_an_invoice():
    leads = (timedelta(days=30), timedelta(days=7))
    terms = Invoicing(remind_at=leads, tax=("txr_1",))
    customer = Customer(DAY, invoicing=terms)
    (letter,) = customer.letters(at(11, 3, 10))
    assert letter.key.endswith("/remind-30d")
    assert letter.values["amount"] == "10.00 EUR"
    assert letter.values["tax"] == "extra"
    assert letter.values["charge"] == "2026-12-03"
    assert customer.run(at(11, 3, 10)) == ["remind-30d"]
    assert customer.steps(at(11, 4, 10)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"agreed": None},
        {"price": Money.model_validate("0 EUR")},
        {"collect": "none"},
        {"holds": ("dispute",)},
    ],
)
def test_nobody_is_reminded_of_what_will_not_be_asked_for(change):
    customer = Customer(DAY, invoicing=Invoicing(remind_at=(timedelta(days=30),)))
    assert customer.steps(at(11, 3, 10)) == ["remind-30d"]
    assert customer.terms_with(**change).steps(at(11, 3, 10)) == []


def test_what_credit_pays_is_reminded_of_to_nobody():
    customer = Customer(DAY).invoiced(MADE, left="0.00 EUR")
    assert customer.run(MADE + MINUTES) == ["invoice"]
    assert customer.steps(at(12, 2, 10)) == []


def test_without_email_there_is_no_invoice_letter_but_reminders():
    customer = invoiced(invoicing=Invoicing(deliver=("hosted-page",)))
    assert customer.steps(at(11, 26, 10)) == ["remind-7d"]


# -- it is not paid --------------------------------------------------------------------


def test_a_first_failure_says_when_it_is_tried_again_and_what_stays():
    customer = invoiced().told(MADE, "invoice").failed(CHARGED)
    (letter,) = customer.letters(CHARGED + MINUTES)
    assert letter.text == "first-failure"
    assert letter.values["since"] == "2026-12-03"
    assert letter.values["retry"] == "2026-12-04"
    assert letter.values["suspends"] == "2026-12-17"
    assert letter.update is None
    assert customer.run(CHARGED + MINUTES) == ["first-failure"]
    assert customer.steps(CHARGED + 2 * HOUR) == []


def test_the_course_skips_nights_and_weekends_and_keeps_its_order():
    customer = invoiced().told(MADE, "invoice").failed(CHARGED)
    found = told(customer, CHARGED + MINUTES, local(2026, 12, 31, 9))
    assert found == [
        (CHARGED + MINUTES, "first-failure"),
        # The third day is a Sunday.
        (local(2026, 12, 7, 8, 5), "reminder-3d"),
        # The tenth, too.
        (local(2026, 12, 14, 8, 5), "final-warning"),
        (local(2026, 12, 17, 9, 5), "suspended"),
    ]


def test_a_reminder_does_not_come_on_the_heels_of_a_late_first_letter():
    due = local(2026, 12, 18, 9)  # a Friday; nobody runs before Monday
    customer = Customer(date(2026, 12, 18), collect="invoice").invoiced(MADE)
    customer.told(MADE, "invoice")
    found = told(customer, local(2026, 12, 21, 8, 30), due + timedelta(days=8))
    assert [step for _, step in found] == ["first-failure"]


def test_whose_site_is_gone_hears_it_on_a_saturday_too():
    customer = invoiced().failed(CHARGED).told(at(12, 14, 9), "final-warning")
    assert customer.steps(at(12, 17, 22)) == []
    assert customer.steps(at(12, 19, 10)) == ["suspended"]


def test_a_reminder_asks_for_another_card_where_its_step_does():
    customer = invoiced().failed(CHARGED).told(CHARGED, "first-failure")
    (letter,) = customer.letters(at(12, 7, 10))
    assert letter.text == "reminder"
    assert letter.update == (Share("stripe", "billing"), "pm_1")


def test_a_hard_decline_asks_for_another_card_at_once_and_in_place_of_all_else():
    customer = invoiced().failed(CHARGED, "hard")
    (letter,) = customer.letters(CHARGED + MINUTES)
    assert letter.text == "update-card"
    assert letter.update is not None
    assert letter.values["retry"] == ""
    customer.run(CHARGED + MINUTES)
    assert customer.steps(CHARGED + HOUR) == []


def test_a_payment_to_confirm_is_asked_for_once_each_time():
    customer = invoiced().failed(CHARGED, "action")
    customer.bill(payment="action")
    assert customer.run(CHARGED + MINUTES) == ["confirm"]
    assert customer.steps(CHARGED + HOUR) == []
    customer.failed(CHARGED + timedelta(days=4), "action")
    assert customer.run(CHARGED + timedelta(days=4, minutes=5)) == ["confirm-2"]


def test_who_pays_by_itself_is_told_after_the_due_day_and_asked_for_no_card():
    customer = invoiced(collect="invoice").told(MADE, "invoice")
    due = local(2026, 12, 4, 9)
    found = told(customer, due, due + timedelta(days=4))
    assert [step for _, step in found] == ["first-failure", "reminder-3d"]
    (letter,) = customer.letters(local(2026, 12, 14, 10))
    assert letter.text == "final-warning"
    assert letter.update is None
    assert letter.names == {}


def test_two_reminders_have_two_names():
    steps = (
        Step(after=timedelta(0), do=("charge", Notice(notify="first-failure"))),
        Step(after=timedelta(days=4), do=(Notice(notify="reminder"),)),
        Step(after=timedelta(days=5), do=(Notice(notify="reminder"),)),
        Step(after=timedelta(days=6), do=("request-card-update",)),
    )
    customer = invoiced(dunning=Dunning(steps=steps)).failed(CHARGED)
    found = told(customer, CHARGED + MINUTES, CHARGED + timedelta(days=7))
    assert [step for _, step in found] == [
        "first-failure",
        "reminder-4d",
        "reminder-5d",
        "update-card-6d",
    ]


def test_a_retry_engine_elsewhere_tells_its_customers_itself():
    customer = invoiced(invoicing=Invoicing(collector="stripe-billing"))
    customer.failed(CHARGED).paid(CHARGED)
    assert customer.steps(CHARGED + MINUTES) == []


# -- the warning and the suspension -----------------------------------------------------


def test_the_warning_names_a_day_and_that_day_is_kept():
    customer = invoiced().failed(CHARGED).told(CHARGED, "first-failure")
    # Nobody could be told for a month: three days and one more are left all the same.
    late = local(2027, 1, 4, 10)
    (letter,) = customer.letters(late)
    assert letter.firm
    assert letter.values["suspends"] == "2027-01-08"
    customer.run(late)
    (fact,) = [v for k, v in customer.facts.items() if k.startswith("promised/")]
    promised = datetime.fromisoformat(fact["suspends"])
    (one,) = case(customer, late).unpaid()
    assert suspended_from(case(customer, late + HOUR), one) == promised
    assert promised == local(2027, 1, 8, 10)
    # A policy that is shorter by now takes nothing back.
    short = (*customer.terms.dunning.steps[:6], customer.terms.dunning.steps[6])
    customer.terms_with(dunning=Dunning(steps=short, skip_weekends=False))
    assert suspended_from(case(customer, late + HOUR), one) == promised


def test_a_warning_that_goes_out_again_names_the_same_day_while_it_leaves_three():
    customer = invoiced().failed(CHARGED).told(CHARGED, "first-failure")
    late = local(2027, 1, 4, 10)
    (first,) = customer.letters(late)
    customer.facts |= first.facts
    (again,) = customer.letters(late + timedelta(hours=23))
    assert again.values["suspends"] == first.values["suspends"]
    (later,) = customer.letters(late + timedelta(hours=25))
    assert later.values["suspends"] == "2027-01-11"  # the ninth is a Saturday


def test_nothing_stands_in_for_the_warning():
    warned = CHARGED + timedelta(days=11)
    customer = invoiced().failed(CHARGED).failed(warned + HOUR, "hard")
    assert customer.steps(warned + 2 * HOUR) == ["final-warning"]
    # Nor does what was said since it was to be sent: it goes out, late.
    customer.told(warned + HOUR, "update-card")
    assert customer.steps(warned + 2 * HOUR) == ["final-warning"]


@pytest.mark.parametrize("state", ["unconfirmed", "failed"])
def test_a_warning_that_nobody_has_suspends_nothing(state):
    customer = invoiced().failed(CHARGED).told(CHARGED, "first-failure")
    customer.told(at(12, 14, 10), "final-warning", state)
    late = case(customer, local(2027, 6, 1, 10))
    (one,) = late.unpaid()
    assert suspended_from(late, one) is None
    customer.told(at(12, 14, 10), "final-warning", "delivered")
    assert suspended_from(case(customer, late.now), one) == at(12, 17, 10)


def test_the_suspension_is_told_once_it_is_so():
    customer = invoiced().failed(CHARGED).told(at(12, 14, 9), "final-warning")
    assert customer.steps(at(12, 17, 8)) == []
    (letter,) = customer.letters(at(12, 17, 10))
    assert letter.text == "suspended"
    assert letter.shown == ((Ref("HostingAccount", "acme.example"), "suspended"),)


def test_what_cannot_be_suspended_is_not_said_to_be():
    customer = invoiced(covers=["Domain/acme.example"]).failed(CHARGED)
    (letter,) = customer.letters(at(12, 14, 10))
    assert letter.text == "final-warning"
    assert letter.values["suspends"] == ""
    assert letter.facts == {}
    customer.told(at(12, 14, 10), "final-warning")
    assert customer.steps(local(2027, 2, 1, 10)) == []


def test_after_the_payment_come_the_receipt_and_that_it_is_back():
    customer = invoiced().failed(CHARGED).told(at(12, 14, 9), "final-warning")
    customer.told(at(12, 17, 10), "suspended")
    customer.paid(at(12, 19, 11))  # a Saturday: answers do not wait for Monday
    receipt, lifted = customer.letters(at(12, 19, 11, 30))
    assert (receipt.text, lifted.text) == ("receipt", "lifted")
    assert lifted.shown == ((Ref("HostingAccount", "acme.example"), "active"),)
    assert customer.run(at(12, 19, 11, 30)) == ["receipt", "lifted"]
    assert customer.steps(at(12, 21, 10)) == []


# -- it is paid ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["charge", "capture", "elsewhere"])
def test_a_receipt_once_however_it_was_paid(how):
    customer = invoiced().told(MADE, "invoice").paid(CHARGED, how=how)
    (letter,) = customer.letters(CHARGED + MINUTES)
    assert letter.key == "told/2026-12-04/renewal/receipt"
    assert letter.values["paid"] == "2026-12-03"
    assert letter.names == {"method": Ref("PaymentMethod", "acme-visa")}
    assert customer.run(CHARGED + MINUTES) == ["receipt"]
    assert customer.steps(CHARGED + timedelta(days=1)) == []


def test_a_receipt_of_what_the_gateway_alone_shows():
    customer = invoiced()
    customer.bill(state="paid", left="0.00 EUR", paid="12.10 EUR", at=CHARGED)
    (letter,) = customer.letters(CHARGED + MINUTES)
    assert letter.text == "receipt"
    assert letter.names == {}


def test_payments_of_long_ago_are_no_news():
    customer = invoiced().paid(CHARGED)
    assert customer.steps(CHARGED + timedelta(days=14)) == ["receipt"]
    assert customer.steps(CHARGED + timedelta(days=15)) == []


OVERTAKEN = {
    "paid": lambda c: c.paid(CHARGED),
    "paid at the gateway": lambda c: c.bill(
        state="paid", left="0.00 EUR", paid="12.10 EUR", at=CHARGED
    ),
    "processing": lambda c: c.bill(payment="processing"),
    "void": lambda c: c.bill(state="void"),
    "given up": lambda c: c.bill(state="uncollectible"),
    "authorized": lambda c: c.bill(state="authorized"),
    "unreadable": lambda c: setattr(c, "readable", False),
    "not shown": lambda c: c.bills.clear(),
    "held": lambda c: c.terms_with(holds=("fraud-review",)),
}


@pytest.mark.parametrize("overtaken", OVERTAKEN.values(), ids=[*OVERTAKEN])
def test_no_dunning_of_what_may_be_paid_or_is_held(overtaken):
    customer = invoiced().failed(CHARGED - timedelta(days=30))
    assert customer.steps(CHARGED + MINUTES) == ["final-warning"]
    overtaken(customer)
    assert set(customer.steps(CHARGED + MINUTES)) <= {"receipt"}


def test_no_dunning_while_another_gateway_cannot_tell_whether_it_was_paid():
    paypal = VISA.model_copy(update={"name": "acme-paypal", "provider": "paypal"})
    customer = invoiced(methods=(VISA, paypal)).failed(CHARGED)
    assert customer.steps(CHARGED + MINUTES) == []
    customer.terms_with(methods=(VISA,))
    assert customer.steps(CHARGED + MINUTES) == ["first-failure"]


def test_under_a_hold_there_are_receipts_and_nothing_else():
    customer = invoiced(holds=("dispute",))
    assert customer.steps(MADE + MINUTES) == []
    customer.paid(CHARGED)
    assert customer.steps(CHARGED + MINUTES) == ["receipt"]


# -- another gateway ------------------------------------------------------------------------


def test_a_replaced_invoice_is_told_and_the_receipt_is_of_the_one_that_was_paid():
    customer = invoiced().told(MADE, "invoice").failed(CHARGED)
    customer.told(at(12, 7, 9), "reminder-3d")
    customer.bill(state="void")
    customer.facts[f"{customer.of.fact}/void"] = {"at": at(12, 10, 9).isoformat()}
    assert customer.steps(at(12, 10, 9, 10)) == []  # told all that is to be told
    customer.invoiced(at(12, 10, 9, 20), leg=1, number="INV-8")
    (letter,) = customer.letters(at(12, 10, 9, 30))
    assert letter.key.endswith("/invoice-1")
    assert (letter.text, letter.values["number"]) == ("invoice-replaced", "INV-8")
    customer.run(at(12, 10, 9, 30))
    customer.paid(at(12, 10, 10), leg=1)
    (letter,) = customer.letters(at(12, 10, 10, 30))
    assert (letter.text, letter.values["number"]) == ("receipt", "INV-8")
    assert letter.about == (Share("stripe", "billing"), "in_1")


def test_an_invoice_that_nobody_lived_to_send_is_sent_while_its_money_is_held():
    """A run died after it was made; the next one held the money before it could tell."""
    customer = invoiced().told(MADE, "invoice").failed(CHARGED)
    customer.facts[f"{customer.of.fact}/void"] = {"at": at(12, 10, 9).isoformat()}
    customer.bill(state="void")
    customer.invoiced(at(12, 10, 9, 20), leg=1, number="INV-8")
    customer.bill(state="authorized")
    assert customer.run(at(12, 10, 10)) == ["invoice-1"]
    assert customer.run(at(12, 10, 11)) == []
    held = invoiced()
    held.bill(state="authorized")
    assert held.run(MADE + MINUTES) == ["invoice"]
    assert held.run(CHARGED - timedelta(days=1)) == []  # no reminder: it is on its way


def test_who_has_to_confirm_is_told_so_after_an_attempt_that_nobody_heard_of():
    customer = invoiced().failed(CHARGED, "action")
    customer.failed(CHARGED + timedelta(hours=24), "lost")
    assert customer.run(CHARGED + timedelta(hours=25)) == ["confirm"]


# -- laws -------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    begins=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    kind=st.sampled_from(["soft", "hard", "action"]),
    pays=st.one_of(st.none(), st.floats(-20, 40)),
    gap=st.integers(2, 40),
    weekends=st.booleans(),
)
def test_each_step_once_never_at_night_and_nothing_after_the_payment(
    begins, kind, pays, gap, weekends
):
    """Whatever the days, the time of year and the hours between runs are."""
    dunning = Customer(begins).terms.dunning.model_copy(
        update={"skip_weekends": not weekends}
    )
    customer = Customer(begins, dunning=dunning)
    start = customer.want.case({}, datetime.now(UTC)).charge_at(begins)
    made = start - timedelta(days=13)
    customer.invoiced(made)
    paid = None if pays is None else start + timedelta(days=pays)
    now, seen = made, []
    while now < start + timedelta(days=45):
        if now >= start and not customer.want.books.tries(customer.of) and not paid:
            customer.failed(now, kind)
        if paid and now >= paid and customer.bills[0].state == "open":
            customer.paid(now)
        seen += [(now, step) for step in customer.run(now)]
        now += timedelta(hours=gap, minutes=7)
    steps = [step for _, step in seen]
    assert len(set(steps)) == len(steps)
    for moment, step in seen:
        here = moment.astimezone(ZoneInfo(ZONE))
        assert 8 <= here.hour < 21
        if step not in {"invoice", "receipt", "suspended"} and not weekends:
            assert here.weekday() < 5
    if paid:
        after = [step for moment, step in seen if moment >= paid]
        assert after in ([], ["receipt"])
    else:
        assert steps[-2:] == ["final-warning", "suspended"]
        warned, gone = ({s: m for m, s in seen}[s] for s in steps[-2:])
        assert gone - warned >= timedelta(days=3)


def test_every_text_is_said_by_somebody():
    assert len(set(TEXTS)) == 11


# -- what others are called -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "called"),
    [
        ({"type": "card", "brand": "visa", "last4": "4242"}, "Visa ...4242"),
        (
            {"type": "card", "brand": "amex", "last4": "0005"},
            "Amex ...0005",
        ),
        ({"type": "sepa_debit", "last4": "3000"}, "Sepa debit ...3000"),
        ({"type": "paypal"}, "Paypal"),
        ({"type": "revolut_pay"}, "Revolut pay"),
    ],
)
def test_a_method_is_called_what_its_owner_knows(state, called):
    want: PaymentMethod = method("pm_1", "Provider/x")
    have = {want.share: PaymentMethodState.model_validate({"token": "pm_1", **state})}
    assert want.called(have) == called
    assert want.called({}) == ""
