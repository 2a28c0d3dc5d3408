"""Reading the log for people: filtered lines, one run, one action."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from reconciler.audit import layout
from reconciler.audit.commit import PLAN_FILE, RUN_FILE
from reconciler.audit.git_store import GitStore
from reconciler.audit.objects import fetch_missing, list_tree, read_names
from reconciler.errors import AuditError, Tampered

_LINES = ".jsonl"


class Query(NamedTuple):
    """
    Which lines of the log are wanted; all conditions hold at once.

    Attributes:
        select: Globs over ``Kind/name``, as in ``Domain/*.example``; any may match.
        since: Not earlier than this.
        until: Earlier than this.
        risk: Of the action: ``money``, ``destructive`` ...
        run: One run's id.
        id: One action's id, or the beginning of it.
    """

    select: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    risk: str | None = None
    verb: str | None = None
    run: str | None = None
    id: str | None = None


_ALL = Query()


class Story(NamedTuple):
    """Everything that the log says about one run, or about one action."""

    lines: tuple[dict[str, Any], ...]
    run: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None


def log(store: GitStore, query: Query = _ALL) -> Iterator[dict[str, Any]]:
    """
    Yield the lines that match, oldest first, each with its place as ``at``.

    Raises:
        Tampered: A line cannot be read.
    """
    risks: dict[str, str] = {}
    for line in _lines(store, query.run):
        if line["type"] == "intent":
            risks[line["id"]] = line["risk"]
        if _matches(query, line, risks.get(line.get("id", ""))):
            yield line


def show(store: GitStore, what: str) -> Story:
    """
    Return the story of a run (by its id) or of an action (by its id's beginning).

    Raises:
        AuditError: The log has neither.
    """
    lines = tuple(log(store, Query(run=what)))
    if lines:
        folder = lines[0]["at"].rpartition("/")[0]
        about, plan = (_json(store, f"{folder}/{n}") for n in (RUN_FILE, PLAN_FILE))
        return Story(lines, about, plan)
    lines = tuple(log(store, Query(id=what)))
    if not lines:
        raise AuditError(
            f"the log has no run and no action {what!r}",
            hint="reconciler audit log lists both",
        )
    return Story(lines)


def _lines(store: GitStore, run: str | None) -> Iterator[dict[str, Any]]:
    tip = store.read().tip
    listing = list_tree(store.git, tip, layout.LOG) if tip else {}
    wanted = {
        path: oid
        for path, oid in listing.items()
        if path.endswith(_LINES) and (run is None or f"/{run}/" in path)
    }
    fetch_missing(store.git, wanted.values())
    blobs = read_names(store.git, wanted.values())
    files = [_parsed(path, blobs[oid]) for path, oid in wanted.items()]
    for lines in sorted(filter(None, files), key=lambda lines: int(lines[0]["seq"])):
        yield from lines


def _parsed(path: str, raw: bytes) -> list[dict[str, Any]]:
    lines = []
    for number, text in enumerate(raw.splitlines(), 1):
        try:
            lines.append({**json.loads(text), "at": f"{path}:{number}"})
            datetime.fromisoformat(lines[-1]["time"])
        except (ValueError, TypeError, KeyError):
            raise Tampered(
                f"{path}:{number} of the audit branch cannot be read",
                hint="run reconciler audit verify",
            ) from None
    return lines


def _matches(query: Query, line: dict[str, Any], risk: str | None) -> bool:
    about = _word_of(line) if line["type"] == "note" else line
    address = f"{about.get('kind', '')}/{about.get('name', '')}"
    time = datetime.fromisoformat(line["time"])
    return (
        (not query.select or any(fnmatchcase(address, glob) for glob in query.select))
        and (query.since is None or query.since <= time)
        and (query.until is None or time < query.until)
        and (query.risk is None or query.risk == risk)
        and (query.verb is None or query.verb == line.get("verb"))
        and (query.id is None or str(line.get("id", "")).startswith(query.id))
    )


def _word_of(line: dict[str, Any]) -> dict[str, Any]:
    """Return what a person said or did about one resource; empty: it is no such."""
    data = line.get("data")
    return data if isinstance(data, dict) and "by" in data and "name" in data else {}


def _json(store: GitStore, path: str) -> dict[str, Any] | None:
    name = f"{store.read().tip}:{path}"
    raw = read_names(store.git, [name]).get(name)
    data: dict[str, Any] | None = json.loads(raw) if raw else None
    return data
