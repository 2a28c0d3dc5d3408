"""Nobody is cut off for a debt that we cannot be sure of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.engine import exits
from reconciler.engine.exits import Exit
from reconciler.engine.health import LOOKED, Paying
from reconciler.model import Decision, Unknown
from tests.unit.engine.owing import (
    NOW,
    STRIPE,
    account,
    facts,
    planned,
    running,
    subscription,
    unpaid,
    world,
)

ACCOUNT = "acme.example"
USUAL = {"acme": unpaid()}, {ACCOUNT: running()}
LOST = Unknown(why="no answer")


def only(found):
    (action,) = found.actions
    assert (action.change.verb, str(action.want.ref)) == (
        "suspend",
        f"HostingAccount/{ACCOUNT}",
    )
    return action


def why(found):
    """Say why the one suspension waits; None where it does not."""
    action = only(found)
    stopped = [v for v in action.verdicts if v.decision > Decision.ALLOW]
    if not stopped:
        return None
    (one,) = stopped
    assert (one.rule, one.firm, one.needs) == ("built-in/health", True, ())
    # Nothing is asked of a person, and the run was not a whole one.
    assert exits.of_holds([action]) == {Exit.PARTLY}
    said, _, rest = one.why.rpartition(": ")
    assert rest == "nobody is suspended for a debt meanwhile"
    return said


def test_a_debt_that_is_certain_suspends():
    found = planned([subscription(), account()], world(*USUAL))
    assert why(found) is None
    assert only(found).change.because == "Subscription/acme: 2026-12-01 was not paid"


@pytest.mark.parametrize(
    ("looked", "said"),
    [
        (NOW - LOOKED, None),
        (
            NOW - LOOKED - timedelta(seconds=1),
            "stripe (billing) was last read whole on 2026-12-23 08:59 UTC",
        ),
        (None, "no earlier run has read stripe (billing) whole"),
    ],
)
def test_an_earlier_run_has_to_have_seen_the_payments_of_the_last_day(looked, said):
    wants = [subscription(), account()]
    assert why(planned(wants, world(*USUAL), looked=looked)) == said


def test_one_customer_of_a_gateway_that_cannot_be_read_stops_all_of_it():
    other = subscription("bakker", covers="HostingAccount/bakker.example")
    seen = world({"acme": unpaid(), "bakker": LOST}, {ACCOUNT: running()})
    found = planned([subscription(), other, account()], seen)
    assert why(found) == "stripe (billing) could not be read whole"


def test_another_gateway_that_cannot_be_read_stops_nobody_here():
    paypal = subscription("bakker", facts("paypal"), provider="paypal")
    seen = world(*USUAL)
    shares = dict(seen.shares)
    shares[STRIPE._replace(provider="paypal")] = shares[STRIPE]._replace(
        states={"bakker": LOST}
    )
    found = planned([subscription(), paypal, account()], seen._replace(shares=shares))
    assert why(found) is None


def test_a_server_of_which_one_account_cannot_be_read_suspends_none():
    wants = [subscription(), account(), account("b.example")]
    seen = world({"acme": unpaid()}, {ACCOUNT: running(), "b.example": LOST})
    assert why(planned(wants, seen)) == "whm (hosting) could not be read whole"


def test_an_open_payment_of_the_same_customer_may_be_the_one():
    # Another subscription, the same customer: nobody knows which one they paid.
    other = subscription("acme-mail", {}, customer="acme", covers="Domain/acme.example")
    begun = Paying("x" * 32, "Subscription", "acme-mail", "acme-mail", "charge")
    seen = world({"acme": unpaid(), "acme-mail": unpaid(period="2026-11-01")}, USUAL[1])
    wants = [subscription(), other, account()]
    assert why(planned(wants, seen)) is None
    assert why(planned(wants, seen, charging=[begun])) == (
        "charge Subscription/acme-mail is open: it may be paid"
    )
    stranger = begun._replace(name="other", uid="acme")
    assert why(planned(wants, seen, charging=[stranger])) is not None


def test_an_open_payment_of_somebody_else_is_none_of_theirs():
    other = subscription("bakker", {}, covers="HostingAccount/bakker.example")
    begun = Paying("x" * 32, "Subscription", "bakker", "bakker", "charge")
    seen = world({"acme": unpaid(), "bakker": unpaid()}, USUAL[1])
    found = planned([subscription(), other, account()], seen, charging=[begun])
    assert why(found) is None


def test_an_open_payment_of_nobody_knows_whom_may_be_anybodys():
    begun = Paying("x" * 32, "Subscription", "gone", "gone", "charge")
    found = planned([subscription(), account()], world(*USUAL), charging=[begun])
    assert why(found) == "charge Subscription/gone is open, and is not declared"


def test_a_charge_that_is_about_to_be_tried_comes_first():
    # The last retry of the policy was not made yet.
    again = subscription(recorded=facts(tries=(20, 18)))
    found = planned([again, account()], world(*USUAL))
    charge, suspend = sorted(found.actions, key=lambda action: action.change.verb)
    assert charge.change.verb == "charge"
    assert charge.decision is Decision.ALLOW
    assert suspend.decision is Decision.HOLD
    assert suspend.verdicts[0].why.startswith("charge Subscription/acme comes first")


def test_what_somebody_wrote_down_waits_for_no_gateway():
    by_hand = account(state="suspended")
    seen = world({"acme": LOST}, {ACCOUNT: running()})
    (asked,) = planned([subscription(), by_hand], seen, looked=None).actions
    assert "built-in/health" not in {verdict.rule for verdict in asked.verdicts}
    written = subscription()
    spec = written.spec.model_copy(update={"state": "suspended"})
    written = written.model_copy(update={"spec": spec}).recalling(facts)
    assert why(planned([written, account()], world(*USUAL), looked=None)) is None


def test_who_has_paid_comes_back_whatever_is_red():
    back = {ACCOUNT: running(suspended=True, ours=True), "b.example": LOST}
    seen = world(
        {"acme": unpaid(state="paid", left="0.00 EUR", paid="12.10 EUR")}, back
    )
    begun = Paying("x" * 32, "Subscription", "gone", "gone", "charge")
    wants = [subscription(), account(), account("b.example")]
    found = planned(wants, seen, looked=None, charging=[begun])
    lifted = [action for action in found.actions if action.change.verb == "unsuspend"]
    assert [action.decision for action in lifted] == [Decision.ALLOW]
