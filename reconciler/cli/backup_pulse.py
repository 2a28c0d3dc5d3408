"""The heartbeats of backups: whoever listens outside notices when one is missed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, cast

from reconciler.cli import secrets
from reconciler.errors import ReconcilerError
from reconciler.report.words import count

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.engine import Result
    from reconciler.kinds.backup import Backup
    from reconciler.model import SecretRef

_KIND: Final = "Backup"
#: While one of these is so, an address hears nothing: that is the alarm.
_MISSED: Final = frozenset({"never-backed-up", "repository-gone", "rpo-missed"})
#: So many addresses are called at once.
_AT_ONCE: Final = 8


def beat(project: Project, result: Result) -> None:
    """
    Call the addresses of what was backed up in this run; none of them stops anything.

    An address that several backups have is called where *all* of them are as fresh as
    was promised: one that is missed must not be covered by the others. What a timer or
    a panel makes is no action of ours: its address is called by every run.
    """
    calls = dict(_due(project, result))
    if not calls:
        return
    with ThreadPoolExecutor(min(_AT_ONCE, len(calls))) as pool:
        for said in pool.map(lambda one: _call(project, result, *one), calls.items()):
            if said:
                project.say(f"warning: {said}")


def _due(project: Project, result: Result) -> Iterator[tuple[SecretRef, list[str]]]:
    """Yield each address that is to be called, and for which backups."""
    groups: dict[SecretRef, list[Backup]] = {}
    for one in project.inventory.of(_KIND):
        want = cast("Backup", one)
        backing = want.makings.backing
        if backing is not None and backing.heartbeat is not None:
            groups.setdefault(backing.heartbeat, []).append(want)
    if not groups:
        return
    missed = {
        finding.name
        for finding in result.left.findings
        if finding.kind == _KIND and finding.code in _MISSED
    }
    made = {
        done.outcome.name
        for done in result.done
        if (done.outcome.kind, done.outcome.verb) == (_KIND, "back-up")
        and done.status == "applied"
    }
    seen = project.scope().selected
    for ref, wants in groups.items():
        names = [want.name for want in wants]
        whole = all(seen(want.ref) for want in wants)
        if whole and not missed.intersection(names) and _news(wants, made):
            yield ref, names


def _news(wants: list[Backup], made: set[str]) -> bool:
    return any(
        want.name in made
        or (want.makings.backing and want.makings.backing.schedule.by != "reconciler")
        for want in wants
    )


def _call(
    project: Project, result: Result, ref: SecretRef, names: list[str]
) -> str | None:
    """Call one address; return what went wrong."""
    from reconciler.cli.channels import line
    from reconciler.notify import Pulse

    whose = f"{_KIND}/{names[0]}" + (f" and {len(names) - 1} more" * (len(names) > 1))
    try:
        url = secrets.resolve(ref, project.environ, project.root)
        project.secrets.add(url)
        body = f"run {result.run}, {count(len(names), 'backup')}"
        done = Pulse(url, line(project)).beat(body, project.sleep)
    except (ReconcilerError, ValueError) as error:
        why = error.what if isinstance(error, ReconcilerError) else str(error)
        return f"the heartbeat of {whose}: {why}"
    return None if done.arrived else f"the heartbeat of {whose}: {done.said}"
