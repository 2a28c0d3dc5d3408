"""What a person may say was paid: nothing that a gateway is being asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reconciler.cli.paid_command import _moment, _payable, _Said
from reconciler.errors import ReconcilerError
from reconciler.kinds.subscription import BILLING, Bill, BillingState, Case
from reconciler.model import Money, Share
from tests.support.subscriptions import PERIOD, invoiced, subscription

NOW = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
TOTAL, NOTHING = map(Money.model_validate, ("12.10 EUR", "0 EUR"))
SAID = _Said(PERIOD, TOTAL, None, "statement 48")


def asked(bill: dict[str, Any] | None, opened: dict[str, Any] | None = None) -> str:
    """Return the id of what is paid while its gateway shows *bill*."""
    told = {
        "period": PERIOD,
        "id": "in_1",
        "state": "open",
        "left": TOTAL,
        **(bill or {}),
    }
    bills = (Bill(total=TOTAL, paid=NOTHING, **told),) if bill is not None else ()
    want = subscription("acme", invoiced("in_1"))
    case = want.case(
        {Share("main", BILLING): BillingState(way="invoice", bills=bills)}, NOW
    )
    ledger = SimpleNamespace(open=opened or {})
    return _payable(want, cast("Case", case), cast("Any", ledger), SAID).id


def begun(uid: str) -> dict[str, Any]:
    intent = SimpleNamespace(kind="Subscription", uid=uid, verb="charge")
    return {"x": SimpleNamespace(intent=intent)}


@pytest.mark.parametrize("payment", ["none", "failed"])
def test_what_is_open_and_not_under_way(payment: str) -> None:
    assert asked({"payment": payment}) == "in_1"
    assert asked({}, begun("other")) == "in_1"


@pytest.mark.parametrize(
    ("bill", "said"),
    [
        ({"payment": "processing"}, "is being paid"),
        ({"payment": "action"}, "is waiting for the customer"),
        ({"state": "authorized"}, "is authorized"),
        ({"state": "draft"}, "is draft"),
        ({"state": "void"}, "is void"),
        ({"state": "paid", "left": NOTHING}, "is paid already"),
        ({"left": Money.model_validate("2.10 EUR")}, "2.10 EUR is left"),
        (None, "does not show"),
    ],
)
def test_nothing_else(bill: dict[str, Any] | None, said: str) -> None:
    with pytest.raises(ReconcilerError, match=said) as refused:
        asked(bill)
    assert refused.value.shown_code == "E614"


def test_not_while_an_action_of_it_is_open() -> None:
    with pytest.raises(ReconcilerError, match="its end is not known"):
        asked({}, begun("acme"))


@pytest.mark.parametrize(
    ("zone", "day", "at"),
    [
        ("UTC", None, NOW),
        ("UTC", date(2026, 11, 25), NOW),
        ("Asia/Tokyo", date(2026, 11, 26), NOW),  # it is tomorrow there
        ("Asia/Tokyo", date(2026, 11, 25), datetime(2026, 11, 25, 0, tzinfo=UTC)),
    ],
)
def test_the_day_is_the_customers(zone: str, day: date | None, at: datetime) -> None:
    want = subscription("acme", invoiced("in_1"), time_zone=zone)
    assert _moment(cast("Case", want.case({}, NOW)), day) == at


@pytest.mark.parametrize(("zone", "day"), [("UTC", 26), ("Pacific/Honolulu", 26)])
def test_what_is_still_to_come_was_not_paid(zone: str, day: int) -> None:
    want = subscription("acme", invoiced("in_1"), time_zone=zone)
    with pytest.raises(ReconcilerError, match="still to come"):
        _moment(cast("Case", want.case({}, NOW)), date(2026, 11, day))
