"""``reconciler github``: what the workflows say at GitHub, and what they ask it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.github.session import BOT, number, opened, run_url
from reconciler.errors import ReconcilerError, StalePlan, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cli.github.failures import Failure
    from reconciler.cli.github.issues import Desk
    from reconciler.notify.github import GitHub

_FILE = click.Path(path_type=Path, dir_okay=False)
_login = click.option(
    "--as", "login", default=BOT, help="Who the token belongs to.", show_default=True
)


@click.group("github", help="Comment, keep issues, fetch approvals: for workflows.")
def github_command() -> None:
    """Hold the commands for workflows; the token is in GITHUB_TOKEN."""


COMMAND = github_command


@github_command.command("comment", help="Post a finished plan as the one comment.")
@click.option("--run", required=True, help="The id of the run that made the plan.")
@click.option(
    "--workflow",
    default=".github/workflows/plan.yml",
    show_default=True,
    help="The workflow that makes plans.",
)
@click.option(
    "--artifact", default="review", show_default=True, help="Where it leaves them."
)
@click.option(
    "--code",
    multiple=True,
    default=[".github/"],
    envvar="RECONCILER_CODE",
    show_default=True,
    help="Path prefix of what makes plans; a plan of a change to it is not believed.",
)
@click.option("--sarif", is_flag=True, help="Hand its findings to code scanning too.")
@_login
@click.pass_context
def comment_(ctx: click.Context, /, **options: Any) -> None:
    """Find the pull request through the API, and treat its artifact as a stranger's."""
    from reconciler.cli.github.comment import comment_text, plan_of, post, upload
    from reconciler.cli.github.review import left_by, review_of

    env, run = _env(ctx), number(options["run"], "run")
    with opened(os.environ) as github:
        review = review_of(github, run, options["workflow"], options["code"])
        if review is None:
            click.echo("no open pull request has this commit as its last one")
            return
        files = left_by(github, run, options["artifact"])
        plan = plan_of(files, env)
        text = comment_text(review, plan, files, env)
        click.echo(post(github, review, text, env, options["login"]))
        if options["sarif"] and plan and not review.changes_code:
            click.echo(upload(github, review, plan))


@github_command.command("failures", help="One issue for each failure a run has left.")
@click.option("--result", type=_FILE, help="What `apply --out` wrote; may be missing.")
@click.option("--exit", "code", type=int, required=True, help="What apply exited with.")
@click.option("--log", type=_FILE, help="What apply printed.")
@click.option(
    "--approve-with",
    "start",
    default=".github/workflows/apply-approved.yml",
    help="The workflow that carries out what was approved.",
)
@_login
@click.pass_context
def failures_(ctx: click.Context, /, **options: Any) -> None:
    """Open what is new and close what has healed, of all that the run could see."""
    from reconciler.cli.github import failures

    result = _result(options["result"])
    log = options["log"]
    said = log.read_text("utf-8", "replace") if log and log.exists() else ""
    found = failures.of_run(result, options["code"], said)
    if waits := failures.waiting(result, _start(options["start"])):
        found.append(waits)
    _settle(ctx, options["login"], found, lambda key: failures.over(key, result))


@github_command.command("issue", help="Open or close the issue of one topic.")
@click.argument("topic")
@click.option("--title", help="Open it, with this title.")
@click.option("--text", type=_FILE, help="The file with what to say.")
@click.option("--close", is_flag=True, help="It is over.")
@_login
@click.pass_context
def issue_(ctx: click.Context, /, **options: Any) -> None:
    """Keep one issue for a topic, such as drift."""
    from reconciler.cli.github.failures import Failure

    if bool(options["title"]) == options["close"]:
        raise UsageError("say either --title (and --text) or --close")
    key = f"topic:{options['topic']}"
    text = options["text"]
    said = text.read_text("utf-8", "replace") if text and text.exists() else ""
    found = [Failure(key, options["title"], said)] if options["title"] else []
    _settle(ctx, options["login"], found, lambda other: other == key)


@github_command.command("held", help="Fetch what is held, if it has this digest.")
@click.option("--digest", required=True, help="What a person is about to approve.")
@click.option("--out", required=True, type=_FILE, help="The file to write.")
@click.pass_context
def held_(ctx: click.Context, digest: str, out: Path) -> None:
    """Write the published list of what is held, and show it; refuse another digest."""
    from reconciler.audit.published import HELD, published
    from reconciler.cli.github.clean import fenced
    from reconciler.cli.github.failures import waiting
    from reconciler.cli.project import Project
    from reconciler.engine import approved_digests
    from reconciler.model import digest_of
    from reconciler.report.saved import read

    raw = published(Project.of(ctx).store).get(HELD)
    if raw is None:
        raise StalePlan(
            "nothing is published as held", hint="`apply --publish` does that"
        )
    data = read(raw, HELD)
    try:
        listed = approved_digests(data)
    except ValueError as error:
        raise ReconcilerError(f"{HELD}: {error}", code="E205") from None
    if not listed or digest_of(listed.values()) != digest:
        raise StalePlan(
            f"what is held now does not hash to {digest!r}",
            hint="look at the last run's issue or summary for the digest of today",
        )
    out.write_bytes(raw)
    held = {"digest": digest, "actions": list(listed)}
    shown = waiting({"held": held, "left": data}, "")
    click.echo(fenced(shown.text if shown else ""))


@github_command.command("approvals", help="Who let this run into an environment.")
@click.option("--environment", required=True, help="The environment's name.")
@click.option("--run", help="The id of the run; GITHUB_RUN_ID where it is left out.")
def approvals_(environment: str, run: str | None) -> None:
    """Print one login a line."""
    from reconciler.notify.github import approvers

    found = number(run or os.environ.get("GITHUB_RUN_ID", ""), "run")
    with opened(os.environ) as github:
        for login, _ in approvers(github, found, environment):
            click.echo(login)


def _settle(
    ctx: click.Context,
    login: str,
    found: list[Failure],
    over: Callable[[str], bool],
) -> None:
    from reconciler.cli.github.issues import Desk, settle

    with opened(os.environ) as github:
        desk = _desk(github, _env(ctx), login, Desk)
        for line in settle(desk, found, over) or ["the issues say so already"]:
            click.echo(line)


def _desk(github: GitHub, env: str, login: str, kind: type[Desk]) -> Desk:
    return kind(github, env, login, run_url(os.environ))


def _env(ctx: click.Context) -> str:
    from reconciler.audit.layout import names

    env: str = ctx.find_root().obj["env"]
    names(env)  # raises where it can be no environment: it becomes part of a marker
    return env


def _result(file: Path | None) -> dict[str, Any] | None:
    if file is None or not file.exists():
        return None
    try:
        data = json.loads(file.read_text("utf-8"))
    except ValueError:
        data = None
    if not isinstance(data, dict) or data.get("format") != "reconciler.apply/v1":
        raise ReconcilerError(f"{file.name} is no result of apply", code="E205")
    return data


def _start(workflow: str) -> str:
    name = workflow.rpartition("/")[2]
    server, repository = (
        os.environ.get(one, "") for one in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY")
    )
    where = f"{server}/{repository}/actions/workflows/{name}" if server else name
    return f"to approve: run {where} with this digest"
