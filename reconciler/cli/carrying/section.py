"""A mapping of another program's file, read key by key: what nobody read is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from reconciler.cli.carrying.values import Value, wrong
from reconciler.errors import ReconcilerError
from reconciler.model.location import Location

#: No count of backups has more digits, and Python refuses to read 4,300.
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


class Text(NamedTuple):
    """A text and where it stands."""

    text: str
    at: Location


class Section:
    """
    One mapping.

    Args:
        value: What is there.
        faults: What is wrong is added to it.
        path: Of its keys, for people: ``backup.``.
    """

    def __init__(
        self, value: Value, faults: list[ReconcilerError], path: str = ""
    ) -> None:
        self.at = value.at
        self.path = path
        self.faults = faults
        self._read: set[str] = set()
        self._below: list[Section] = []
        self._data: dict[str, Value] = {}
        if isinstance(value.data, dict):
            self._data = value.data
        elif value.data is not None:
            self._fault(value.at, path.rstrip(".") or "the file", "a mapping")

    def names(self) -> Sequence[str]:
        """Return the keys, as they are written."""
        return tuple(self._data)

    def has(self, key: str) -> bool:
        """Say whether *key* is there and says something."""
        return key in self._data and self._data[key].data is not None

    def place(self, key: str) -> Location:
        """Return where *key* stands, else where the mapping does."""
        return self._data[key].at if key in self._data else self.at

    def raw(self, key: str) -> Value | None:
        """Return the value of *key*; it counts as read."""
        self._read.add(key)
        return self._data[key] if self.has(key) else None

    def ignore(self, *keys: str) -> None:
        """Say of *keys* that nothing is lost without them."""
        self._read.update(keys)

    def text(self, key: str) -> Text | None:
        """Return the text of *key*; a number is its digits."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value.data, bool) or not isinstance(value.data, (str, int)):
            self._fault(value.at, f"{self.path}{key}", "text")
            return None
        return Text(str(value.data), value.at)

    def flag(self, key: str) -> bool:
        """Return whether *key* is true; what is not there is not."""
        value = self.raw(key)
        if value is None:
            return False
        if not isinstance(value.data, bool):
            self._fault(value.at, f"{self.path}{key}", "true or false")
            return False
        return value.data

    def count(self, key: str) -> int | None:
        """Return the number of *key*; ``false`` is none of them."""
        value = self.raw(key)
        if value is None:
            return None
        if value.data is False:
            return 0
        text = str(value.data)
        if isinstance(value.data, bool) or not _WHOLE.fullmatch(text):
            self._fault(value.at, f"{self.path}{key}", "a whole number")
            return None
        return int(text)

    def texts(self, key: str) -> list[Text]:
        """Return the texts of *key*, which may be a list or one alone."""
        value = self.raw(key)
        if value is None:
            return []
        rows = value.data if isinstance(value.data, list) else [value]
        found = []
        for row in rows:
            if isinstance(row.data, bool) or not isinstance(row.data, (str, int)):
                self._fault(row.at, f"{self.path}{key}", "text, or a list of texts")
            else:
                found.append(Text(str(row.data), row.at))
        return found

    def section(self, key: str) -> Section:
        """Return the mapping of *key*, empty where there is none."""
        value = self.raw(key) or Value(None, self.place(key))
        return self._made(value, f"{self.path}{key}.")

    def sections(self, key: str) -> list[Section]:
        """Return the list of mappings of *key*."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value.data, list):
            self._fault(value.at, f"{self.path}{key}", "a list")
            return []
        return [
            self._made(row, f"{self.path}{key}[{number}].")
            for number, row in enumerate(value.data)
        ]

    def unread(self) -> Iterator[tuple[str, Location]]:
        """Yield every key that nobody asked for, here and below, and where it is."""
        for key, value in self._data.items():
            if key not in self._read and value.data is not None:
                yield f"{self.path}{key}", value.at
        for below in self._below:
            yield from below.unread()

    def fault(self, at: Location, what: str, hint: str | None = None) -> None:
        """Add what is wrong at *at*."""
        self.faults.append(wrong(at, what, hint))

    def _made(self, value: Value, path: str) -> Section:
        made = Section(value, self.faults, path)
        self._below.append(made)
        return made

    def _fault(self, at: Location, what: str, kind: str) -> None:
        self.faults.append(wrong(at, f"{what} has to be {kind}"))


def under(parent: dict[str, Value], child: dict[str, Value]) -> dict[str, Value]:
    """Return *child* over *parent*: mappings merge, all else is replaced."""
    made: dict[str, Value] = dict(parent)
    for key, value in child.items():
        before = made.get(key)
        if before and isinstance(before.data, dict) and isinstance(value.data, dict):
            made[key] = value._replace(data=under(before.data, value.data))
        else:
            made[key] = value
    return made


def mapping(value: Value) -> dict[str, Any]:
    """Return the keys and values of *value*; none where it is no mapping."""
    return value.data if isinstance(value.data, dict) else {}
