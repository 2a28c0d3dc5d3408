"""
What is foreseen, on a branch of its own: one file, which a plan reads and nothing else.

It is JSON with one resource on each line, so that one of ten thousand is read without
the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from pydantic import ValidationError

from reconciler.audit.shelf import Files, Shelf
from reconciler.errors import AuditError
from reconciler.model.observed import State
from reconciler.model.ref import Ref
from reconciler.model.usage import DAY, OutlookState

FORMAT: Final = "reconciler.outlooks/v1"
PATH: Final = "outlooks.json"
_HEAD: Final = f'{{"format":"{FORMAT}","outlooks":{{\n'
_TAIL: Final = "}}\n"
#: A forecast is no measurement: more digits of it would be noise.
_DIGITS: Final = 5


class Outlooks(Mapping[Ref, OutlookState]):
    """
    The forecasts of one file; each is decoded when it is asked for.

    Raises:
        AuditError: It is no such file. A single forecast that cannot be read raises
            the same, when it is asked for.
    """

    def __init__(self, data: bytes | None) -> None:
        self._lines: dict[Ref, str] = {}
        if data is not None:
            try:
                self._lines = dict(_lines(data.decode()))
            except ValueError:
                raise _broken("it is not what this package writes") from None

    def __getitem__(self, ref: Ref) -> OutlookState:
        try:
            return OutlookState.model_validate_json(self._lines[ref])
        except ValidationError:
            raise _broken(f"{ref} cannot be read") from None

    def __iter__(self) -> Iterator[Ref]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, ref: object) -> bool:
        return ref in self._lines

    def written(
        self, new: Mapping[Ref, OutlookState], keep: Callable[[Ref], bool]
    ) -> bytes:
        """Return the file with *new* in it, and what else of the old to *keep*."""
        lines = {ref: line for ref, line in self._lines.items() if keep(ref)}
        lines |= {ref: _line(state) for ref, state in new.items()}
        rows = [f"{json.dumps(str(ref))}:{lines[ref]}" for ref in sorted(lines)]
        return (_HEAD + ",\n".join(rows) + _TAIL).encode()


class Book:
    """
    What is foreseen, read when it is first asked for; implements ``UsageBook``.

    Args:
        files: Opens the branch.
        health: What the checks found of a resource; nothing where nobody checks.
        pace: Says after how long the next run is to be expected.
    """

    def __init__(
        self,
        files: Callable[[], Files],
        health: Callable[[Ref], State | None] = lambda _ref: None,
        pace: Callable[[], timedelta] = lambda: DAY,
    ) -> None:
        self._files = files
        self._ask_pace = pace
        self.health = health

    def outlook(self, ref: Ref) -> OutlookState | None:
        """Return the last forecast about *ref*; raises AuditError."""
        found = self._outlooks.get(ref)
        return found and found.model_copy(update={"pace": self._pace})

    @cached_property
    def _pace(self) -> timedelta:
        return self._ask_pace()

    @cached_property
    def _outlooks(self) -> Outlooks:
        return outlooks(self._files())


def outlooks(files: Files) -> Outlooks:
    """Return the forecasts that are kept; raises AuditError."""
    return Outlooks(files.read([PATH]).get(PATH))


def renew(
    shelf: Shelf,
    new: Mapping[Ref, OutlookState],
    now: datetime,
    keep: Callable[[Ref], bool],
) -> bool:
    """
    Keep *new* forecasts, and of the others those about what there is to *keep*.

    Where another run was quicker, the younger forecast of each resource stays.

    Raises:
        AuditError: The branch cannot be read or written.
    """

    def make(files: Files) -> Mapping[str, bytes | None]:
        old = outlooks(files)
        mine = {
            ref: one
            for ref, one in new.items()
            if ref not in old or old[ref].at <= one.at
        }
        return {PATH: old.written(mine, keep)}

    message = f"outlook: {now:%Y-%m-%d %H:%M} UTC\n\nThe next run replaces it.\n"
    return shelf.change(make, now=now, message=message)


def _lines(text: str) -> Iterator[tuple[Ref, str]]:
    if not (text.startswith(_HEAD) and text.endswith(_TAIL)):
        raise ValueError(text[:40])
    inside = text[len(_HEAD) : -len(_TAIL)]
    for row in inside.split(",\n") if inside else ():
        name, colon, line = row.partition(":")
        kind, slash, called = json.loads(name).partition("/")
        if not (colon and slash and line.startswith("{") and line.endswith("}")):
            raise ValueError(row[:40])
        yield Ref(kind, called), line


def _line(state: OutlookState) -> str:
    data = state.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(_rounded(data), separators=(",", ":"), ensure_ascii=False)


def _rounded(data: object) -> object:
    match data:
        case float():
            return float(f"{data:.{_DIGITS}g}")
        case dict():
            return {
                key: value if key == "limit" else _rounded(value)
                for key, value in data.items()
            }
        case list():
            return [_rounded(value) for value in data]
        case _:
            return data


def _broken(why: str) -> AuditError:
    return AuditError(
        f"{PATH} is no file of forecasts: {why}",
        hint="delete the branch reconciler/outlook/<env>: `usage probe` makes it anew",
        code="E661",
    )
