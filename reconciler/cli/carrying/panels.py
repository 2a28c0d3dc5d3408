"""
The backup schedule of a panel as documents: what it keeps, and of whom.

A panel has no file: it is asked. WHM tells how many it keeps of each day, week and
month, and on which days; not at what hour. Plesk tells how many it keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from reconciler.cli.accounts import keeping
from reconciler.cli.carrying.bring import NOWHERE, written
from reconciler.cli.carrying.carried import (
    BACKUP,
    POLICY,
    REPOSITORY,
    Asked,
    Load,
    variable,
)
from reconciler.cli.importing import Imported
from reconciler.errors import ReconcilerError, UsageError
from reconciler.inventory.backups import longest
from reconciler.inventory.draft import Document
from reconciler.kinds.backup_repository import BackupRepository, VaultState
from reconciler.kinds.backup_repository.panel import KINDS, PREFIX
from reconciler.model import Ref, Unknown
from reconciler.model.backing import Schedule
from reconciler.model.calendar import duration_text
from reconciler.model.cron import Cron
from reconciler.model.location import Location

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.kinds.backup import Backup
    from reconciler.kinds.hosting_account import HostingAccount
    from reconciler.kinds.provider import Provider

PANELS: Final = ("plesk", "whm")
_MOST: Final = 1000
#: WHM names days alone: a backup counts from the beginning of its day.
_BLUR: Final = {"whm": timedelta(days=1), "plesk": timedelta(0)}
_LAPSE: Final = timedelta(hours=2)
_HOUR: Final = 2
_NIGHTLY: Final = "0,1,2,3,4,5,6"
#: Kind of backup, what tells its days, which these are where nothing does, and the
#: cron of them. What is due most often says how old the newest may be.
_DAYS: Final = (
    ("daily", "days", "*", "0 {hour} * * {days}"),
    ("weekly", "weekday", "0", "0 {hour} * * {days}"),
    ("monthly", "dates", "1", "0 {hour} {days} * *"),
)


def carry_panel(project: Project, program: str, given: str, folder: str) -> Imported:
    """
    Return the files that say what the panel *given* (Provider/NAME) keeps.

    Raises:
        UsageError: There is no such panel.
        ReconcilerError: It cannot be asked, or keeps nothing.
    """
    name = given.removeprefix("Provider/")
    provider = project.accounts_declared.get(name)
    if provider is None or provider.spec.type != program:
        known = [
            str(one.ref)
            for one in project.accounts_declared.values()
            if one.spec.type == program
        ]
        hint = ", ".join(known) or f"no account of type {program} is declared"
        raise UsageError(f"there is no {program} server Provider/{name}", hint=hint)
    live = _live(project, provider)
    crons = _crons(provider, live)
    told = ((kind, live.get(f"{PREFIX}{kind}")) for kind in crons)
    kept = {kind: many for kind, many in told if isinstance(many, int) and many > 0}
    if not kept:
        raise ReconcilerError(
            f"{provider.ref} backs up nothing by its own schedule",
            hint="switch it on there, or declare panel: {daily: 7} and apply",
            code=NOWHERE,
        )
    load = Load(Asked(program, name, project.root))
    cron = min((crons[kind] for kind in kept), key=_gap)
    documents = _documents(project, provider, kept, cron, load)
    return written(project, load, documents, folder)


def _crons(provider: Provider, live: Mapping[str, Any]) -> dict[str, Cron]:
    """
    Return when each kind of backup is made; none of what has no day.

    Raises:
        ReconcilerError: The days are none.
    """
    made: dict[str, Cron] = {}
    for kind, name, usual, form in _DAYS:
        days = str(live.get(name, usual))
        if not live.get(f"{PREFIX}{kind}") or not days:
            continue
        days = "*" if days == _NIGHTLY else days
        try:
            made[kind] = Cron.of(form.format(hour=_HOUR, days=days))
        except ValueError:
            raise ReconcilerError(
                f"{provider.ref}: the days of its {kind} backups cannot be read",
                hint="choose them in its backup settings",
                code=NOWHERE,
            ) from None
    return made


def _gap(cron: Cron) -> timedelta:
    """Return the longest time between two backups."""
    return longest(Schedule(cron=cron))


def _live(project: Project, provider: Provider) -> dict[str, Any]:
    """Return what the panel's schedule is; raise ReconcilerError where nobody knows."""
    probe = BackupRepository.model_validate(
        {
            "metadata": {"name": "panel.invalid"},
            "spec": {
                "engine": provider.spec.type,
                "url": provider.spec.endpoint or "https://panel.invalid",
                "provider": provider.name,
                "panel": dict.fromkeys(KINDS, 1),
            },
        }
    )
    share = cast("Any", probe.vault)
    with closing(keeping(project, share)) as accounts:
        driver = accounts.drivers.get(share)
        state = driver.observe([probe]).states[probe.name] if driver else None
    if isinstance(state, VaultState):
        return dict(state.settings)
    why = (
        state.why if isinstance(state, Unknown) else accounts.failed.get(provider.name)
    )
    raise ReconcilerError(f"{provider.ref} cannot be asked: {why}", code=NOWHERE)


def _documents(
    project: Project,
    provider: Provider,
    kept: dict[str, int],
    cron: Cron,
    load: Load,
) -> dict[Ref, Document]:
    name, program = provider.name, provider.spec.type
    place, policy = _place(project, provider), Ref(POLICY, f"{name}-by-the-panel")
    made: dict[Ref, Document] = {}
    if place not in project.inventory:
        key = provider.spec.credentials.get("key")
        write = key.model_dump(exclude_none=True, by_alias=True) if key else None
        if write is None:
            write = variable(name, "backup")
            why = f"put root:TOKEN into {write['env']}: no other user sees backups"
            load.leave(place, Location(f"Provider/{name}", 1, 1), "its token", why)
        spec: dict[str, Any] = {
            "engine": program,
            "url": provider.spec.endpoint,
            "provider": name,
            "credentials": {"write": write},
        }
        # What is kept without an end is nobody's promise.
        if least := {kind: many for kind, many in kept.items() if many <= _MOST}:
            spec["panel"] = least
        made[place] = Document(place, name, spec)
    rpo = _gap(cron) + _LAPSE + _BLUR[program]
    notes = (
        "The panel does not say at what hour it is due: 02:00 is assumed.",
        "It promises nothing: rpo follows from the days, rto is a guess. Write expect.",
    )
    body: dict[str, Any] = {
        "objectives": {"rpo": duration_text(rpo), "rto": "4h"},
        "schedule": {"cron": cron.text, "by": "panel"},
        "sources": {"account": {"type": "panel"}},
        "copies": [place.name],
    }
    made[policy] = Document(policy, name, body, notes)
    for account in _accounts(project, name):
        ref = Ref(BACKUP, account)
        row = {"of": f"HostingAccount/{account}", "policy": policy.name}
        made[ref] = Document(ref, name, row)
    return made


def _place(project: Project, provider: Provider) -> Ref:
    """Return the repository that the panel is, declared or not."""
    for one in project.inventory.of(REPOSITORY):
        spec = cast("BackupRepository", one).spec
        if spec.engine == provider.spec.type and spec.url == provider.spec.endpoint:
            return one.ref
    return Ref(REPOSITORY, f"{provider.name}-backups")


def _accounts(project: Project, provider: str) -> list[str]:
    """Return the accounts of the server that nothing backs up yet."""
    backed = {cast("Backup", one).spec.of for one in project.inventory.of(BACKUP)}
    hosted = (cast("HostingAccount", o) for o in project.inventory.of("HostingAccount"))
    mine = (one for one in hosted if one.spec.provider == provider)
    return sorted(one.name for one in mine if str(one.ref) not in backed)
