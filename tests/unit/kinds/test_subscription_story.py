"""What `explain` tells of a subscription, and what `due` shows of it: tables."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.kinds.subscription import BillingState
from reconciler.model import Money, Share
from reconciler.model.terms import Invoicing, Method
from tests.unit.engine.owing import DAY, NOW, STRIPE, facts, subscription, terms, unpaid

OF = "bill/2026-12-01/renewal/0"
PAID = {
    "at": "2026-12-04T08:30:00+00:00",
    "amount": "12.10 EUR",
    "provider": "stripe",
    "method": "pm_1",
    "how": "charge",
}


def told(want, state=None, now=NOW):
    have = {STRIPE: state or unpaid()}
    return [(one.title, list(one.lines)) for one in want.story(have, now)]


def coming(want, state=None, now=NOW):
    have = {STRIPE: state or unpaid()}
    return [
        (f"{one.at:%m-%d %H:%M}", one.what, one.by, one.charge, one.cost)
        for one in want.due(have, now)
    ]


def settled(**more):
    return unpaid(
        state="paid", left="0.00 EUR", paid="12.10 EUR", payment="none", **more
    )


DECLINED = "by acme-card was declined: insufficient_funds"


def test_a_debt_from_the_invoice_to_what_comes():
    recorded = facts(tries=(20, 18), warned=None)
    recorded["told/2026-12-01/renewal/first-failure"] = {
        "at": (NOW - 20 * DAY).isoformat(),
        "channel": "letters",
        "state": "delivered",
    }
    head, period, after = told(subscription(recorded=recorded), now=NOW - 15 * DAY)
    assert head == ("not paid yet; 1 period not paid  (times of Europe/Amsterdam)", [])
    assert period == (
        "2026-12-01 to 2026-12-31  12.10 EUR  UNPAID",
        [
            "Tue 2026-11-17 09:00  invoiced at stripe: ACME-0001, 12.10 EUR",
            f"Fri 2026-12-04 12:00  attempt 1 {DECLINED}",
            "Fri 2026-12-04 12:00  told first-failure, delivered",
            f"Sun 2026-12-06 12:00  attempt 2 {DECLINED}",
        ],
    )
    decide = "propose to terminate; two people decide"
    # A backup method was never agreed to, so that its step is none.
    assert after == (
        "next",
        [
            "Mon 2026-12-14 12:00  2026-12-01 unpaid: tell final-warning",
            "Fri 2026-12-18 09:00  invoice 2027-01-01 to 2027-01-31: 10.00 EUR",
            "Fri 2026-12-18 12:00  2026-12-01 unpaid: suspend what is covered",
            "Thu 2026-12-31 09:00  charge 2027-01-01 to 2027-01-31 by acme-card",
            f"Sun 2027-01-17 12:00  2026-12-01 unpaid: {decide}",
            "stop it: write holds into Customer/acme",
        ],
    )


def test_what_may_still_be_tried_is_said_until_it_is_used_up():
    other = Method(name="acme-paypal", provider="paypal", token="V1")
    card = Method(name="acme-card", provider="stripe", token="pm_1")
    agreed = terms().agreed.model_copy(update={"backup": True})
    for tries, said in (
        ((20,), ["charge again", "charge a backup method"]),
        ((20, 19, 18, 17, 16.5, 16.2), []),
    ):
        want = subscription(
            recorded=facts(tries=tries, warned=None),
            methods=(card, other),
            agreed=agreed,
        )
        have = {
            STRIPE: unpaid(),
            Share("paypal", "billing"): BillingState(way="invoice"),
        }
        *_, after = want.story(have, NOW - 16 * DAY)
        lines = [line for line in after.lines if "charge a" in line]
        tried = [line.rpartition(": ")[2] for line in lines]
        assert tried == said


def test_who_transfers_is_never_charged_again():
    want = subscription(recorded=facts(tries=(), warned=None), collect="invoice")
    *_, (_, lines) = told(want, unpaid(payment="none"), NOW - 21 * DAY)
    said = " ".join(lines)
    assert "2026-12-01 unpaid: tell reminder" in said
    assert "charge" not in said
    assert "card" not in said


def test_a_suspension_is_told_when_it_will_really_be():
    late = facts(warned=NOW - DAY)
    (*_, (_, lines)) = told(subscription(recorded=late))
    # Three days after the warning is a Sunday: the Monday after, when it is not quiet.
    assert "Mon 2026-12-28 08:00  2026-12-01 unpaid: suspend what is covered" in lines


def test_what_was_paid_names_the_method_and_never_its_id():
    recorded = {**facts(tries=(20,)), f"{OF}/paid": PAID}
    head, period, _ = told(subscription(recorded=recorded), settled())
    assert head[0].startswith("paid until 2026-12-31  ")
    assert period[0].endswith("  paid")
    assert "Fri 2026-12-04 09:30  12.10 EUR paid at stripe by acme-card" in period[1]
    assert "pm_1" not in str(told(subscription(recorded=recorded), settled()))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"how": "elsewhere"}, "12.10 EUR paid at stripe by acme-card"),
        (
            {"how": "elsewhere", "method": "pm_9"},
            "12.10 EUR paid at stripe (elsewhere)",
        ),
        ({"how": "transfer", "method": None}, "12.10 EUR paid at stripe (transfer)"),
        ({"method": "pm_9"}, "12.10 EUR paid at stripe"),
    ],
)
def test_how_it_was_paid(fields, said):
    recorded = {**facts(tries=(), warned=None), f"{OF}/paid": {**PAID, **fields}}
    _, period, _ = told(subscription(recorded=recorded), settled())
    assert period[1][-1].endswith(said)


@pytest.mark.parametrize(
    ("state", "title", "line"),
    [
        (settled(), "paid", "is paid at the gateway; the next apply notes it"),
        (
            unpaid(payment="processing"),
            "under way: its gateway has not decided yet",
            "invoiced at stripe",
        ),
        (unpaid(state="void"), "void", "invoiced at stripe"),
        (unpaid(payment="none"), "open", "invoiced at stripe"),
    ],
)
def test_what_only_the_gateway_shows(state, title, line):
    want = subscription(recorded=facts(tries=(), warned=None))
    _, period, _ = told(want, state)
    assert period[0].endswith(title)
    assert line in period[1][-1]


def test_a_fence_and_its_second_leg_are_one_period():
    second = "bill/2026-12-01/renewal/1"
    recorded = facts(tries=(20,))
    recorded[f"{OF}/void"] = {"at": "2026-12-11T11:00:00+00:00", "provider": "stripe"}
    recorded[f"{second}/invoice"] = {
        **recorded[f"{OF}/invoice"],
        "at": "2026-12-11T12:00:00+00:00",
        "provider": "paypal",
        "number": "R-1",
    }
    recorded[f"{second}/authorized"] = {
        "at": "2026-12-11T13:00:00+00:00",
        "id": "A1",
        "amount": "12.10 EUR",
    }
    titles = [title for title, _ in told(subscription(recorded=recorded))]
    assert len([title for title in titles if title.startswith("2026-12-01")]) == 1
    lines = told(subscription(recorded=recorded))[1][1]
    assert [line.partition("  ")[2] for line in lines] == [
        "invoiced at stripe: ACME-0001, 12.10 EUR",
        "attempt 1 by acme-card was declined: insufficient_funds",
        "ACME-0001 was made impossible to pay (the fence)",
        "invoiced at paypal: R-1, 12.10 EUR",
        "12.10 EUR held",
        "told final-warning",
    ]


def test_old_periods_are_only_counted():
    recorded = {"known": facts()["known"]}
    for number in range(9):
        month = f"2026-{number + 1:02}-01"
        end = f"2026-{number + 2:02}-01"
        given = {**facts()[f"{OF}/invoice"], "begins": month, "ends": end}
        recorded[f"bill/{month}/renewal/0/invoice"] = given
        recorded[f"bill/{month}/renewal/0/paid"] = PAID
    titles = [title for title, _ in told(subscription(recorded=recorded))]
    assert titles[0].startswith("paid until 2026-09-30  ")
    assert titles[1] == "3 earlier periods are in the audit log"
    assert titles[2].startswith("2026-04-01 to 2026-04-30")
    assert len(titles) == 1 + 1 + 6 + 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"holds": ("fraud-review",)},
            "nothing while Customer/acme is held: fraud-review",
        ),
        (
            {"invoicing": Invoicing(collector="stripe-billing")},
            "stripe-billing collects, and not this tool",
        ),
        (
            {"agreed": None},
            "Thu 2026-12-31 09:00  nothing: acme has not agreed to be charged",
        ),
        (
            {"collect": "invoice"},
            "Fri 2027-01-01 09:00  2027-01-01 to 2027-01-31 is to be paid",
        ),
    ],
)
def test_why_nothing_comes_by_itself(more, said):
    recorded = {**facts(tries=()), f"{OF}/paid": PAID}
    if "invoicing" in more:
        recorded["known"] = {**recorded["known"], "collector": "stripe-billing"}
    (*_, (title, lines)) = told(subscription(recorded=recorded, **more), settled())
    assert title == "next"
    assert said in lines


def test_who_is_new_has_no_story_yet():
    titles = [title for title, _ in told(subscription(recorded={}))]
    assert titles[0].startswith("is new here: the first apply takes note of it")
    known = {"known": facts()["known"]}
    assert told(subscription(recorded=known))[0][0].startswith("nothing was invoiced")


# --- due --------------------------------------------------------------------------


def test_money_is_named_once_when_it_is_charged():
    recorded = {**facts(tries=()), f"{OF}/paid": PAID}
    assert coming(subscription(recorded=recorded), settled(), NOW - 8 * DAY) == [
        ("12-18 08:00", "2027-01-01 to 2027-02-01 is invoiced", "auto", None, None),
        ("12-31 08:00", "2027-01-01 is charged", "auto", "10.00 EUR", None),
    ]


def test_an_open_invoice_is_charged_and_an_unpaid_one_is_followed():
    fresh = subscription(recorded=facts(tries=(), warned=None))
    before = NOW - timedelta(days=25)
    assert coming(fresh, unpaid(payment="none"), before)[0] == (
        "11-30 08:00", "2026-12-01 is charged", "auto", "12.10 EUR", None,
    )  # fmt: skip
    tried = subscription(recorded=facts(tries=(20,), warned=None))
    assert coming(tried, now=NOW - 18 * DAY)[0] == (
        "12-07 11:00", "2026-12-01 is tried again", "auto", "12.10 EUR", None,
    )  # fmt: skip
    warned = subscription(recorded=facts(warned=NOW - DAY))
    whats = [what for _, what, *_ in coming(warned)]
    assert "2026-12-01 is unpaid: suspends" in whats
    assert "2026-12-01 is tried again" not in whats


def test_who_may_not_be_charged_is_not_expected_to_pay():
    recorded = {**facts(tries=()), f"{OF}/paid": PAID}
    free = subscription(recorded=recorded, price=Money.model_validate("0.00 EUR"))
    assert coming(free, settled()) == []
    silent = subscription(recorded=recorded, agreed=None)
    assert all(charge is None for *_, charge, _ in coming(silent, settled()))
    held = subscription(recorded=recorded, holds=("legal",))
    assert coming(held, settled()) == []


def test_a_transfer_is_to_be_paid_on_its_day():
    recorded = {**facts(tries=()), f"{OF}/paid": PAID}
    want = subscription(recorded=recorded, collect="invoice")
    assert (
        "01-01 08:00", "2027-01-01 is to be paid", "auto", "10.00 EUR", None,
    ) in coming(want, settled())  # fmt: skip
