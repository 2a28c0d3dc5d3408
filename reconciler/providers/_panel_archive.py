"""
The archives that panels make of an account, read as what anybody may have made.

Sources: cPanel's documentation ("Backup", ``pkgacct``: ``backup-MM.DD.YYYY_HH-mm-ss_
USER.tar.gz`` and ``cpmove-USER.tar.gz`` hold one folder with ``cp/USER``, ``homedir/``
or ``homedir.tar``, and ``mysql/NAME.sql``); Plesk's documentation ("Backup file
structure": a tar with ``backup_info_*.xml``, ``domains/``, and ``.tar``, ``.tgz`` or
``.tzst`` files in it). What follows: the gzip's own checksum and the end of the tar are
read, whose it is is told by its own description and not by its name, and nothing of it
is written where it likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from reconciler.errors import Rejected
from reconciler.providers._archive_open import (
    WIDE,
    Caps,
    Hostile,
    Member,
    Unpacker,
    members,
)
from reconciler.providers._archive_seal import Damaged

_CPANEL: Final = re.compile(r"(?:backup-[0-9._-]+_|cpmove-)[a-z0-9]+\.tar(?:\.gz)?")
_PLESK: Final = re.compile(r"backup_[A-Za-z0-9._-]*\.(?:tar|tgz|tzst)")
_INSIDE: Final = (".tar", ".tgz", ".tar.gz", ".tzst", ".tar.zst")
_DEPTH: Final = 2
#: What tells whose it is lies no deeper than this.
_HIGH: Final = 2
Panel = Literal["cpanel", "plesk"]


class PanelArchive(NamedTuple):
    """
    What was in it, unpacked.

    Attributes:
        owner: The account, as the archive itself says.
        home: The folder of its files.
        databases: Name -> its dump.
    """

    panel: Panel
    owner: str
    home: Path
    databases: dict[str, Path]


def newest(folder: Path) -> Path:
    """
    Return the newest archive in *folder*, which is whole.

    Raises:
        Rejected: There is none, or it is cut short, or none of a panel.
    """
    try:
        found = [
            one
            for one in folder.iterdir()
            if (_CPANEL.fullmatch(one.name) or _PLESK.fullmatch(one.name))
            and one.is_file()
            and not one.is_symlink()
        ]
    except OSError as error:
        raise Rejected(f"{folder}: {error.strerror}") from None
    if not found:
        raise Rejected(f"there is no archive of a panel in {folder}")
    last = max(found, key=lambda one: (one.stat().st_mtime, one.name))
    try:
        look(last)
    except (Damaged, Hostile) as error:
        raise Rejected(f"{last.name}: {error}") from None
    return last


def look(archive: Path, caps: Caps = WIDE) -> tuple[Panel, str]:
    """
    Read *archive* to its end; return which panel's it is, and whose.

    Raises:
        Damaged: It is cut short, or none of a panel.
        Hostile: Something in it does not belong into one.
    """
    with _members(archive, caps) as found:
        paths = (member.entry.path for member in found)
        names = {path for path in paths if path.count("/") <= _HIGH}
    return _whose(names)


def unpacked(archive: Path, into: Path, caps: Caps) -> PanelArchive:
    """
    Unpack *archive* into the empty folder *into*, and what is packed in it.

    Raises:
        Damaged: It is cut short, or none of a panel.
        Hostile: Something in it would be written elsewhere, or has no end.
    """
    panel, owner = look(archive, caps)
    _unpack(archive, into, caps, _DEPTH)
    if panel == "cpanel":
        (top,) = [one for one in into.iterdir() if (one / "cp" / owner).is_file()]
        found = sorted((top / "mysql").glob("*.sql"))
        return PanelArchive(
            panel, owner, top / "homedir", {one.stem: one for one in found}
        )
    found = sorted(into.rglob("*.sql"))
    return PanelArchive(panel, owner, into, {one.stem: one for one in found})


def _unpack(archive: Path, into: Path, caps: Caps, depth: int) -> Caps:
    """Unpack one, and those in it; return what is left of *caps*."""
    unpacker, inner = Unpacker(into), []
    with _members(archive, caps) as found:
        for member in found:
            unpacker.add(member)
            if member.entry.kind == "f" and member.entry.path.endswith(_INSIDE):
                inner.append(into / member.entry.path)
    unpacker.finish()
    left = Caps(caps.files - unpacker.files, caps.size - unpacker.size)
    for path in inner:
        if depth == 1:
            break
        target = path.with_name(path.name.split(".tar")[0].rsplit(".t", 1)[0])
        if target == path or target.exists():
            continue
        target.mkdir(mode=0o700)
        left = _unpack(path, target, left, depth - 1)
        path.unlink()
    return left


@contextmanager
def _members(archive: Path, caps: Caps) -> Iterator[Iterator[Member]]:
    with archive.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        form: Literal["tar", "zst", "gz"] = "tar"
        if start[:2] == b"\x1f\x8b":
            form = "gz"
        elif start == b"\x28\xb5\x2f\xfd":
            form = "zst"
        with members(file, form, caps) as found:
            yield found


def _whose(names: set[str]) -> tuple[Panel, str]:
    """Return whose archive has *names* in it."""
    for name in sorted(names):
        parts = name.split("/")
        if len(parts) == 3 and parts[1] == "cp":  # noqa: PLR2004
            return "cpanel", parts[2]
    for name in sorted(names):
        if re.fullmatch(r"(?:[^/]+/)*backup_info_[^/]*\.xml", name):
            owner = next((n.split("/")[1] for n in sorted(names) if _is_site(n)), "")
            return "plesk", owner
    raise Damaged("is no archive of cPanel or Plesk")


def _is_site(name: str) -> bool:
    return bool(re.match(r"(?:domains|clients)/[^/]+/", name))
