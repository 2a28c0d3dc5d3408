"""``reconciler completion``: what makes a shell complete commands and addresses."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print it; `eval "$(reconciler completion bash)"` uses it."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  (click has one for each of the choices)
    made = kind(ctx.find_root().command, {}, "reconciler", "_RECONCILER_COMPLETE")
    click.echo(made.source())


COMMAND = completion_command
