"""
What a WHM server backs up by its own schedule, in its wire format and on its disk.

After the vendor's reference (``backup_set_list_combined``, ``backup_config_get``,
``backup_config_set``; "Backup Tarball Contents") and its documentation of the folder
(``DATE/accounts/USER.tar.gz``). Kept: one configuration for the whole server, numbers
that come as numbers or texts, only root's tokens may ask, archives with ``cp/USER``,
``homedir/`` and ``mysql/``, the oldest of each night that is over its number is gone.
Played: nights alone (weekly and monthly ones are configured, and never made), at 02:00.
The archives are real files where the world says in which folder (``mount``).
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.whm_ssl import answered, failed, given

Serve = Callable[[Call, str], Answer]
_HOUR: Final = 2
_NUMBERS: Final = ("daily", "weekly", "monthly")


def config_of(backup: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a server that keeps so many."""
    kept: dict[str, Any] = {}
    for name in _NUMBERS:
        kept[f"backup_{name}_enable"] = int(backup[name] > 0)
        kept[f"backup_{name}_retention"] = backup[name] or 5
    return {
        **kept,
        "backup_monthly_dates": "1",
        "backup_weekly_day": "0",
        "backupaccts": 1,
        "backupdays": "0,1,2,3,4,5,6",
        "backupdir": "/backup",
        "backupenable": int(any(backup[name] for name in _NUMBERS)),
        "backupsuspendedaccts": 0,
        "backuptype": backup["type"],
        "keeplocal": 1,
        "min_free_space": "5",
        "min_free_space_unit": "percent",
        "mysqlbackup": "accounts",
    }


def _passed(call: Call) -> dict[str, Any]:
    """Make the backups of the nights that have passed; return the server's state."""
    state, now = call.bench.state, call.bench.clock()
    config, kept = state["backup_config"], state["backups"]
    night = _night(datetime.fromtimestamp(kept["night"], UTC))
    runs = all(
        int(config[name])
        for name in ("backupenable", "backup_daily_enable", "backupaccts")
    )
    while night <= now:
        for user, row in state["accounts"].items() if runs else ():
            dates = kept["dates"].setdefault(user, [])
            dates.append(f"{night:%Y-%m-%d}")
            _write(kept["mount"], dates[-1], user, row, night)
            for gone in dates[: -int(config["backup_daily_retention"])]:
                dates.remove(gone)
                _remove(kept["mount"], gone, user)
        kept["night"] = night.timestamp()
        night = _night(night)
    return state


def _night(after: datetime) -> datetime:
    at = after.replace(hour=_HOUR, minute=0, second=0, microsecond=0)
    return at if at > after else at + timedelta(days=1)


def _list(call: Call, user: str) -> Answer:
    del user
    dates = _passed(call)["backups"]["dates"]
    found = {
        name: [{"when": f"{one}T00:00:00.000Z", "where": "local"} for one in mine]
        for name, mine in dates.items()
        if mine
    }
    if call.faulty == "empty":
        found = {}
    legend = {"local": {"name": "local", "type": "Local"}}
    return answered({"backup_set": found, "destination_legend": legend})


def _get(call: Call, user: str) -> Answer:
    del user
    return answered({"backup_config": dict(_passed(call)["backup_config"])})


def _set(call: Call, user: str) -> Answer:
    del user
    state, asked = _passed(call), given(call)
    for name, value in asked.items():
        if name == "api.version":
            continue
        if name not in state["backup_config"] or not value.isdigit():
            return failed(f"Invalid value for the parameter “{name}”.")
    for name, value in asked.items():
        if name in state["backup_config"]:
            state["backup_config"][name] = int(value)
    call.bench.effect("backup-config", state["hostname"], **asked)
    return answered()


TABLE: Final[Mapping[str, Serve]] = {
    "backup_set_list_combined": _list,
    "backup_config_get": _get,
    "backup_config_set": _set,
}


# -- archives -------------------------------------------------------------------------


def _path(mount: str, date: str, user: str) -> Path:
    return Path(mount) / date / "accounts" / f"{user}.tar.gz"


def _write(
    mount: str | None, date: str, user: str, row: Mapping[str, Any], at: datetime
) -> None:
    if mount is None:
        return
    path = _path(mount, date, user)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive(user, row, at))


def _remove(mount: str | None, date: str, user: str) -> None:
    if mount is not None:
        path = _path(mount, date, user)
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            shutil.rmtree(path.parent.parent)


def archive(
    user: str,
    row: Mapping[str, Any],
    at: datetime,
    top: str = "",
    *,
    packs: bool = True,
) -> bytes:
    """Return the archive of one account, all of it in the folder *top*."""
    files = {"version": "pkgacct version: 10\n", f"cp/{user}": f"DNS={row['domain']}\n"}
    files |= {f"homedir/{path}": text for path, text in row["files"].items()}
    files |= {f"mysql/{name}.sql": text for name, text in row["databases"].items()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, text in sorted(files.items()):
            info = tarfile.TarInfo(f"{top or user}/{name}")
            info.size, info.mtime = len(text.encode()), int(at.timestamp())
            made.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), mtime=0) if packs else out.getvalue()
