"""What keeps a subscription from being paid is said before it is due."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from reconciler.kinds.subscription import (
    BILLING,
    BillingState,
    Subscription,
    SubscriptionSpec,
)
from reconciler.model import Metadata, Money, Period, Share, Terms
from reconciler.model.terms import Agreed, Invoicing, Method

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOWN = {"known": {"at": "2026-01-01T00:00:00+00:00", "collector": "reconciler"}}
HAVE = {Share("stripe-main", BILLING): BillingState(way="invoice")}
CARD = Method(name="card", provider="stripe-main", token="pm_1")
NEXT = Method(name="next", provider="stripe-main", token="pm_2")


def money(text):
    return Money.model_validate(text)


def agreed(**more):
    fields = {"reference": "x", "date": date(2026, 1, 1), "max": money("50.00 EUR")}
    return Agreed(**{**fields, **more})


def subscription(state="active", **more):
    terms = Terms(
        **{
            "price": money("9.00 EUR"),
            "term": Period(months=1),
            "customer": "c",
            "country": "NL",
            "currency": "EUR",
            "time_zone": "Pacific/Auckland",
            "methods": (CARD,),
            "agreed": agreed(),
            **more,
        }
    )
    spec = SubscriptionSpec(
        customer="c",
        since=date(2026, 3, 5),
        covers=("Domain/a.example",),
        state=state,
        terms=terms,
    )
    made = Subscription(metadata=Metadata(name="s"), spec=spec)
    return made.recalling(lambda: KNOWN)


def codes(want, now=NOW):
    return {found.code for found in want.findings(HAVE, now)}


def verbs(want, now=NOW):
    return [change.verb for change in want.diff(HAVE, now)]


def test_nothing_is_said_where_all_is_well():
    assert (codes(subscription()), verbs(subscription())) == (set(), ["invoice"])


SAID = {
    "consent-to-come": {"agreed": agreed(date=date(2026, 3, 3))},
    "above-limit": {"agreed": agreed(max=money("8.99 EUR"))},
    "no-method-yet": {"methods": ()},
    "backup-without-consent": {"methods": (CARD, NEXT)},
    "subscription-held": {"holds": ("dispute",)},
}


@pytest.mark.parametrize("code", SAID)
def test_what_is_in_the_way_is_said(code):
    want = subscription(**SAID[code])
    assert codes(want) == {code}
    stops = {"consent-to-come", "no-method-yet", "subscription-held"}
    assert verbs(want) == ([] if code in stops else ["invoice"])


def test_a_policy_limits_a_charge_too():
    low = Invoicing(max_charge=money("5.00 EUR"))
    assert codes(subscription(invoicing=low)) == {"above-limit"}


def test_a_consent_begins_with_its_day_where_the_customer_is():
    """In Auckland it is the next day since 11 h UTC."""
    want = subscription(agreed=agreed(date=date(2026, 3, 2)))
    assert codes(want, datetime(2026, 3, 1, 10, 59, tzinfo=UTC)) == {"consent-to-come"}
    assert codes(want, datetime(2026, 3, 1, 11, 0, tzinfo=UTC)) == set()


def test_a_backup_that_may_be_charged_is_nothing_to_tell():
    assert (
        codes(subscription(methods=(CARD, NEXT), agreed=agreed(backup=True))) == set()
    )


def test_who_is_not_charged_needs_nothing():
    want = subscription(collect="none", methods=(), agreed=None)
    assert (codes(want), verbs(want)) == (set(), [])


def test_an_end_is_told_and_nothing_else():
    want = subscription(state="terminated", methods=(), agreed=None)
    assert (codes(want), verbs(want)) == ({"subscription-ended"}, [])
