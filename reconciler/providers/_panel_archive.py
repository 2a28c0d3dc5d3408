"""
The archives that panels make of an account, read as what anybody may have made.

Sources: cPanel's documentation ("Backup", ``pkgacct``: ``backup-MM.DD.YYYY_HH-mm-ss_
USER.tar.gz`` and ``cpmove-USER.tar.gz`` hold one folder with ``cp/USER``, ``homedir/``
or ``homedir.tar``, and ``mysql/NAME.sql``); Plesk's documentation ("Backup file
structure": a tar with ``backup_info_TIME.xml``, ``domains/``, and parts that are called
``backup_WHAT_TIME.tgz``, ``.tar`` or ``.tzst``; a time has ten digits). What follows:
the gzip's own checksum and the end of the tar are read, whose it is is told by its own
description and not by its name, and nothing of it is written where it likes. What the
panel packed in itself is unpacked, and nothing else: an archive among the customer's
own files is a file of theirs, whole or not, and comes back as its bytes are.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    kept_inside,
    members,
)
from reconciler.providers._archive_seal import Damaged

_CPANEL: Final = re.compile(r"(?:backup-[0-9._-]+_|cpmove-)[a-z0-9]+\.tar(?:\.gz)?")
_PLESK: Final = re.compile(r"backup_[A-Za-z0-9._-]*\.(?:tar|tgz|tzst)")
#: How cPanel packs a home into a file of its own, beside ``cp/``.
_HOMES: Final = ("homedir.tar", "homedir.tar.gz", "homedir.tar.zst")
_PART: Final = re.compile(r"(backup_.+_\d{10})\.(?:tar(?:\.gz|\.zst)?|tgz|tzst)")
#: Of Plesk's names: what it is, when it was made, and what sort of file it is.
_STAMPED: Final = re.compile(r"backup_(.+)_\d{10}(\.sql)?")
#: The folder of a site's databases, each packed as one dump.
_DUMPS: Final = "databases"
#: What tells whose it is lies no deeper than this.
_HIGH: Final = 2
Panel = Literal["cpanel", "plesk"]


class PanelArchive(NamedTuple):
    """
    What was in it, unpacked.

    Attributes:
        owner: The account, as the archive itself says.
        home: The folder of its files.
        databases: Name -> its dumps: the panel's own, never a file of the customer's
            that is called as one.
        left_out: How many links lead elsewhere, and were not made.
    """

    panel: Panel
    owner: str
    home: Path
    databases: Mapping[str, Sequence[Path]]
    left_out: int = 0


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

    Of Plesk's own names the time is taken out, so that a policy can name a path.

    Raises:
        Damaged: It is cut short, or none of a panel.
        Hostile: Something in it would be written elsewhere, or has no end.
    """
    panel, owner = look(archive, caps)
    unpacker = _unpack(archive, into, caps)
    if panel == "cpanel":
        tops = [one for one in into.iterdir() if (one / "cp" / owner).is_file()]
        if len(tops) != 1:
            raise Damaged("is not of one account")
        top = tops[0]
        packed = [(top / one, top / "homedir") for one in _HOMES if _is_file(top / one)]
        gone = unpacker.left_out + _unpack_parts(packed, unpacker.left(caps))
        gone += kept_inside(into, links(into))  # those may lead through these now
        dumps = _by_name(top / "mysql")
        return PanelArchive(panel, owner, top / "homedir", dumps, gone)
    parts = _plesks_parts(into)
    gone = unpacker.left_out + _unpack_parts(parts, unpacker.left(caps))
    gone += kept_inside(into, links(into))
    return PanelArchive(panel, owner, into, _by_name(*_renamed(into)), gone)


def links(root: Path) -> Iterator[Path]:
    """Yield every symbolic link below *root*; none of them is followed."""
    for folder, below, names in os.walk(root):
        paths = (Path(folder, name) for name in (*below, *names))
        yield from [path for path in paths if path.is_symlink()]


def _unpack(archive: Path, into: Path, caps: Caps) -> Unpacker:
    """Unpack one, and nothing that is in it."""
    unpacker = Unpacker(into)
    with _members(archive, caps) as found:
        for member in found:
            unpacker.add(member)
    unpacker.finish()
    return unpacker


def _unpack_parts(parts: Iterable[tuple[Path, Path]], left: Caps) -> int:
    """
    Put what the panel packed in itself into folders: never over something.

    Returns how many links were left out.
    """
    gone = 0
    for path, target in parts:
        if os.path.lexists(target) and not _is_empty(target):
            continue
        target.mkdir(mode=0o700, exist_ok=True)
        unpacker = _unpack(path, target, left)
        left, gone = unpacker.left(left), gone + unpacker.left_out
        path.unlink()
    return gone


def _plesks_parts(root: Path) -> list[tuple[Path, Path]]:
    """Return Plesk's own parts, as long as nothing of the customer's is unpacked."""
    found = ((one, _PART.fullmatch(one.name)) for one in sorted(root.rglob("backup_*")))
    return [
        (path, path.with_name(told[1]))
        for path, told in found
        if told and _is_file(path)
    ]


def _renamed(root: Path) -> list[Path]:
    """
    Take the time out of Plesk's names; return the folders that its dumps are in.

    Only of its own: what is in a part has the names that the customer gave it, except
    the dump in that of a database.
    """
    dumps = []
    for folder, below, _ in os.walk(root):
        parts = [name for name in below if _STAMPED.fullmatch(name)]
        below[:] = [name for name in below if name not in parts]
        for part in parts:
            there = Path(folder, part)
            packs_one = _DUMPS in there.relative_to(root).parts
            if packs_one:
                for one in [*there.iterdir()]:
                    _unstamped(one)
            there = _unstamped(there)
            if packs_one:
                dumps.append(there)
    return dumps


def _unstamped(path: Path) -> Path:
    """Take the time out of a name, where that leaves one; return what it is called."""
    told = _STAMPED.fullmatch(path.name)
    there = path.with_name(told[1] + (told[2] or "")) if told else path
    return path if os.path.lexists(there) else path.rename(there)


def _by_name(*folders: Path) -> dict[str, list[Path]]:
    """Return the dumps that lie in *folders*, by the name of their database."""
    found = defaultdict(list)
    for one in sorted(path for folder in folders for path in folder.glob("*.sql")):
        if _is_file(one):
            found[one.stem].append(one)
    return dict(found)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


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
