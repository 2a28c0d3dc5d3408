"""Whole numbers as text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.audit.usage_numbers import QUANTA, coarse, fine, packed, unpacked
from reconciler.model.hosting import METRICS


@given(st.lists(st.integers(-(10**12), 10**12)))
def test_what_is_packed_is_unpacked(numbers):
    assert unpacked(packed(numbers)) == numbers


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([870], "870"),
        ([0, 60, 120, 180], "0 60x3"),
        ([5321] * 24, "5321 0x23"),
        ([5, 5, 4], "5 0 -1"),
        ([0, 0, 0], "0x3"),
    ],
)
def test_what_repeats_is_written_once(numbers, text):
    assert packed(numbers) == text


@pytest.mark.parametrize(
    "text",
    [" ", "1 ", " 1", "1  2", "+1", "1_0", "1x", "x2", "1.5", "1\n", "1x-2", "٣"],
)
def test_what_is_no_column_is_refused(text):
    with pytest.raises(ValueError, match="no column"):
        unpacked(text)


def test_a_column_without_an_end_is_refused():
    with pytest.raises(ValueError, match="longer"):
        unpacked("0x99999 0x99999")


def test_every_metric_is_kept_as_finely_as_panels_know_it():
    assert QUANTA.keys() == METRICS.keys()
    for metric, quantum in QUANTA.items():
        assert (
            abs(fine(metric, coarse(metric, 123456789.4)) - 123456789.4) <= quantum / 2
        )
