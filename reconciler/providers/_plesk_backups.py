"""
The backups of Plesk's own storage, through the ``backup-manager`` of its XML API.

Sources: docs.plesk.com, "Plesk API RPC", "Managing Backups" (``get-local-backup-list``:
``file`` with ``name``, ``creation-date`` in seconds, ``description``, ``size`` and
``not-backup``; ``backup-webspace``: ``task-id``; ``get-tasks-info``: ``task`` with
``status``, which is ``working`` until it ends; ``download-file``: the file itself, or a
packet where it failed; ``remove-file``). The order of nodes is part of the format.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, Final, NamedTuple
from xml.etree.ElementTree import Element

from reconciler.errors import Rejected, Transient
from reconciler.providers._plesk import Missing, Plesk
from reconciler.providers._plesk_xml import (
    failure,
    node,
    parsed,
    results,
    text_of,
    written,
)

_MANAGER: Final = "backup-manager"
_LIST: Final = "get-local-backup-list"
#: So many subscriptions are asked about in one packet.
_AT_ONCE: Final = 50
_WORKING: Final = "working"
_PACKET: Final = 1 << 16


class Kept(NamedTuple):
    """
    One backup in the panel's storage.

    Attributes:
        at: When it was made, by the server's clock.
        size: Bytes, as the panel tells them.
    """

    name: str
    at: datetime
    description: str
    size: int


def listed(plesk: Plesk, sites: list[str]) -> dict[str, list[Kept] | None]:
    """Return by subscription what is kept of it; None where there is no such one."""
    found: dict[str, list[Kept] | None] = {}
    for start in range(0, len(sites), _AT_ONCE):
        some = sites[start : start + _AT_ONCE]
        try:
            found |= _asked(plesk, some)
        except Missing:  # one of them: which one is told by asking for each
            for one in some:
                try:
                    found |= _asked(plesk, [one])
                except Missing:
                    found[one] = None
    return found


def _asked(plesk: Plesk, sites: list[str]) -> dict[str, list[Kept] | None]:
    wanted = [node(_LIST, node("webspace-name", site)) for site in sites]
    packet = plesk.packet(node(_MANAGER, *wanted), operation=_LIST)
    answers = results(packet, _MANAGER, _LIST)
    if len(answers) != len(sites):
        raise Transient(f"{_LIST}: {len(answers)} answers to {len(sites)} questions")
    return {
        site: [_kept(one) for one in result.findall("backup/file") if _is_one(one)]
        for site, result in zip(sites, answers, strict=True)
    }


def _is_one(file: Element) -> bool:
    """Say whether it is a backup that has something in it."""
    return file.find("not-backup") is None and text_of(file, "size") not in {"", "0"}


def _kept(file: Element) -> Kept:
    try:
        at = datetime.fromtimestamp(int(text_of(file, "creation-date")), UTC)
        return Kept(
            text_of(file, "name"),
            at,
            text_of(file, "description"),
            int(text_of(file, "size")),
        )
    except (ValueError, OverflowError, OSError):
        raise Transient(f"{_LIST}: a backup cannot be read") from None


def begin(plesk: Plesk, site: str, description: str) -> str:
    """Have a backup of *site* made in the panel's storage; return its task."""
    asked = node(
        "backup-webspace",
        node("webspace-name", site),
        node("local"),
        node("description", description),
        node("split-size", "0"),
    )
    packet = plesk.packet(
        node(_MANAGER, asked), operation="backup-webspace", effect=True
    )
    (result,) = results(packet, _MANAGER, "backup-webspace")
    return text_of(result, "task-id")


def working(plesk: Plesk, site: str) -> bool:
    """Say whether the panel is making a backup of *site* now."""
    asked = node("get-tasks-info", node("webspace-name", site))
    packet = plesk.packet(node(_MANAGER, asked), operation="get-tasks-info")
    found = packet.findall(f"{_MANAGER}/get-tasks-info/result/task")
    return any(text_of(task, "status") == _WORKING for task in found)


def remove(plesk: Plesk, site: str, name: str) -> None:
    """Take one backup away; one that is not there is as good as taken."""
    asked = node("remove-file", node("webspace-name", site), node("filename", name))
    packet = node(_MANAGER, asked)
    with suppress(Missing):
        plesk.packet(packet, operation="remove-file", effect=True)


def download(plesk: Plesk, site: str, name: str, into: IO[bytes], most: int) -> None:
    """
    Write one backup *into* a file.

    Raises:
        Rejected: The panel does not give it.
        Transient: The answer was lost, or is longer than *most* bytes.
    """
    asked = node("download-file", node("webspace-name", site), node("filename", name))
    answered = plesk.fetched(written([node(_MANAGER, asked)]), into, most)
    kind = answered.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answered.status == 200 and kind == "application/octet-stream":  # noqa: PLR2004
        return
    into.seek(0)
    text = into.read(_PACKET).decode("utf-8", "replace")
    try:
        wrong = failure(parsed(text))
    except ValueError:
        wrong = None
    if wrong is None:
        raise Transient(f"download-file: answer {answered.status} is neither")
    raise Rejected(plesk.shown(f"download-file: error {wrong.code} {wrong.text}"))
