"""``reconciler apply``: do what may be done, verify it, record it."""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import TypeAdapter, ValidationError

from reconciler.cli import backup_pulse, show_apply
from reconciler.cli.approvers import approvals
from reconciler.cli.commit import check_commit, check_money
from reconciler.cli.notices import Post, Saw
from reconciler.cli.plan_command import refuse_loss
from reconciler.cli.project import Project
from reconciler.cli.publish import publish_run, whole
from reconciler.cli.pulse import Pulses
from reconciler.cli.show_plan import fitted, text
from reconciler.cli.terminal import columns
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
from reconciler.errors import Locked, ReconcilerError, StalePlan, UsageError
from reconciler.model import Duration, Plan, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.audit import Base, Run
    from reconciler.cli.archive import Archive
    from reconciler.engine import Accounts, Given, Result, Scope


@click.command(
    "apply", help="Do what policy allows or a person approved, verify it, record it."
)
@click.option("--approve", metavar="DIGEST", help="The digest of the approved plan.")
@click.option(
    "--approved-plan",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The JSON of the approved plan: it must hash to the digest.",
)
@click.option(
    "--approver-from",
    "source",
    type=click.Choice(["actor", "github"]),
    default="actor",
    help="Who approved: whoever runs this (loopback only), or the job's reviewers.",
)
@click.option(
    "--break-glass",
    "reason",
    metavar="REASON",
    help="Stand in for missing approvals, where a BreakGlass policy lets you.",
)
@click.option("--auto-approve", is_flag=True, help="Do not ask on a terminal.")
@click.option("--held-ok", is_flag=True, help="Exit 0 where only holds remain.")
@click.option(
    "--single-writer", is_flag=True, help="Spend without a remote to lock on."
)
@click.option(
    "--publish",
    "shared",
    is_flag=True,
    help="Publish what was seen, what waits and a heartbeat beside the journal.",
)
@click.option(
    "--archive",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write every invoice of ours as a PDF below DIR, once.",
    metavar="DIR",
)
@click.option(
    "--wait", "wait", metavar="TIME", help="So long for another run's lock, as in 10m."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the result as JSON to a file."
)
@click.pass_context
def apply_command(ctx: click.Context, /, **options: Any) -> None:
    """Apply, and say what was done."""
    project = Project.of(ctx)
    if options["shared"]:
        whole(project)
    patience = _patience(options["wait"])
    approved, told = _approved(options["approve"], options["approved_plan"])
    given = approvals(
        project, approved, source=options["source"], reason=options["reason"]
    )
    post, archive = Post(project), _archive(project, options["archive"])
    result = carry_out(
        project,
        approved=approved,
        given=given,
        told=told,
        ready=_asker(project, asks=not options["auto_approve"]),
        single_writer=options["single_writer"],
        patience=patience,
        post=post,
        archive=archive,
    )
    codes = set(result.codes)
    if archive and archive.troubles:
        codes.add(Exit.PARTLY)
    if options["held_ok"]:
        codes -= {Exit.UNAPPROVED, Exit.OVER_BUDGET}
    # Whoever is ended while publishing has said what was done.
    beside: dict[str, Any] = post.data()
    if archive:
        beside["archive"] = archive.report()
    if options["out"]:
        data = dumps(show_apply.data(result, codes) | beside)
        options["out"].write_text(data, encoding="utf-8")
    if options["shared"] and not publish_run(
        project, result, codes, scheduled=approved is None
    ):
        codes.add(Exit.PARTLY)
    if approved is None:
        pulses = Pulses(project, post)
        pulses.beat(result, exits.first(codes), shared=options["shared"])
    backup_pulse.beat(project, result)
    if options["form"] == "json":
        sys.stdout.write(dumps(show_apply.data(result, codes) | beside))
    else:
        filed = archive.lines() if archive else ()
        lines = [*post.lines(), *filed, *show_apply.lines(result)]
        click.echo(fitted(lines, columns()))
    ctx.exit(exits.first(codes))


COMMAND = apply_command
_PAUSE = timedelta(seconds=15)


def carry_out(  # noqa: PLR0913  (all that one run is told)
    project: Project,
    *,
    approved: dict[str, str] | None = None,
    given: tuple[Given, ...] = (),
    told: Mapping[str, Any] = {},
    ready: Callable[[Plan], bool] = lambda _plan: True,
    single_writer: bool = False,
    patience: timedelta = timedelta(),
    sleep: Callable[[float], None] = time.sleep,
    post: Post | None = None,
    archive: Archive | None = None,
) -> Result:
    """
    Take the lock, apply, tell who has to be told, let go of the lock.

    Args:
        project: The inventory and its accounts.
        approved: Action id -> digest of what was approved; None runs what is allowed.
        given: Who approved it, and how that is known.
        told: Action id -> the action as people were shown it.
        ready: Asked once, with the plan, before anything is done.
        single_writer: Spend although no remote holds the lock.
        patience: How long to wait for another run's lock.
        sleep: How to wait for it: in real time, also where a sandbox has its own.
        post: What tells people; the caller asks it what it told.
        archive: What files invoices; the caller asks it what it filed.

    Raises:
        UnsafeCommit: This commit may not act.
        Locked: Another run holds the lock.
    """
    scope = project.scope()
    refuse(project, scope, project.ledger.base)
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
            _journal(project, run, patience, sleep) as journal,
        ):
            # Another run may have applied a newer commit before this one got the lock.
            refuse(project, scope, journal.ledger.base)
            project.say(f"run {run.id} holds the lock (fence {journal.fence})")
            setting = Setting(project.env, journal, accounts, project.clock)
            if approved is None and not project.partial:
                _compare(project, journal, accounts)
            signed = project.court.signed(journal.ledger)
            order = Order(
                scope, approved, (*given, *signed), told, permitted, project.dirty
            )
            result = apply(setting, order)
            if archive:
                archive.file(journal, scope, accounts)
            outcomes = [done.outcome for done in result.done]
            post.tell(journal, run, scope, Saw(result.left, result.world, outcomes))
            post.write(journal, run, scope, result.world, accounts)
            return result
    finally:
        project.cache.close()
        project.close()


def _compare(project: Project, journal: Journal, accounts: Accounts) -> None:
    """Compare the books of gateways, once a day: the plan says what differs."""
    if any(share.family == "billing" for share in accounts.drivers):
        from reconciler.cli.reckoning import daily

        daily(journal, accounts, project.clock())


def _journal(
    project: Project, run: Run, patience: timedelta, sleep: Callable[[float], None]
) -> Journal:
    """Take the lock; ask again while another run holds it, but not for ever."""
    for _ in range(-(-patience // _PAUSE)):
        try:
            return Journal(project.journal(), run, project.clock)
        except Locked as error:
            project.say(f"{error.what}; asking again in {_PAUSE.seconds} s")
            sleep(_PAUSE.total_seconds())
    return Journal(project.journal(), run, project.clock)


def refuse(project: Project, scope: Scope, base: Base) -> None:
    """Raise where this commit may not act, or lost too much since *base*."""
    check_commit(project, scope.head, base, project.folders)
    refuse_loss(based(scope.desired, base, scope.load, scope.kinds), scope)


def _archive(project: Project, folder: Path | None) -> Archive | None:
    named = folder or project.environ.get("RECONCILER_ARCHIVE")
    if not named:
        return None
    from reconciler.cli.archive import Archive

    return Archive(project, project.root / named)


def _patience(given: str | None) -> timedelta:
    if given is None:
        return timedelta()
    try:
        return TypeAdapter(Duration).validate_python(given)
    except ValidationError:
        raise UsageError(
            f"{given!r} is no duration", hint="write it with its unit, as in 10m"
        ) from None


def _approved(
    digest: str | None, file: Path | None
) -> tuple[dict[str, str] | None, Mapping[str, Any]]:
    """Return what was approved, action id -> digest, and what was shown of it."""
    if digest is None and file is None:
        return None, {}
    if digest is None or file is None:
        raise UsageError(
            "--approve and --approved-plan go together",
            hint="`plan --out plan.json` writes the file and shows the digest",
        )
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        listed = approved_digests(data)
    except ValueError as error:
        raise ReconcilerError(f"{file.name}: {error}", code="E205") from None
    if digest_of(listed.values()) != digest:
        raise StalePlan(
            f"{file.name} does not hash to {digest}",
            hint="approve the digest that this very file shows",
        )
    return listed, {str(one["id"]): one for one in data["actions"] or ()}


def _asker(project: Project, *, asks: bool) -> Callable[[Plan], bool]:
    def ask(plan: Plan) -> bool:
        count = len(plan.allowed())
        if not (asks and count and sys.stdin.isatty()):
            return True
        click.echo(text(plan))
        return click.confirm(f"\ncarry out {count} actions in {project.env}?")

    return ask
