"""From live things to checked files: what no document declares, as YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.engine.adopt import (
    NOBODYS,
    Candidate,
    Found,
    Listing,
    Passed,
    list_all,
    look,
    probes,
    stirs,
)
from reconciler.errors import InventoryErrors, ReconcilerError, Unsupported
from reconciler.inventory import WorkTree
from reconciler.inventory.draft import Document, Draft, drafts
from reconciler.inventory.emit import entry
from reconciler.inventory.overlay import Overlay
from reconciler.inventory.secrets import leaks
from reconciler.model import Adoption, AnyResource, Left, Ref, Share, Spec
from reconciler.providers import driver_class

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.inventory import Inventory

#: Each round takes back what the loader refuses or the plan would act on.
_ROUNDS = 5
_COMMENT = (
    "Imported as it was live. Nothing in here can spend: there is no maxPrice.",
    "The files are yours: move, join and edit the documents as you like.",
)


class Imported(NamedTuple):
    """
    What an import would write, and what it would not.

    Attributes:
        left: Parts that stay unmanaged, by the resource they belong to.
        passed: Whole things without a document.
        failed: Accounts that could not be listed, and why.
        requests: How many requests were sent, by account and operation.
    """

    drafts: Sequence[Draft]
    left: Mapping[Ref, Sequence[Left]]
    passed: Sequence[Passed]
    failed: Mapping[str, str]
    requests: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether everything could be read."""
        return not self.failed and not any(one.unread for one in self.passed)

    @property
    def refs(self) -> list[Ref]:
        """What gets a document."""
        return [document.ref for draft in self.drafts for document in draft.documents]


class Asked(NamedTuple):
    """
    What shall be imported.

    Attributes:
        provider: The account; None for all of them.
        folder: Where the files go, from the root.
        chosen: Whether a thing is in the selection.
    """

    kind: type[AnyResource]
    provider: str | None
    folder: str
    chosen: Callable[[Ref], bool]


def bring(project: Project, asked: Asked) -> Imported:
    """
    Return the files that declare what is live and in no document.

    Raises:
        ReconcilerError: The account has nothing of that kind, or the defaults of the
            folder allow no document.
    """
    shares = _shares(project, asked.kind)
    if asked.provider and asked.provider not in {share.provider for share in shares}:
        what = f"Provider/{asked.provider} holds no {asked.kind.kind} to import"
        raise ReconcilerError(what, code="E610")
    wants = probes(asked.kind, shares)
    with closing(project.accounts(wants)) as accounts:
        project.say(f"listing {len(wants)} accounts …")
        listings = list_all(wants, accounts)
        ours = _of(asked, listings)
        declared = {name for name in ours if _ref(asked, name) in project.inventory}
        new = ours - declared
        project.say(f"reading {len(new)} that no document declares …")
        found = look(asked.kind, listings, accounts, new.__contains__)
        project.cache.close()
    beside = _declared_elsewhere(project, asked, listings, declared)
    return _Writing(project, asked, found).imported(listings, beside)


def _ref(asked: Asked, name: str) -> Ref:
    return Ref(asked.kind.kind, name)


def _of(asked: Asked, listings: Sequence[Listing]) -> set[str]:
    """Return the names in the selection that the asked accounts have."""
    return {
        name
        for listing in listings
        if asked.provider in {None, listing.share.provider}
        for name in listing.names
        if asked.chosen(_ref(asked, name))
    }


def _shares(project: Project, kind: type[AnyResource]) -> list[Share]:
    """Return every share of *kind* that the declared accounts could hold."""
    found = []
    for name, provider in sorted(project.accounts_declared.items()):
        for family in kind.states:
            try:
                driver_class(provider.spec.type, family)
            except Unsupported:
                continue
            found.append(Share(name, family))
    return found


def _declared_elsewhere(
    project: Project, asked: Asked, listings: Sequence[Listing], declared: set[str]
) -> list[Passed]:
    """Name what is declared, but not as held by an account that holds it too."""
    found = []
    for listing in listings:
        if asked.provider not in {None, listing.share.provider}:
            continue
        for name in sorted(declared & listing.names):
            want = project.inventory.get(_ref(asked, name))
            if listing.share not in want.shares():
                at = want.at()
                why = f"is declared without its part at {listing.share.provider}"
                found.append(Passed(want.ref, f"{why} ({at})" if at else why))
    return found


class _Writing:
    """One import: documents that are checked before anything is written."""

    def __init__(self, project: Project, asked: Asked, found: Found) -> None:
        self._project = project
        self._asked = asked
        self._found = found
        self._left: dict[Ref, Sequence[Left]] = {}
        self._passed = list(found.passed)
        self._adoptions: dict[Ref, Adoption] = {}

    def imported(self, listings: Sequence[Listing], more: Sequence[Passed]) -> Imported:
        """Return the checked files, and everything that is in none of them."""
        documents = self._documents()
        written = self._checked(documents)
        refs = {document.ref for draft in written for document in draft.documents}
        failed = {
            f"{one.share.provider} ({one.share.family})": one.failed
            for one in listings
            if one.failed
        }
        return Imported(
            written,
            {ref: left for ref, left in self._left.items() if ref in refs and left},
            sorted([*self._passed, *more]),
            failed,
            self._found.requests,
        )

    def _documents(self) -> dict[Ref, Document]:
        if not self._found.candidates:
            return {}
        usual = self._usual()
        documents = {}
        for candidate in self._found.candidates:
            adoption = self._asked.kind.adopted(candidate.have, usual, _refused)
            if adoption.spec is None:
                self._passed += [
                    Passed(candidate.ref, left.why) for left in adoption.left
                ]
                continue
            self._adoptions[candidate.ref] = adoption
            self._left[candidate.ref] = adoption.left
            documents[candidate.ref] = Document(
                candidate.ref, self._group(candidate), adoption.spec, adoption.notes
            )
        return documents

    def _group(self, candidate: Candidate) -> str:
        families = list(self._asked.kind.states)
        return min(candidate.have, key=lambda s: families.index(s.family)).provider

    def _usual(self) -> Spec:
        """Return what holds in the folder for a document that says almost nothing."""
        kind = self._asked.kind
        (probe,) = probes(kind, _shares(self._project, kind)[:1])
        said = probe.spec.model_dump(mode="json", by_alias=True)
        fields = type(probe.spec).model_fields
        needed = {f.alias or n for n, f in fields.items() if f.is_required()}
        spec = {key: value for key, value in said.items() if key in needed}
        written = [line.text for line in entry(f"{kind.kind}/{NOBODYS}", {}, spec)]
        text = "\n".join(["apiVersion: reconciler/v1", *written, ""])
        path = f"{self._asked.folder}/{NOBODYS}.yaml"
        tree = self._loaded({path: text.encode()})
        return tree.get(Ref(kind.kind, NOBODYS)).spec

    def _loaded(self, files: Mapping[str, bytes]) -> Inventory:
        folder = self._project.folders[0]
        source = Overlay(WorkTree(self._project.root, folder), files)
        return self._project.loaded(source)

    def _checked(self, documents: dict[Ref, Document]) -> Sequence[Draft]:
        """Return the files, once the loader takes them and no plan would act."""
        have = {one.ref: one.have for one in self._found.candidates}
        now = self._project.clock()
        for _ in range(_ROUNDS):
            files = self._drafts(documents)
            if not files:
                return files
            try:
                tree = self._loaded({d.path: d.text().encode() for d in files})
            except InventoryErrors as wrong:
                self._take_back(documents, files, wrong)
                continue
            stirring = {
                ref: why
                for ref in documents
                if (why := stirs(tree.get(ref), have[ref], now))
            }
            if not stirring:
                return files
            self._calm(documents, stirring)
        raise ReconcilerError("what is live cannot be declared here", code="E610")

    def _drafts(self, documents: Mapping[Ref, Document]) -> list[Draft]:
        taken = WorkTree(self._project.root, self._project.folders[0]).files()
        members = list(documents.values())
        return drafts(members, self._asked.folder, taken, _COMMENT)

    def _take_back(
        self,
        documents: dict[Ref, Document],
        files: Sequence[Draft],
        wrong: InventoryErrors,
    ) -> None:
        """Leave out the documents that the loader refuses; raise for all others."""
        by_path = {draft.path: draft for draft in files}
        gone = set()
        for error in wrong.errors:
            draft = by_path.get(error.at.file) if error.at else None
            owner = draft.owner(error.at.line) if draft and error.at else None
            if owner is None:
                raise wrong
            if owner.ref not in gone:
                gone.add(owner.ref)
                self._passed.append(
                    Passed(owner.ref, f"{error.shown_code} {error.what}")
                )
        for ref in gone:
            del documents[ref]

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
            notes = [*document.notes, f"only observed: {why}"]
            documents[ref] = document._replace(spec=calm, notes=notes)
            self._left[ref] = (*self._left[ref], Left("everything", why))


def _refused(text: str) -> str | None:
    """Say that *text* looks like a secret, and so may stand in no file."""
    return next((f"looks like {leak.what}" for leak in leaks(text)), None)


def dated(now: datetime) -> str:
    """Return a moment for people."""
    return f"{now:%Y-%m-%d %H:%M} UTC"
