"""``reconciler schema``: the shape of the YAML, for editors and other tools."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.engine.plan_schema import PLAN_SCHEMA, plan_schema
from reconciler.errors import UsageError
from reconciler.inventory.schemas import schemas
from reconciler.policy import policy_kinds


@click.command("schema", help="Print or write the JSON Schemas of the YAML.")
@click.argument("name", required=False)
@click.option("--write", type=click.Path(path_type=Path), help="Write all to a folder.")
def schema_command(name: str | None, write: Path | None) -> None:
    """Print one schema, write all, or list their names."""
    found = all_schemas()
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for file, text in found.items():
            write.joinpath(file).write_text(text, encoding="utf-8")
        click.echo(f"wrote {len(found)} schemas to {write}", err=True)
    elif name is None:
        for file in found:
            click.echo(file.removesuffix(".schema.json"))
    else:
        file = f"{name}.schema.json"
        if file not in found:
            names = ", ".join(one.removesuffix(".schema.json") for one in found)
            raise UsageError(f"there is no schema {name!r}", hint=f"one of: {names}")
        sys.stdout.write(found[file])


COMMAND = schema_command


def all_schemas() -> dict[str, str]:
    """Return every published schema, file name -> text."""
    policies = schemas(policy_kinds())
    del policies["defaults.schema.json"]
    policies["policies.schema.json"] = policies.pop("inventory.schema.json")
    found = {**schemas(), **policies, PLAN_SCHEMA: plan_schema()}
    return dict(sorted(found.items()))
