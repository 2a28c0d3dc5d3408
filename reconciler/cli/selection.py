"""``--select`` and ``--exclude``: by address, kind, or label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from reconciler.model.resource import Ref


def selection(
    select: Sequence[str],
    exclude: Sequence[str],
    labels: Callable[[Ref], Mapping[str, str]],
) -> Callable[[Ref], bool]:
    """
    Return whether a resource is selected and not excluded.

    A selector is ``Kind/name`` (``*`` matches), ``Kind``, or ``label=value``.
    """

    def matches(selector: str, ref: Ref) -> bool:
        if "=" in selector:
            label, _, value = selector.partition("=")
            return labels(ref).get(label) == value
        pattern = selector if "/" in selector else f"{selector}/*"
        return fnmatchcase(str(ref), pattern)

    def chosen(ref: Ref) -> bool:
        wanted = not select or any(matches(one, ref) for one in select)
        return wanted and not any(matches(one, ref) for one in exclude)

    return chosen
