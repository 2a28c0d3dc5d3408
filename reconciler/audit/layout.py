"""Where everything is kept: the refs, and the paths on the audit branch."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from reconciler.audit.books import (
    Approvals,
    Base,
    Document,
    Glass,
    Head,
    Month,
    OpenIntent,
    Record,
)
from reconciler.audit.series import Series
from reconciler.errors import AuditError
from reconciler.model import sha256

LOG = "log/"
OPEN = "open/"
RECORDS = "records/"
SPEND = "spend/"
SERIES = "series/"
BASE = "base.json"
APPROVALS = "approvals.json"
GLASS = "break-glass.json"
HEAD = "head.json"
FOLDERS = (OPEN, RECORDS, SPEND, SERIES)
#: Every derived document that is no folder, and what it holds.
SINGLE: dict[str, type[Document]] = {
    BASE: Base,
    APPROVALS: Approvals,
    GLASS: Glass,
    HEAD: Head,
}
_MODELS: dict[str, type[Document]] = {
    OPEN: OpenIntent,
    RECORDS: Record,
    SPEND: Month,
    SERIES: Series,
}
_ENV = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
#: Longer names are shortened, so that a checkout works on every file system.
_LONGEST = 200


class Names(NamedTuple):
    """The refs of one environment; ``under`` is where a remote's are tracked."""

    audit: str
    lock: str
    applied: str

    def under(self, prefix: str) -> Names:
        """Return the local refs that follow a remote's."""
        return Names(f"{prefix}/audit", f"{prefix}/lock", f"{prefix}/applied")


def names(env: str) -> Names:
    """
    Return the refs of *env*.

    Raises:
        AuditError: *env* cannot be part of a ref.
    """
    checked = _env(env)
    return Names(
        f"refs/heads/reconciler/audit/{checked}",
        f"refs/reconciler/{checked}/lock",
        f"refs/reconciler/{checked}/applied",
    )


def observed(env: str) -> str:
    """
    Return the branch of *env* that is replaced by each run, and proves nothing.

    Raises:
        AuditError: *env* cannot be part of a ref.
    """
    return f"refs/heads/reconciler/observed/{_env(env)}"


def kept(what: str, env: str) -> str:
    """
    Return the branch of *env* with one kind of books that are no journal.

    *what* is ``usage`` (what was measured), ``outlook`` (what is foreseen), ``health``
    (what checks have found).

    Raises:
        AuditError: *env* cannot be part of a ref.
    """
    return f"refs/heads/reconciler/{what}/{_env(env)}"


def _env(env: str) -> str:
    if not _ENV.fullmatch(env):
        raise AuditError(
            f"{env!r} cannot name an environment",
            hint="use lower-case letters, digits and dashes",
        )
    return env


def log_folder(run: str, started: datetime) -> str:
    """Return the folder of one run, by the day (of its own zone) it started."""
    if not _RUN.fullmatch(run):
        raise AuditError(f"{run!r} cannot name a run")
    return f"{LOG}{started:%Y/%m/%d}/{run}/"


def open_path(intent: str) -> str:
    """Return where an open intent is kept."""
    return f"{OPEN}{safe(intent)}.json"


def record_path(kind: str, uid: str) -> str:
    """Return where a resource's record is kept."""
    return f"{RECORDS}{safe(kind)}/{safe(uid)}.json"


def spend_path(month: str) -> str:
    """Return where the spend of one month (``2026-11``) is kept."""
    return f"{SPEND}{month}.json"


def series_path(name: str) -> str:
    """Return where a series of numbers is kept."""
    return f"{SERIES}{safe(name)}.json"


def model_of(path: str) -> type[Document]:
    """Return what the derived document at *path* holds."""
    folder = path.partition("/")[0] + "/"
    return SINGLE.get(path) or _MODELS[folder]


def safe(name: str) -> str:
    """Return *name* as one path component that every file system takes."""
    text = quote(name, safe="@+,=")
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}~{sha256(name)[:16]}"
