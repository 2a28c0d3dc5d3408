"""
What is wrong with machines: ladders that contradict themselves, and two owners. Pure.

Two documents of one machine would each undo what the other one wants, at the price of a
stop each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from reconciler.inventory.complaint import Complaint
from reconciler.inventory.loaded import Loaded
from reconciler.inventory.node import Path
from reconciler.inventory.sentences import Said

if TYPE_CHECKING:
    from reconciler.model import AnyResource

SERVER: Final = "Server"
_SIZE: Final[Path] = ("spec", "size")


def ladder_faults(want: AnyResource | None) -> list[Said]:
    """Return where the sizes of *want* contradict its range; none for other kinds."""
    if want is None or want.kind != SERVER:
        return []
    from reconciler.kinds.server import Server, SizeRange  # noqa: PLC0415

    if not isinstance(want, Server):
        return []
    size, sizes = want.spec.size, want.spec.sizes
    if not isinstance(size, SizeRange):
        if not sizes or size in sizes:
            return []
        what = f"{size} is none of sizes: {', '.join(sizes)}"
        return [Said("E177", _SIZE, what, "add it to sizes, in its place by size")]
    found = [
        Said(
            "E177",
            (*_SIZE, end),
            f"{name} is none of sizes: {', '.join(sizes)}",
            "add it to sizes, in its place by size",
        )
        for end, name in (("min", size.min), ("max", size.max))
        if name not in sizes
    ]
    if not found and sizes.index(size.min) > sizes.index(size.max):
        what = f"{size.min} comes after {size.max} in sizes"
        hint = "sizes go from the smallest to the largest; min is the smaller one"
        found = [Said("E177", _SIZE, what, hint)]
    return found


def complaints(loaded: Loaded) -> Iterator[Complaint]:
    """Yield every further document of the same machine."""
    owners: dict[tuple[str, str, str], int] = {}
    for row, kind in enumerate(loaded.index.kinds):
        if kind != SERVER:
            continue
        ref, spec = loaded.index.refs[row], loaded.spec(row)
        machine = str(spec.get("machine") or ref.name)
        where = (str(spec.get("provider")), str(spec.get("region") or ""), machine)
        first = owners.setdefault(where, row)
        if first != row:
            what = (
                f"{ref}: {machine} at {where[0]} is {loaded.index.refs[first]} "
                f"already, at {loaded.location(first)}"
            )
            at = loaded.locate(ref, "spec.machine")
            yield Complaint("E178", at or loaded.location(row), what)
