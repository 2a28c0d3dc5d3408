"""New documents tried on the inventory before a file is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler.engine.adopt import Passed
from reconciler.errors import InventoryErrors
from reconciler.inventory import WorkTree
from reconciler.inventory.draft import Document, Draft, drafts
from reconciler.inventory.overlay import Overlay
from reconciler.model import Ref

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.inventory import Inventory


class Trial:
    """
    The inventory as it would be with other documents.

    Args:
        folder: Where their files go, from the root.
        comment: What the head of each file says.

    Attributes:
        edits: Files that would change with them: path -> content.
    """

    def __init__(self, project: Project, folder: str, comment: Sequence[str]) -> None:
        self._project = project
        self._folder = folder
        self._comment = comment
        self.edits: Mapping[str, bytes] = {}

    @property
    def work_tree(self) -> WorkTree:
        """The files as they are."""
        return WorkTree(self._project.root, self._project.folders[0])

    def loaded(self, files: Mapping[str, bytes]) -> Inventory:
        """Return the inventory with other *files*; raises InventoryErrors."""
        source = Overlay(self.work_tree, {**self.edits, **files})
        return self._project.loaded(source)

    def tree(self, documents: Sequence[Document]) -> Inventory:
        """Return the inventory with *documents*; raises InventoryErrors."""
        files = self.drafts(documents)
        return self.loaded({draft.path: draft.text().encode() for draft in files})

    def drafts(self, documents: Sequence[Document]) -> list[Draft]:
        """Return the files of *documents*, none of which is there yet."""
        return drafts(documents, self._folder, self.work_tree.files(), self._comment)

    def take_back(
        self, documents: dict[Ref, Document], wrong: InventoryErrors
    ) -> Iterator[Passed]:
        """
        Leave out the documents that the loader refuses, and say why.

        Raises:
            InventoryErrors: It is none of them that it refuses.
        """
        by_path = {draft.path: draft for draft in self.drafts([*documents.values()])}
        gone: dict[Ref, Passed] = {}
        for error in wrong.errors:
            draft = by_path.get(error.at.file) if error.at else None
            owner = draft.owner(error.at.line) if draft and error.at else None
            if owner is None:
                raise wrong
            why = f"{error.shown_code} {error.what}"
            gone.setdefault(owner.ref, Passed(owner.ref, why))
        for ref in gone:
            del documents[ref]
        yield from gone.values()
