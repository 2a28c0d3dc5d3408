"""Who wrote, in git, what an action follows from: they may not approve it alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import Final, NamedTuple

from reconciler.audit import Base
from reconciler.cli.git import Git
from reconciler.model import Action, Location

#: The addresses GitHub gives to those who keep theirs private.
_NOREPLY: Final = re.compile(r"(?:\d+\+)?([^@+]+)@users\.noreply\.github\.com")
#: The committer of what was made on GitHub's own pages.
_FORGE: Final = "noreply@github.com"
_ADDRESS: Final = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_PERSONS: Final = "<%ae>%n<%ce>%n%(trailers:key=Co-authored-by,valueonly)"


class Hands(NamedTuple):
    """
    Whose work a commit is, by what git says: addresses, which anybody can type.

    Attributes:
        author: Empty where the commit has none.
        committer: Empty where the forge made the commit.
        others: Its Co-authored-by trailers.
    """

    author: str
    committer: str
    others: tuple[str, ...] = ()

    def all(self) -> Iterator[str]:
        """Yield each of them; the author even where there is none."""
        yield self.author
        yield from (self.committer,) if self.committer else ()
        yield from self.others


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
        self.hands = cache(self._hands)

    def addresses(self, action: Action) -> frozenset[str]:
        """Return the e-mail addresses of the authors; empty is one without any."""
        return frozenset(
            address
            for commit in self.commits(action)
            for address in self.hands(commit).all()
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

    def _hands(self, commit: str) -> Hands:
        said = self._git.ask("log", "--max-count=1", f"--format={_PERSONS}", commit)
        author, committer, *others = (said or "<>\n<>").split("\n")
        by = committer[1:-1]
        return Hands(
            author[1:-1],
            "" if by == _FORGE else by,
            tuple(_ADDRESS.findall("\n".join(others))),
        )


def login_of(address: str) -> str | None:
    """Return the login that an address of GitHub's tells."""
    found = _NOREPLY.fullmatch(address)
    return found[1] if found else None


def known_as(address: str, declared: Collection[str]) -> str | None:
    """Return a name by which whoever has *address* is known; None if nobody is."""
    from reconciler.policy import person

    if person(address) in declared:
        return address
    return login_of(address)


def alike(
    approvers: Collection[str], authors: Collection[str], people: Collection[str]
) -> frozenset[str]:
    """
    Return the *approvers* that nobody can tell from an author.

    A login and an address say nothing of each other until a Person (one of *people*)
    has one of them: it has all of its names.
    """
    from reconciler.policy import ANYBODY, person

    def addresses(names: Collection[str]) -> dict[str, bool]:
        strange = (n for n in names if n != ANYBODY and person(n) not in people)
        return {name: "@" in person(name) for name in strange}

    wrote = set(addresses(authors).values())
    return frozenset(
        name for name, address in addresses(approvers).items() if (not address) in wrote
    )
