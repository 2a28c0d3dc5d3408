"""Rates, and the limits that hold where nothing is written."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reconciler.model.limits import Limits, Rate


@pytest.mark.parametrize("text", ["1/1s", "300/3h", "50/7d", "5/1h"])
def test_a_rate_is_written_as_it_is_read(text):
    rate = Rate.model_validate(text)
    assert str(rate) == rate.model_dump() == text
    assert rate.one * rate.count == rate.per


@pytest.mark.parametrize(
    "raw", ["50", "50/d", "50 / 7d", "0/7d", "50/0d", "-1/7d", "50/1mo", 51, 7.5, None]
)
def test_what_is_no_rate(raw):
    with pytest.raises(ValidationError, match="as in 50/7d"):
        Rate.model_validate(raw)


def test_what_is_left_out_is_as_published():
    limits = Limits.model_validate({"domain": "500/7d", "names": "none"}, by_name=False)
    assert limits.model_dump() == {
        "orders": "300/3h",
        "domain": "500/7d",
        "names": "none",
        "failures": "5/1h",
    }
    with pytest.raises(ValidationError, match="not permitted"):
        Limits.model_validate({"domains": "50/7d"}, by_name=False)
