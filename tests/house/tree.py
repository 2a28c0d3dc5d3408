"""The tree of files the house rules look at: what git has or would add."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def files() -> tuple[str, ...]:
    """Every file of the project, tracked or new, relative to the root."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-zco", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    names = sorted(set(listed.stdout.split("\0")) - {""})
    return tuple(name for name in names if (ROOT / name).is_file())


def under(folder: str, ending: str) -> list[str]:
    """The files below *folder* whose names end so."""
    return [
        name for name in files() if name.startswith(folder) and name.endswith(ending)
    ]


@cache
def text(name: str) -> str:
    """What a file says."""
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")
