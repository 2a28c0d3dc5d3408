"""Which part of a name was registered: by a list of suffixes that anyone can get."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_WILD: Final = "*."
_BUT: Final = "!"


class Suffixes:
    """
    The public suffixes that are more than one label: ``co.uk``, ``*.ck``, ``!www.ck``.

    Rules as in publicsuffix.org/list, in A-labels. A single label is a suffix anyway.
    """

    def __init__(self, rules: Iterable[str]) -> None:
        known = frozenset(rules)
        self._not = frozenset(rule[1:] for rule in known if rule.startswith(_BUT))
        self._below = frozenset(rule[2:] for rule in known if rule.startswith(_WILD))
        self._exact = known

    def registered(self, name: str) -> str:
        """
        Return the part of *name* (A-labels, perhaps a wildcard) that was registered.

        Of a name that is a suffix itself: that name.
        """
        labels = name.removeprefix(_WILD).split(".")
        for at in range(len(labels)):
            suffix = ".".join(labels[at:])
            if suffix in self._not:
                return suffix
            if suffix in self._exact or ".".join(labels[at + 1 :]) in self._below:
                return ".".join(labels[max(at - 1, 0) :])
        return ".".join(labels[-2:])
