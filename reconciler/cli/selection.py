"""``--select`` and ``--exclude``: by address, kind, or label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reconciler.errors import UsageError
from reconciler.model.names import to_ascii
from reconciler.model.ref import Ref

if TYPE_CHECKING:
    from reconciler.inventory import Inventory


def selection(
    select: Sequence[str],
    exclude: Sequence[str],
    labels: Callable[[Ref], Mapping[str, str]],
) -> Callable[[Ref], bool]:
    """
    Return whether a resource is selected and not excluded.

    A selector is ``Kind/name`` (``*`` matches), ``Kind``, or ``label=value``. A name
    may be written in its own script.
    """

    def matches(selector: str, ref: Ref) -> bool:
        if "=" in selector:
            label, _, value = selector.partition("=")
            return labels(ref).get(label) == value
        return fnmatchcase(str(ref), _pattern(selector))

    if not (select or exclude):
        return lambda _ref: True

    def chosen(ref: Ref) -> bool:
        wanted = not select or any(matches(one, ref) for one in select)
        return wanted and not any(matches(one, ref) for one in exclude)

    return chosen


def _pattern(selector: str) -> str:
    kind, slash, name = selector.partition("/")
    if not slash:
        return f"{kind}/*"
    if name.isascii():
        return selector
    try:
        return f"{kind}/{to_ascii(name)}"
    except ValueError:
        return selector


def refuse_nothing(select: Sequence[str], inventory: Inventory) -> None:
    """
    Refuse a selector that selects nothing: it is a slip, and no plan to believe.

    Raises:
        UsageError: There is nothing of that name, kind or label.
    """
    for one in select:
        chosen = selection((one,), (), inventory.labels)
        if not any(map(chosen, inventory.addresses())):
            raise UsageError(
                f"--select {one}: there is no such thing in the inventory",
                hint=_near(one, inventory),
            )


def _near(selector: str, inventory: Inventory) -> str:
    from reconciler.inventory.complaint import did_you_mean

    known = [str(ref) for ref in inventory.addresses()]
    usual = "write Kind/name (with * where you like), Kind, or label=value"
    return did_you_mean(selector, known, usual)
