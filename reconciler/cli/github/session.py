"""The way to GitHub, from what a workflow has in its environment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.cli.project import system_clock
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.notify.github import GitHub

#: Who writes with a workflow's own token.
BOT = "github-actions[bot]"


def opened(environ: Mapping[str, str]) -> GitHub:
    """
    Return the repository that this workflow runs in.

    Raises:
        UsageError: The environment does not name it, or has no token.
    """
    from reconciler.notify.github import API, GitHub, Repository

    repository = Repository(
        environ.get("GITHUB_REPOSITORY", ""),
        environ.get("GITHUB_TOKEN", ""),
        environ.get("GITHUB_API_URL") or API,
    )
    return GitHub(repository, clock=system_clock, sleep=time.sleep)


def run_url(environ: Mapping[str, str]) -> str:
    """Return the address of this workflow's run; empty outside a workflow."""
    parts = [environ.get(f"GITHUB_{name}", "") for name in _PARTS]
    return "{}/{}/actions/runs/{}".format(*parts) if all(parts) else ""


def number(given: str, what: str) -> int:
    """
    Return *given* as a number of GitHub's.

    Raises:
        UsageError: It is none.
    """
    if not (given.isascii() and given.isdigit()) or len(given) > _DIGITS:
        raise UsageError(f"{given!r} is no number of a {what}")
    return int(given)


_PARTS = ("SERVER_URL", "REPOSITORY", "RUN_ID")
_DIGITS = 18
