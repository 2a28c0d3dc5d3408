"""Whether anything still runs: the age of the last complete run, and the schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from reconciler.audit.published import Heartbeat, heartbeat, published
from reconciler.cli.doctor.check import Check, mend, note, ok
from reconciler.cli.doctor.clock import now
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.kinds.notification_channel import NotificationChannel

ABOUT = "last run"
RUNBOOK = "docs/runbooks/scheduler-stopped.md"
_WORKFLOWS = ".github/workflows"
_LATE = (
    "GitHub starts schedules hours late, leaves some out, and switches them off after "
    "60 days without a commit: only somebody outside can tell that"
)


def last_run(project: Project, most: timedelta) -> Check:
    """Say how old the last complete run is."""
    if project.git.folder is None:
        return mend(ABOUT, "this is no repository", "reconciler init")
    try:
        found = heartbeat(published(project.journal()))
    except ReconcilerError as error:
        return mend(ABOUT, error.what, error.hint or "check the remote")
    return aged(found, now(project), most)


def aged(beat: Heartbeat | None, at: datetime, most: timedelta) -> Check:
    """Judge *beat* at a moment; a run that could not read everything is no pulse."""
    if beat is None or (beat.last_complete is None and beat.complete is False):
        said = "no complete run was ever seen"
        if beat is not None:
            said += f"; the last one ({beat.run}) ended with {beat.exit}"
        return mend(ABOUT, said, f"run `reconciler apply` on a schedule: {RUNBOOK}")
    complete = beat.last_complete or beat.at
    age = at - complete
    said = (
        f"the last complete run ended {_age(age)} ago ({complete:%Y-%m-%d %H:%M} UTC)"
    )
    if age > most:
        after = "" if beat.complete else f"; since then one ended with {beat.exit}"
        stopped = f"{said}{after}: more than {_age(most)}, the scheduler stopped"
        return mend(ABOUT, stopped, RUNBOOK)
    return ok(ABOUT, said)


def _age(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    if hours < 1:
        return f"{max(0.0, hours) * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} d"  # noqa: PLR2004


def checks(project: Project) -> Iterator[Check]:
    """Look at the workflows, and for somebody outside who hears a silence."""
    crons = list(_crons(project))
    if crons:
        yield note("schedule", f"{', '.join(sorted(set(crons)))}: {_LATE}")
    for cron in sorted(set(crons)):
        if cron.split()[:1] == ["0"]:
            yield mend(
                "schedule",
                f"{cron!r} is at the full hour, when GitHub drops most runs",
                "take another minute, as in 17 5 * * *",
            )
    found = project.inventory.of("NotificationChannel")
    channels = [cast("NotificationChannel", one) for one in found]
    if not any(one.spec.type == "heartbeat" for one in channels):
        yield mend(
            "heartbeat",
            "nobody outside notices when the scheduler stops",
            "declare a NotificationChannel of type heartbeat (docs/notices.md)",
        )
    if not any(one.spec.type != "heartbeat" and one.spec.events for one in channels):
        yield mend(
            "notices",
            "nobody is told when something needs a person",
            "declare a NotificationChannel of type smtp or webhook (docs/notices.md)",
        )


def _crons(project: Project) -> Iterator[str]:
    import yaml

    for path in sorted((project.root / _WORKFLOWS).glob("*.y*ml")):
        try:
            said: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue
        # YAML 1.1 reads the key `on` as true.
        events = said.get("on", said.get(True)) if isinstance(said, dict) else None
        rows = events.get("schedule") if isinstance(events, dict) else None
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and isinstance(row.get("cron"), str):
                yield " ".join(row["cron"].split())
