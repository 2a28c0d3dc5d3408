"""Documents become Sites, where a Site says the same; checked like the documents."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.cli.accounts import providers
from reconciler.errors import InventoryErrors
from reconciler.inventory.draft import Document
from reconciler.inventory.fold import Folded, fold
from reconciler.inventory.parts import PROFILE, SITE
from reconciler.inventory.propose import same
from reconciler.model import Ref

if TYPE_CHECKING:
    from reconciler.inventory import Inventory

_PROFILES = "profiles"
Load = Callable[[Sequence[Document]], "Inventory"]


class Folding:
    """
    One folding of new documents.

    Args:
        inventory: What is declared already: its SiteProfiles are used first.
        tree: The same with the documents in their long form.
        customer: Whose Sites they become.
    """

    def __init__(self, inventory: Inventory, tree: Inventory, customer: str) -> None:
        self._inventory = inventory
        self._tree = tree
        self._customer = customer

    def fold(
        self, documents: Mapping[Ref, Document], load: Load
    ) -> tuple[list[Document], Mapping[Ref, str]]:
        """Return what to write instead of *documents*, and what stays long and why."""
        specs = {ref: document.spec for ref, document in documents.items()}
        folded = fold(
            specs, self._profiles(), customer=self._customer, servers=self._servers()
        )
        made = self._written(documents, folded)
        wrong = self._wrong(documents, made, load)
        if wrong is None:
            return made, folded.left
        return list(documents.values()), dict.fromkeys(documents, wrong)

    def _profiles(self) -> dict[str, Mapping[str, Any]]:
        refs = [ref for ref in self._inventory.refs() if ref.kind == PROFILE]
        return {
            ref.name: json.loads(self._inventory.content(ref))["spec"] for ref in refs
        }

    def _servers(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for provider in providers(self._inventory):
            spec = provider.spec
            addresses = {"ipv4": spec.ipv4, "ipv6": spec.ipv6}
            found[provider.name] = {k: str(v) for k, v in addresses.items() if v}
        return {name: addresses for name, addresses in found.items() if addresses}

    def _written(
        self, documents: Mapping[Ref, Document], folded: Folded
    ) -> list[Document]:
        of_name = {ref.name: document for ref, document in documents.items()}
        used = Counter(str(spec["profile"]) for spec in folded.sites.values())
        sites = [
            of_name[name]._replace(ref=Ref(SITE, name), spec=spec)
            for name, spec in folded.sites.items()
        ]
        profiles = [
            Document(Ref(PROFILE, name), _PROFILES, spec, [f"{used[name]} sites"])
            for name, spec in folded.profiles.items()
        ]
        return [*sites, *profiles, *(documents[ref] for ref in sorted(folded.left))]

    def _wrong(
        self, documents: Mapping[Ref, Document], made: Sequence[Document], load: Load
    ) -> str | None:
        """Say why the Sites do not say the same as the *documents*, if so."""
        try:
            tree = load(made)
        except InventoryErrors as refused:
            return f"as a Site it would be refused: {refused.errors[0].what}"
        for ref in documents:
            if ref not in tree or not same(_said(tree, ref), _said(self._tree, ref)):
                return f"{ref} would mean something else as a Site"
        return None


def _said(tree: Inventory, ref: Ref) -> dict[str, Any]:
    return tree.get(ref).spec.model_dump(mode="json", by_alias=True)
