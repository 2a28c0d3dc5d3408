"""Which step comes next: what is never billed twice, nor behind anybody's back."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from reconciler.engine.plan import Paying, Situation, _recovered
from reconciler.kinds.subscription import BILLING, BillingState
from reconciler.model import Action, Decision, Ended, OpClass, Share
from reconciler.model.terms import Dunning, Method, Step
from tests.support.dunning import AGREED, SHARE, Customer, local

BEGINS = date(2026, 3, 1)


def monthly(**more):
    """Return who pays from 1 March on, month by month."""
    return Customer(BEGINS, length=31, term={"months": 1}, **more)


def steps(customer, now):
    return list(customer.want.diff(customer.have, now))


def verbs(customer, now):
    return [one.verb for one in steps(customer, now)]


def looked(customer, now):
    """Note what a look at *now* shows, as the end of a run does."""
    customer.facts |= customer.want.noticed(customer.have, now)


# -- periods ---------------------------------------------------------------------------


def test_what_another_engine_collected_is_not_billed_when_it_comes_back():
    customer = monthly().invoiced(local(2026, 2, 20)).paid(local(2026, 2, 28))
    at = local(2026, 10, 15).isoformat()
    customer.facts["known"] = {"at": at, "collector": "reconciler"}
    assert steps(customer, local(2026, 10, 15, 12)) == []
    (made,) = steps(customer, local(2026, 10, 20, 12))
    assert (made.verb, made.details["begins"]) == ("invoice", "2026-11-01")


def test_there_and_back_within_a_period_changes_nothing():
    customer = monthly().invoiced(local(2026, 2, 20)).paid(local(2026, 2, 28))
    at = local(2026, 3, 20).isoformat()
    customer.facts["known"] = {"at": at, "collector": "reconciler"}
    (made,) = steps(customer, local(2026, 3, 20, 12))
    assert made.details["begins"] == "2026-04-01"
    assert made.hold is None


@pytest.mark.parametrize("free", [{"price": "0.00 EUR"}, {"collect": "none"}])
def test_what_was_free_when_it_began_is_never_billed(free):
    customer = monthly().invoiced(local(2026, 2, 20)).paid(local(2026, 2, 28))
    usual = {key: getattr(customer.terms, key) for key in free}
    other = customer.terms.model_validate(customer.terms.model_dump() | free)
    customer.terms = other
    for month in (4, 5, 6):
        looked(customer, local(2026, month, 2))
    customer.terms_with(**usual)
    (made,) = steps(customer, local(2026, 6, 20))
    assert (made.details["begins"], made.hold) == ("2026-07-01", None)


@pytest.mark.parametrize("state", ["suspended", "cancel-at-period-end", "terminated"])
def test_what_passed_while_it_was_off_is_not_billed_when_it_is_back(state):
    customer = monthly().invoiced(local(2026, 2, 20)).paid(local(2026, 2, 28))
    off = customer.want.spec.model_copy(update={"state": state})
    want = customer.want.model_copy(update={"spec": off})
    want = want.recalling(lambda: customer.facts)
    assert list(want.diff(customer.have, local(2026, 6, 20))) == []
    customer.facts |= want.noticed(customer.have, local(2026, 6, 20))
    (made,) = steps(customer, local(2026, 6, 20))
    assert (made.details["begins"], made.hold) == ("2026-06-01", None)


def test_what_is_over_is_billed_by_a_person_alone():
    """No run for three months is not three charges in one night."""
    customer = monthly().invoiced(local(2026, 2, 20)).paid(local(2026, 2, 28))
    (made,) = steps(customer, local(2026, 7, 2))
    assert made.details["begins"] == "2026-04-01"
    assert "is over, and was never invoiced" in made.hold
    (last,) = steps(customer, local(2026, 4, 20))
    assert last.hold is None


def test_since_moved_on_leaves_days_out():
    customer = monthly().invoiced(local(2026, 2, 20)).paid(local(2026, 2, 28))
    moved = customer.want.spec.model_copy(update={"since": date(2026, 7, 1)})
    want = customer.want.model_copy(update={"spec": moved})
    want = want.recalling(lambda: customer.facts)
    (made,) = want.diff(customer.have, local(2026, 7, 2))
    assert (made.details["begins"], made.hold) == ("2026-07-01", None)


def test_a_part_of_a_term_does_not_cost_a_whole_one_unseen():
    customer = monthly().invoiced(local(2026, 2, 20)).paid(local(2026, 2, 28))
    moved = customer.want.spec.model_copy(update={"since": date(2026, 1, 5)})
    want = customer.want.model_copy(update={"spec": moved})
    want = want.recalling(lambda: customer.facts)
    (made,) = want.diff(customer.have, local(2026, 3, 25))
    assert made.details["ends"] == "2026-05-05"
    assert "is no whole term" in made.hold


# -- attempts --------------------------------------------------------------------------


def refused(customer, *days):
    """Let charges be refused at 10:00 of *days* of March, by no bank."""
    for day in days:
        customer.failed(local(2026, 3, day, 10), "refused")
    return customer


def test_nobody_is_dunned_for_a_key_that_may_not_charge():
    customer = refused(monthly().invoiced(local(2026, 2, 20)), 1, 2, 4, 7, 11, 16)
    customer.told(local(2026, 3, 11), "final-warning")
    now = local(2026, 3, 25, 12)
    (sway,) = customer.want.sways(customer.have, now)
    assert sway.says == "active"
    assert "first-failure" not in customer.steps(now)
    codes = [f.code for f in customer.want.findings(customer.have, now)]
    assert "charge-refused" in codes
    assert "payment-failed" not in codes


def test_what_no_bank_refused_is_tried_again_ever_less_often():
    customer = monthly().invoiced(local(2026, 2, 20))
    tried = []
    for day in range(1, 32):
        now = local(2026, 3, day, 11)
        if "charge" in verbs(customer, now):
            tried.append(day)
            customer.failed(now, "refused")
    assert tried == [1, 2, 4, 7, 11, 16, 22, 30]  # 29 March has 23 hours
    assert "charge" in verbs(customer, local(2026, 4, 6, 12))


def test_an_attempt_that_nobody_heard_of_is_made_up_for():
    """A run died before it asked: the step was not done, nor its method refused."""
    customer = monthly(agreed=BACKED, methods=(VISA, SECOND), dunning=PLAIN)
    customer.invoiced(local(2026, 2, 20)).failed(local(2026, 3, 1, 10))

    def tokens(*day):
        return [one.details["token"] for one in steps(customer, local(2026, 3, *day))]

    for turn, day in (("pm_1", 4), ("pm_2", 8)):
        assert tokens(day, 11) == [turn]
        customer.failed(local(2026, 3, day, 11), "lost", turn)
        assert tokens(day + 1, 10) == []  # once a day, whatever happens
        assert tokens(day + 1, 12) == [turn]
        customer.failed(local(2026, 3, day + 1, 12), token=turn)
        assert tokens(day + 2, 13) == []


# -- another method --------------------------------------------------------------------

VISA, WALLET = (
    Method(name="visa", provider="stripe", token="pm_1"),
    Method(name="wallet", provider="paypal", token="tok_1"),
)
SECOND = VISA.model_copy(update={"name": "second", "token": "pm_2"})
PLAIN = Dunning(
    max_attempts=6,
    steps=[
        Step(after=timedelta(days=3), do=("retry",)),
        Step(after=timedelta(days=7), do=("backup-gateway",)),
    ],
)
BACKED = AGREED.model_copy(update={"backup": True})
PAYPAL = Share("paypal", BILLING)


def two(customer, now):
    """Return the steps where PayPal was read, too."""
    state = BillingState(way="authorize", bills=())
    return list(customer.want.diff({**customer.have, PAYPAL: state}, now))


def voided(customer, at):
    fact = {"at": at.isoformat(), "provider": "stripe"}
    customer.facts[f"{customer.of.fact}/void"] = fact
    customer.bill(state="void")
    return customer


@pytest.mark.parametrize("methods", [(WALLET,), (WALLET, VISA)])
def test_a_method_elsewhere_takes_over_what_is_open(methods):
    """The invoice stayed where the old one was, and was never charged."""
    customer = monthly(methods=methods).invoiced(local(2026, 2, 20))
    assert two(customer, local(2026, 2, 27, 12)) == []
    (fence,) = two(customer, local(2026, 3, 1, 12))
    assert (fence.verb, fence.share) == ("void", SHARE)
    (second,) = two(voided(customer, local(2026, 3, 1, 12)), local(2026, 3, 1, 13))
    assert (second.verb, second.share) == ("invoice", PAYPAL)
    assert second.generation == "2026-03-01/renewal/1"


def test_what_became_a_backup_is_not_charged_without_leave():
    customer = monthly(methods=(WALLET, VISA)).invoiced(local(2026, 2, 20))
    assert [one.verb for one in two(customer, local(2026, 3, 1, 12))] == ["void"]


def test_no_backup_is_charged_once_its_consent_is_withdrawn():
    customer = monthly(methods=(WALLET, VISA), agreed=BACKED)
    customer.failed(local(2026, 3, 1)).invoiced(local(2026, 3, 9), leg=1)
    (charge,) = two(customer, local(2026, 3, 9, 12))
    assert charge.details["token"] == "pm_1"
    customer.terms_with(agreed=AGREED)
    assert two(customer, local(2026, 3, 9, 12)) == []


@pytest.mark.parametrize("left", [{"methods": (VISA,)}, {"agreed": AGREED}])
def test_what_was_fenced_is_invoiced_again_where_no_other_can_take_over(left):
    customer = monthly(methods=(VISA, WALLET), agreed=BACKED)
    customer.invoiced(local(2026, 2, 20)).failed(local(2026, 3, 1))
    voided(customer, local(2026, 3, 9)).terms_with(**left)
    (second,) = two(customer, local(2026, 3, 9, 12))
    assert (second.verb, second.share) == ("invoice", SHARE)
    assert second.generation == "2026-03-01/renewal/1"


def test_nobody_pays_what_another_was_invoiced_unseen():
    customer = monthly().invoiced(local(2026, 2, 20))
    customer.facts[f"{customer.of.fact}/invoice"]["customer"] = "previous"
    (charge,) = steps(customer, local(2026, 3, 1, 12))
    assert "was invoiced to Customer/previous" in charge.hold
    customer.failed(local(2026, 3, 1)).told(local(2026, 3, 11), "final-warning")
    (sway,) = customer.want.sways(customer.have, local(2026, 3, 25, 12))
    assert sway.says == "active"


# -- the end ---------------------------------------------------------------------------


def state_of(customer, state):
    """Return the same subscription, whose state git has changed."""
    spec = customer.want.spec.model_copy(update={"state": state})
    want = customer.want.model_copy(update={"spec": spec})
    return want.recalling(lambda: customer.facts)


@pytest.mark.parametrize("state", ["cancel-at-period-end", "terminated"])
def test_nobody_pays_for_what_begins_after_the_end(state):
    """Its invoice was made a fortnight before, and the card would be charged."""
    customer = monthly().invoiced(local(2026, 2, 20))
    want, cancelled = state_of(customer, state), local(2026, 2, 25)
    customer.facts |= want.noticed(customer.have, cancelled)
    (step,) = want.diff(customer.have, local(2026, 3, 2, 12))
    assert (step.verb, step.generation) == ("void", "2026-03-01/renewal/0")
    customer.bill(payment="processing")
    assert list(want.diff(customer.have, local(2026, 3, 2, 12))) == []
    customer.bill(state="void", payment="none")
    voided(customer, local(2026, 2, 25))
    assert list(want.diff(customer.have, local(2026, 3, 2, 12))) == []


def test_who_cancels_within_a_period_pays_for_it():
    customer = monthly().invoiced(local(2026, 2, 20))
    want = state_of(customer, "cancel-at-period-end")
    customer.facts |= want.noticed(customer.have, local(2026, 3, 1, 8))
    (step,) = want.diff(customer.have, local(2026, 3, 2, 12))
    assert step.verb == "charge"


@pytest.mark.parametrize("collect", ["auto", "invoice"])
def test_who_comes_back_is_invoiced_for_what_was_made_void(collect):
    customer = monthly(collect=collect).invoiced(local(2026, 2, 20))
    want = state_of(customer, "cancel-at-period-end")
    customer.facts |= want.noticed(customer.have, local(2026, 2, 25))
    voided(customer, local(2026, 2, 25))
    (step,) = steps(customer, local(2026, 2, 26))
    assert (step.verb, step.generation) == ("invoice", "2026-03-01/renewal/1")
    looked(customer, local(2026, 2, 26))
    assert customer.want.books.ended is None


def test_what_was_paid_after_all_is_not_to_be_paid_elsewhere():
    customer = monthly(agreed=BACKED).invoiced(local(2026, 2, 20))
    customer.failed(local(2026, 3, 1))
    voided(customer, local(2026, 3, 9)).paid(local(2026, 3, 9))
    assert "invoice" not in verbs(customer, local(2026, 3, 9, 12))
    customer.invoiced(local(2026, 3, 9), leg=1)
    (step,) = steps(customer, local(2026, 3, 9, 12))
    assert (step.verb, step.generation) == ("void", "2026-03-01/renewal/1")


def test_nothing_is_fenced_off_while_its_payment_may_be_under_way():
    customer = monthly(agreed=BACKED, methods=(WALLET,)).invoiced(local(2026, 2, 20))
    (fence,) = two(customer, local(2026, 3, 1, 12))
    begun = Paying("a" * 64, "Subscription", "acme", "acme", "charge")
    situation = Situation("main", (), {}, paying=(begun,))
    action = Action("b" * 64, customer.want, fence, OpClass.KEYED)
    assert _recovered(situation, action).decision is Decision.HOLD
    assert _recovered(situation._replace(paying=()), action) == action


# -- suspension ------------------------------------------------------------------------


def overdue(**more):
    """Return who was warned in time, and did not pay."""
    customer = monthly(**more).invoiced(local(2026, 2, 20)).failed(local(2026, 3, 1))
    return customer.told(local(2026, 3, 11), "final-warning")


NOW = local(2026, 3, 25, 12)


def test_who_was_warned_and_does_not_pay_is_suspended():
    customer = overdue()
    (sway,) = customer.want.sways(customer.have, NOW)
    assert sway.says == "suspended"


@pytest.mark.parametrize("shown", ["processing", "gone", "between"])
def test_nobody_is_suspended_for_what_nobody_could_pay(shown):
    customer = overdue()
    if shown == "processing":
        customer.bill(payment="processing")
    elif shown == "gone":
        customer.bills = []
    else:
        voided(customer, local(2026, 3, 24))
    assert list(customer.want.sways(customer.have, NOW)) == []


def test_what_is_terminated_ends_what_it_covers():
    """Unless another one pays for the same by now: see HostingAccount."""
    customer = overdue()
    ended = list(state_of(customer, "terminated").sways(customer.have, NOW))
    assert {sway.says for sway in ended} == {"terminated"}


def test_an_invoice_made_late_leaves_as_much_time_as_usual():
    customer = monthly(collect="invoice").invoiced(local(2026, 3, 20))
    assert [f.code for f in customer.want.findings(customer.have, NOW)] == []
    later = local(2026, 4, 5)
    codes = [f.code for f in customer.want.findings(customer.have, later)]
    assert codes == ["payment-failed"]


# -- gateways --------------------------------------------------------------------------


def test_a_gateway_that_has_nothing_but_what_is_paid_may_go():
    customer = monthly(methods=(WALLET,)).invoiced(local(2026, 2, 20))
    assert customer.want.shares() == (PAYPAL, SHARE)
    customer.paid(local(2026, 2, 28))
    assert customer.want.shares() == (PAYPAL,)


def test_of_two_with_one_label_the_recorded_one_is_charged():
    customer = monthly().invoiced(local(2026, 2, 20))
    customer.bills.insert(0, customer.bills[0].model_copy(update={"id": "in_copy"}))
    (charge,) = steps(customer, local(2026, 3, 1, 12))
    assert charge.details["bill"] == "in_0"


def held(customer, **fields):
    fact = {"at": local(2026, 2, 28).isoformat(), "id": "auth_1", "amount": "12.10 EUR"}
    customer.facts[f"{customer.of.fact}/authorized"] = fact
    customer.bill(**fields)
    state = BillingState(way="authorize", bills=tuple(customer.bills))
    return {SHARE: state}


@pytest.mark.parametrize(
    ("code", "kind"), [("DENIED", "soft"), ("AUTHORIZATION_EXPIRED", "lost")]
)
def test_money_that_was_held_and_lost_is_an_attempt(code, kind):
    """It was held again in every run, and nothing counted how often."""
    customer = monthly().invoiced(local(2026, 2, 20))
    have = held(customer, payment="failed", code=code)
    now = local(2026, 3, 2, 12)
    assert list(customer.want.diff(have, now)) == []
    customer.facts |= customer.want.noticed(have, now)
    (lost,) = customer.want.books.tries(customer.of)
    assert (lost.kind, lost.code) == (kind, code)
    assert list(customer.want.diff(have, local(2026, 3, 3, 11))) == []
    (again,) = customer.want.diff(have, local(2026, 3, 3, 13))
    assert (again.verb, again.details["after"]) == ("authorize", "auth_1")
    ended = Ended("failed", now, 1, {"declined": "soft", "code": "x"})
    told = customer.want.remembers(again, ended, have)
    assert [*told] == [f"{customer.of.fact}/try/authorize-auth_1-1"]
