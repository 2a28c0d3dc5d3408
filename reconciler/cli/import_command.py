"""``reconciler import``: YAML for what is live and not declared; changes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.expand_command import replace
from reconciler.cli.importing import Asked, Imported, bring
from reconciler.cli.project import Project
from reconciler.cli.selection import selection
from reconciler.engine.exits import Exit
from reconciler.errors import ReconcilerError, UsageError
from reconciler.kinds import kinds
from reconciler.model.ref import Ref
from reconciler.report.visible import visible

if TYPE_CHECKING:
    from reconciler.model import AnyResource

_FOLDER = "imported"
_REPORT = "import.md"
_FEW = 5


@click.command("import", help="Write YAML for what is live and not declared yet.")
@click.argument("account", required=False, metavar="Provider/NAME|FILE")
@click.option("--all", "everything", is_flag=True, help="From every account.")
@click.option("--kind", default="Domain", help="What to import.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder of the files, below the inventory.  [default: imported]",
)
@click.option("--fold", is_flag=True, help="Write Sites where they say the same.")
@click.option("--customer", metavar="NAME", help="With --fold: whose Sites they are.")
@click.option("--from", "program", metavar="PROGRAM", help="FILE is a policy of it.")
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="[THEIRS=]NAME",
    help="With --from: the declared BackupRepository that takes the place of theirs.",
)
@click.option(
    "--of",
    "of",
    multiple=True,
    metavar="[POLICY=]Kind/NAME",
    help="With --from: what it is of, for a Backup.",
)
@click.option("--select", multiple=True, metavar="SEL", help="Only these.")
@click.option("--exclude", multiple=True, metavar="SEL", help="All but these.")
@click.pass_context
def import_command(ctx: click.Context, /, **options: Any) -> None:
    """Look, check, write; overwrite nothing, touch no account."""
    project = Project.of(ctx)
    project.narrow(options["select"], options["exclude"])
    if options["program"]:
        ctx.exit(_carry(project, options))
    if options["repositories"] or options["of"]:
        raise UsageError("--repository and --of go with --from")
    if bool(options["account"]) == options["everything"]:
        raise UsageError("name one account, or say --all", hint="import Provider/NAME")
    asked = Asked(
        _kind(options["kind"]),
        _account(project, options["account"]),
        _folder(project, options["out"]),
        selection(project.selected, project.excluded, lambda _ref: {}),
        _customer(project, options["fold"], options["customer"]),
    )
    ctx.exit(_written(project, asked.folder, bring(project, asked)))


COMMAND = import_command


def _written(
    project: Project, folder: str, done: Imported, *, theirs: bool = False
) -> int:
    """
    Write what is *done*, and say it; return the exit code.

    What is not written of another program's file (*theirs*) has a page of its own too,
    where it is more than is said.
    """
    _write(project, folder, done)
    nothing = theirs and not (done.written.drafts or done.complete)
    if nothing and len(done.written.passed) > _FEW:
        _page(project, folder, done)
    _say(done)
    if nothing:
        click.echo("nothing was imported: mend what is named, and import again")
    return Exit.DONE if done.complete else Exit.PARTLY


def _carry(project: Project, options: Mapping[str, Any]) -> int:
    """Write what another program's file says; return the exit code."""
    from reconciler.cli.carrying.bring import carry
    from reconciler.cli.carrying.options import asked_of
    from reconciler.cli.carrying.panels import PANELS, carry_panel

    if options["everything"] or options["fold"] or options["customer"]:
        raise UsageError("--all, --fold and --customer do not go with --from")
    if project.partial:
        raise UsageError("--select and --exclude do not go with --from")
    folder = _folder(project, options["out"])
    if options["program"] in PANELS:
        if options["repositories"] or options["of"] or not options["account"]:
            raise UsageError(
                "a panel is asked for all of it",
                hint=f"import --from {options['program']} Provider/NAME",
            )
        program, account = options["program"], options["account"]
        done = carry_panel(project, program, account, folder)
        return _written(project, folder, done, theirs=True)
    path, asked = asked_of(project, options)
    done = carry(project, path, asked, folder)
    return _written(project, folder, done, theirs=True)


def _kind(name: str) -> type[AnyResource]:
    found = kinds().get(name)
    if found is None or not found.states:
        known = ", ".join(sorted(n for n, kind in kinds().items() if kind.states))
        raise UsageError(f"{name!r} cannot be imported", hint=f"one of: {known}")
    return found


def _account(project: Project, given: str | None) -> str | None:
    if given is None:
        return None
    name = given.removeprefix("Provider/")
    if name not in project.accounts_declared:
        known = ", ".join(sorted(project.accounts_declared)) or "none is declared"
        raise UsageError(f"there is no Provider/{name}", hint=f"one of: {known}")
    return name


def _customer(project: Project, fold: bool, given: str | None) -> str | None:  # noqa: FBT001
    """Return whose Sites are made; None where none are asked for."""
    if fold != (given is not None):
        raise UsageError(
            "a Site belongs to a customer: --fold and --customer go together",
            hint="import --all --fold --customer NAME",
        )
    if given is None:
        return None
    name = given.removeprefix("Customer/")
    if Ref("Customer", name) not in project.inventory:
        raise UsageError(
            f"there is no Customer/{name}",
            hint=f"declare it first: Customer/{name}: {{legalName: ..., country: ...}}",
        )
    return name


def _folder(project: Project, out: Path | None) -> str:
    """Return where the files go, from the root, with slashes."""
    inventory = project.root / project.folders[0]
    folder = (project.root / out) if out else inventory / _FOLDER
    wanted = Path(os.path.abspath(folder))  # noqa: PTH100  (links are not followed)
    hidden = any(part.startswith(".") for part in wanted.parts[len(inventory.parts) :])
    if not wanted.is_relative_to(inventory) or hidden:
        raise UsageError(
            f"{out} is not below {project.folders[0]}: no plan would read it",
            hint=f"--out {project.folders[0]}/{_FOLDER}",
        )
    return wanted.relative_to(project.root).as_posix()


def _write(project: Project, where: str, done: Imported) -> None:
    """Write the files; one that has come to be there meanwhile is not overwritten."""
    from reconciler.cli.import_report import contents

    if not done.written.drafts:
        return
    (project.root / where).mkdir(parents=True, exist_ok=True)
    for draft in done.written.drafts:
        _new(project.root / draft.path, draft.text())
        click.echo(f"wrote {draft.path}: {contents(draft)}")
    for path, data in sorted(done.written.edits.items()):
        replace(project.root / path, data)
        click.echo(f"{path}: what was only watched and is imported now is taken out")
    _page(project, where, done)


def _page(project: Project, where: str, done: Imported) -> None:
    """Write the page about the import, under a name that is free."""
    from reconciler.cli.import_report import report

    folder = project.root / where
    folder.mkdir(parents=True, exist_ok=True)
    page = report(done, project.clock())
    for number in range(1, 1000):
        name = _REPORT if number == 1 else f"import-{number}.md"
        if not (folder / name).exists():
            _new(folder / name, page)
            click.echo(f"wrote {where}/{name}: what was left, and why")
            return


def _new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise ReconcilerError(f"{path.name} is there already", code="E630") from None


def _say(done: Imported) -> None:
    """Print what was left and what comes next."""
    for account, why in sorted(done.failed.items()):
        click.echo(f"not listed: {account}: {why}")
    for one in done.written.passed[:_FEW]:
        click.echo(f"not imported: {one.ref}: {visible(one.why)}")
    if len(done.written.passed) > _FEW:
        click.echo(f"not imported: {len(done.written.passed) - _FEW} more")
    if parts := sum(map(len, done.written.left.values())):
        click.echo(f"{parts} records and fields stay in no document")
    if done.written.long:
        click.echo(f"{len(done.written.long)} in the long form")
    sent = sum(done.requests.values())
    if done.written.drafts:
        click.echo(f"{sent} requests. next: reconciler validate && reconciler plan")
    elif done.complete:
        click.echo(f"nothing to import: all that is live is declared. {sent} requests")
