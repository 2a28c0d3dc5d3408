from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.engine.funding import Payer, unfunded
from reconciler.model import Due
from tests.support.cards import method

ENDS = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
PAYER = Payer(method("pm_1", "Provider/main"), frozenset({"main"}), ENDS)


def due(days: float, account: str | None = "main", by: str = "auto") -> Due:
    at = ENDS + timedelta(days=days)
    return Due(at, "Domain", f"d{days}.example", "renews", None, by, account)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "one",
    [due(-1), due(0), due(1, "other"), due(1, None), due(1, by="nobody")],
)
def test_what_it_need_not_pay(one: Due) -> None:
    assert list(unfunded([PAYER], [one])) == []
    assert list(unfunded([], [due(1)])) == []


@pytest.mark.parametrize("by", ["auto", "you"])
def test_what_it_cannot_pay_any_more(by: str) -> None:
    (found,) = unfunded([PAYER], [due(-3), due(1, by=by), due(2, "x"), due(3), due(5)])
    assert (found.kind, found.name, found.code) == (
        "PaymentMethod", "pm_1", "ends-before-due",
    )  # fmt: skip
    assert found.message == (
        "ends on 2026-11-30, before Domain/d1.example (2026-12-01) and 2 more come due "
        "at main"
    )
