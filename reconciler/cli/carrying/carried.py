"""What another program's policies become, and what of them does not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Final, NamedTuple

from reconciler.cli.carrying.section import Section, Text
from reconciler.inventory.backups import longest
from reconciler.inventory.draft import Document
from reconciler.inventory.secrets import leaks
from reconciler.model import Left, Ref
from reconciler.model.backing import Schedule
from reconciler.model.calendar import duration_text
from reconciler.model.cron import Cron
from reconciler.model.location import Location

REPOSITORY: Final = "BackupRepository"
POLICY: Final = "BackupPolicy"
BACKUP: Final = "Backup"
#: Everything: the most that ``keep`` can say.
_ALL: Final = 10_000
#: The longest path that a document has.
_LONGEST: Final = 1024
_GLOB: Final = re.compile(r"[*?\[\]{}$]")
_RTO: Final = "4h"
_LAPSE: Final = timedelta(hours=2)
#: What is kept for longer than this is kept for good.
FOREVER: Final = timedelta(days=36_500)
KEPT: Final = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


class Asked(NamedTuple):
    """
    What was asked for.

    Attributes:
        program: Whose file it is.
        name: What its policies are called after where they have no names.
        folder: Where relative paths in it begin.
        mapped: Their repository -> the declared one; empty: every one of theirs.
        of: Policy -> what it is of; empty: the only one.
        known: The URL of each declared repository -> its name.
        taken: Names that no new repository may have.
    """

    program: str
    name: str
    folder: Path
    mapped: Mapping[str, str] = {}
    of: Mapping[str, str] = {}
    known: Mapping[str, str] = {}
    taken: Collection[str] = ()


class Place(NamedTuple):
    """A repository of theirs: what it is called here, and its spec."""

    name: str
    spec: Mapping[str, Any]
    notes: Sequence[str] = ()


class Policy(NamedTuple):
    """
    One policy of theirs, in our words.

    Attributes:
        cron: When it is due; None where their file does not say.
        copies: Names of repositories; the first one is written to.
    """

    name: str
    at: Location
    cron: str | None
    sources: Mapping[str, Mapping[str, Any]]
    keep: Mapping[str, Any]
    copies: Sequence[str]
    hooks: Mapping[str, Any]


class Load:
    """
    All that is carried over: documents, and what was left of each, and why.

    Attributes:
        places: Our name -> repositories that get a document.
        left: By the document's address.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.places: dict[str, Place] = {}
        self.policies: list[Policy] = []
        self.left: dict[Ref, list[Left]] = defaultdict(list)
        #: Policies that get no document, and why.
        self.without: list[tuple[Ref, str]] = []
        self._called: set[str] = set()

    def leave(self, ref: Ref, at: Location, what: str, why: str) -> None:
        """Say that *what*, which stands at *at*, is in no document."""
        self.left[ref].append(Left(f"{what} ({at})", why))

    def free(self, name: str) -> str:
        """Return *name*, or one like it that no other repository has."""
        return free(name, {*self.places, *self.asked.taken})

    def policy(self, theirs: str, at: Location) -> Ref:
        """
        Return what the policy *theirs* is called here: no two have one name.

        What is not called as it is there is told.
        """
        ref = Ref(POLICY, free(name_of(theirs), self._called))
        self._called.add(ref.name)
        if ref.name != theirs:
            self.leave(ref, at, "its name", f"is {ref.name} here")
        return ref

    def documents(self) -> dict[Ref, Document]:
        """
        Return a document for each policy, what it is of, and where its copies are.

        A repository that no policy names has none: it would prove nothing.
        """
        group = self.asked.program
        made: dict[Ref, Document] = {}
        named = {copy for policy in self.policies for copy in policy.copies}
        for place in self.places.values():
            if place.name not in named:
                continue
            ref = Ref(REPOSITORY, place.name)
            made[ref] = Document(ref, group, place.spec, place.notes)
        for policy in self.policies:
            ref = Ref(POLICY, policy.name)
            made[ref] = Document(ref, group, *_policy(policy, group))
            of = self.asked.of.get(policy.name) or self.asked.of.get("")
            if of:
                name = self._backup(policy.name, made)
                spec = {"of": of, "policy": policy.name}
                notes = self._seen(name, policy)
                made[Ref(BACKUP, name)] = Document(
                    Ref(BACKUP, name), group, spec, notes
                )
        return made

    def _backup(self, policy: str, made: Collection[Ref]) -> str:
        """Return what the Backup of *policy* is called: no share has the same name."""
        taken = {ref.name for ref in made if ref.kind == BACKUP}
        name = f"{policy}-backup" if policy in self.places else policy
        return free(name, {*taken, *self.places})

    def _seen(self, name: str, policy: Policy) -> list[str]:
        """Return what has to be told to their restic, for its snapshots to be seen."""
        if policy.copies[0] not in self.places:
            return []
        return [
            f"Have {self.asked.program} add --host {name} --tag backup={name} "
            f"--tag source={source}: by that its snapshots are known here."
            for source in policy.sources
        ]


def _policy(policy: Policy, program: str) -> tuple[dict[str, Any], list[str]]:
    cron = policy.cron or "0 0 * * *"
    where = f"{PurePath(policy.at.file).name}:{policy.at.line}"
    notes = [
        f"{where}. {program} makes these; with by: reconciler they are made from here.",
        "The file promises nothing: rpo follows from the schedule, rto is a guess.",
        "Times are UTC.",
    ]
    if policy.cron is None:
        notes.append("When they are due is not known here: once a day is assumed.")
    gap = longest(Schedule(cron=Cron.of(cron))) + _LAPSE
    spec: dict[str, Any] = {
        "objectives": {"rpo": duration_text(gap), "rto": _RTO},
        "schedule": {"cron": cron, "by": "host"},
        "sources": {name: dict(one) for name, one in policy.sources.items()},
        "keep": dict(policy.keep),
        "copies": list(policy.copies),
    }
    if policy.hooks:
        spec["hooks"] = dict(policy.hooks)
    return spec, notes


def free(name: str, taken: Collection[str]) -> str:
    """Return *name*, or with the first number that makes it none of *taken*."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def name_of(text: str) -> str:
    """Return *text* as a name of a document."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.")[:200] or "unnamed"


def source_name(text: str, taken: Mapping[str, Any]) -> str:
    """Return *text* as the name of a source that is not *taken* yet."""
    bare = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    bare = (bare if bare[:1].isalpha() else f"s-{bare}").strip("-")[:28]
    number = 1
    while (found := bare if number == 1 else f"{bare}-{number}") in taken:
        number += 1
    return found


def variable(*words: str) -> dict[str, str]:
    """Return the reference to an environment variable that is called after *words*."""
    return {"env": re.sub(r"[^A-Z0-9]+", "_", "_".join(words).upper()).strip("_")}


def keep(counts: Mapping[str, int | None], within: timedelta | None) -> dict[str, Any]:
    """
    Return what is kept there, exactly: what our defaults add would look as if lost.

    Where nothing is ever forgotten there, that is said too. ``-1`` is without an end.
    """
    told = {name: counts.get(name) or 0 for name in KEPT}
    told = {n: _ALL if c < 0 else min(c, _ALL) for n, c in told.items()}
    if not any(told.values()) and not within:
        told["last"] = _ALL
    usual = {"last", "hourly", "yearly"}  # not kept where nothing is said
    made: dict[str, Any] = {n: c for n, c in told.items() if c or n not in usual}
    span = min(within or timedelta(0), FOREVER)
    return {**made, "within": duration_text(span), "least": 1}


def unsayable(path: str) -> str | None:
    """Return why no document can have *path*; None where one can."""
    if not 0 < len(path) <= _LONGEST or not path.isprintable():
        return "is empty, too long, or not printable"
    return "looks like a secret" if next(leaks(path), None) else None


def files(load: Load, ref: Ref, paths: Sequence[Text], base: str) -> dict[str, Any]:
    """
    Return the folder that *paths* are in, and them below it; empty where none is left.

    Relative ones begin in *base*.
    """
    good: list[PurePosixPath] = []
    for one in paths:
        text = one.text.removesuffix("/") or "/"
        if _GLOB.search(text) or text.startswith("~"):
            why = "stands for paths that only that machine knows: write them out"
            load.leave(ref, one.at, "a path", why)
        elif ".." in PurePosixPath(text).parts or text == "/":
            why = "paths are below a folder that is named: name the folders"
            load.leave(ref, one.at, "a path", why)
        elif bad := unsayable(text):
            load.leave(ref, one.at, "a path", bad)
        else:
            good.append(PurePosixPath(base, text))
    if not good:
        return {}
    parents = [one.parent.parts for one in good]
    shared: list[str] = []
    for steps in zip(*parents, strict=False):
        if len(set(steps)) > 1:
            break
        shared.append(steps[0])
    root = PurePosixPath(*shared)
    below = dict.fromkeys(one.relative_to(root).as_posix() for one in good)
    return {"root": root.as_posix(), "paths": list(below)}


def patterns(load: Load, ref: Ref, found: Sequence[Text], root: str) -> dict[str, Any]:
    """
    Return what is left out, as ``exclude`` says it; empty where that is nothing.

    A star that goes over folders elsewhere stays within one here: less is left out.
    """
    made: list[str] = []
    for one in found:
        text = one.text.removeprefix("sh:").removeprefix("fm:")
        if re.match(r"[a-z]{2}:|[!~]", text) or re.search(r"[\[\]{}$]", text):
            why = "is a pattern that cannot be said here: more is backed up"
            load.leave(ref, one.at, "a pattern", why)
        elif bad := unsayable(text):
            load.leave(ref, one.at, "a pattern", bad)
        elif not text.startswith("/") or text.startswith("/**/"):
            made.append(text.removeprefix("/**/"))
        elif root == "/":
            made.append(text)
        elif text.startswith(f"{root}/"):
            made.append(text.removeprefix(root))
        else:
            load.leave(ref, one.at, "a pattern", "is of nothing that is backed up")
    return {"exclude": list(dict.fromkeys(made))} if made else {}


def leave_rest(load: Load, ref: Ref, section: Section) -> None:
    """Say of every key that nobody read that it is in no document."""
    for key, at in section.unread():
        load.leave(ref, at, key, "has no counterpart here")
