"""What resources want of those that follow them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from reconciler.engine.observe import World
from reconciler.model import AnyResource, Ref, Sway


def swayed(
    leaders: Iterable[AnyResource], world: World, now: datetime
) -> Mapping[Ref, list[Sway]]:
    """Return what *leaders* want of others at *now*, by address."""
    found: dict[Ref, list[Sway]] = {}
    for leader in leaders:
        for sway in leader.sways(world.have(leader), now):
            found.setdefault(sway.of, []).append(sway)
    return found
