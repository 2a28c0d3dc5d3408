"""A snapshot's file in parts: one state is found without reading the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

_END = b'\n},"unmanaged":'


class Rows(Protocol):
    """The states of one share, by name, as they are in the file."""

    def find(self, name: str) -> Any:
        """Return the raw state of *name*; raises KeyError, ValueError."""
        ...

    def names(self) -> Sequence[str]:
        """Return every name."""
        ...


class Section(NamedTuple):
    """
    One share of a snapshot.

    Attributes:
        head: Its ``provider`` and ``family``, and whether it was ``whole``.
    """

    head: Mapping[str, Any]
    unmanaged: Sequence[Mapping[str, str]]
    rows: Rows

    def find(self, name: str) -> Any:
        """Return the raw state of *name*; raises KeyError, ValueError."""
        return self.rows.find(name)

    def names(self) -> Sequence[str]:
        """Return the names of all states."""
        return self.rows.names()


def sections(data: bytes) -> tuple[Mapping[str, Any], list[Section]]:
    """
    Return the head of a snapshot (``format``, ``at``) and its shares.

    A file whose lines are not as they are written here is read as any other JSON.

    Raises:
        ValueError: It is no JSON.
        KeyError, TypeError, AttributeError: It is another JSON.
    """
    try:
        return _by_line(data)
    except (ValueError, KeyError, TypeError):
        return _whole(json.loads(data))


def _whole(data: Any) -> tuple[Mapping[str, Any], list[Section]]:
    return data, [
        Section(one, one["unmanaged"], _Decoded(dict(one["states"])))
        for one in data["shares"]
    ]


def _by_line(data: bytes) -> tuple[Mapping[str, Any], list[Section]]:
    at = data.index(b"\n")
    head = json.loads(data[:at] + b"]}")
    found = []
    while not data.startswith(b"]}", at + 1):
        stop = data.index(b"\n", at + 1)
        share = json.loads(data[at + 1 : stop] + b"}}")
        end = data.index(_END, stop)
        at = data.index(b"\n", end + 1)
        tail = data[end + len(b"\n},") : at].removesuffix(b",")
        unmanaged = json.loads(b"{" + tail)["unmanaged"]
        found.append(Section(share, unmanaged, _Lines(data, stop, end)))
    return head, found


class _Decoded:
    """States that were decoded already."""

    def __init__(self, states: Mapping[str, Any]) -> None:
        self._states = states

    def find(self, name: str) -> Any:
        return self._states[name]

    def names(self) -> Sequence[str]:
        return list(self._states)


class _Lines:
    """
    The lines from *start* to *stop* (both line ends) of a file, sorted by name.

    Whoever asks in order finds the next line at once, others by halving; a file
    that is not sorted is only slower.
    """

    def __init__(self, data: bytes, start: int, stop: int) -> None:
        self._data = data
        self._start = start
        self._stop = stop
        self._next = start

    def find(self, name: str) -> Any:
        if self._start == self._stop:
            raise KeyError(name)
        key = json.dumps(name, ensure_ascii=False).encode() + b":"
        at = self._next
        if not self._data.startswith(key, at + 1):
            at = self._halved(key)
        stop = self._data.find(b"\n", at + 1, self._stop)
        stop = self._stop if stop < 0 else stop
        self._next = stop if stop < self._stop else self._start
        return json.loads(self._data[at + 1 + len(key) : stop].removesuffix(b","))

    def _halved(self, key: bytes) -> int:
        """Return the line end before the line of *key*."""
        low, high = self._start, self._stop
        while low < high:
            middle = self._data.rfind(b"\n", low, (low + high) // 2 + 1)
            line = middle + 1
            if self._data.startswith(key, line):
                return middle
            if self._data[line : line + len(key)] < key:
                low = self._data.find(b"\n", line, high)
                low = high if low < 0 else low
            else:
                high = middle
        return self._searched(key)

    def _searched(self, key: bytes) -> int:
        found = self._data.find(b"\n" + key, self._start, self._stop)
        if found < 0:
            raise KeyError(key)
        return found

    def names(self) -> Sequence[str]:
        if self._start == self._stop:
            return []
        rows = self._data[self._start + 1 : self._stop].split(b"\n")
        return [json.loads(row.partition(b'":')[0] + b'"') for row in rows]
