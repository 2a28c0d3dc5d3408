"""``reconciler lock``: who holds it, and how to get past a dead holder."""

from __future__ import annotations

import click

from reconciler.cli.project import Project
from reconciler.engine.exits import Exit


@click.group("lock", help="Show or break the lock of an environment.")
def lock_command() -> None:
    """Hold the two commands about the lock."""


@lock_command.command("status", help="Say who holds the lock; 7 where somebody does.")
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show the lock."""
    project = Project.of(ctx)
    lock = project.store.lock_status()
    if lock is None:
        click.echo(f"{project.env}: never locked")
        return
    held = lock.held(project.clock())
    word = "held" if held else ("released" if lock.released else "expired")
    click.echo(
        f"{project.env}: {word} by {lock.holder} (run {lock.run}, fence {lock.fence}, "
        f"until {lock.until:%Y-%m-%d %H:%M:%S} UTC)"
    )
    ctx.exit(Exit.LOCKED if held else Exit.DONE)


@lock_command.command("break", help="Release a lock whose lease is over; recorded.")
@click.option("--reason", required=True, help="Why; goes into the audit log.")
@click.pass_context
def break_(ctx: click.Context, reason: str) -> None:
    """Break an expired lock."""
    project = Project.of(ctx)
    run = project.run(project.git.head)
    project.store.break_lock(run, now=project.clock(), reason=reason)
    click.echo(f"{project.env}: the lock is free")


COMMAND = lock_command
