"""
Which folders of backups are in each other, and must not be. Pure.

What a drill restores near production overwrites it, and whoever wipes a site wipes the
copies that are kept in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from reconciler.inventory.complaint import Complaint
from reconciler.inventory.loaded import Loaded
from reconciler.model import Ref
from reconciler.model.production import standing

if TYPE_CHECKING:
    from reconciler.model.backing import Backing

BACKUP: Final = "Backup"
_POLICY: Final = "BackupPolicy"
_REPOSITORY: Final = "BackupRepository"
_WHOLE: Final = "/"


class _Part(NamedTuple):
    """What one source reads: its folder, and what of it (or all), and what not."""

    root: str
    paths: tuple[str, ...]
    files: tuple[str, ...]
    exclude: tuple[str, ...]
    whose: Ref


def misplaced(
    loaded: Loaded,
    drills: Iterable[tuple[Ref, int, Backing]],
    rows: Mapping[Ref, int],
) -> Iterator[Complaint]:
    """Yield the folders for *drills*, and those of copies, that are in production."""
    scratched = [one for one in drills if one[2].drills.scratch]
    kept = list(_kept(loaded, rows, urls=True))
    parts = list(_parts(loaded, rows)) if scratched or kept else []
    yield from _scratch(loaded, scratched, parts, rows)
    yield from _inside(loaded, kept, parts, rows)


def _scratch(
    loaded: Loaded,
    drills: Iterable[tuple[Ref, int, Backing]],
    parts: Iterable[_Part],
    rows: Mapping[Ref, int],
) -> Iterator[Complaint]:
    """Yield the folders for drills that are in what is backed up, or around it."""
    production = dict(_kept(loaded, rows))
    for one in parts:
        for folder in standing(one.root, one.paths, one.files):
            production.setdefault(folder, one.whose)
    around: dict[tuple[str, ...], str] = {}
    exact: dict[tuple[str, ...], str] = {}
    for folder in sorted(production):
        parts_of = _clean(folder)
        exact.setdefault(parts_of, folder)
        for n in range(1, len(parts_of) + 1):
            around.setdefault(parts_of[:n], folder)
    told: set[str] = set()
    for ref, row, backing in drills:
        scratch = backing.drills.scratch
        if scratch is None or scratch in told:
            continue
        mine = _clean(scratch)
        above = (exact.get(mine[:n]) for n in range(1, len(mine) + 1))
        near = next(filter(None, above), None) or around.get(mine)
        if near is None:
            continue
        told.add(scratch)
        field = "spec.drills.scratch"
        at = loaded.locate(ref, field) or loaded.location(row)
        what = f"{scratch} and {near} of {production[near]} are in each other"
        hint = "name a folder that holds nothing else, as in /var/tmp/drills"
        yield Complaint("E184", at, f"{ref}: {field}: {what}", hint)


def _inside(
    loaded: Loaded,
    kept: Iterable[tuple[str, Ref]],
    parts: Iterable[_Part],
    rows: Mapping[Ref, int],
) -> Iterator[Complaint]:
    """Yield the repositories that are in what they keep copies of."""
    places = list(kept)
    read: dict[tuple[str, ...], list[_Part]] = {}
    for one in parts if places else ():
        for path in one.paths:
            read.setdefault(_clean(f"{one.root}/{path}"), []).append(one)
    for folder, ref in places:
        whole = _clean(folder)
        above = (whole[:n] for n in range(1, len(whole) + 1))
        around = ((up, one) for up in above for one in read.get(up, ()))
        for up, one in around:
            if any(_in(folder, out) for out in _left_out(one)):
                continue
            field = "spec.url"
            at = loaded.locate(ref, field) or loaded.location(rows[ref])
            within = str(PurePosixPath(*up))
            what = f"{folder} is in {within} of {one.whose}: it is lost with it"
            hint = "name a folder outside of everything that is backed up"
            yield Complaint("E184", at, f"{ref}: {field}: {what}", hint)
            break


def _kept(
    loaded: Loaded, rows: Mapping[Ref, int], *, urls: bool = False
) -> Iterator[tuple[str, Ref]]:
    """Yield every folder that copies are in; with *urls* those of a URL alone."""
    for ref, row in rows.items():
        if ref.kind != _REPOSITORY:
            continue
        spec = loaded.spec(row)
        url = urlsplit(str(spec.get("url") or ""))
        path = str(spec.get("path") or "")
        if url.scheme == "file":
            base = PurePosixPath(unquote(url.path))
            yield str(base / path if urls else base), ref
        if path.startswith("/") and not urls:
            yield path, ref  # where a panel's folder is mounted


def _parts(loaded: Loaded, rows: Mapping[Ref, int]) -> Iterator[_Part]:
    """Yield what every Backup reads, and every policy that names a folder itself."""
    specs = {ref: loaded.spec(row) for ref, row in rows.items()}
    for ref, spec in specs.items():
        if ref.kind not in {_POLICY, BACKUP}:
            continue
        sources = dict(spec.get("sources") or {})
        if ref.kind == BACKUP:
            policy = specs.get(Ref(_POLICY, str(spec.get("policy")))) or {}
            sources = {**(policy.get("sources") or {}), **sources}
        for source in sources.values():
            root = source.get("root") or spec.get("root")
            if root:
                yield _part(str(root), source, ref)


def _part(root: str, source: Mapping[str, Any], whose: Ref) -> _Part:
    kind = source.get("type", "files")
    files = (str(source["database"]),) if kind == "sqlite" else ()
    paths = tuple(map(str, source.get("paths") or ())) if kind == "files" else ()
    out = tuple(map(str, source.get("exclude") or ()))
    if kind == "panel":
        paths = (".",)
    return _Part(root, paths, files, out, whose)


def _left_out(one: _Part) -> Iterator[str]:
    """Yield the folders that are left out by their names, without a pattern."""
    for pattern in one.exclude:
        plain = pattern.removesuffix("/**").removesuffix("/*").lstrip("/")
        if plain and not any(sign in plain for sign in "*?["):
            yield str(PurePosixPath(one.root, plain))


def _in(one: str, other: str) -> bool:
    """Say whether *one* is *other*, or is in it."""
    inner, outer = _clean(one), _clean(other)
    return inner[: len(outer)] == outer


def _clean(path: str) -> tuple[str, ...]:
    """Return the parts of *path*, without what goes up again."""
    found: list[str] = []
    for part in PurePosixPath(_WHOLE, path).parts:
        if part == "..":
            found = found[:-1] or [_WHOLE]
        else:
            found.append(part)
    return tuple(found)
