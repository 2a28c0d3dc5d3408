"""``reconciler propose``: what a person could write, where no policy may act."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from reconciler.cli.project import Project
from reconciler.cli.proposing import Proposals, Proposed, proposals
from reconciler.engine import dumps
from reconciler.engine.exits import Exit, first
from reconciler.report.visible import visible

FORMAT = "reconciler.propose/v1"


@click.command("propose", help="Show what git could say instead; as a patch.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "patch"]), default="text"
)
@click.pass_context
def propose_command(ctx: click.Context, form: str) -> None:
    """Look, and write nothing."""
    project = Project.of(ctx)
    found = proposals(project)
    match form:
        case "json":
            sys.stdout.write(dumps(_data(found)))
        case "patch":
            click.echo(found.patch, nl=False)
            for one in found.found:
                if one.why_not:
                    click.echo(f"{one.ref}: {visible(one.why_not)}", err=True)
        case _:
            click.echo("\n".join(_text(found)))
    left = not found.complete or any(one.why_not for one in found.found)
    ctx.exit(first({Exit.PARTLY} if left else {Exit.DONE}))


COMMAND = propose_command


def _text(found: Proposals) -> Iterator[str]:
    for one in found.found:
        at = f"  {one.at}" if one.at else ""
        yield f"{click.style(str(one.ref), bold=True)}{visible(at)}"
        yield f"  {visible(one.because)}"
        if one.why_not:
            yield f"  not in the patch: {visible(one.why_not)}"
    yield from (visible(line) for line in found.patch.splitlines())
    if found.patch:
        yield "next: reconciler propose --format patch | git apply, then commit"
    elif not found.found:
        yield "Nothing is proposed."
    if not found.complete:
        yield "Not everything could be read."


def _data(found: Proposals) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "complete": found.complete,
        "proposals": [_one(one) for one in found.found],
        "patch": found.patch,
    }


def _one(one: Proposed) -> dict[str, Any]:
    at = one.at
    return {
        "kind": one.ref.kind,
        "name": one.ref.name,
        "field": one.field,
        "because": one.because,
        "source": {"file": at.file, "line": at.line, "column": at.column}
        if at
        else None,
        "why_not": one.why_not or None,
    }
