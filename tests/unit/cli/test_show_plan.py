"""The plan as text: grouped, bounded, and broken between words."""

from datetime import UTC, datetime

import click
import pytest

from reconciler.cli.show_plan import _wrapped, text
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
