"""What moved in the world and not in git: a plan's other half, by itself. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from reconciler.engine.desired import Tree
from reconciler.engine.document import moment, place
from reconciler.engine.merge import disposed, listed, origins
from reconciler.engine.observe import World, unread
from reconciler.engine.situation import Declared
from reconciler.model import (
    Absent,
    AnyDriver,
    AnyResource,
    Change,
    Drift,
    Have,
    Share,
    Unmanaged,
    Unread,
)
from reconciler.model.ref import Ref

FORMAT = "reconciler.drift/v1"
#: What declares everything that is live.
IMPORT_ALL = "reconciler import --all"


class Gone(NamedTuple):
    """A share that was applied once, and that its account no longer has."""

    ref: Ref
    share: Share


class Drifted(NamedTuple):
    """
    Everything that is not as it was left.

    Attributes:
        fields: By field; ``disposition`` is ``conflict`` where git moved too,
            ``unbased`` where nothing was ever applied, so that nobody can say, and
            ``unsupported`` where its account cannot be asked to change it.
        gone: What an account no longer has as a whole.
    """

    env: str
    as_of: datetime
    base: str | None
    fields: tuple[Drift, ...] = ()
    gone: tuple[Gone, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    unknown: tuple[Unread, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything could be read."""
        return not self.unknown

    def __bool__(self) -> bool:
        """Whether anything that is declared has moved."""
        return bool(self.fields or self.gone)


class Past(NamedTuple):
    """What was applied last: the commit, and the resources as they were in it."""

    commit: str | None
    resources: Mapping[Ref, AnyResource]


def drifted(
    wants: Iterable[AnyResource],
    desired: Tree,
    past: Past,
    world: World,
    drivers: Mapping[Share, AnyDriver],
    *,
    env: str,
    now: datetime,
) -> Drifted:
    """
    Return what moved in *world* since *past*, of the *wants* in *desired*.

    The *drivers* say what can be set back at all.
    """

    def able(change: Change) -> bool:
        driver = drivers.get(change.share)
        return driver is not None and change.verb in driver.can

    fields: list[Drift] = []
    gone: list[Gone] = []
    unknown: list[Unread] = []
    for want in wants:
        have = world.have(want)
        unknown += [
            Unread(want.ref, share, state.why) for share, state in unread(want, have)
        ]
        base = past.resources.get(want.ref)
        gone += _gone(base, have)
        if base is not None or past.commit is None:
            fields += _moved(want, base, have, now, able)
    declared = Declared(desired)
    unmanaged = (live for live in world.unmanaged() if not declared(live))
    return Drifted(
        env,
        now,
        past.commit,
        tuple(sorted(fields, key=lambda one: (one.ref, one.field, one.share))),
        tuple(sorted(gone)),
        tuple(unmanaged),
        tuple(unknown),
    )


def _gone(base: AnyResource | None, have: Have) -> Iterator[Gone]:
    for share in base.shares() if base else ():
        if base and isinstance(have.get(share), Absent):
            yield Gone(base.ref, share)


def _moved(
    want: AnyResource,
    base: AnyResource | None,
    have: Have,
    now: datetime,
    able: Callable[[Change], bool],
) -> Iterator[Drift]:
    for change in want.diff(have, now):
        absent = isinstance(have.get(change.share), Absent)
        if absent or not change.merges:
            continue
        for field, moved in origins(change, base, have, now):
            if disposition := disposed(moved, field, able=able(change)):
                yield Drift(
                    want.ref,
                    change.share,
                    field.field,
                    listed(field.after),
                    listed(field.before),
                    disposition,
                )


def adoption(live: Unmanaged) -> str:
    """Return the command that declares something live."""
    kind = "" if live.kind == "Domain" else f" --kind {live.kind}"
    return (
        f"reconciler import Provider/{live.provider}{kind} "
        f"--select {live.kind}/{live.name}"
    )


def drift_document(found: Drifted, desired: Tree) -> dict[str, Any]:
    """Return *found* as data; *desired* knows where each field was written."""
    return {
        "format": FORMAT,
        "env": found.env,
        "as_of": moment(found.as_of),
        "base": found.base,
        "complete": found.complete,
        "drift": [
            {
                "kind": one.ref.kind,
                "name": one.ref.name,
                "provider": one.share.provider,
                "field": one.field,
                "wanted": one.before,
                "live": one.live,
                "disposition": one.disposition,
                "source": place(desired.get(one.ref).at(one.field)),
            }
            for one in found.fields
        ],
        "gone": [
            {
                "kind": one.ref.kind,
                "name": one.ref.name,
                "provider": one.share.provider,
                "family": one.share.family,
            }
            for one in found.gone
        ],
        "unmanaged": [
            {**live._asdict(), "adopt": adoption(live)} for live in found.unmanaged
        ],
        "unknown": [
            {
                "kind": one.ref.kind,
                "name": one.ref.name,
                "provider": one.share.provider,
                "family": one.share.family,
                "why": one.why,
            }
            for one in found.unknown
        ],
    }
