"""
Proofs of names by files of web servers on this machine (RFC 8555, 8.3).

An account whose web server serves a folder to everybody says which (``webroot``); every
name that it serves must lead to ``.well-known/acme-challenge`` below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

#: Where a proof is looked for below the folder.
PLACE: Final = Path(".well-known") / "acme-challenge"
#: What the authority calls a proof: a name it made, which becomes one of a file.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Webroots:
    """
    The folders of some accounts.

    Args:
        folder: Returns the folder that an account's web server serves, if it says so.
    """

    def __init__(self, folder: Callable[[str], Path | None]) -> None:
        self._folder = folder

    def present(self, accounts: Iterable[str], files: Mapping[str, str]) -> str | None:
        """Put *files* (token -> contents) there; say why they cannot be, if so."""
        if (
            wrong := next((t for t in files if not _TOKEN.fullmatch(t)), None)
        ) is not None:
            return f"the authority names a proof {wrong[:16]!r}, which is no name"
        known = self._known(accounts)
        if not known:
            return "none of its places says which folder it serves (settings.webroot)"
        for root in known:
            try:
                for token, text in files.items():
                    _write(root / PLACE / token, text)
            except OSError as error:
                return f"{root}: {error.strerror or type(error).__name__}"
        return None

    def remove(self, accounts: Iterable[str], files: Mapping[str, str]) -> None:
        """Take *files* away again; what cannot be is left."""
        for root in self._known(accounts):
            for token in filter(_TOKEN.fullmatch, files):
                with suppress(OSError):
                    (root / PLACE / token).unlink(missing_ok=True)

    def _known(self, accounts: Iterable[str]) -> list[Path]:
        found = (self._folder(account) for account in sorted(set(accounts)))
        return [root for root in found if root is not None]


def _write(path: Path, text: str) -> None:
    """Write a file that a web server may read; it is there whole or not at all."""
    if not path.parents[2].is_dir():
        raise NotADirectoryError(20, "there is no such folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.new")
    made.write_text(text, encoding="ascii")
    made.chmod(0o644)
    made.replace(path)
