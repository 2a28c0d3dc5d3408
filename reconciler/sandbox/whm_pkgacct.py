"""
What a WHM server packs when it is asked to: sessions, and ``cpmove`` archives.

After the vendor's reference (``start_background_pkgacct``,
``get_pkgacct_session_state``), "The pkgacct Script", and what it prints (``pkgacct
working dir``, with ``cpmove-USER`` in the ``tarroot``). Kept: the answer is a session,
whose state is ``RUNNING``, ``COMPLETED`` or ``FAILED``; ``tarroot`` is the directory of
the archive and of the folder that is worked in; what is there of the same name is
written over; all rights are needed. Played: how long it takes (``takes``), a task that
fails (``spoils``), a ``tarroot`` that is not there, which fails.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.whm_backups import archive
from reconciler.sandbox.whm_ssl import answered, failed, given

Serve = Callable[[Call, str], Answer]
_HOME: Final = "/home"


def _start(call: Call, user: str) -> Answer:
    del user
    asked, state = given(call), call.bench.state
    name = asked.get("user", "")
    row = state["accounts"].get(name)
    if row is None:
        return failed(f"The user “{name}” does not exist.")
    ended(state, call.bench.clock())
    now = call.bench.clock()
    number = len(state["packed"]) + 1
    session = {
        "id": f"{name}{now:%Y%m%d%H%M%S}{number:016d}",
        "user": name,
        "at": now.timestamp(),
        "ends": now.timestamp() + row["takes"],
        "folder": asked.get("tarroot") or f"{_HOME}/{name}",
        "packs": asked.get("compressionsetting") == "compress",
        "state": "RUNNING",
    }
    state["packed"].append(session)
    there = _here(state, session["folder"])
    if there is not None and there.is_dir():
        (there / f"cpmove-{name}").mkdir(exist_ok=True)
    call.bench.effect("back-up", row["domain"], tarroot=session["folder"])
    ended(state, now)
    logs = {"complete_master_log": "master.log"}
    logs["complete_master_error_log"] = "master.error_log"
    return answered({"session_id": session["id"], **logs})


def ended(state: Mapping[str, Any], now: datetime) -> None:
    """Do what time has done since: tasks come to their ends."""
    for one in state["packed"]:
        if one["state"] == "RUNNING" and one["ends"] <= now.timestamp():
            one["state"] = _end(state, one)


def _end(state: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    user, row = one["user"], state["accounts"].get(one["user"])
    there = _here(state, one["folder"])
    if there is None or not there.is_dir() or row is None:
        return "FAILED"
    shutil.rmtree(there / f"cpmove-{user}", ignore_errors=True)
    if row["spoils"]:
        return "FAILED"
    at = datetime.fromtimestamp(one["at"], UTC)
    data = archive(user, row, at, top=f"cpmove-{user}", packs=one["packs"])
    kind = ".tar.gz" if one["packs"] else ".tar"
    (there / f"cpmove-{user}{kind}").write_bytes(data)
    return "COMPLETED"


def _here(state: Mapping[str, Any], folder: str) -> Path | None:
    """Return where a folder of the server is here; None where it is not."""
    mount, base = state["backups"]["mount"], state["backup_config"]["backupdir"]
    path = PurePosixPath(folder)
    if mount is None or not path.is_relative_to(base) or ".." in path.parts:
        return None
    return Path(mount) / path.relative_to(base)


def _state(call: Call, user: str) -> Answer:
    del user
    ended(call.bench.state, call.bench.clock())
    asked = given(call).get("session_id")
    found = next((o for o in call.bench.state["packed"] if o["id"] == asked), None)
    if found is None:
        return failed("The session ID is not valid.")
    return answered({"state": found["state"]})


TABLE: Final[Mapping[str, Serve]] = {
    "start_background_pkgacct": _start,
    "get_pkgacct_session_state": _state,
}
