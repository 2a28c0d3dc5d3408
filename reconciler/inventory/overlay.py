"""A tree as it would be with some files written: to check before writing them."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.inventory.source import MAX_BYTES, Source, blob_id


class Overlay:
    """
    *below* with other content at the paths of *files*.

    Args:
        below: The tree as it is.
        files: Path -> content; a path may be new.
    """

    def __init__(self, below: Source, files: Mapping[str, bytes]) -> None:
        self._below = below
        self._over = files

    def files(self) -> Mapping[str, str]:
        """Return path -> blob id."""
        over = {path: blob_id(data) for path, data in self._over.items()}
        return {**self._below.files(), **over}

    def read(self, path: str) -> bytes:
        """Return the content of *path*; see ``Source``."""
        if path in self._over:
            return self._over[path][: MAX_BYTES + 1]
        return self._below.read(path)
