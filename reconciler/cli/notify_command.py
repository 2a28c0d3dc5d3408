"""``reconciler notify``: tell who has to be told, without doing anything else."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.notices import KIND, Post, Saw
from reconciler.cli.plan_command import look
from reconciler.cli.project import Project
from reconciler.engine import Exit, Journal, dumps
from reconciler.errors import UsageError
from reconciler.model import Ref
from reconciler.report.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.audit import Run
    from reconciler.notify import Message


@click.command("notify", help="Tell who has to be told, without doing anything else.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent; send nothing.")
@click.option("--test", metavar="CHANNEL", help="Send one test message there.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def notify_command(ctx: click.Context, /, **options: Any) -> None:
    """Plan, and tell what is new since somebody was told last."""
    project = Project.of(ctx)
    if options["test"]:
        ctx.exit(_test(project, options["test"]))
    if options["dry_run"]:
        _show(project, options["form"])
        return
    post = tell(project)
    if options["form"] == "json":
        sys.stdout.write(dumps({"format": _FORMAT, **post.data()}))
    else:
        for line in post.lines():
            click.echo(line)
        click.echo(count(len(post.told), "message"))
    ctx.exit(Exit.DONE if post.arrived else Exit.ERROR)


COMMAND = notify_command
_FORMAT = "reconciler.notices/v1"


def tell(project: Project) -> Post:
    """
    Plan, take the lock, tell, record, let go.

    Raises:
        UnsafeCommit: This commit may not act, so it may not speak either.
        Locked: Another run holds the lock.
    """
    from reconciler.cli.apply_command import refuse

    post = Post(project)
    saw = Saw(*look(project))
    scope = project.scope()
    post.prepare()
    run = project.run(scope.head)
    with Journal(project.journal(), run, project.clock) as journal:
        refuse(project, scope, journal.ledger.base)
        post.tell(journal, run, scope, saw)
        if post.writes:
            with closing(project.accounts(scope.wants())) as accounts:
                post.write(journal, run, scope, saw.world, accounts)
    return post


def _show(project: Project, form: str) -> None:
    post = Post(project)
    saw, scope = Saw(*look(project)), project.scope()
    run = project.run(scope.head)
    ledger = project.store.read()
    rows = post.planned(scope, saw, ledger, run)
    owed = post.owed(scope, saw, ledger)
    if form == "json":
        found = [{"channel": name, **one.data} for name, one in rows]
        sys.stdout.write(dumps({"format": _FORMAT, "notices": found, "letters": owed}))
        return
    for line in _lines(rows):
        click.echo(line)
    for one in owed:
        click.echo(f"to {one['customer']}: {one['resource']}  {one['letter']}")
    click.echo(f"{count(len(rows) + len(owed), 'message')} would be sent")


def _lines(rows: list[tuple[str, Message]]) -> Iterator[str]:
    for name, one in rows:
        yield f"to {name}: {one.subject}"
        yield from (f"  {line}".rstrip() for line in one.text.splitlines())


def _test(project: Project, name: str) -> Exit:
    """Send a message that is about nothing; it is not recorded."""
    ref = Ref(KIND, name)
    if ref not in project.inventory:
        raise UsageError(f"there is no {ref}", hint="`reconciler validate` reads all")
    post = Post(project)
    post.prepare()
    from reconciler.cli.channels import opened, pulse

    (want,) = (one for one in post.wants if one.name == name)
    if want.to_customers:
        raise UsageError(
            f"{ref} is for customers: there is nobody to send a test to",
            hint="`reconciler notify --dry-run` shows who would be written to",
        )
    run = project.run(project.git.head)
    if want.spec.type == "heartbeat":
        done = pulse(project, want).beat("a test", project.sleep)
    else:
        channel = opened(project, [want])[name]
        message = _message(post, name, run, project.clock())
        if channel.sender is None:
            click.echo(f"NOT SENT    {name}: {channel.why}")
            return Exit.ERROR
        done = channel.sender.send(message, project.clock())
    click.echo(f"{done.status:<11} {name}: {done.said}")
    return Exit.DONE if done.taken else Exit.ERROR


def _message(post: Post, name: str, run: Run, now: datetime) -> Message:
    from reconciler.model import Severity
    from reconciler.notify import Condition, Notice, fingerprint
    from reconciler.notify.message import message
    from reconciler.notify.notice import Subject

    subject = Subject(KIND, name, name)
    said = "this is a test: whoever reads it is reached"
    condition = Condition("test", Severity.INFO, subject, run.id, said)
    identity = fingerprint(run.env, subject, "test", run.id, 0)
    notice = Notice(identity, now, "test", condition)
    return message(name, [notice], post.context(run, now), post.words(name))
