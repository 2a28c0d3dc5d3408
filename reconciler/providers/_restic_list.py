"""What a repository of restic lists: its snapshots, and the files of one of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.backup import Snapshot
from reconciler.providers._archive_bucket import Held
from reconciler.providers._drill_port import CANARY, Entry, digest
from reconciler.providers._restic import Repo
from reconciler.providers._restic_run import read

_FIGURES: Final = {
    "files": "total_files_processed",
    "size": "total_bytes_processed",
    "added": "data_added",
    "packed": "data_added_packed",
}


class Shot(NamedTuple):
    """
    One snapshot, as restic lists it.

    Attributes:
        said: When it was made, as its client said.
        tree: SHA-256 of all that is in it: two with the same are the same.
        paths: Relative to its root, where a tag says that; without the canary.
        tags: ``backup``, ``source``, ``slot`` and ``root``, if it is one of ours.
        original: Of a copy: what it is a copy of.
        figures: ``files``, ``size``, ``added``, ``packed``, ``changed``, where told;
            the canary is one of the files.
    """

    id: str
    said: datetime
    tree: str
    host: str
    paths: tuple[str, ...]
    tags: Mapping[str, str]
    original: str | None
    figures: Mapping[str, int]

    @property
    def backup(self) -> str:
        """The uid of its Backup; empty where it has none."""
        return self.tags.get("backup", "")

    @property
    def source(self) -> str:
        """The name of its source."""
        return self.tags.get("source", "")

    @property
    def ours(self) -> bool:
        """Whether it is what it says: of a source, by the host of its Backup."""
        return bool(self.source) and self.host == self.backup

    def root(self, paths: Sequence[str]) -> str:
        """
        Return the folder that its source's paths are in, without a slash at its end.

        Where no tag says it, it is where most of the policy's *paths* would be.
        """
        if "root" in self.tags:
            return self.tags["root"].rstrip("/")
        ends = [path.strip("/") for path in paths]
        roots = {
            whole.removesuffix(end).rstrip("/"): None
            for whole in self.paths
            for end in ends
            if whole.endswith(f"/{end}")
        }

        def there(root: str) -> int:
            return sum(f"{root}/{end}" in self.paths for end in ends)

        return max(roots, key=there, default="")


def word(text: str) -> str:
    """Return *text* as it can stand in a tag, of which a comma would make two."""
    return text.replace("%", "%25").replace(",", "%2C")


def _plain(text: str) -> str:
    return text.replace("%2C", ",").replace("%25", "%")


def tag(name: str, value: str) -> str:
    """Return a tag of ours."""
    return f"{name}={word(value)}"


def shots(repo: Repo, *only: str, cached: bool = False) -> list[Shot]:
    """Return the snapshots of *repo*, or those of *only*, the oldest first."""
    out = repo.run("snapshots", "--json", "--no-lock", *only, cached=cached)
    return shots_of(rows(repo, out))


def rows(repo: Repo, out: str) -> list[JsonValue]:
    """Return what ``snapshots --json`` wrote."""
    found = read(out or "[]")
    if found is None and out.strip() == "null":
        return []
    if not isinstance(found, list):
        raise Rejected(f"{repo.name}: its list of snapshots cannot be read")
    return found


def shots_of(listed: Iterable[Any]) -> list[Shot]:
    """
    Return what the rows of a listing say, the oldest first.

    Raises:
        Rejected: One does not say which snapshot it is, or when it was made.
    """
    found = [shot_of(row) for row in listed]
    return sorted(found, key=lambda one: (one.said, one.id))


def shot_of(row: Mapping[str, Any]) -> Shot:
    """Return what one row says; raises Rejected where it cannot be read."""
    try:
        found = _shot_of(row)
    except (AttributeError, KeyError, TypeError, ValueError):
        found = None
    if found is None or found.said.tzinfo is None:
        raise Rejected("what restic says of a snapshot cannot be read")
    return found


def _shot_of(row: Mapping[str, Any]) -> Shot:
    pairs = (str(one).partition("=") for one in row.get("tags") or ())
    told = row.get("summary") or {}
    tags = {name: _plain(value) for name, _, value in pairs}
    return Shot(
        id=str(row["id"]),
        said=datetime.fromisoformat(moment(str(row["time"]))),
        tree=str(row.get("tree", "")),
        host=str(row.get("hostname", "")),
        paths=tuple(_below(tags.get("root"), row.get("paths") or ())),
        tags=tags,
        original=row.get("original"),
        figures=figures_of(told),
    )


def _below(root: str | None, paths: Iterable[str]) -> Iterator[str]:
    """Yield *paths* as the policy has them; a dump lay in a folder that is gone."""
    folder = None if root is None else f"{root.rstrip('/')}/"
    for whole in paths:
        name = whole.rstrip("/").rpartition("/")[2]
        if name == CANARY:
            continue
        if root == "":
            yield name
        elif folder is not None and f"{whole.rstrip('/')}/" == folder:
            yield "."
        elif folder is not None and whole.startswith(folder):
            yield whole.removeprefix(folder)
        else:
            yield whole


def moment(text: str) -> str:
    """Return a time of Go as Python reads it: no more than six decimals."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def figures_of(told: Mapping[str, Any]) -> dict[str, int]:
    """Return the figures of a backup, as it tells them."""
    found = {name: told.get(key) for name, key in _FIGURES.items()}
    new, other = told.get("files_new"), told.get("files_changed", 0)
    if isinstance(new, int) and isinstance(other, int):
        found["changed"] = new + other
    return {name: one for name, one in found.items() if isinstance(one, int)}


def listed_as(shot: Shot, at: datetime, held: Held | None = None) -> Snapshot:
    """Return *shot* in our words; *at*: when it came; *held*: its lock."""
    return Snapshot(
        id=shot.id,
        source=shot.source,
        at=at,
        said=shot.said,
        host=shot.host,
        paths=shot.paths,
        original=shot.original,
        locked=held.until if held else None,
        governed=held is not None and not held.firm,
        **shot.figures,
    )


class Content(NamedTuple):
    """
    What is in a snapshot.

    Attributes:
        shot: Whose it is.
        root: The folder that its paths are relative to.
        files: Its files, without the canary.
        folders: Its folders below *root*.
        canary: The canary's size; None where there is none.
        lacking: Of the source's paths, those that are not in it.
        links: Its symbolic links below *root*.
    """

    shot: Shot
    root: str
    files: Sequence[Entry]
    folders: frozenset[str]
    canary: int | None
    lacking: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files)

    @property
    def manifest(self) -> str:
        """The digest over all of them."""
        return digest(self.files)


def content(
    repo: Repo, snapshot: str, paths: Sequence[str], seconds: float = 900.0
) -> Content:
    """
    Return what is in *snapshot*; *paths* are the source's.

    Raises:
        Rejected: There is no such snapshot, or its trees cannot be read.
    """
    seen: list[Mapping[str, Any]] = []
    nodes: list[tuple[str, str, int]] = []

    def each(row: Mapping[str, Any]) -> None:
        if row.get("struct_type") == "snapshot":
            seen.append(row)
        elif row.get("struct_type") == "node":
            nodes.append(_node(repo, row))

    repo.run("ls", "--json", "--no-lock", snapshot, each=each, seconds=seconds)
    if len(seen) != 1:
        raise Rejected(f"{repo.name}: {snapshot[:12]} cannot be listed")
    shot = shot_of(seen[0])
    root = shot.root(paths)
    inside = [
        (path.removeprefix(f"{root}/"), kind, size)
        for path, kind, size in nodes
        if path.startswith(f"{root}/")
    ]
    canary = f"/{CANARY}"
    found = next((size for path, _, size in nodes if path == canary), None)
    return Content(
        shot,
        root,
        [
            Entry(path, size)
            for path, kind, size in inside
            if kind == "file" and not (root == "" and path == CANARY)
        ],
        frozenset(path for path, kind, _ in inside if kind == "dir"),
        found,
        tuple(_lacking(paths, [path for path, _, _ in inside], below=bool(root))),
        tuple(path for path, kind, _ in inside if kind == "symlink"),
    )


def _lacking(
    paths: Sequence[str], there: Collection[str], *, below: bool
) -> Iterator[str]:
    """Yield the *paths* that nothing is called; *below*: where they begin is known."""
    names = set(there)
    for path in paths:
        name = posixpath.normpath(path.strip("/"))
        inside = name == "." and bool(names)
        somewhere = not below and any(one.endswith(f"/{name}") for one in names)
        if not (name in names or inside or somewhere):
            yield path


def _node(repo: Repo, row: Mapping[str, Any]) -> tuple[str, str, int]:
    """Return path, kind and size of what is in a snapshot."""
    match row:
        case {"path": str(path), "type": str(kind)}:
            size = row.get("size", 0)  # of a folder nobody says one
            if isinstance(size, int):
                return path, kind, size
        case _:
            pass
    raise Rejected(f"{repo.name}: what is in a snapshot cannot be read")
