"""``reconciler sandbox``: the vendors of a loopback inventory, on this machine."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from reconciler.audit import Base, Batch
from reconciler.cli.accounts import providers
from reconciler.cli.project import Project
from reconciler.cli.sandbox_clock import FOLDER
from reconciler.engine import Exit, Journal
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import AnyResource


@click.group("sandbox", help="Local servers that behave like the vendors.")
def sandbox_command() -> None:
    """Hold the commands about the sandbox."""


@sandbox_command.command("up", help="Start it with what the inventory wants.")
@click.option("--control-port", type=int, help="Of its control endpoint; 0 is any.")
@click.option(
    "--receiver-port",
    type=int,
    help="Of who gets webhooks and heartbeats; 0 is any.",
)
@click.pass_context
def up(ctx: click.Context, control_port: int | None, receiver_port: int | None) -> None:
    """Start the vendors, write their secrets, take the first base."""
    from reconciler.sandbox import process
    from reconciler.sandbox.example import SECRETS, world
    from reconciler.sandbox.example_certificates import ACCOUNT_KEY, account_key
    from reconciler.sandbox.example_notices import addresses

    project = Project.of(ctx)
    if not project.loopback:
        raise ReconcilerError(
            "the inventory names accounts that are not on this machine",
            hint="a sandbox serves loopback endpoints only",
            code="E607",
        )
    folder = project.root / FOLDER
    resources: dict[str, list[AnyResource]] = defaultdict(list)
    for ref in project.inventory.refs():
        resources[ref.kind].append(project.inventory.get(ref))
    wanted = ports(project)
    given = {"control": control_port, "receiver": receiver_port}
    wanted |= {name: port for name, port in given.items() if port is not None}
    running = process.up(folder, world(resources), wanted)
    made = folder / "secrets" / ACCOUNT_KEY
    secrets = {**SECRETS, **addresses(running.endpoints)}
    if not made.exists():  # an account is known by its key, which stays
        secrets[ACCOUNT_KEY] = account_key()
    _keep(folder / "secrets", secrets)
    take_base(project)
    click.echo(f"the sandbox is up; its state is in {FOLDER}")


@sandbox_command.command("down", help="Stop it; its state is kept in the folder.")
@click.pass_context
def down(ctx: click.Context) -> None:
    """Stop the vendors."""
    from reconciler.sandbox import process

    process.down(_folder(ctx))
    click.echo("the sandbox is down")


@sandbox_command.command("status", help="Say whether it runs, and where.")
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show the endpoints."""
    from reconciler.sandbox import process

    found = process.status(_folder(ctx))
    if found is None:
        click.echo("the sandbox is down")
        ctx.exit(Exit.ERROR)
    for vendor, endpoint in sorted(found.endpoints.items()):
        click.echo(f"{vendor:<12} {endpoint}")
    click.echo(f"{'control':<12} {found.control}")


COMMAND = sandbox_command


def _folder(ctx: click.Context) -> Path:
    return Project.of(ctx).root / FOLDER


def _keep(folder: Path, secrets: Mapping[str, str]) -> None:
    """Write what the inventory's secret references name, for nobody else to read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in secrets.items():
        path = folder / name
        path.write_text(value, encoding="utf-8")
        path.chmod(0o600)


def ports(project: Project) -> dict[str, int]:
    """Return the port of every vendor, as the inventory's endpoints say it."""
    from reconciler.cli.channels import channels_of
    from reconciler.sandbox.example_notices import (
        mail_port,
        mailbox_port,
        phone_ports,
    )

    channels = channels_of(project.inventory.of("NotificationChannel"))
    found = phone_ports(channels)
    mail = mail_port(channels)
    if mail is not None:
        found["mail"] = mail
    mailbox = mailbox_port(channels)
    if mailbox is not None:
        found["mailbox"] = mailbox
    kept = {one.name for one in project.inventory.of("BackupRepository")}
    for provider in providers(project.inventory):
        port = urlsplit(provider.spec.endpoint or "").port
        # Whoever keeps backups is a folder, or a bucket of an account that is here.
        if port is not None and provider.name not in kept:
            found[provider.spec.type] = port
    return found


def take_base(project: Project) -> None:
    """Record the commit that is checked out as the base, where there is none."""
    head = project.git.head
    if head is None or project.store.read().base.commit:
        return
    run = project.run(head)
    with Journal(project.journal(), run, project.clock) as journal:
        journal.record(Batch(base=Base(commit=head), phase="base"))
