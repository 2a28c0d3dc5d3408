"""The plan as text: grouped, bounded, and broken between words."""

import click
import pytest

from reconciler.cli.show_plan import _wrapped


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
