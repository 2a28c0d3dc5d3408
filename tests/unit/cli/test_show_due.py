"""The table of what is due: as wide as what is in it, and never wider than it may."""

import click
import pytest

from reconciler.cli.show_due import Row, table

ROWS = [
    Row(
        "Wed 2026-11-04",
        "Domain/a.example",
        "expires",
        "",
        "YOU",
        yours=True,
        late=True,
    ),
    Row(
        "", "Domain/much-longer.example", "renews (registrar), held", "10.42 USD", "YOU"
    ),
    Row("Fri 2026-12-04", "44 x Domain", "renews", "1,458.48 USD", "auto"),
]


def plain(width, indent=""):
    return [click.unstyle(line) for line in table(ROWS, width, indent)]


@pytest.mark.parametrize("width", [None, 200])
def test_every_column_begins_at_one_place(width):
    lines = plain(width)
    assert lines == [
        "Wed 2026-11-04  Domain/a.example            expires                                 YOU  LATE",
        "                Domain/much-longer.example  renews (registrar), held     10.42 USD  YOU",
        "Fri 2026-12-04  44 x Domain                 renews                    1,458.48 USD  auto",
    ]
    assert max(map(len, plain(93, ""))) <= 93


@pytest.mark.parametrize("width", [80, 72])
def test_where_it_does_not_fit_each_has_two_lines(width):
    lines = plain(width, "  ")
    assert len(lines) == 2 * len(ROWS)
    assert all(len(line) <= width for line in lines)
    assert lines[0] == "  Wed 2026-11-04  Domain/a.example"
    assert lines[1].split() == ["expires", "YOU", "LATE"]
    assert {line.index("renews") for line in (lines[3], lines[5])} == {20}


def test_nothing_is_no_table():
    assert list(table([], 80)) == []
