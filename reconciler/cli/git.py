"""The few things a command asks of the inventory's own git repository."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from reconciler.inventory.source import is_yaml

_TIMEOUT = 60
#: How ``git status`` marks what is ignored, before its path.
_IGNORED = "!! "


class Git:
    """
    Read-only questions about one checkout.

    Attributes:
        root: A folder in the checkout.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self.root = root
        kept = {k: v for k, v in environ.items() if not k.startswith("GIT_")}
        self._environ = {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

    def ask(self, *argv: str) -> str | None:
        """Return what git prints, or None where it has no answer."""
        try:
            done = subprocess.run(
                ["git", "-C", str(self.root), *argv],
                env=self._environ,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    @cached_property
    def folder(self) -> Path | None:
        """The .git folder; None outside a repository."""
        inside = self.root / ".git"
        parts = (inside / "objects").is_dir() and (inside / "refs").is_dir()
        if parts and (inside / "HEAD").is_file():
            return inside.resolve()
        # A folder below, a linked work tree or a bare one: git knows.
        found = self.ask("rev-parse", "--absolute-git-dir")
        return Path(found) if found else None

    @property
    def head(self) -> str | None:
        """The commit that is checked out."""
        return self.ask("rev-parse", "--verify", "HEAD^{commit}")

    @property
    def email(self) -> str | None:
        """Who git thinks works here."""
        return self.ask("config", "user.email")

    @cached_property
    def remote(self) -> str | None:
        """The name of the remote the audit branch lives on: origin, or the only one."""
        names = (self.ask("remote") or "").split()
        if "origin" in names:
            return "origin"
        return names[0] if len(names) == 1 else None

    def dirty(self, *folders: str) -> bool:
        """
        Whether *folders* have YAML or changes that are in no commit.

        What git ignores is read all the same; and where git has no answer, nothing
        is proven.
        """
        listed = self.ask(
            *("status", "--porcelain", "-z", "--ignored", "--untracked-files=all"),
            *("--no-renames", "--", *folders),
        )
        if listed is None:
            return True
        entries = listed.split("\0") if listed else []
        return any(not e.startswith(_IGNORED) or is_yaml(e[3:]) for e in entries if e)

    def protected_branch(self) -> str:
        """The branch whose tip may act: the remote's default, else ``main``."""
        found = self.ask("symbolic-ref", "--short", f"refs/remotes/{self.remote}/HEAD")
        return found.split("/", 1)[1] if found else "main"

    def fetched_tip(self, branch: str) -> str | None:
        """Fetch *branch* now and return its tip; None where that fails."""
        if self.remote is None:
            return self.ask("rev-parse", "--verify", f"refs/heads/{branch}")
        listed = self.ask("ls-remote", self.remote, f"refs/heads/{branch}")
        return listed.split()[0] if listed else None

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether *commit* contains *ancestor*."""
        if commit == ancestor:
            return True
        return self.ask("merge-base", "--is-ancestor", ancestor, commit) is not None
