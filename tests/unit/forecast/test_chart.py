"""Drawings: small, the same each time, with words for who cannot see them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from reconciler.forecast import Chart, sparkline, svg

NAN = float("nan")
RAMP = Chart((0.0, 25.0, 50.0, 75.0), (100.0,), (120.0,), 100.0, "day")


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  (our own)


def test_a_sparkline_is_the_past_a_bar_and_what_is_expected() -> None:
    assert sparkline(RAMP) == "▁▂▄▆│█"
    assert sparkline(RAMP, ascii_only=True) == "_.=*|#"


def test_a_long_past_is_shown_by_its_peaks_and_unknown_as_unknown() -> None:
    past = tuple([0.0, 100.0] * 50) + (NAN,) * 30
    found = sparkline(Chart(past, (), (), 100.0, "hour"), 13)
    assert len(found) == 12
    assert set(found[:9]) == {"█"}
    assert found[-1] == "·"
    assert sparkline(Chart((NAN,), (), (), 1.0, "hour"), ascii_only=True) == "?"


@pytest.mark.parametrize("width", [3, 10, 40, 80])
def test_a_sparkline_keeps_its_width(width) -> None:
    chart = Chart((1.0,) * 500, (2.0,) * 100, (3.0,) * 100, 4.0, "hour")
    assert len(sparkline(chart, width)) == width


def test_what_is_beyond_the_scale_stays_on_it() -> None:
    assert sparkline(Chart((-5.0, 900.0), (), (), 100.0, "hour")) == "▁█"


def test_the_drawing_is_well_formed_and_says_what_it_shows() -> None:
    root = parsed(svg(RAMP, "disk of <a&b>", 'full in "3" days'))
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "disk of <a&b>"
    assert root.find(f"{space}desc").text == 'full in "3" days'
    assert root.get("role") == "img"
    assert len(root.findall(f".//{space}path")) == 5


def test_a_drawing_is_small_and_the_same_each_time() -> None:
    past = tuple(50 + (n * 7919 % 1000) / 13 for n in range(1440))
    ahead = tuple(60 + (n * 104729 % 1000) / 13 for n in range(336))
    chart = Chart(past, ahead, tuple(v + 20 for v in ahead), 100.0, "hour")
    one = svg(chart, "t" * 1000, "d" * 1000)
    assert one == svg(chart, "t" * 1000, "d" * 1000)
    assert len(one.encode()) <= 6 * 1024
    assert "currentColor" in one
    assert "<script" not in one


def test_a_gap_is_a_gap_and_nothing_ahead_is_nothing() -> None:
    text = svg(Chart((1.0, NAN, 3.0), (), (), 2.0, "hour"), "t", "d")
    assert text.count("M") >= 4
    assert "NaN" not in text
    assert "nan" not in text
    parsed(svg(Chart((), (), (), 1.0, "day"), "t", "d"))
