"""How an error ends the process: in words, with a code a script can read."""

from __future__ import annotations

import traceback

import click

from reconciler.engine.exits import Exit
from reconciler.errors import Locked, LostLock, ReconcilerError, StalePlan, UsageError


def explain(error: Exception, *, debug: bool) -> int:
    """Print *error* for a person on stderr and return the exit code."""
    if isinstance(error, ReconcilerError):
        click.echo(str(error), err=True)
        return _code(error)
    what = f"{type(error).__name__} in {_where(error)}"
    click.echo(f"E000 something went wrong that should not: {what}", err=True)
    click.echo("  hint: please report it; -v shows where it happened", err=True)
    if debug:
        click.echo("".join(traceback.format_tb(error.__traceback__)), err=True)
    return Exit.ERROR


def _code(error: ReconcilerError) -> int:
    if isinstance(error, (Locked, LostLock)):
        return Exit.LOCKED
    if isinstance(error, StalePlan):
        return Exit.STALE
    if isinstance(error, UsageError):
        return Exit.USAGE
    return Exit.ERROR


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "?"
