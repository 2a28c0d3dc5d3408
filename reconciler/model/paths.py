"""Paths below a root, written one way, and none that lies in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

#: What the root itself is called.
ROOT: Final = "."


def plain(path: str) -> str:
    """Return the relative *path* without what means nothing, as in ``./a//b/.``."""
    return "/".join(_parts(path)) or ROOT


def apart(paths: Iterable[str]) -> tuple[str, ...]:
    """Return *paths*, plain, in their order; none of them twice or in another one."""
    found = dict.fromkeys(map(plain, paths))
    if ROOT in found:
        return (ROOT,)
    return tuple(one for one in found if found.keys().isdisjoint(above(one)))


def above(path: str) -> Iterator[str]:
    """Yield the folders that the plain *path* is in, the outermost first."""
    parts = path.split("/")
    return ("/".join(parts[:many]) for many in range(1, len(parts)))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]
