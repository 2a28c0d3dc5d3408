"""Write what is live into the YAML, at its place and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, NamedTuple

from reconciler.engine.exits import Exit
from reconciler.errors import InventoryErrors, ReconcilerError
from reconciler.inventory import WorkTree
from reconciler.inventory.edit import Place, edited
from reconciler.inventory.heads import owner
from reconciler.inventory.node import Path
from reconciler.inventory.overlay import Overlay
from reconciler.inventory.parts import SITE
from reconciler.inventory.places import nodes
from reconciler.inventory.secrets import leaks
from reconciler.inventory.tokens import quoted
from reconciler.model import AnyResource, Drift, Edit, Ref, Rewrite

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.engine import World
    from reconciler.engine.drift import Drifted
    from reconciler.inventory import Inventory

#: Each round leaves out what the round before showed to be wrong.
_ROUNDS = 10
_HIDDEN = "what is live looks like a secret, and may not stand in git"
_SHARED = "several accounts hold it, and they do not agree"
_CONFLICT = "git moved too: a person has to say who is right"


class Unsaid(NamedTuple):
    """A field that drifted and was not written, and why."""

    ref: Ref
    field: str
    why: str


class Written(NamedTuple):
    """
    What was written back.

    Attributes:
        files: The files that were changed.
        fields: What they say now, and did not say before.
    """

    files: Sequence[str]
    fields: Sequence[tuple[Ref, str]]
    unsaid: Sequence[Unsaid]

    @property
    def codes(self) -> set[Exit]:
        """The exit codes that follow."""
        return {Exit.PARTLY} if self.unsaid else {Exit.DONE}


class Step(NamedTuple):
    """One change to one document."""

    ref: Ref
    field: str
    change: Rewrite


def write_back(
    project: Project, found: Drifted, world: World, *, force: bool
) -> Written:
    """
    Make the YAML say what is live, as far as it can be said.

    Every document is changed where it stands, never what it shares with others. The
    result is checked before a file is touched: everything loads, nothing else means
    anything else, and what was written no longer differs.

    Raises:
        ReconcilerError: A file has changes that are in no commit; nothing was written.
    """
    unsaid: list[Unsaid] = []
    steps = list(_steps(project.inventory, found, unsaid))
    files = sorted({home(project.inventory, step.ref)[0] for step in steps})
    if not force:
        _refuse_dirty(project, files)

    def differing(want: AnyResource) -> set[str]:
        return {
            field.field
            for change in want.diff(world.have(want), found.as_of)
            if change.merges
            for field in change.fields
        }

    back = Edits(project, read(project, files), differing)
    done = back.made(steps, unsaid)
    for path, text in sorted(done.items()):
        _put(project.root / path, text)
    fields = sorted((step.ref, step.field) for step in back.steps)
    return Written(sorted(done), fields, sorted(unsaid))


def _refuse_dirty(project: Project, files: Sequence[str]) -> None:
    outside = project.git.folder is None
    dirty = files if outside else [path for path in files if project.git.dirty(path)]
    if dirty:
        raise ReconcilerError(
            f"{dirty[0]} has changes that are in no commit",
            hint="commit or stash them, or say --force",
            code="E631",
        )


def _steps(
    inventory: Inventory, found: Drifted, unsaid: list[Unsaid]
) -> Iterator[Step]:
    """Yield what to write; what cannot be written is added to *unsaid*."""
    fields: dict[tuple[Ref, str], list[Drift]] = defaultdict(list)
    for one in found.fields:
        fields[one.ref, one.field].append(one)
    for (ref, field), moved in sorted(fields.items()):
        want = inventory.get(ref)
        why = _why_not(want, moved)
        change = why or want.rewritten(field, moved[0].live)
        if not isinstance(change, str) and (site := inventory.site(ref)):
            change = within(inventory, Ref(SITE, site), ref, change)
        if isinstance(change, str):
            unsaid.append(Unsaid(ref, field, change))
        else:
            yield Step(ref, field, change)
    unsaid += [
        Unsaid(g.ref, f"at {g.share.provider}", "it has gone") for g in found.gone
    ]


def home(inventory: Inventory, ref: Ref) -> tuple[str, Path]:
    """Return the file of the document of *ref*, and the path of its spec in there."""
    file, head = inventory.head(ref)
    made = ("with", ref.kind) if inventory.site(ref) else ()
    return file, (*head.where, *made)


def within(inventory: Inventory, site: Ref, ref: Ref, change: Rewrite) -> Rewrite | str:
    """Return *change* as the ``with`` of the Site that makes *ref* has it."""
    alike = [made for made in inventory.made_by(site) if made.kind == ref.kind]
    if len(alike) > 1:
        return f"{site} makes {len(alike)} {ref.kind}, and would change all of them"
    if isinstance(change, Edit):
        return change._replace(value=quoted(change.value))
    return change._replace(fields=quoted(change.fields), whole=quoted(change.whole))


def _why_not(want: AnyResource, moved: Sequence[Drift]) -> str | None:
    first = moved[0]
    holders = [s for s in want.shares() if s.family == first.share.family]
    if any(one.disposition == "conflict" for one in moved):
        return _CONFLICT
    if len(moved) < len(holders) or any(one.live != first.live for one in moved):
        return _SHARED
    words = first.live if isinstance(first.live, list) else [first.live]
    if any(True for word in words for _ in leaks(str(word))):
        return _HIDDEN
    return None


class Edits:
    """
    The files as they will be; what does not stand the check is taken out again.

    Args:
        texts: The files of the documents that are changed, as they are.
        differing: The fields of a resource that would differ from what is live, with
            the files as they will be.
    """

    def __init__(
        self,
        project: Project,
        texts: Mapping[str, str],
        differing: Callable[[AnyResource], set[str]] = lambda _want: set(),
    ) -> None:
        self._project = project
        self._differing = differing
        self._inventory = project.inventory
        self.texts = texts
        self.steps: list[Step] = []

    def made(self, steps: Sequence[Step], unsaid: list[Unsaid]) -> dict[str, str]:
        """
        Return the new text of every file that changes.

        What cannot be made is added to *unsaid*.
        """
        self.steps = list(steps)
        for _ in range(_ROUNDS):
            texts, stuck = self._edited()
            wrong = stuck or self._wrong(texts)
            if not wrong:
                return {p: t for p, t in texts.items() if t != self.texts[p]}
            unsaid += [
                Unsaid(step.ref, step.field, wrong[step.ref, step.field])
                for step in self.steps
                if (step.ref, step.field) in wrong
            ]
            self.steps = [s for s in self.steps if (s.ref, s.field) not in wrong]
        raise ReconcilerError("this cannot be written here", code="E631")

    def _edited(self) -> tuple[dict[str, str], dict[tuple[Ref, str], str]]:
        """Return the texts after all steps, and the steps that cannot be made."""
        texts = dict(self.texts)
        stuck: dict[tuple[Ref, str], str] = {}
        places: dict[str, list[tuple[Step, Place]]] = defaultdict(list)
        for step in self.steps:
            file, where = home(self._inventory, step.ref)
            places[file].append((step, Place(where, step.change)))
        for path, both in places.items():
            texts[path], failed = edited(texts[path], [place for _, place in both])
            for (step, _), why in zip(both, failed, strict=True):
                if why:
                    stuck[step.ref, step.field] = why
        return texts, stuck

    def _wrong(self, texts: Mapping[str, str]) -> dict[tuple[Ref, str], str]:
        """Return which steps do not stand the check, and why."""
        folder = self._project.folders[0]
        files = {path: text.encode() for path, text in texts.items()}
        try:
            source = Overlay(WorkTree(self._project.root, folder), files)
            tree = self._project.loaded(source)
        except InventoryErrors as wrong:
            return self._blamed(texts, wrong)
        mine = {step.ref for step in self.steps}
        before, after = self._inventory.digests(), tree.digests()
        ours = mine | {self._owner(ref) for ref in mine}
        others = {ref for ref in before if after.get(ref) != before[ref]} - ours
        if others or len(before) != len(after):
            what = f"it would change {min(others, default='the inventory')} too"
            return {(step.ref, step.field): what for step in self.steps}
        differing = {ref: self._differing(tree.get(ref)) for ref in mine}
        return {
            (step.ref, step.field): "what was written would still differ"
            for step in self.steps
            if step.field in differing[step.ref]
        }

    def _owner(self, ref: Ref) -> Ref:
        site = self._inventory.site(ref)
        return Ref(SITE, site) if site else ref

    def _blamed(
        self, texts: Mapping[str, str], wrong: InventoryErrors
    ) -> dict[tuple[Ref, str], str]:
        """Return the steps in the documents that the loader refuses."""
        blamed: dict[Ref, str] = {}
        for error in wrong.errors:
            if error.at is None or error.at.file not in texts:
                raise wrong
            ref = owner(nodes(texts[error.at.file]), error.at.line)
            if ref is None:
                raise wrong
            blamed[ref] = f"{error.shown_code} {error.what}"
        found = {
            (step.ref, step.field): blamed[owned]
            for step in self.steps
            if (owned := self._owner(step.ref)) in blamed
        }
        if not found:
            raise wrong
        return found


def read(project: Project, files: Iterable[str]) -> dict[str, str]:
    """Return *files* with their line ends as they are."""
    return {path: (project.root / path).read_bytes().decode("utf-8") for path in files}


def _put(path: FilePath, text: str) -> None:
    """Put *text* in place of a file at once, with its permissions."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(text.encode())
    draft.chmod(path.stat().st_mode & 0o7777)
    draft.replace(path)


def report(done: Written) -> str:
    """Return what was written, and what was not, for people."""
    lines = [f"wrote {path}" for path in done.files]
    lines += [f"  {ref} {field.removeprefix('spec.')}" for ref, field in done.fields]
    for one in done.unsaid:
        field = one.field.removeprefix("spec.")
        lines.append(f"not written: {one.ref} {field}: {one.why}")
    if not lines:
        return "no drift: nothing to write"
    if done.files:
        lines.append("next: reconciler validate && reconciler plan, then commit")
    return "\n".join(lines)
