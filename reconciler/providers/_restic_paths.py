"""
Paths as restic takes them, and what of them it may not be told.

Sources: restic's manual ("Excluding files"): a pattern is one of Go's
``filepath.Match``, with ``**`` for any number of folders.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from reconciler.errors import Rejected
from reconciler.providers._archive_tree import excluded
from reconciler.providers._drill_port import CANARY


def straight(root: Path, path: str) -> None:
    """See that *path* is below *root*, that no link leads to it, and it is not ours."""
    if os.path.normpath(path) == CANARY:
        raise Rejected(
            f"{path} is the name of the file that proves a backup",
            hint="give yours another name, or take it out of paths",
        )
    here = root
    for part in Path(path).parts:
        here = here / part
        try:
            about = here.lstat()
        except OSError as error:
            raise Rejected(f"{path}: {error.strerror}") from None
        if stat.S_ISLNK(about.st_mode):
            raise Rejected(f"{path}: a link leads to it")


def files(root: Path, paths: Sequence[str], exclude: Sequence[str]) -> Iterator[str]:
    """
    Yield every file that is there by now, relative to *root*.

    Raises:
        OSError: A folder cannot be read: what is in it, nobody knows.
    """
    out = excluded([*exclude, f"/{CANARY}"])
    for path in paths:
        whole = root / path
        if not whole.is_dir():
            yield os.path.normpath(path)
            continue
        for folder, below, names in os.walk(whole, onerror=_unless_gone):
            inner = Path(folder).relative_to(root)
            below[:] = [one for one in below if not out(str(inner / one))]
            for name in names:
                one = str(inner / name)
                with suppress(FileNotFoundError):  # it is gone since it was listed
                    if not out(one) and stat.S_ISREG((root / one).lstat().st_mode):
                        yield one


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def patterns(root: Path, exclude: Sequence[str]) -> list[str]:
    """
    Return *exclude* as restic takes it, anchored below *root*.

    What is called as our canary there, a restore left: it would come back over ours.
    """
    base = _literal(str(root)).rstrip("/")
    found = [f"{base}/{_literal(CANARY)}"]
    for one in exclude:
        inner = _literal(one.strip("/"), wild=True)
        found.append(f"{base}/{inner}")
        if not one.startswith("/"):
            found.append(f"{base}/**/{inner}")
    return found


def _literal(text: str, *, wild: bool = False) -> str:
    """Return *text* with nothing in it that means something; ``*`` and ``?`` may."""
    return re.sub(r"([\[\]\\])" if wild else r"([\[\]\\*?])", r"\\\1", text)
