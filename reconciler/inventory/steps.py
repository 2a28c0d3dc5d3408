"""Ways into plain data: what a path leads to, and by which names."""

from __future__ import annotations

from typing import Any

from reconciler.inventory.merge import KEYED
from reconciler.inventory.node import Path, Step


def in_list(path: Path) -> bool:
    """Say whether *path* leads through a list, whose items are never completed."""
    return any(isinstance(step, int) for step in path)


def is_leaf(data: Any, path: Path) -> bool:
    """Say whether *path* leads to one value, and not to a mapping or a list."""
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return False
    return not isinstance(data, (dict, list))


def by_name(path: Path, data: Any) -> Path:
    """Return *path* with records named, not numbered: numbers move in a merge."""
    steps: list[Step] = []
    for step in path:
        data = data[step] if _has(data, step) else None
        name = KEYED.get(str(steps[-1])) if steps else None
        steps.append((name(data) if name else None) or step)
    return tuple(steps)


def _has(data: Any, step: Step) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)
