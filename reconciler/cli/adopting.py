"""From what was seen to files that are checked before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.cli.trial import Trial
from reconciler.cli.watched_entries import without
from reconciler.engine.adopt import NOBODYS, Candidate, Found, Passed, probes, stirs
from reconciler.errors import InventoryErrors, ReconcilerError
from reconciler.inventory.draft import Document, Draft
from reconciler.inventory.emit import entry
from reconciler.inventory.merge import merged
from reconciler.inventory.secrets import leaks
from reconciler.kinds import kinds
from reconciler.model import (
    Adoption,
    AnyResource,
    Beside,
    Called,
    Choice,
    Left,
    Ref,
    Share,
    Spec,
)

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.inventory import Inventory

#: Each round takes back what the loader refuses or the plan would act on.
_ROUNDS = 5
_COMMENT = (
    "Imported as it was live. Nothing in here can spend: there is no maxPrice.",
    "The files are yours: move, join and edit the documents as you like.",
)


class Written(NamedTuple):
    """
    Files that stood the check, and what is in none of them.

    Attributes:
        left: Parts that stay unmanaged, by the resource they belong to.
        long: What could have been a Site and is not, and why.
        edits: Files without the entries that what is written takes the place of.
    """

    drafts: Sequence[Draft]
    left: Mapping[Ref, Sequence[Left]]
    passed: Sequence[Passed]
    long: Mapping[Ref, str]
    edits: Mapping[str, bytes]


class Desk:
    """
    Where the documents of one import are made and checked.

    Args:
        project: The project.
        kind: Of what is imported.
        folder: Where the files go, from the root.
        share: One that a document of the kind can have.
        watched: What is declared by an entry that only watches, to be replaced.
    """

    def __init__(
        self,
        project: Project,
        kind: type[AnyResource],
        folder: str,
        share: Share,
        *,
        watched: Collection[Ref] = (),
    ) -> None:
        self._project = project
        self._kind = kind
        self._folder = folder
        self._trial = Trial(project, folder, _COMMENT)
        self._share = share
        self._watched = frozenset(watched)
        self._found = Found((), (), {})
        self._left: dict[Ref, Sequence[Left]] = {}
        self._passed: list[Passed] = []
        self._adoptions: dict[Ref, Adoption] = {}
        self._known: dict[str, Mapping[str, str]] = {}

    def write(self, found: Found, customer: str | None) -> Written:
        """
        Return the checked files for what was *found*.

        With a *customer* what Sites can say is said by Sites of that customer.
        """
        self._found = found
        self._passed = list(found.passed)
        documents = self._documents()
        tree = self._checked(documents)
        long: Mapping[Ref, str] = {}
        if customer is not None and tree is not None:
            from reconciler.cli.folding import Folding

            folding = Folding(self._project.inventory, tree, customer)
            made, long = folding.fold(documents, self._trial.tree)
        else:
            made = list(documents.values())
        left = {ref: left for ref, left in self._left.items() if ref in documents}
        return Written(
            self._trial.drafts(made),
            {ref: parts for ref, parts in left.items() if parts},
            sorted(self._passed),
            long,
            self._trial.edits,
        )

    def _documents(self) -> dict[Ref, Document]:
        if not self._found.candidates:
            return {}
        usual = self._usual()
        documents: dict[Ref, Document] = {}
        for candidate in self._found.candidates:
            adoption = self._kind.adopted(candidate.have, usual, _refused)
            if adoption.spec is None:
                self._passed += [
                    Passed(candidate.ref, left.why) for left in adoption.left
                ]
                continue
            group, spec = self._group(candidate), dict(adoption.spec)
            if adoption.choice is not None:
                chosen = self._chosen(adoption.choice)
                if chosen is None:
                    self._passed.append(Passed(candidate.ref, adoption.choice.why))
                    continue
                spec[adoption.choice.field] = [chosen]
            if adoption.called is not None:
                known = self._called(adoption.called, group)
                if known is None:
                    self._passed.append(Passed(candidate.ref, adoption.called.why))
                    continue
                spec[adoption.called.field] = known
            for beside in adoption.beside:
                shared = {field: spec[field] for field in beside.shared}
                whole = beside._replace(spec={**shared, **beside.spec})
                named = self._named(whole, group, documents)
                if beside.field:
                    spec[beside.field] = named
            self._adoptions[candidate.ref] = adoption
            self._left[candidate.ref] = adoption.left
            documents[candidate.ref] = Document(
                candidate.ref, group, spec, adoption.notes
            )
        return documents

    def _chosen(self, choice: Choice) -> str | None:
        """Return the one declared address that *choice* leads to."""
        tree = self._project.inventory
        found = {
            address
            for group in choice.groups
            for address in [next((a for a in group if _ref(a) in tree), None)]
            if address is not None
        }
        return found.pop() if len(found) == 1 else None

    def _called(self, called: Called, provider: str) -> str | None:
        """Return the name of the one document that *provider* calls so."""
        tree = self._project.inventory
        vendor = self._project.accounts_declared[provider].spec.type
        found = []
        for ref in tree.refs():
            if ref.kind == called.kind:
                names = getattr(tree.get(ref).spec, called.among)
                if names.get(provider, names.get(vendor)) == called.name:
                    found.append(ref.name)
        return found[0] if len(found) == 1 else None

    def _named(self, beside: Beside, group: str, documents: dict[Ref, Document]) -> str:
        """Return what *beside* is called, and have it declared if it is not yet."""
        known = self._names(beside.kind).get(beside.name)
        if known is not None:
            return known
        ref = Ref(beside.kind, beside.name)
        before = documents.get(ref)
        spec = merged(before.spec, dict(beside.spec)) if before else beside.spec
        documents[ref] = Document(ref, group, spec, beside.notes)
        return beside.name

    def _names(self, kind: str) -> Mapping[str, str]:
        """Return the names of what is declared, by name, uid and as it is listed."""
        if kind not in self._known:
            tree = self._project.inventory
            refs = [ref for ref in tree.refs() if ref.kind == kind]
            named = {ref.name: ref.name for ref in refs}
            named |= {tree.uid(ref): ref.name for ref in refs}
            if not kinds()[kind].listed_by_name:
                named |= {tree.get(ref).listed_as: ref.name for ref in refs}
            self._known[kind] = named
        return self._known[kind]

    def _group(self, candidate: Candidate) -> str:
        families = list(self._kind.states)
        return min(candidate.have, key=lambda s: families.index(s.family)).provider

    def _usual(self) -> Spec:
        """Return what holds in the folder for a document that says almost nothing."""
        kind = self._kind
        (probe,) = probes(kind, [self._share])
        if not kind.follows_folder:
            return probe.spec
        said = probe.spec.model_dump(mode="json", by_alias=True)
        fields = type(probe.spec).model_fields
        needed = {f.alias or n for n, f in fields.items() if f.is_required()}
        spec = {key: value for key, value in said.items() if key in needed}
        written = [line.text for line in entry(f"{kind.kind}/{NOBODYS}", {}, spec)]
        text = "\n".join(["apiVersion: reconciler/v1", *written, ""])
        path = f"{self._folder}/{NOBODYS}.yaml"
        tree = self._trial.loaded({path: text.encode()})
        return tree.get(Ref(kind.kind, NOBODYS)).spec

    def _checked(self, documents: dict[Ref, Document]) -> Inventory | None:
        """Take back what the loader refuses, and calm what a plan would act on."""
        have = {one.ref: one.have for one in self._found.candidates}
        now = self._project.clock()
        for _ in range(_ROUNDS):
            replaced = self._watched & documents.keys()
            self._trial.edits = without(
                self._trial.work_tree, self._project.inventory, replaced
            )
            if not documents:
                return None
            try:
                tree = self._trial.tree([*documents.values()])
            except InventoryErrors as wrong:
                self._passed += self._trial.take_back(documents, wrong)
                continue
            stirring = {
                ref: why
                for ref in documents
                if (why := stirs(tree.get(ref), have.get(ref, {}), now))
            }
            if not stirring:
                return tree
            self._calm(documents, stirring)
        raise ReconcilerError("what is live cannot be declared here", code="E630")

    def _calm(
        self, documents: dict[Ref, Document], stirring: Mapping[Ref, str]
    ) -> None:
        """Have what would act only observed; what still would act is left out."""
        for ref, why in stirring.items():
            document, passive = documents[ref], self._adoptions[ref].passive
            calm: dict[str, Any] = {**document.spec, **passive}
            if calm == document.spec:
                del documents[ref]
                self._passed.append(Passed(ref, why))
                continue
            said = self._adoptions[ref].calm
            notes = [*document.notes, f"{said}: {why}"]
            documents[ref] = document._replace(spec=calm, notes=notes)
            if said == Adoption(None).calm:
                self._left[ref] = (*self._left[ref], Left("everything", why))


def _ref(address: str) -> Ref:
    kind, _, name = address.partition("/")
    return Ref(kind, name)


def _refused(text: str) -> str | None:
    """Say that *text* looks like a secret, and so may stand in no file."""
    return next((f"looks like {leak.what}" for leak in leaks(text)), None)
