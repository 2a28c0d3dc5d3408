"""What git wants now, and what it wanted when it was last applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from reconciler.audit import Base
from reconciler.engine.heirs import heirs
from reconciler.model import AnyResource
from reconciler.model.ref import Ref


class Tree(Protocol):
    """One commit's inventory (see reconciler.inventory.Inventory)."""

    def refs(self) -> list[Ref]:
        """Every address, sorted."""

    def addresses(self) -> Sequence[Ref]:
        """The same, in any order that is the same for the same files."""

    def get(self, ref: Ref) -> AnyResource:
        """The resource at *ref*."""

    def made(self, ref: Ref) -> AnyResource:
        """The same, made anew and not kept: for looking at many, one by one."""

    def digests(self) -> Mapping[Ref, bytes]:
        """The hash of everything's effective content."""

    def digest(self, ref: Ref) -> str:
        """The hash of its effective content."""

    def uid(self, ref: Ref) -> str:
        """The identity of *ref*, which survives a rename."""

    def edges(self) -> Mapping[Ref, frozenset[Ref]]:
        """What depends on what."""

    def __contains__(self, ref: Ref) -> bool: ...


Load = Callable[[str], Tree]


class Based(NamedTuple):
    """
    The resources as they were last applied.

    Attributes:
        resources: For every wanted resource that the base knows.
        orphans: What the base knows and git no longer wants.
    """

    resources: Mapping[Ref, AnyResource]
    orphans: tuple[AnyResource, ...]


def based(desired: Tree, base: Base, load: Load, kinds: Iterable[str]) -> Based:
    """
    Return the base of every wanted resource of *kinds*, and the orphans.

    A base that cannot be loaded is an error of *load*; it is never *no base*.
    """
    if base.commit is None:
        return Based({}, ())
    managed = frozenset(kinds)
    then = load(base.commit)
    resources = _Then(desired, base, then, load, managed)
    return Based(resources, tuple(_orphans(desired, base, then, load, managed)))


class _Then(Mapping[Ref, AnyResource]):
    """What the base knows of the wanted resources; each is made when asked for."""

    def __init__(
        self, desired: Tree, base: Base, then: Tree, load: Load, managed: frozenset[str]
    ) -> None:
        self._desired = desired
        self._base = base
        self._latest = then
        self._load = load
        self._managed = managed

    def _tree(self, ref: Ref) -> Tree | None:
        older = self._base.exceptions.get(str(ref), self._base.commit)
        if older is None or ref not in self._desired or ref.kind not in self._managed:
            return None
        tree = self._latest if older == self._base.commit else self._load(older)
        return tree if ref in tree else None

    def __getitem__(self, ref: Ref) -> AnyResource:
        tree = self._tree(ref)
        if tree is None:
            raise KeyError(ref)
        same = tree.digest(ref) == self._desired.digest(ref)
        return self._desired.get(ref) if same else tree.get(ref)

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, Ref) and self._tree(ref) is not None

    def __iter__(self) -> Iterator[Ref]:
        if self._latest is self._desired and not self._base.exceptions:
            return (ref for ref in self._desired.refs() if ref.kind in self._managed)
        return (ref for ref in self._desired.refs() if ref in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _orphans(
    desired: Tree, base: Base, then: Tree, load: Load, managed: frozenset[str]
) -> Iterator[AnyResource]:
    """Yield what is gone; what goes on under another name is not."""
    gone = list(_gone(desired, base, then, load, managed))
    of_kinds = {one.kind for one in gone}
    wanted = {
        (ref.kind, desired.uid(ref))
        for ref in (desired.addresses() if gone else ())
        if ref.kind in of_kinds
    }
    return (one for one in gone if (one.kind, one.uid) not in wanted)


def _gone(
    desired: Tree, base: Base, then: Tree, load: Load, managed: frozenset[str]
) -> Iterable[AnyResource]:
    before, now = then.addresses(), desired.addresses()
    for ref in sorted(set(before).difference(now)) if before != now else ():
        kept = base.exceptions.get(str(ref), base.commit)
        if ref.kind in managed and kept is not None:
            yield then.get(ref)
    for address, older in sorted(base.exceptions.items()):
        ref = Ref(*address.split("/", 1))
        if older and ref not in desired and ref not in then:
            yield load(older).get(ref)


def moved(
    desired: Tree,
    base: Base,
    was: Based,
    *,
    head: str,
    open_refs: Iterable[Ref],
    kinds: Iterable[str],
) -> Base:
    """
    Return the base after a run at commit *head*.

    Args:
        desired: What git wants.
        base: The base before.
        was: The base's resources before.
        head: The commit that was applied.
        open_refs: Resources that do not agree yet (held, failed, unknown, unread, or
            outside the run's selection): they keep what they had.
        kinds: The kinds that take part in the merge.
    """
    exceptions: dict[str, str | None] = {}
    managed = frozenset(kinds)
    unsettled = frozenset(open_refs)
    for ref in desired.refs():
        if ref.kind not in managed or ref not in unsettled:
            continue
        known = was.resources.get(ref)
        if known is None:
            exceptions[str(ref)] = None
        elif known is not desired.get(ref):
            exceptions[str(ref)] = base.exceptions.get(str(ref), base.commit)
    kinds_gone = {gone.kind for gone in was.orphans if gone.claims()}
    claiming = (ref for ref in desired.addresses() if ref.kind in kinds_gone)
    asked = heirs(was.orphans, map(desired.get, claiming if kinds_gone else ()))
    replaced = {heir.before.ref for heir in asked}
    for gone in was.orphans:
        if gone.metadata.protected or gone.ref in replaced:
            address = str(gone.ref)
            exceptions[address] = base.exceptions.get(address, base.commit)
    return Base(commit=head, exceptions=exceptions)
