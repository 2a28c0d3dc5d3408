"""Which folders are in production, so that nothing is ever restored near them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from posixpath import dirname, join, normpath
from typing import Final

#: POSIX lets two slashes at the beginning mean something else.
_WHOLES: Final = frozenset({"/", "//"})


def standing(root: str, paths: Iterable[str], files: Iterable[str] = ()) -> list[str]:
    """
    Return the folders that are in production where *root* is backed up.

    A folder of its own is, as a whole: what is in it belongs to the thing. Of ``/`` it
    is what *paths* name and what *files* (SQLite) are in: all of a machine is no site,
    and some folder has to be left to restore into.
    """
    if normpath(join("/", root)) not in _WHOLES:
        return [root]
    below = (*paths, *map(dirname, files))
    return sorted({normpath(join("/", path)) for path in below})
