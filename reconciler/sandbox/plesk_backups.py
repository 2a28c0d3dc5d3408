"""
Plesk's backup manager (XML API): tasks, its own storage, and what can be fetched.

After docs.plesk.com, "Plesk API RPC", "Managing Backups", and its samples. Kept: a
backup is a task, ``working`` until it ends; what is kept is listed with its name, date
(seconds), description and size; a file comes as ``application/octet-stream``, an error
as a packet; the panel's own schedule makes one each night and forgets the oldest. Not
documented, and played: the words of errors, the names of files, what a task that failed
is called (``finished with errors``).
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.etree.ElementTree import Element, tostring

from reconciler.sandbox import plesk_words as words
from reconciler.sandbox.plesk_packets import MISSING, No, Row, ok, put, tried
from reconciler.sandbox.rest import Answer, Call

_HOUR: Final = 2
_SCHEDULED: Final = "Scheduled backup"
Serve = Callable[[Call, Element], Iterator[Element]]


def _row(call: Call, asked: Element) -> Row:
    name = (asked.findtext("webspace-name") or "").lower()
    row = words.called(call.bench.state, name)
    if row is None:
        raise No(MISSING, "Domain does not exist.")
    _passed(call, row)
    return row


def _passed(call: Call, row: Row) -> None:
    """Do what time has done since: tasks end, and nights have their backups."""
    now = call.bench.clock()
    for task in row["tasks"]:
        if task["status"] == "working" and task["ends"] <= now.timestamp():
            task["status"] = "finished with errors" if row["spoils"] else "finished"
            if not row["spoils"]:
                _keep(row, datetime.fromtimestamp(task["at"], UTC), task["description"])
    keeps = call.bench.state["nightly"]
    night = _night(datetime.fromtimestamp(row["night"], UTC))
    while keeps and night <= now:
        _keep(row, night, _SCHEDULED)
        row["night"] = night.timestamp()
        scheduled = [o for o in row["backups"] if o["description"] == _SCHEDULED]
        gone = scheduled[:-keeps]
        row["backups"] = [one for one in row["backups"] if one not in gone]
        night = _night(night)


def _night(after: datetime) -> datetime:
    """Return the next time that the panel's schedule is due."""
    at = after.replace(hour=_HOUR, minute=0, second=0, microsecond=0)
    return at if at > after else at + timedelta(days=1)


def _keep(row: Row, at: datetime, description: str) -> None:
    base = f"{row['domain']}_{at:%Y.%m.%d_%H.%M}"
    taken = {one["name"] for one in row["backups"]}
    name = base if base not in taken else f"{base}.{len(taken)}"
    made = {"name": name, "at": at.timestamp(), "description": description}
    made |= {"files": dict(row["files"]), "databases": dict(row["databases"])}
    row["backups"].append(made)


# -- operations -----------------------------------------------------------------------


def _list(call: Call, asked: Element) -> Iterator[Element]:
    def found() -> Element:
        row = _row(call, asked)
        result = ok()
        for one in row["backups"]:
            file = put(put(result, "backup"), "file")
            put(file, "name", one["name"])
            put(file, "creation-date", int(one["at"]))
            put(file, "description", one["description"])
            put(file, "size", len(archive(row["domain"], one)))
        spare = put(put(result, "backup"), "file")  # something that is no backup
        for tag, value in {"name": "notes.bak", "creation-date": 1179482633}.items():
            put(spare, tag, value)
        put(spare, "description")
        put(spare, "size", 0)
        put(spare, "not-backup")
        return result

    yield tried("", found)


def _begin(call: Call, asked: Element) -> Iterator[Element]:
    def made() -> Element:
        row = _row(call, asked)
        now, state = call.bench.clock().timestamp(), call.bench.state
        state["last_id"] += 1
        task = {
            "id": state["last_id"],
            "at": now,
            "ends": now + row["takes"],
            "status": "working",
            "description": asked.findtext("description") or "",
        }
        row["tasks"].append(task)
        words.changed(call.bench, row, "back-up", description=task["description"])
        return ok(task_id=task["id"])

    yield tried("", made)


def _tasks(call: Call, asked: Element) -> Iterator[Element]:
    def found() -> Element:
        row = _row(call, asked)
        result = ok()
        for one in row["tasks"]:
            task = put(result, "task")
            put(task, "webspace-id", row["id"])
            put(task, "id", one["id"])
            put(task, "status", one["status"])
            put(task, "started", int(one["at"]))
            put(task, "prefix")
            put(task, "filename")
            put(task, "protocol", "local")
        return result

    yield tried("", found)


def _remove(call: Call, asked: Element) -> Iterator[Element]:
    def gone() -> Element:
        row, name = _row(call, asked), asked.findtext("filename") or ""
        left = [one for one in row["backups"] if one["name"] != name]
        if len(left) == len(row["backups"]):
            raise No(MISSING, f"The file {name} does not exist")
        row["backups"] = left
        words.changed(call.bench, row, "remove-backup", filename=name)
        return ok()

    yield tried("", gone)


def _settings(call: Call, asked: Element) -> Iterator[Element]:
    del asked
    result = ok()
    settings = put(result, "settings")
    for name, value in call.state["wide"].items():
        put(settings, name, value)
    yield result


def _set(call: Call, asked: Element) -> Iterator[Element]:
    for one in asked.find("settings") or ():
        call.bench.state["wide"][one.tag] = one.text or ""
    call.bench.effect("backup-settings", call.bench.state["hostname"])
    yield ok()


TABLE: Final[Mapping[tuple[str, str], Serve]] = {
    ("backup-manager", "get-local-backup-list"): _list,
    ("backup-manager", "backup-webspace"): _begin,
    ("backup-manager", "get-tasks-info"): _tasks,
    ("backup-manager", "remove-file"): _remove,
    ("backup-manager", "get-server-wide-settings"): _settings,
    ("backup-manager", "set-server-wide-settings"): _set,
}


def download(call: Call, asked: Element) -> Answer | Element:
    """Return the file itself, or the result that says why not."""
    name = asked.findtext("filename") or ""
    try:
        row = _row(call, asked)
        found = next((one for one in row["backups"] if one["name"] == name), None)
        if found is None:
            raise No(MISSING, f"The file {name} does not exist")
    except No as no:
        return tried("", lambda no=no: _fail(no))  # type: ignore[misc]
    data = archive(row["domain"], found)
    if row["cut"]:
        data = data[: len(data) // 2]
    head = {
        "content-type": "application/octet-stream",
        "content-disposition": f"attachment; filename={name}",
        "pragma": "no-cache",
    }
    return Answer(200, data, head)


def _fail(no: No) -> Element:
    raise no


# -- archives -------------------------------------------------------------------------


def archive(site: str, kept: Mapping[str, Any]) -> bytes:
    """Return the file of a backup (``of`` another site by mistake): always the same."""
    site = kept.get("of", site)
    at = datetime.fromtimestamp(kept["at"], UTC)
    stamp = f"{at:%y%m%d%H%M}"
    dump = Element("migration-dump", {"dump-format": "panel"})
    dump.append(Element("domain", {"name": site}))
    inside = {f"backup_info_{stamp}.xml": tostring(dump)}
    user = {path: text.encode() for path, text in kept["files"].items()}
    folder = f"domains/{site}"
    inside[f"{folder}/backup_user-data_{stamp}.tgz"] = gzip.compress(
        _tar(user, at), mtime=int(at.timestamp())
    )
    for name, sql in kept["databases"].items():
        dumped = _tar({f"backup_{name}_{stamp}.sql": sql.encode()}, at)
        inside[f"{folder}/databases/{name}_1/backup_{name}_{stamp}.tar"] = dumped
    return _tar(inside, at)


def _tar(files: Mapping[str, bytes], at: datetime) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), int(at.timestamp())
            made.addfile(info, io.BytesIO(content))
    return out.getvalue()
