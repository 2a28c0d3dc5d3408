"""Who wrote, in git, what an action follows from: they may not approve it alone."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from reconciler.audit import Base
from reconciler.cli.git import Git
from reconciler.model import Action, Location

#: The addresses GitHub gives to those who keep theirs private.
_NOREPLY: Final = re.compile(r"(?:\d+\+)?([^@+]+)@users\.noreply\.github\.com")
_CO_AUTHOR: Final = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_PERSONS: Final = "%ae%n%(trailers:key=Co-authored-by,valueonly)"


class Authors:
    """
    The authors of actions at one commit, by what git says.

    Those of an action are whoever wrote the lines it points to, and whoever changed
    their files since the resource was applied last.
    """

    def __init__(self, git: Git, base: Base, head: str | None) -> None:
        self._git = git
        self._base = base
        self._head = head
        self._since = cache(self._changed)
        self._line = cache(self._blamed)

    def __call__(self, action: Action) -> frozenset[str]:
        """Return the e-mail addresses (and logins, where they tell) of the authors."""
        return frozenset(
            name for commit in self.commits(action) for name in self.names(commit)
        )

    def commits(self, action: Action) -> frozenset[str]:
        """Return the commits that *action* follows from."""
        want = action.want
        fields = ("", action.change.field, *(f.field for f in action.change.fields))
        places = {at for field in fields if (at := want.at(field))}
        since = self._base.exceptions.get(str(want.ref), self._base.commit)
        found = {self._line(at) for at in places}
        for file in {at.file for at in places} if since else ():
            found |= self._since(file, since)
        return frozenset(commit for commit in found if commit)

    def _changed(self, file: str, since: str) -> frozenset[str]:
        listed = self._git.ask(
            "log", "--format=%H", f"{since}..{self._head}", "--", file
        )
        return frozenset((listed or "").split())

    def _blamed(self, at: Location) -> str:
        said = self._git.ask(
            "blame",
            "--porcelain",
            f"-L{at.line},{at.line}",
            f"{self._head}",
            "--",
            at.file,
        )
        return (said or "").partition(" ")[0]

    def names(self, commit: str) -> tuple[str, ...]:
        """Return the addresses (and logins, where they tell) a commit is by."""
        said = self._git.ask("log", "--max-count=1", f"--format={_PERSONS}", commit)
        lines = (said or "").splitlines()
        found = [*lines[:1], *_CO_AUTHOR.findall("\n".join(lines[1:]))]
        logins = [match[1] for one in found if (match := _NOREPLY.fullmatch(one))]
        return (*found, *logins)
