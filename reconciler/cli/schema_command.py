"""``reconciler schema``: the shape of the YAML, for editors and other tools."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli.project import Project
from reconciler.engine.plan_schema import PLAN_SCHEMA, plan_schema
from reconciler.errors import UsageError
from reconciler.inventory.schemas import schemas, with_names
from reconciler.notify.body import NOTICE_SCHEMA, notice_schema
from reconciler.policy import policy_kinds


@click.command("schema", help="Print or write the JSON Schemas of the YAML.")
@click.argument("name", required=False)
@click.option("--write", type=click.Path(path_type=Path), help="Write all to a folder.")
@click.option(
    "--names", is_flag=True, help="Offer the names of this inventory to editors."
)
@click.pass_context
def schema_command(
    ctx: click.Context,
    name: str | None,
    write: Path | None,
    names: bool,  # noqa: FBT001  (click's way)
) -> None:
    """Print one schema, write all, or list their names."""
    found = all_schemas()
    if names:
        own = _names(Project.of(ctx))
        found = {one: with_names(text, own) for one, text in found.items()}
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for one, text in found.items():
            write.joinpath(one).write_text(text, encoding="utf-8")
        click.echo(f"wrote {len(found)} schemas to {write}", err=True)
    elif name is None:
        for one in found:
            click.echo(one.removesuffix(".schema.json"))
    else:
        file = f"{name}.schema.json"
        if file not in found:
            known = ", ".join(one.removesuffix(".schema.json") for one in found)
            raise UsageError(f"there is no schema {name!r}", hint=f"one of: {known}")
        sys.stdout.write(found[file])


COMMAND = schema_command


def _names(project: Project) -> dict[str, list[str]]:
    """Return the names that the inventory has, by kind."""
    known: dict[str, list[str]] = {}
    for ref in project.inventory.refs():
        known.setdefault(ref.kind, []).append(ref.name)
    return known


def all_schemas() -> dict[str, str]:
    """Return every published schema, file name -> text."""
    policies = schemas(policy_kinds())
    del policies["defaults.schema.json"]
    policies["policies.schema.json"] = policies.pop("inventory.schema.json")
    found = {**schemas(), **policies, PLAN_SCHEMA: plan_schema()}
    found[NOTICE_SCHEMA] = notice_schema()
    return dict(sorted(found.items()))
