"""``reconciler settle``: a person says what became of a lost answer."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Literal

import click

from reconciler.audit import Batch, Outcome
from reconciler.cli.project import Project
from reconciler.cli.treasury import refuse_outsiders
from reconciler.engine import Journal, observe
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model import Action, OpClass, Risk

if TYPE_CHECKING:
    from reconciler.audit import OpenIntent


@click.command("settle", help="Say what became of an action whose answer was lost.")
@click.argument("action")
@click.option("--happened/--did-not-happen", default=None, help="What a person found.")
@click.option("--evidence", required=True, help="How they know; goes into the log.")
@click.pass_context
def settle_command(
    ctx: click.Context,
    action: str,
    happened: bool | None,  # noqa: FBT001  (click's way)
    evidence: str,
) -> None:
    """Close one open intent by a person's word."""
    if happened is None:
        raise UsageError("say --happened or --did-not-happen")
    project = Project.of(ctx)
    opened = _opened(project, action)
    _refuse_outsiders(project, opened)
    shown = _shown(project, opened)
    if shown and not happened:
        raise _contradicted(opened)
    status: Literal["applied", "not_applied"] = "applied" if happened else "not_applied"
    run = project.run(project.git.head)
    with Journal(project.journal(), run, project.clock) as journal:
        outcome = _outcome(project, opened, status, evidence)
        journal.record(Batch(entries=(outcome,), phase="settled"))
    intent = opened.intent
    click.echo(f"{intent.verb} {intent.kind}/{intent.name}: {status}, settled")


COMMAND = settle_command


def _opened(project: Project, prefix: str) -> OpenIntent:
    """Return the one open intent whose id starts with *prefix*."""
    ledger = project.store.read()
    found = [one for key, one in ledger.open.items() if key.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(key[:12] for key in ledger.open)) or "nothing"
    raise ReconcilerError(
        f"{prefix!r} names {len(found)} open actions",
        hint=f"open are: {names}",
        code="E603",
    )


def _refuse_outsiders(project: Project, opened: OpenIntent) -> None:
    """Money is settled by the group ``money``, where policies declare one."""
    if opened.intent.risk == Risk.MONEY:
        refuse_outsiders(project)


def _shown(project: Project, opened: OpenIntent) -> bool:
    """
    Return whether the account, read again now, shows that it happened.

    Reading it resolves its secrets, which are then masked in the evidence too.
    """
    from reconciler.engine.recover import rebuilt

    intent = opened.intent
    want = project.scope().by_uid().get((intent.kind, intent.uid))
    change = rebuilt(intent, want) if want else None
    if want is None or change is None:
        return False
    with closing(project.accounts([want])) as accounts:
        seen = observe([want], accounts)
    return bool(want.done(change, seen.have(want)))


def _contradicted(opened: OpenIntent) -> ReconcilerError:
    intent = opened.intent
    return ReconcilerError(
        f"the account shows that {intent.verb} {intent.kind}/{intent.name} happened",
        hint="settle it with --happened, or run apply, which sees it by itself",
        code="E604",
    )


def _outcome(
    project: Project,
    opened: OpenIntent,
    status: Literal["applied", "not_applied"],
    evidence: str,
) -> Outcome:
    from reconciler.engine.learned import Learned
    from reconciler.engine.recover import rebuilt

    intent = opened.intent
    outcome = Outcome(
        id=intent.id,
        key=intent.key,
        time=project.clock(),
        env=intent.env,
        kind=intent.kind,
        name=intent.name,
        uid=intent.uid,
        verb=intent.verb,
        status=status,
        how="settled",
        cost=intent.cost,
        paid=intent.cost if status == "applied" else None,
        charged=intent.charge if status == "applied" else None,
        evidence={"said": evidence[:500], "by": project.actor},
    )
    want = project.scope().by_uid().get((intent.kind, intent.uid))
    change = rebuilt(intent, want) if want else None
    if want is None or change is None:
        return outcome
    action = Action(
        intent.id, want, change, OpClass(intent.op_class), attempt=intent.attempt
    )
    return Learned().with_facts(outcome, action, {})
