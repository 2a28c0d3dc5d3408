"""From another program's file to checked documents that make nothing happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from operator import itemgetter
from typing import TYPE_CHECKING, Final, cast

from reconciler.cli.accounts import declared_in
from reconciler.cli.adopting import Written
from reconciler.cli.carrying.autorestic import autorestic
from reconciler.cli.carrying.borgmatic import borgmatic
from reconciler.cli.carrying.carried import BACKUP, POLICY, REPOSITORY, Asked, Load
from reconciler.cli.carrying.resticprofile import resticprofile
from reconciler.cli.carrying.section import Section
from reconciler.cli.carrying.values import read
from reconciler.cli.importing import Imported
from reconciler.cli.trial import Trial
from reconciler.engine.adopt import Passed, stirs
from reconciler.engine.observe import observe
from reconciler.errors import InventoryErrors, ReconcilerError, UsageError
from reconciler.inventory.draft import Document
from reconciler.model import Have, Left, Ref, Unknown
from reconciler.model.backing import Backing, Source

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.project import Project
    from reconciler.inventory import Inventory

NOWHERE: Final = "E664"
#: Each round takes back what the loader refuses, then what names that.
_ROUNDS: Final = 6
_COMMENT: Final = (
    "Backups that another program makes: they are looked after here, not made.",
    "The files are yours: move, join and edit the documents as you like.",
)
PROGRAMS: Final[Mapping[str, Callable[[Section, Load], None]]] = {
    "autorestic": autorestic,
    "borgmatic": borgmatic,
    "resticprofile": resticprofile,
}


def carry(project: Project, path: Path, asked: Asked, folder: str) -> Imported:
    """
    Return the files that say what is in *path*.

    The files go into *folder*, from the root; *path* is called in messages as it is.

    Raises:
        InventoryErrors: The file is not as its program writes it.
        ReconcilerError: Nothing in it can be declared here.
    """
    load = loaded(path, asked)
    _refuse_unknown(load)
    return written(project, load, load.documents(), folder)


def written(
    project: Project, load: Load, documents: dict[Ref, Document], folder: str
) -> Imported:
    """
    Return the files of *documents* that stand the check, and what *load* left.

    A policy that gets no document counts as one that could not be read.
    """
    passed = [Passed(ref, why, unread=ref.kind == POLICY) for ref, why in load.without]
    passed += _declared(project, documents)
    trial = Trial(project, folder, _COMMENT)
    passed += _settled(project, trial, documents)
    known = project.inventory
    left = {ref: rows for ref, rows in load.left.items() if ref not in known}
    made = Written(
        trial.drafts([*documents.values()]) if documents else [],
        {ref: rows for ref, rows in left.items() if ref in documents},
        sorted([*passed, *_gone(left, documents)], key=lambda o: (not o.unread, o)),
        {},
        {},
    )
    return Imported(made, {}, {})


def _declared(project: Project, documents: dict[Ref, Document]) -> list[Passed]:
    """
    Take out what is declared, and say so.

    A policy of other things that has the name by chance is told as what it is, and no
    Backup is made by it.
    """
    passed: list[Passed] = []
    for ref in [ref for ref in documents if ref in project.inventory]:
        document, at = documents.pop(ref), project.inventory.at(ref)
        if ref.kind != POLICY or _alike(project, document):
            passed.append(Passed(ref, f"is declared already ({at})"))
            continue
        why = (
            f"what is called so here ({at}) backs up something else: mend or rename it"
        )
        passed.append(Passed(ref, why, unread=True))
        by_it = [
            r for r, one in documents.items() if one.spec.get("policy") == ref.name
        ]
        for backup in by_it:
            del documents[backup]
    return passed


def _alike(project: Project, document: Document) -> bool:
    """Say whether the declared policy backs up what *document* does."""
    spec = cast("Backing", project.inventory.get(document.ref).spec)
    sources = document.spec["sources"].values()
    theirs = {_named(Source.model_validate(one)) for one in sources}
    return bool(theirs & {_named(one) for one in spec.sources.values()})


def _named(source: Source) -> tuple[object, ...]:
    return source.type, source.root, source.database, frozenset(source.paths)


def loaded(path: Path, asked: Asked) -> Load:
    """Return what is in *path*, in our words; see ``carry``."""
    faults: list[ReconcilerError] = []
    root = Section(read(path), faults)
    load = Load(asked)
    if not faults:
        PROGRAMS[asked.program](root, load)
    if faults:
        several = {(one.at or root.at, one.what): one for one in faults}
        ordered = [one for _, one in sorted(several.items(), key=itemgetter(0))]
        raise InventoryErrors(ordered)
    if lost := [one for one in load.policies if not one.copies]:
        names = ", ".join(one.name for one in lost)
        raise ReconcilerError(
            f"{names}: no place that it keeps copies in can be declared here",
            at=lost[0].at,
            hint="--repository NAME: a declared BackupRepository that will have them",
            code=NOWHERE,
        )
    return load


def _refuse_unknown(load: Load) -> None:
    names = {one.name for one in load.policies} | {ref.name for ref, _ in load.without}
    for name in load.asked.of:
        if name and name not in names:
            known = ", ".join(sorted(names)) or "none"
            raise UsageError(f"--of {name}=...: no policy is called so", hint=known)
    if "" in load.asked.of and len(load.policies) > 1:
        names_ = ", ".join(sorted(names))
        raise UsageError(f"say whose each is: --of NAME=Kind/name, of {names_}")


def _gone(
    left: Mapping[Ref, list[Left]], documents: Mapping[Ref, Document]
) -> Iterator[Passed]:
    """Yield what was left of what gets no document at all."""
    for ref, rows in left.items():
        if ref not in documents:
            yield from (Passed(ref, f"{one.what} {one.why}") for one in rows)


def _settled(
    project: Project, trial: Trial, documents: dict[Ref, Document]
) -> list[Passed]:
    """Take back what cannot be declared, was not seen, or would act."""
    passed: list[Passed] = []
    seen: set[Ref] = set()
    for _ in range(_ROUNDS):
        if not documents:
            return passed
        try:
            tree = trial.tree([*documents.values()])
        except InventoryErrors as wrong:
            taken = trial.take_back(documents, wrong)
            passed += (one._replace(unread=one.ref.kind == POLICY) for one in taken)
            continue
        fresh = [ref for ref in documents if ref not in seen and ref.kind != POLICY]
        gone = list(_stirring(project, tree, fresh))
        seen.update(fresh)
        for one in gone:
            del documents[one.ref]
        passed += gone
        if not gone:
            return passed
    raise ReconcilerError("what is in the file cannot be declared here", code=NOWHERE)


def _stirring(project: Project, tree: Inventory, refs: list[Ref]) -> Iterator[Passed]:
    """Yield what a first plan would act on, and repositories that nobody could see."""
    wants = [tree.get(ref) for ref in refs if ref.kind in {REPOSITORY, BACKUP}]
    if not wants:
        return
    project.say(f"looking at {len(wants)} repositories and backups …")
    now = project.clock()
    with closing(declared_in(project, tree, wants)) as accounts:
        world = observe(wants, accounts)
    for want in wants:
        have = world.have(want)
        if want.kind == REPOSITORY and (why := _unseen(have)):
            yield Passed(want.ref, f"it could not be looked at: {why}", unread=True)
        elif why := stirs(want, have, now):
            yield Passed(want.ref, why)


def _unseen(have: Have) -> str | None:
    found = (state.why for state in have.values() if isinstance(state, Unknown))
    return next(found, None)
