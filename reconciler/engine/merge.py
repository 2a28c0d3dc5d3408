"""Who moved: git or the world? Three-way, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from reconciler.model import AnyResource, Change, FieldChange, Have, OnDrift, Share

#: The finding, and the disposition of drift, that no driver can do anything about.
UNSUPPORTED = "unsupported"


class Moved(StrEnum):
    """Which side a difference comes from."""

    GIT = "git"
    WORLD = "world"
    BOTH = "both"
    UNBASED = "unbased"
    """The base does not know the resource: nothing tells who moved."""


class Part(NamedTuple):
    """The fields of one change that share one origin and one treatment."""

    change: Change
    moved: Moved
    treatment: OnDrift


def split(change: Change, moved: Sequence[tuple[FieldChange, Moved]]) -> list[Part]:
    """
    Return *change* in parts, one for each origin and treatment.

    Args:
        change: What git asks for.
        moved: Its fields with their origins, as *origins* gives them; empty where it
            overwrites nothing, because nothing exists yet or nothing is merged.
    """
    if not moved:
        return [Part(change, Moved.GIT, OnDrift.REVERT)]
    groups: dict[tuple[Moved, OnDrift], set[str]] = {}
    for field, by in moved:
        groups.setdefault((by, _treatment(field, by)), set()).add(field.field)
    parts = []
    for (by, treatment), names in sorted(groups.items()):
        part = change.only(lambda f, names=names: f.field in names)  # type: ignore[misc]
        if part is not None:
            parts.append(Part(part, by, treatment))
    return _joined(parts)


def origins(
    change: Change, base: AnyResource | None, have: Have, now: datetime
) -> list[tuple[FieldChange, Moved]]:
    """Return each field of *change* with the side its difference comes from."""
    based = None
    if base is not None and change.share in base.shares():
        based = _wanted_by(base, change.share, have, now)
    return [(field, _origin(field, based)) for field in change.fields]


def _wanted_by(
    base: AnyResource, share: Share, have: Have, now: datetime
) -> dict[str, FieldChange]:
    """What the base, still in force, would ask for: where live differs from it."""
    return {
        field.field: field
        for change in base.diff(have, now)
        if change.merges and change.share == share
        for field in change.fields
    }


def _origin(field: FieldChange, based: dict[str, FieldChange] | None) -> Moved:
    if based is None:
        return Moved.UNBASED
    then = based.get(field.field)
    if then is None:
        return Moved.GIT
    return Moved.WORLD if then.after == field.after else Moved.BOTH


def disposed(moved: Moved, field: FieldChange, *, able: bool) -> str | None:
    """
    Return what becomes of *field*; None where only git moved.

    *able* is whether its account can be asked to change it. Where it cannot, nothing
    of it is planned, and it says nothing about what was applied.
    """
    if moved is Moved.GIT:
        return None
    if not able:
        return UNSUPPORTED
    if moved is Moved.WORLD:
        return str(field.on_drift)
    return "conflict" if moved is Moved.BOTH else "unbased"


def listed(value: Any) -> Any:
    """Return *value* as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def _treatment(field: FieldChange, moved: Moved) -> OnDrift:
    if moved is Moved.GIT:
        return OnDrift.REVERT
    return field.on_drift if moved is Moved.WORLD else OnDrift.HOLD


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Put what simply runs (git's changes, reverted drift) into one part."""
    runs = [p for p in parts if p.treatment is OnDrift.REVERT]
    rest = [p for p in parts if p.treatment is not OnDrift.REVERT]
    if len(runs) > 1:
        fields = tuple(f for part in runs for f in part.change.fields)
        whole = runs[0].change.model_copy(update={"fields": fields})
        runs = [Part(whole, Moved.GIT, OnDrift.REVERT)]
    return [*runs, *rest]
