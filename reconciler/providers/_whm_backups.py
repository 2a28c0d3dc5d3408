"""
What a WHM server keeps of its accounts by its own schedule, and where.

Sources: api.docs.cpanel.net (``backup_set_list_combined``: user -> ``when``, a date,
and ``where``; ``backup_config_get``, ``backup_config_set``), and the documentation of
the backup folder: ``DATE/accounts/USER.tar.gz`` (``.tar`` uncompressed, a folder where
it is incremental), with ``weekly/`` and ``monthly/`` above. What follows:

* A date is all that is told. A backup counts as made at the beginning of its day, so
  that it is never thought younger than it is.
* No function of the API gives an archive away. It is read where the server's backup
  folder is mounted here; where it is not, a drill tells nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from reconciler.errors import Rejected, Transient
from reconciler.providers._answers import mapping
from reconciler.providers._panel_restorer import roomy_for
from reconciler.providers._whm import Whm

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,31}")
#: Below the backup folder: by day, by week, by month.
_ABOVE: Final = ("", "weekly", "monthly")
_KINDS: Final = (".tar.gz", ".tar")


def listed(whm: Whm) -> dict[str, list[datetime]]:
    """Return by user the days of which something is kept, the oldest first."""
    sets = mapping(whm.read("backup_set_list_combined").get("backup_set"))
    return {str(user).lower(): _days(rows) for user, rows in sets.items()}


def _days(rows: Any) -> list[datetime]:
    found = set()
    for row in rows if isinstance(rows, list) else ():
        text = _DATE.match(str(mapping(row).get("when") or ""))
        if text is None:
            raise Transient("backup_set_list_combined: a date cannot be read")
        found.add(datetime.fromisoformat(text[0]).replace(tzinfo=UTC))
    return sorted(found)


def users(whm: Whm) -> dict[str, str]:
    """Return domain -> user of every account."""
    rows = whm.read("listaccts", want="user,domain").get("acct")
    return {
        str(mapping(row).get("domain") or "").lower(): str(mapping(row).get("user"))
        for row in (rows if isinstance(rows, list) else ())
    }


def user(name: str) -> str:
    """Return *name*, which becomes a part of paths; raise Rejected where it cannot."""
    if not _USER.fullmatch(name):
        raise Rejected(f"{name[:32]!r} is no name of a user")
    return name


def settings(whm: Whm) -> Mapping[str, Any]:
    """Return the configuration of the whole server."""
    return mapping(whm.read("backup_config_get").get("backup_config"))


def snapshot(user: str, day: datetime) -> str:
    """Return what a backup is called here."""
    return f"{user}.{day:%Y-%m-%d}"


def mounted(folder: str, name: str) -> list[datetime]:
    """Return the days of which *folder* has an archive of a user, without asking."""
    found = set()
    for above in _ABOVE:
        place = Path(folder, above)
        try:
            days = [one.name for one in place.iterdir() if _DATE.fullmatch(one.name)]
        except OSError:
            continue
        for day in days:
            kept = (place / day / "accounts" / f"{user(name)}{kind}" for kind in _KINDS)
            if any(path.is_file() for path in kept):
                found.add(datetime.fromisoformat(day).replace(tzinfo=UTC))
    return sorted(found)


def copied(folder: str | None, name: str, into: Path) -> None:
    """
    Put the archive of the snapshot *name* into a file.

    Raises:
        Rejected: The folder has that day, and not this archive.
        Transient: The folder is not in reach: that says nothing of any backup.
    """
    if folder is None:
        raise Transient(
            "its archives are not in reach from here",
            hint="path: the folder where the server's backup folder is mounted",
        )
    whose, _, day = name.rpartition(".")
    whose = user(whose)
    if not _DATE.fullmatch(day):
        raise Rejected(f"{name} is no day of a user")
    places = [Path(folder, above, day) for above in _ABOVE]
    there = [one for one in places if one.is_dir()]
    if not there:
        raise Transient(f"{folder} has nothing of {day}: is it mounted?")
    for place in there:
        for kind in _KINDS:
            path = place / "accounts" / f"{whose}{kind}"
            if path.is_file():
                copied_to(path, into)
                return
        if (place / "accounts" / whose).is_dir():
            raise Transient(
                f"{name} is kept as a folder, which is not read from here",
                hint="WHM, Backup Configuration: Backup Type: Compressed",
            )
    raise Rejected(f"{name} is listed, and is not there")


def copied_to(path: Path, into: Path) -> None:
    """Copy an archive from where it is mounted, if there is room for it."""
    try:
        roomy_for(into.parent, path.stat().st_size)
        shutil.copyfile(path, into)
    except OSError as error:
        raise Transient(f"{path}: {error.strerror}") from None
