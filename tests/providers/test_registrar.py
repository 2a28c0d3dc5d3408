"""What all registrars have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.errors import Rejected, TooEarly, Transient
from reconciler.kinds.domain import RegistrationState
from reconciler.model import Absent, Money, Unknown
from reconciler.providers import _registrar
from reconciler.providers._http import Reply
from reconciler.providers._porkbun_words import WORDS, mapping, phase
from tests.support.registrar import domain

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_a_line_that_cannot_be_read_is_one_unknown() -> None:
    def state(_: Any, raw: Any) -> RegistrationState:
        return RegistrationState(expires=_registrar.utc(raw["expires"]))

    wants = [domain("a.example"), domain("b.example"), domain("c.example")]
    listed = {"a.example": {"expires": "2027-01-01"}, "b.example": {"expires": "soon"}}
    seen = _registrar.observation(wants, {**listed, "d.example": {}}, state).states
    assert seen["a.example"] == RegistrationState(
        expires=datetime(2027, 1, 1, tzinfo=UTC)
    )
    assert isinstance(seen["b.example"], Unknown)
    assert isinstance(seen["c.example"], Absent)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("11.08", "11.08"), (12.99, "12.99"), ("1,234.5", "1234.50"), (0, "0.00")],
)
def test_amounts(text: Any, amount: str) -> None:
    assert str(_registrar.dollars(text)) == f"{amount} USD"


def test_what_is_no_amount() -> None:
    with pytest.raises(ValueError, match="is no amount"):
        _registrar.dollars("free")
    planned = Money.model_validate("11.08 USD")
    assert _registrar.paid("free", planned) == planned
    assert _registrar.paid(None, planned) == planned
    assert str(_registrar.paid(11.5, planned)) == "11.50 USD"


@pytest.mark.parametrize(
    ("expires", "years", "start"),
    [
        pytest.param(NOW + timedelta(days=20), 1, None, id="one year"),
        pytest.param(
            NOW + timedelta(days=20), 10, NOW + timedelta(days=20), id="ten years"
        ),
        pytest.param(
            datetime(2028, 2, 29, 9, tzinfo=UTC),
            10,
            datetime(2028, 2, 29, 9, tzinfo=UTC),
            id="a leap day",
        ),
        pytest.param(
            datetime(2036, 1, 1, tzinfo=UTC),
            2,
            datetime(2027, 12, 31, tzinfo=UTC) + timedelta(days=1),
            id="long paid already",
        ),
    ],
)
def test_nothing_runs_for_more_than_ten_years(
    expires: datetime, years: int, start: datetime | None
) -> None:
    found = _registrar.not_before(NOW, expires, years)
    if start is None:
        assert found is None
    else:
        assert found
        assert abs(found - start) <= timedelta(days=2)


@pytest.mark.parametrize(
    ("status", "days", "expected"),
    [
        ("ACTIVE", 5, "active"),
        ("ACTIVE", -5, "grace"),
        ("EXPIRED", -5, "grace"),
        ("EXPIRED", -50, "redemption"),
        ("REDEMPTION_PERIOD", 5, "redemption"),
        ("pending delete", -5, "pending-delete"),
        ("TRANSFERRED", 5, "transferred"),
        ("SOMETHING NEW", 5, "active"),
    ],
)
def test_porkbuns_phases(status: str, days: int, expected: str) -> None:
    assert phase(status, NOW + timedelta(days=days), NOW) == expected


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "RENEWAL_TOO_SOON", TooEarly),
        (200, "RATE_LIMIT_EXCEEDED", Transient),
        (400, "IDEMPOTENCY_KEY_MISMATCH", Rejected),
        (200, "DOMAIN_NOT_ALLOWED", Rejected),
        (400, None, Rejected),
    ],
)
def test_porkbuns_errors(status: int, code: str | None, kind: type[Exception]) -> None:
    data = {"status": "ERROR", "code": code, "message": "x"}
    assert isinstance(WORDS.refused(Reply(status, data, {}, None), "x"), kind)
    assert WORDS.said([]) == ""
    with pytest.raises(Rejected):
        mapping([])
