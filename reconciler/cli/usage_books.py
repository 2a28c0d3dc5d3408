"""Where a project keeps what is used and what is foreseen."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.audit import GitStore
from reconciler.audit.layout import kept, observed
from reconciler.audit.outlooks import Book
from reconciler.audit.published import HEARTBEAT, heartbeat
from reconciler.audit.shelf import Shelf
from reconciler.audit.usage_spool import Spool
from reconciler.audit.usage_store import UsageStore
from reconciler.errors import ReconcilerError
from reconciler.model.scaling_occasions import pace
from reconciler.model.usage import DAY, OUTLOOK, USAGE

if TYPE_CHECKING:
    from reconciler.audit.shelf import Files
    from reconciler.cli.project import Project
    from reconciler.model import Ref, State


def book(project: Project) -> Book:
    """Return what is foreseen and checked, for drivers; nothing is read before."""

    def health(ref: Ref) -> State | None:
        return project.health.health(ref)

    return Book(lambda: there(project, OUTLOOK), health, lambda: paced(project))


def paced(project: Project) -> timedelta:
    """
    Return after how long the next ``apply`` is to be expected, by those that were.

    Only the scheduled ones over the whole environment count. Where nobody can read
    when they were, it is a day.
    """
    branch = Shelf(project.store, observed(project.env))
    try:
        files = branch.files().read([HEARTBEAT])
    except ReconcilerError:
        return DAY
    beat = heartbeat(files)
    return pace(beat.runs, project.clock()) if beat else DAY


def there(project: Project, what: str) -> Files:
    """
    Return what is kept: on the remote, or here where the remote has nothing.

    Raises:
        ReconcilerError: It cannot be read, or this is no git repository.
    """
    found = shelf(project, what).files()
    if found.names or project.git.remote is None:
        return found
    return shelf(project, what, local=True).files()


def shelf(project: Project, what: str, *, local: bool = False) -> Shelf:
    """Return the branch with *what*: the remote's, or this repository's own."""
    store = project.store
    if local and store.remote is not None:
        store = GitStore(
            project.root,
            project.env,
            None,
            (store.author.name, store.author.email),
            environ=project.environ,
            sleep=time.sleep,
            git=store.git,
        )
    return Shelf(store, kept(what, project.env))


def usage_store(project: Project, *, local: bool = False) -> UsageStore:
    """Return where readings go; those that could not go anywhere wait in ``.git``."""
    spool = Spool(project.folder / f"usage-{project.env}")
    return UsageStore(shelf(project, USAGE, local=local), spool)
