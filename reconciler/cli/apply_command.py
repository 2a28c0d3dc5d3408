"""``reconciler apply``: do what may be done, verify it, record it."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import show_apply
from reconciler.cli.commit import check_commit, check_money
from reconciler.cli.notices import Post
from reconciler.cli.plan_command import refuse_loss
from reconciler.cli.project import Project
from reconciler.cli.pulse import Pulses
from reconciler.cli.show_plan import text
from reconciler.engine import (
    Exit,
    Journal,
    Order,
    Setting,
    apply,
    approved_digests,
    based,
    dumps,
    exits,
)
from reconciler.errors import ReconcilerError, StalePlan, UsageError
from reconciler.model import Plan, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.audit import Base
    from reconciler.engine import Result, Scope


@click.command(
    "apply", help="Do what policy allows or a person approved, verify it, record it."
)
@click.option("--approve", metavar="DIGEST", help="The digest of the approved plan.")
@click.option(
    "--approved-plan",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The JSON of the approved plan: it must hash to the digest.",
)
@click.option("--auto-approve", is_flag=True, help="Do not ask on a terminal.")
@click.option("--held-ok", is_flag=True, help="Exit 0 where only holds remain.")
@click.option(
    "--single-writer", is_flag=True, help="Spend without a remote to lock on."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def apply_command(ctx: click.Context, /, **options: Any) -> None:
    """Apply, and say what was done."""
    project = Project.of(ctx)
    approved = _approved(options["approve"], options["approved_plan"])
    post = Post(project)
    result = carry_out(
        project,
        approved=approved,
        ready=_asker(project, asks=not options["auto_approve"]),
        single_writer=options["single_writer"],
        post=post,
    )
    codes = set(result.codes)
    if options["held_ok"]:
        codes -= {Exit.UNAPPROVED, Exit.OVER_BUDGET}
    if approved is None:
        Pulses(project, post).beat(result, exits.first(codes))
    if options["form"] == "json":
        said = {**show_apply.data(result, codes), "notices": post.report()}
        sys.stdout.write(dumps(said))
    else:
        click.echo("\n".join([*post.lines(), show_apply.text(result)]))
    ctx.exit(exits.first(codes))


COMMAND = apply_command


def carry_out(
    project: Project,
    *,
    approved: dict[str, str] | None = None,
    ready: Callable[[Plan], bool] = lambda _plan: True,
    single_writer: bool = False,
    post: Post | None = None,
) -> Result:
    """
    Take the lock, apply, tell who has to be told, let go of the lock.

    Raises:
        UnsafeCommit: This commit may not act.
        Locked: Another run holds the lock.
    """
    scope = project.scope()
    refuse(project, scope, project.store.read().base)
    post = post or Post(project)

    def permitted(plan: Plan) -> bool:
        check_money(project, plan, single_writer=single_writer)
        return ready(plan)

    accounts = project.accounts(scope.wants())
    post.prepare()
    run = project.run(scope.head)
    try:
        with (
            closing(accounts),
            Journal(project.journal(), run, project.clock) as journal,
        ):
            # Another run may have applied a newer commit before this one got the lock.
            refuse(project, scope, journal.ledger.base)
            project.say(f"run {run.id} holds the lock (fence {journal.fence})")
            setting = Setting(project.env, journal, accounts, project.clock)
            order = Order(scope, approved, project.actor, permitted, project.dirty)
            result = apply(setting, order)
            outcomes = [done.outcome for done in result.done]
            post.tell(journal, run, scope, result.left, outcomes)
            return result
    finally:
        project.cache.close()


def refuse(project: Project, scope: Scope, base: Base) -> None:
    """Raise where this commit may not act, or lost too much since *base*."""
    check_commit(project, scope.head, base, project.folders)
    refuse_loss(based(scope.desired, base, scope.load, scope.kinds), scope)


def _approved(digest: str | None, file: Path | None) -> dict[str, str] | None:
    """Return action id -> digest of what was approved; None without approval."""
    if digest is None and file is None:
        return None
    if digest is None or file is None:
        raise UsageError("--approve and --approved-plan go together")
    try:
        listed = approved_digests(json.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ReconcilerError(f"{file.name}: {error}", code="E205") from None
    if digest_of(listed.values()) != digest:
        raise StalePlan(
            f"{file.name} does not hash to {digest}",
            hint="approve the digest that this very file shows",
        )
    return listed


def _asker(project: Project, *, asks: bool) -> Callable[[Plan], bool]:
    def ask(plan: Plan) -> bool:
        count = len(plan.allowed())
        if not (asks and count and sys.stdin.isatty()):
            return True
        click.echo(text(plan))
        return click.confirm(f"\ncarry out {count} actions in {project.env}?")

    return ask
