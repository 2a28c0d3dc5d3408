"""One line of the log: an entry, who wrote it, and its place in the hash chain."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from reconciler.audit.entries import Entry
from reconciler.errors import AuditError, Tampered

_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="type")])


class Stamp(NamedTuple):
    """
    What the writer adds to an entry.

    Attributes:
        seq: Counts all lines of the environment from 1.
        prev: SHA-256 of the line before, without its newline; empty in line 1.
    """

    run: str
    fence: int
    seq: int
    prev: str
    actor: str
    commit: str | None


class Line(NamedTuple):
    """A line of the log, read or about to be written."""

    entry: Entry
    stamp: Stamp
    digest: str


def canonical(data: Any) -> bytes:
    """
    Return *data* as canonical JSON: sorted keys, no spaces, UTF-8.

    Raises:
        AuditError: It holds a float, whose text differs between machines.
    """
    _refuse_floats(data)
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")


def _refuse_floats(data: Any) -> None:
    if isinstance(data, _NESTED):
        for value in data.values() if isinstance(data, dict) else data:
            if isinstance(value, _LOOKED_AT):  # most of it is text
                _refuse_floats(value)
    elif isinstance(data, float):
        raise AuditError(
            f"the journal takes no floats: {data}",
            hint="write amounts as text, as in 12.50 EUR",
        )


_NESTED = (dict, list, tuple)
_LOOKED_AT = (*_NESTED, float)


def digest(line: bytes) -> str:
    """Return the hash that the next line carries as ``prev``."""
    return hashlib.sha256(line).hexdigest()


def document(entry: Entry, stamp: Stamp) -> dict[str, Any]:
    """Return the JSON object that one line holds."""
    return {**entry.model_dump(mode="json"), **stamp._asdict()}


def parse(raw: bytes) -> Line:
    """
    Read one line (without its newline).

    Raises:
        Tampered: It is no line that this package wrote.
    """
    try:
        data = json.loads(raw)
        same = canonical(data) == raw
        stamp = Stamp(*(data.pop(field) for field in Stamp._fields))
        entry = _ENTRY.validate_python(data)
    except (
        AuditError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ValidationError,
    ):
        raise Tampered("this is no line of a journal") from None
    if not same:
        raise Tampered("this line is not in its canonical form")
    return Line(entry, stamp, digest(raw))
