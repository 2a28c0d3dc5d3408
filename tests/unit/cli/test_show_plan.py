"""The plan as text: grouped, bounded, and broken between words."""

from datetime import UTC, datetime

import click
import pytest

from reconciler.cli.show_plan import _wrapped, fitted, text
from reconciler.model import Plan, Ref, Share, Unread


@pytest.mark.parametrize("width", [40, 60, 100])
def test_lines_break_between_words_and_keep_their_colour(width):
    word = click.style("ERROR   ", fg="red")
    line = f"  {word} Domain/a.example  {'some words ' * 12}inventory/a.yaml:1:2"
    parts = _wrapped(line, width)
    assert all(len(click.unstyle(part)) <= width for part in parts)
    assert " ".join(click.unstyle(" ".join(parts)).split()) == " ".join(
        click.unstyle(line).split()
    )
    assert parts[0].startswith(f"  {word}")
    assert "\x1b" not in "".join(parts[1:])


def test_a_short_line_is_left_alone():
    assert _wrapped("        as it is  ", 80) == ["        as it is  "]


def test_what_one_account_does_not_tell_is_said_once():
    share = Share("main", "domain")
    refs = [Ref("Domain", f"{letter}.example") for letter in "edcba"]
    unread = tuple(Unread(ref, share, "401 Unauthorized") for ref in refs)
    shown = text(Plan("main", datetime(2026, 11, 22, tzinfo=UTC), unknown=unread))
    assert shown.count("401 Unauthorized") == 1
    assert "Domain/a.example, Domain/b.example, Domain/c.example and 2 more" in shown
    assert "INCOMPLETE: 5 could not be read" in shown


@pytest.mark.parametrize(
    ("label", "rest", "under"),
    [
        ("hold     ", "", 9),  # of a drift
        ("allow  ", " ", 8),
        ("  ERROR   ", " ", 11),
        ("SiteProfile/shop", "", 2),  # no label: the thing itself
    ],
)
def test_what_follows_stands_under_what_came_after_the_label(label, rest, under):
    line = f"{click.style(label, fg='red')}{rest}{'some words ' * 12}"
    _, second, *_ = _wrapped(line, 60)
    assert len(second) - len(second.lstrip()) == under


def test_a_line_of_its_own_stays_one():
    long = f"\n{'3 to do · ' * 12}"
    first, second, third, *_ = fitted(["above", long], 60).split("\n")
    assert (first, second) == ("above", "")
    assert third.startswith("3 to do")
