from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.engine.evaluate import Evaluation, Subject
from reconciler.engine.memory import NOTHING
from reconciler.engine.quiet import Quiet, window
from reconciler.kinds.payment_method import (
    Owner,
    PaymentMethod,
    PaymentMethodSpec,
    PaymentMethodState,
)
from reconciler.model import Absent, Share, Unknown
from tests.support.cards import method

SHARE = Share("main", "payment")
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
END = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
BAKKER = ("Customer/bakker",)


def live(**state: Any) -> PaymentMethodState:
    usual = {
        "token": "pm_1",
        "type": "card",
        "brand": "visa",
        "last4": "4242",
        "exp_month": 11,
        "exp_year": 2026,
        "customer": "cus_1",
        "default": "pm_1",
    }
    return PaymentMethodState.model_validate({**usual, **state})


def codes(want: PaymentMethod, state: Any, now: datetime = NOW) -> dict[str, str]:
    return {
        one.code.removeprefix("payment-method-"): str(one.severity)
        for one in want.findings({SHARE: state}, now)
    }


def verbs(want: PaymentMethod, state: Any, now: datetime = NOW) -> list[str]:
    return [change.verb for change in want.diff({SHARE: state}, now)]


@pytest.mark.parametrize(
    ("days", "severity"),
    [(61, None), (60, "warning"), (30, "warning"), (14, "error"), (7, "critical")],
)
def test_the_end_comes_closer(days: int, severity: str | None) -> None:
    now = END - timedelta(days=days)
    assert codes(method("pm_1", "Provider/x"), live(), now).get("expires") == severity
    unused = codes(method("pm_1"), live(), now)
    assert unused.get("expires") == ("warning" if severity else None)
    assert unused["unused"] == "info"


def test_after_the_last_second_it_is_over() -> None:
    want = method("pm_1", "Provider/x")
    assert codes(want, live(), END)["expired"] == "critical"
    assert "expired" not in codes(want, live(), END - timedelta(seconds=1))
    assert codes(method("pm_1"), live(), END)["expired"] == "warning"
    assert list(want.due({SHARE: live()}, END)) == []


def test_what_is_known_of_one_that_cannot_pay() -> None:
    used, unused = method("pm_1", "Provider/x"), method("pm_1")
    gone = live(customer=None, default=None)
    assert codes(used, gone)["detached"] == "critical"
    assert codes(unused, gone)["detached"] == "warning"
    assert codes(used, Absent())["missing"] == "critical"
    assert codes(unused, Absent())["missing"] == "warning"
    assert codes(used, Unknown(why="no")) == {}


def test_the_primary_one_becomes_the_default_and_a_person_says_so() -> None:
    want = method("pm_1", *BAKKER, customer="bakker")
    state = live(default="pm_2")
    assert codes(want, state)["not-default"] == "warning"
    (change,) = want.diff({SHARE: state}, NOW)
    assert change.hold
    assert (change.fields[0].before, change.fields[0].after) == ("pm_2", "pm_1")
    assert change.details == {"customer": "cus_1"}
    assert (change.cost, change.merges) == (None, False)
    assert want.done(change, {SHARE: state}) is False
    assert want.done(change, {SHARE: live()}) is True
    assert want.done(change, {SHARE: Unknown(why="no")}) is None
    assert verbs(want, live()) == []


@pytest.mark.parametrize(
    "state",
    [
        live(default="pm_2", customer=None),
        live(default="pm_2", exp_month=10),
        Absent(),
        Unknown(why="no"),
    ],
)
def test_what_cannot_pay_never_becomes_the_default(state: Any) -> None:
    assert verbs(method("pm_1", *BAKKER, customer="bakker"), state) == []


@pytest.mark.parametrize(
    ("named", "spec"),
    [
        (("Customer/cafe",), {"customer": "bakker"}),
        (("Customer/cafe",), {}),
        (("Provider/x",), {"customer": "bakker"}),
    ],
)
def test_nobody_pays_with_what_is_not_theirs(named: Any, spec: Any) -> None:
    want = method("pm_1", *named, **spec)
    assert codes(want, live())["foreign"] == "error"
    assert verbs(want, live(default="pm_2")) == []


def test_one_that_is_its_own_customers_and_anothers_is_left_alone() -> None:
    want = method("pm_1", *BAKKER, "Customer/cafe", customer="bakker")
    assert verbs(want, live(default="pm_2")) == []


def test_one_that_is_asked_for_is_looked_for_nowhere() -> None:
    want = method("later", token="request", customer="bakker")
    assert want.shares() == ()
    assert [one.code for one in want.findings({}, NOW)] == [
        "payment-method-requested",
        "payment-method-unused",
    ]
    assert (list(want.due({}, NOW)), want.deadline({})) == ([], None)


def test_what_is_due_says_what_goes_unpaid() -> None:
    have = {SHARE: live()}
    (due,) = method("pm_1", "Provider/a", "Provider/b").due(have, NOW)
    assert (due.at, due.by) == (END, "you")
    assert due.what == "visa 4242 ends; pays for Provider/a, Provider/b"
    (due,) = method("pm_1", *BAKKER, customer="bakker").due(have, NOW)
    assert due.what == "visa 4242 ends; pays for Customer/bakker"
    (due,) = method("pm_1").due(have, NOW)
    assert (due.what, due.by) == ("visa 4242 ends; nothing uses it", "nobody")


def test_only_what_pays_has_a_deadline() -> None:
    have = {SHARE: live()}
    assert method("pm_1").deadline(have) is None
    assert method("pm_1", "Provider/a").deadline(have) == END
    assert method("pm_1").urgent(END, END - timedelta(days=14))
    assert not method("pm_1").urgent(END, END - timedelta(days=15))


def test_it_is_looked_at_in_every_plan() -> None:
    """Its digest does not tell who names it: nothing known of it may be kept."""
    want = method("pm_1", *BAKKER, customer="bakker")
    subject = Subject(want, None, {SHARE: live(exp_year=2030)}, NOTHING)
    seen = window(subject, Evaluation(), NOW)
    assert seen
    quiet = Quiet([((want.ref, b"digest"), seen)])
    for later in (timedelta(0), timedelta(seconds=1), timedelta(days=1)):
        wanted = {want.ref: b"digest"}
        assert quiet.loud(wanted, NOW + later, timedelta(0)) == {want.ref}


@pytest.mark.parametrize(
    "spec",
    [
        {"token": "4111111111111111"},
        {"token": "4111-1111-1111-1111"},
        {"token": ""},
        {"token": "pm 1"},
        {"token": "request"},
        {"purposes": []},
        {"purposes": ["renewal", "renewal"]},
        {"purposes": ["everything"]},
        {"warnAt": ["1mo"]},
        {"cvc": "123"},
        {"cardNumber": "x"},
    ],
)
def test_what_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        method("pm_1", **spec)


def test_no_field_could_hold_a_card() -> None:
    assert set(PaymentMethodSpec.model_fields) == {
        "customer", "provider", "token", "purposes", "warn_at",
    }  # fmt: skip


class TestAdopting:
    OWNER = Owner(name="Example BV", country="NL", currency="USD", language="nl")

    def adopted(self, state: PaymentMethodState, refuse: Any = lambda _: None) -> Any:
        usual = method("listing.invalid").spec
        return PaymentMethod.adopted({SHARE: state}, usual, refuse)

    def test_the_default_comes_with_its_customer(self) -> None:
        made = self.adopted(live(owner=self.OWNER))
        assert made.spec == {"customer": "cus_1", "provider": "main", "token": "pm_1"}
        assert made.notes == ("visa 4242, of cus_1; ends on 2026-11-30",)
        (beside,) = made.beside
        assert beside[:3] == ("Customer", "cus_1", "customer")
        assert beside.spec == {
            "legalName": "Example BV",
            "country": "NL",
            "currency": "USD",
            "language": "nl",
            "payment": {"collect": "none", "primary": "pm_1"},
        }

    def test_another_one_names_no_primary(self) -> None:
        (beside,) = self.adopted(live(default="pm_2", owner=self.OWNER)).beside
        assert beside.spec["payment"] == {"collect": "none"}

    def test_what_is_not_known_is_not_made_up(self) -> None:
        (beside,) = self.adopted(live(owner=Owner(language="x"))).beside
        assert set(beside.spec) == {"payment"}
        owner = Owner(name="4111111111111111", country="NL")
        (beside,) = self.adopted(live(owner=owner), lambda _: "a card").beside
        assert "legalName" not in beside.spec

    def test_a_detached_one_gets_no_document(self) -> None:
        assert self.adopted(live(customer=None, default=None)).spec is None

    def test_one_at_two_gateways_is_nobodys(self) -> None:
        with pytest.raises(ValueError, match="both say"):
            PaymentMethod.provisional("pm_1", [SHARE, Share("other", "payment")])


@given(
    default=st.sampled_from(["pm_1", "pm_2", None]),
    customer=st.sampled_from(["cus_1", None]),
    month=st.integers(1, 12),
    year=st.integers(2025, 2028),
    named=st.sets(st.sampled_from(["Customer/bakker", "Customer/cafe", "Provider/x"])),
    owner=st.sampled_from([None, "bakker"]),
    days=st.integers(0, 900),
)
def test_after_doing_what_diff_says_diff_says_nothing(
    default: str | None,
    customer: str | None,
    month: int,
    year: int,
    named: set[str],
    owner: str | None,
    days: int,
) -> None:
    """And nothing of what it says could ever cost anything."""
    want = method("pm_1", *sorted(named), customer=owner)
    state = live(default=default, customer=customer, exp_month=month, exp_year=year)
    now = NOW + timedelta(days=days)
    for change in want.diff({SHARE: state}, now):
        assert (change.cost, change.ceiling, change.generation) == (None, None, "")
        after = state.model_copy(update={"default": change.fields[0].after})
        assert verbs(want, after, now) == []
        assert want.done(change, {SHARE: after})
