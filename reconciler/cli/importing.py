"""From live things to checked files: what no document declares, as YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cli.adopting import Desk, Written
from reconciler.cli.watched_entries import watched
from reconciler.engine.adopt import Listing, Passed, list_all, look, probes
from reconciler.engine.situation import Declared
from reconciler.errors import ReconcilerError, Unsupported
from reconciler.inventory import WorkTree
from reconciler.model import AnyResource, Ref, Share
from reconciler.providers import driver_class

if TYPE_CHECKING:
    from reconciler.cli.project import Project


class Imported(NamedTuple):
    """
    What an import would write, and what it would not.

    Attributes:
        written: The files, and what is in none of them.
        failed: Accounts that could not be listed, and why.
        requests: How many requests were sent, by account and operation.
    """

    written: Written
    failed: Mapping[str, str]
    requests: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether everything could be read."""
        passed = self.written.passed
        return not self.failed and not any(one.unread for one in passed)


class Asked(NamedTuple):
    """
    What shall be imported.

    Attributes:
        provider: The account; None for all of them.
        folder: Where the files go, from the root.
        chosen: Whether a thing is in the selection.
        customer: Whose Sites are made of it; None makes none.
    """

    kind: type[AnyResource]
    provider: str | None
    folder: str
    chosen: Callable[[Ref], bool]
    customer: str | None = None


def bring(project: Project, asked: Asked) -> Imported:
    """
    Return the files that declare what is live and in no document.

    Raises:
        ReconcilerError: The account has nothing of that kind, or the defaults of the
            folder allow no document.
    """
    wants = probes(asked.kind, _shares(project, asked.kind))
    shares = [share for want in wants for share in want.shares()]
    if asked.provider not in {None, *(share.provider for share in shares)}:
        what = f"Provider/{asked.provider} holds no {asked.kind.kind} to import"
        raise ReconcilerError(what, code="E630")
    if not shares:
        what = f"no account holds any {asked.kind.kind} to import"
        raise ReconcilerError(what, code="E630")
    with closing(project.accounts(wants)) as accounts:
        project.say(f"listing {len(wants)} accounts …")
        listings = list_all(wants, accounts)
        ours = _of(asked, listings)
        known = Declared(project.inventory)
        found_in = {n: refs for n in ours if (refs := known.refs(asked.kind.kind, n))}
        refs = sorted(ref for several in found_in.values() for ref in several)
        tree = WorkTree(project.root, project.folders[0])
        only_watched = watched(tree, project.inventory, refs)
        gone = frozenset(only_watched)
        declared = {n: refs for n, refs in found_in.items() if gone.isdisjoint(refs)}
        new = ours - declared.keys()
        project.say(f"reading {len(new)} that no document declares …")
        found = look(asked.kind, listings, accounts, new.__contains__)
        project.cache.close()
    beside = _declared_elsewhere(project, asked, listings, declared)
    desk = Desk(project, asked.kind, asked.folder, shares[0], watched=only_watched)
    written = desk.write(found, asked.customer)
    failed = {
        f"{one.share.provider} ({one.share.family})": one.failed
        for one in listings
        if one.failed
    }
    passed = sorted([*written.passed, *beside])
    return Imported(written._replace(passed=passed), failed, found.requests)


def _of(asked: Asked, listings: Sequence[Listing]) -> set[str]:
    """Return the names in the selection that the asked accounts have."""
    return {
        name
        for listing in listings
        if asked.provider in {None, listing.share.provider}
        for name in listing.names
        if asked.chosen(Ref(asked.kind.kind, name))
    }


def _shares(project: Project, kind: type[AnyResource]) -> list[Share]:
    """Return every share of *kind* that the declared accounts could hold."""
    found = []
    for name, provider in sorted(project.accounts_declared.items()):
        for family in kind.states:
            try:
                driver = driver_class(provider.spec.type, family)
            except Unsupported:
                continue
            if driver.lists:
                found.append(Share(name, family))
    return found


def _declared_elsewhere(
    project: Project,
    asked: Asked,
    listings: Sequence[Listing],
    declared: Mapping[str, Sequence[Ref]],
) -> list[Passed]:
    """Name what is declared, but not as held by an account that holds it too."""
    found = []
    for listing in listings:
        if asked.provider not in {None, listing.share.provider}:
            continue
        for name in sorted(declared.keys() & listing.names):
            wants = [project.inventory.get(ref) for ref in declared[name]]
            want = wants[0]
            if not any(listing.share in each.shares() for each in wants):
                at = want.at()
                why = f"is declared without its part at {listing.share.provider}"
                found.append(Passed(want.ref, f"{why} ({at})" if at else why))
    return found
