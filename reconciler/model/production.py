"""Which folders are in production, so that nothing is ever restored near them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

_WHOLE: Final = "/"


def standing(root: str, paths: Iterable[str], files: Iterable[str] = ()) -> list[str]:
    """
    Return the folders that are in production where *root* is backed up.

    A folder of its own is, as a whole: what is in it belongs to the thing. Of ``/`` it
    is what *paths* name and what *files* (SQLite) are in: all of a machine is no site,
    and some folder has to be left to restore into.
    """
    if PurePosixPath(_WHOLE, root) != PurePosixPath(_WHOLE):
        return [root]
    return sorted(
        {*_below(paths), *_below(str(PurePosixPath(f).parent) for f in files)}
    )


def _below(paths: Iterable[str]) -> Iterator[str]:
    yield from (str(PurePosixPath(_WHOLE, path)) for path in paths)
