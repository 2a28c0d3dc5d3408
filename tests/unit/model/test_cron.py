"""When something is due, however seldom that is, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.cron import Cron

NOW = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("15 2 * * *", (2026, 11, 29), (2026, 11, 30)),
        ("0 0 29 2 *", (2024, 2, 29), (2028, 2, 29)),
        ("0 0 29 2 */7", (2004, 2, 29), (2032, 2, 29)),  # on a Sunday
        ("0 0 30 2 1", (2026, 2, 23), (2027, 2, 1)),  # or on a Monday
        ("0 0 31 2,12 *", (2025, 12, 31), (2026, 12, 31)),
    ],
)
def test_it_is_due(text, before, after):
    cron = Cron.of(text)
    assert cron.before(NOW, "UTC").date() == datetime(*before, tzinfo=UTC).date()
    assert cron.after(NOW, "UTC").date() == datetime(*after, tzinfo=UTC).date()


def test_a_sunday_that_is_40_years_away():
    cron = Cron.of("0 0 29 2 */7")
    assert cron.after(datetime(2088, 3, 1, tzinfo=UTC), "UTC").year == 2128
    assert cron.longest(NOW, "UTC") == timedelta(days=28 * 365 + 7)


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 2-6/2,9 */2", "0 0 31 11 *"])
def test_what_is_never_due_is_no_schedule(text):
    with pytest.raises(ValueError, match="is never due: no such month has such a day"):
        Cron.of(text)
