"""What a shell offers after ``--select``: the addresses of the inventory."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

#: A shell shows no more at once that a person would read.
_MOST = 200


def addresses(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the addresses that begin so; none where they cannot be had."""
    del param
    from reconciler.cli.project import Project
    from reconciler.errors import ReconcilerError

    root = ctx.find_root()
    root.obj = root.obj or {**root.params, "no_color": True, "quiet": True}
    try:
        refs = Project.of(ctx).inventory.refs()
    except (ReconcilerError, click.ClickException):
        return []
    found = [text for ref in refs if (text := str(ref)).startswith(incomplete)]
    if len(found) > _MOST:
        kinds = sorted({text.partition("/")[0] for text in found})
        found = [f"{kind}/" for kind in kinds] if len(kinds) > 1 else found[:_MOST]
    return [CompletionItem(text) for text in found]
