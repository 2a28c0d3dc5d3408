"""YAML text to plain data, fast and hardened; knows nothing of kinds."""

from __future__ import annotations

from typing import Any, NamedTuple

from yaml import MarkedYAMLError, YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from reconciler.inventory.scalars import SPECIAL, Unsure, plain

MAX_DEPTH = 64


class Fault(NamedTuple):
    """Something this project's YAML does not allow; line and column from 1."""

    code: str
    line: int
    column: int
    text: str
    hint: str | None = None


class Parsed(NamedTuple):
    """The documents, and what is wrong with them; with a fault both are partial."""

    documents: list[Any]
    faults: list[Fault]


def parse(text: str) -> Parsed:
    """Return the plain data of *text*. Raises nothing: see ``faults``."""
    documents: list[Any] = []
    faults: list[Fault] = []
    try:
        _read(CParser(text.removeprefix("\ufeff")), documents, faults)
    except YAMLError as error:
        faults.append(_syntax(error, text))
    return Parsed(documents, faults)


def _read(parser: Any, documents: list[Any], faults: list[Fault]) -> None:  # noqa: C901, PLR0912
    """Build the data from libyaml's events: one loop, because it is the hot one."""
    next_event = parser.get_event
    here: Any = documents
    key: str | None = None
    stack: list[tuple[Any, str | None]] = []
    while True:
        event = next_event()
        kind = event.__class__
        value: Any
        if kind is ScalarEvent:
            if key is None and here.__class__ is dict:
                key = key_of(event, here, faults)
                continue
            value = event.value
            if event.anchor or event.tag:
                refuse_marks(event, faults)
            if event.style or value[:1] in _LOOK:
                value = scalar(event, faults)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            here, key = stack.pop()
            continue
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            value = {} if kind is MappingStartEvent else []
            if event.anchor or event.tag:
                refuse_marks(event, faults)
        elif kind is AliasEvent:
            faults.append(fault("E107", event, f"*{event.anchor} is an alias"))
            value = None
        elif kind is StreamEndEvent:
            return
        else:
            continue
        inner = None
        if here.__class__ is list:
            here.append(value)
        elif key is None:
            if kind is not AliasEvent:
                faults.append(fault("E112", event, "a key must be text"))
            inner = ""
        else:
            here[key] = value
            key = None
        if value.__class__ in {dict, list}:
            stack.append((here, inner))
            here, key = value, None
            if len(stack) > MAX_DEPTH:
                faults.append(fault("E110", event, "nested over 64 levels deep"))
                return
        elif inner is not None:
            key = inner


_LOOK = SPECIAL | {""}
#: Keys such as ``name`` that look special by their first letter, and are not.
_GOOD_KEYS: set[str] = set()
_GOOD_KEYS_KEPT = 1000


def fault(code: str, event: Any, text: str, hint: str | None = None) -> Fault:
    """Return a fault at the start of *event*."""
    mark = event.start_mark
    return Fault(code, mark.line + 1, mark.column + 1, text, hint)


def refuse_marks(event: Any, faults: list[Fault]) -> None:
    """Note the anchor and the tag of *event*, which are both refused."""
    if event.anchor:
        faults.append(fault("E107", event, f"&{event.anchor} is an anchor"))
    if event.tag:
        faults.append(fault("E109", event, f"{_shown(event.tag)} is a tag"))


def key_of(event: Any, here: dict[str, Any], faults: list[Fault]) -> str:
    """Return the key that *event* is in the mapping *here*."""
    key: str = event.value
    if event.anchor or event.tag:
        refuse_marks(event, faults)
    if key in _GOOD_KEYS:
        pass
    elif not event.style and key[:1] in _LOOK:
        _refuse_key(event, key, faults)
    elif key == "<<" and not event.style:
        faults.append(fault("E108", event, "<< is a merge key"))
    if "\0" in key:
        faults.append(fault("E104", event, "a NUL in a key"))
    if key in here:
        faults.append(fault("E106", event, f"{_shown(key)} is written twice"))
    return key


def _refuse_key(event: Any, key: str, faults: list[Fault]) -> None:
    try:
        value = plain(key)
    except Unsure:
        value = None
    if not isinstance(value, str):
        faults.append(fault("E112", event, f"the key {_shown(key)} is not text"))
    elif len(_GOOD_KEYS) < _GOOD_KEYS_KEPT:
        _GOOD_KEYS.add(key)


def scalar(event: Any, faults: list[Fault]) -> Any:
    """Return the value of a scalar event that is not plainly a word."""
    value: str = event.value
    if event.style:
        if "\0" in value:
            faults.append(fault("E104", event, "a NUL in a value"))
        return value
    try:
        return plain(value)
    except Unsure as error:
        faults.append(fault("E111", event, f"{_shown(value)} {error}"))
        return value


def _shown(word: str) -> str:
    cut = word if len(word) <= 60 else f"{word[:57]}..."  # noqa: PLR2004
    return cut if cut.isprintable() and cut else repr(cut)


def _syntax(error: YAMLError, text: str) -> Fault:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        said = " ".join(filter(None, (error.context, error.problem)))
        hint = None
        if "start any token" in said or "mapping values" in said:
            hint = "quote a value that begins with @, ` or %, or that holds ': '"
        return Fault("E105", mark.line + 1, mark.column + 1, _sentence(said), hint)
    if isinstance(error, ReaderError):
        return _reader_fault(error, text)
    return Fault("E105", 1, 1, "this is not YAML")


def _sentence(said: str) -> str:
    return f"not valid YAML: {said or 'unexpected text'}"


def _reader_fault(error: ReaderError, text: str) -> Fault:
    """Place a character that YAML does not allow: libyaml counts bytes."""
    at = error.position if isinstance(error.position, int) else 0
    before = text.encode()[:at].decode(errors="ignore")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Fault("E104", line, column, "a character that YAML does not allow")
