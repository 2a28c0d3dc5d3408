"""``reconciler plan``: look, compare, judge, show; change nothing."""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click
from click.core import ParameterSource

from reconciler.audit import Base
from reconciler.cli.hygiene import advised
from reconciler.cli.progress import reading
from reconciler.cli.project import Project
from reconciler.cli.show_plan import View, shown
from reconciler.cli.show_watched import watched
from reconciler.cli.terminal import columns
from reconciler.engine import (
    based,
    document,
    dumps,
    exits,
    observe,
    plan,
    resolve,
    situation,
)
from reconciler.errors import UnsafePlan, UsageError
from reconciler.model import Plan

if TYPE_CHECKING:
    from reconciler.audit import Ledger
    from reconciler.cli.show_watched import Watch
    from reconciler.engine import Based, Scope, World
    from reconciler.report.plan_document import PlanDocument

FORMATS = ("text", "json", "markdown", "html", "sarif", "github")


@click.command("plan", help="Show what would be done, and what is coming due.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text")
@click.option("--view", type=click.Choice(["summary", "changes", "full"]))
@click.option("--out", type=click.Path(path_type=Path), help="Write JSON to a file.")
@click.option("--detailed-exitcode", is_flag=True, help="2 where there are changes.")
@click.option("--as-of", metavar="TIME", help="Plan as if it were then.")
@click.option("--horizon", default="30d", help="How far to look for what is due.")
@click.option("--base", metavar="REV", help="Compare with this commit as the base.")
@click.option(
    "--observed",
    type=click.Path(path_type=Path, exists=True),
    help="Plan against a snapshot instead of the accounts.",
)
@click.option(
    "--render",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Show a plan that --out wrote; reads nothing else.",
)
@click.option(
    "--artifact-url",
    metavar="URL",
    help="Where the whole plan will be; named where a form leaves something out.",
)
@click.pass_context
def plan_command(ctx: click.Context, /, **options: Any) -> None:
    """Plan, and print the plan."""
    project = Project.of(ctx)
    if options["render"]:
        _say(ctx, project, _saved(ctx, options["render"]), options)
        return
    as_of = parsed_time(options["as_of"]) if options["as_of"] else None
    planned, watch = made(
        project,
        as_of=as_of,
        horizon=parsed_days(options["horizon"]),
        base=options["base"],
        observed=options["observed"],
    )
    data = cast("PlanDocument", document(planned))
    if options["out"]:
        options["out"].write_text(dumps(data), encoding="utf-8")
    _say(ctx, project, data, options, watch)
    codes = exits.of_plan(planned, detailed=options["detailed_exitcode"])
    codes |= exits.of_findings(planned)
    ctx.exit(exits.first(codes))


def _saved(ctx: click.Context, path: Path) -> PlanDocument:
    """Return the plan in *path*; what would make another one is refused."""
    making = ("as_of", "horizon", "base", "observed", "out", "detailed_exitcode")
    for name in making:
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = name.replace("_", "-")
            raise UsageError(
                f"--{option} makes a plan, --render shows one that was made",
                hint="give one of the two",
            )
    from reconciler.report.saved import read

    return read(path.read_bytes(), path.name)


def _say(
    ctx: click.Context,
    project: Project,
    data: PlanDocument,
    options: Mapping[str, Any],
    watch: Watch | None = None,
) -> None:
    form = options["form"]
    if form == "json":
        sys.stdout.write(dumps(data))
    elif form == "text":
        view: View = options["view"] or ("full" if project.verbose else "changes")
        click.echo(shown(data, view, columns(), watch=watch), color=ctx.color)
    else:
        from reconciler.cli.render import rendered

        sys.stdout.write(rendered(data, form, options["artifact_url"] or ""))


COMMAND = plan_command


def make(
    project: Project,
    *,
    as_of: datetime | None = None,
    horizon: timedelta = timedelta(days=30),
    base: str | None = None,
    observed: Path | None = None,
) -> Plan:
    """Return the plan of *project* now, or as of another time."""
    return made(project, as_of=as_of, horizon=horizon, base=base, observed=observed)[0]


def made(
    project: Project,
    *,
    as_of: datetime | None = None,
    horizon: timedelta = timedelta(days=30),
    base: str | None = None,
    observed: Path | None = None,
) -> tuple[Plan, Watch | None]:
    """Return the plan as ``make`` does, and the look where nothing is managed yet."""
    scope, ledger, was, now = survey(project, as_of, base)
    if observed is not None:
        from reconciler.cli.offline import plan_observed

        seen = plan_observed(
            project, scope, ledger, was, observed, now=now, horizon=horizon
        )
        return advised(seen), None
    live = _live(project, scope, ledger, was, now=now, horizon=horizon)
    return live.plan, live.watch


def look(project: Project) -> tuple[Plan, World]:
    """Return the plan of *project* now, and what its accounts say."""
    scope, ledger = project.scope(), project.store.read()
    was = based(scope.desired, ledger.base, scope.load, scope.kinds)
    refuse_loss(was, scope)
    days = timedelta(days=30)
    live = _live(project, scope, ledger, was, now=project.clock(), horizon=days)
    return live.plan, live.world


class _Live(NamedTuple):
    """A plan, what it is made from, and the look if nothing is managed yet."""

    plan: Plan
    world: World
    watch: Watch | None


def _live(
    project: Project,
    scope: Scope,
    ledger: Ledger,
    was: Based,
    *,
    now: datetime,
    horizon: timedelta,
) -> _Live:
    wants = scope.wants()
    began = time.monotonic()
    with closing(project.accounts(wants)) as accounts:
        with reading(project, accounts):
            world = observe(wants, accounts, known=was.resources)
        project.cache.close()
        opened = scope.opened(ledger)
        found = resolve(opened, scope.by_uid(), world, accounts, now=now)
    built = situation(scope, ledger, was, found, now=now)
    planned = advised(plan(built, world, accounts, now=now, horizon=horizon))
    watch = None
    if not project.partial:
        took = time.monotonic() - began
        watch = watched(accounts, project.accounts_declared, took)
    return _Live(planned, world, watch)


class Survey(NamedTuple):
    """What a plan is made from, before any account is asked."""

    scope: Scope
    ledger: Ledger
    was: Based
    now: datetime


def survey(
    project: Project, as_of: datetime | None = None, base: str | None = None
) -> Survey:
    """
    Return what is wanted and what was applied last.

    Raises:
        UnsafePlan: The inventory lost too much since.
    """
    commit = _commit(project, base) if base else None
    project.trusted = commit
    scope = project.scope()
    ledger = project.store.read()
    compared = Base(commit=commit) if commit else ledger.base
    was = based(scope.desired, compared, scope.load, scope.kinds)
    refuse_loss(was, scope)
    return Survey(scope, ledger, was, as_of or project.clock())


_kind = itemgetter(0)


def refuse_loss(was: Based, scope: Scope) -> None:
    """
    Refuse an inventory that is empty or lost too much at once.

    Raises:
        UnsafePlan: It did; nothing was planned.
    """
    if scope.desired.addresses() and not was.orphans:
        return  # nothing was lost, and the judge is slow to import
    from reconciler.policy import lost_too_much

    before = Counter(map(_kind, was.resources))
    before.update(gone.kind for gone in was.orphans)
    after = Counter(map(_kind, scope.desired.refs()))
    why = lost_too_much(before, {k: after.get(k, 0) for k in before} or after)
    if why:
        raise UnsafePlan(why, hint="if that is meant, remove it in smaller steps")


_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?")
_DAYS = re.compile(r"(\d{1,4})([dw])")


def parsed_time(given: str) -> datetime:
    """Return ``2026-11-22`` or an ISO 8601 time, in UTC; raises UsageError."""
    try:
        if not _TIME.fullmatch(given):
            raise ValueError
        found = datetime.fromisoformat(given)
    except ValueError:
        raise UsageError(
            f"{given!r} is no time", hint="write 2026-11-22 or 2026-11-22T06:00:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def parsed_days(given: str) -> timedelta:
    """Return ``60d`` or ``8w`` as a duration; raises UsageError."""
    found = _DAYS.fullmatch(given)
    if not found:
        raise UsageError(f"{given!r} is no horizon", hint="write days, as in 60d")
    return timedelta(days=int(found[1]) * (7 if found[2] == "w" else 1))


def _commit(project: Project, rev: str) -> str:
    found = project.git.ask("rev-parse", "--verify", f"{rev}^{{commit}}")
    if found is None:
        raise UsageError(f"{rev!r} is no commit here")
    return found
