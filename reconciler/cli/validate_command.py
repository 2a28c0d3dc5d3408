"""``reconciler validate``: every error of every file at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

import click

from reconciler.cli.project import Project
from reconciler.engine.exits import Exit
from reconciler.errors import InventoryErrors, ReconcilerError
from reconciler.inventory.report import render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.inventory import Inventory
    from reconciler.model import AnyResource, Finding

T = TypeVar("T")
_FORMATS = ["text", "json", "sarif", "github"]


@click.command(
    "validate", help="Check the inventory and the policies; every error at once."
)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text")
@click.option("--hygiene", is_flag=True, help="Advise on every zone (slower).")
@click.pass_context
def validate_command(ctx: click.Context, form: str, hygiene: bool) -> None:  # noqa: FBT001
    """Check, and say how much was checked."""
    project = Project.of(ctx)
    errors, warnings = check(project)
    if hygiene and not errors:
        from reconciler.cli.hygiene import advice

        found = advice(project.inventory.of("Domain"))
        warnings = [*warnings, *map(_as_warning, found)]
    verbose = project.verbose and form == "text"
    said = render(errors, warnings, "full" if verbose else form)
    if said:
        sys.stdout.write(said if said.endswith("\n") else said + "\n")
    if errors:
        project.say(f"{len(errors)} error{'s' if len(errors) > 1 else ''}")
        ctx.exit(Exit.ERROR)
    project.say(
        f"{len(project.inventory)} documents and {len(project.policies)} policies: ok"
    )


COMMAND = validate_command


def check(
    project: Project,
) -> tuple[Sequence[ReconcilerError], Sequence[ReconcilerError]]:
    """Return every error and every warning of inventory and policies."""
    errors: list[ReconcilerError] = []
    warnings: list[ReconcilerError] = []
    policies = _gathered(errors, lambda: project.policies)
    inventory = _gathered(errors, lambda: project.inventory)
    if policies:
        from reconciler.policy import check as check_policies
        from reconciler.policy import ending

        now = project.system_time
        names = None if inventory is None else _accounts(inventory)
        errors += check_policies(policies, now, names)
        warnings += map(_as_warning, ending(policies, now))
    if inventory is not None:
        warnings += inventory.warnings
        warnings += map(_as_warning, _ended_by_one(inventory, policies or ()))
        channels = inventory.of("NotificationChannel")
        if channels or inventory.of("Subscription"):
            from reconciler.cli.channels import advice, channels_of, check, unheard
            from reconciler.cli.texts import wrong

            errors += check(channels_of(channels))
            errors += wrong(project.root, channels_of(channels))
            warnings += map(_as_warning, advice(channels_of(channels)))
            found = unheard(inventory, channels_of(channels))
            warnings += map(_as_warning, found)
    return errors, warnings


def _ended_by_one(
    inventory: Inventory, policies: Sequence[AnyResource]
) -> list[Finding]:
    """Say, once, that one person could end what a customer has."""
    sold = (ref for ref in inventory.addresses() if ref.kind == "Subscription")
    first = min(sold, default=None)
    if first is None:
        return []
    from reconciler.policy import ANY_END, alone

    return [
        found._replace(name=first.name, source=inventory.at(first))
        for found in alone([ANY_END], policies)
    ]


def _as_warning(found: Finding) -> ReconcilerError:
    what = f"{found.kind}/{found.name}: {found.message}"
    return ReconcilerError(what, at=found.source, code=f"W-{found.code}")


def _accounts(inventory: Inventory) -> list[str]:
    return [ref.name for ref in inventory.refs() if ref.kind == "Provider"]


def _gathered(errors: list[ReconcilerError], load: Callable[[], T]) -> T | None:
    try:
        return load()
    except InventoryErrors as found:
        errors += found.errors
        return None
