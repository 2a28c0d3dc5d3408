"""New files of documents: how they are cut, called and written. Pure."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from reconciler.inventory.defaults import is_defaults
from reconciler.inventory.emit import entry, scalar
from reconciler.inventory.written import API_VERSION
from reconciler.model import Ref

#: So that a file stays readable, and far below the most that is read (1 MiB).
MOST_DOCUMENTS = 200
MOST_BYTES = 400_000
#: Where `reconciler schema --write schemas` puts the schema of the whole inventory.
SCHEMA = "schemas/inventory.schema.json"


class Document(NamedTuple):
    """
    One new document.

    Attributes:
        group: What its file is called after.
        notes: Lines of the comment above it.
    """

    ref: Ref
    group: str
    spec: Mapping[str, Any]
    notes: Sequence[str] = ()

    def lines(self) -> list[str]:
        """Return the document as it is written, in the short form."""
        comment = [f"# {' '.join(note.split())}" for note in self.notes]
        written = [line.text for line in entry(str(self.ref), {}, self.spec)]
        return [*comment, *written]


class Draft(NamedTuple):
    """
    One file that is not written yet.

    Attributes:
        path: Where, from the root of the project.
        head: Its first lines.
    """

    path: str
    head: Sequence[str]
    documents: Sequence[Document]

    def text(self) -> str:
        """Return the file."""
        return "\n".join(line for _, line in self._lines()) + "\n"

    def owner(self, line: int) -> Document | None:
        """Return the document that *line* (from 1) belongs to."""
        for number, (document, _) in enumerate(self._lines(), 1):
            if number == line:
                return document
        return None

    def _lines(self) -> Iterator[tuple[Document | None, str]]:
        for line in self.head:
            yield None, line
        for document in self.documents:
            for line in document.lines():
                yield document, line


def drafts(
    documents: Sequence[Document],
    folder: str,
    taken: Collection[str],
    comment: Sequence[str],
) -> list[Draft]:
    """
    Return the files of new *documents* in *folder*; nothing *taken* is used again.

    Args:
        documents: In any order; a group begins a file of its own.
        folder: From the root of the project, with slashes.
        taken: The paths that are there already.
        comment: What the head of each file says.
    """
    groups: dict[str, list[Document]] = defaultdict(list)
    for document in sorted(documents, key=lambda each: each.ref):
        groups[document.group].append(document)
    used = set(taken)
    found = []
    for group, members in sorted(groups.items()):
        for part in _parts(members):
            path = _free(folder, group, used)
            used.add(path)
            found.append(Draft(path, head(path, comment), part))
    return found


def head(path: str, comment: Sequence[str]) -> list[str]:
    """Return the first lines of a new file: for the editor, for people, for us."""
    schema = posixpath.relpath(SCHEMA, posixpath.dirname(path) or ".")
    said = [f"# {line}" for line in comment]
    return [
        f"# yaml-language-server: $schema={schema}",
        *said,
        f"apiVersion: {scalar(API_VERSION)}",
    ]


def _parts(documents: Sequence[Document]) -> Iterator[list[Document]]:
    part: list[Document] = []
    size = 0
    for document in documents:
        length = sum(len(line.encode()) + 1 for line in document.lines())
        if part and (len(part) >= MOST_DOCUMENTS or size + length > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(document)
        size += length
    if part:
        yield part


def _free(folder: str, group: str, used: Collection[str]) -> str:
    for number in count(1):
        name = f"{group}.yaml" if number == 1 else f"{group}-{number}.yaml"
        path = posixpath.normpath(posixpath.join(folder, name))
        if path not in used and not is_defaults(path):
            return path
    raise AssertionError("unreachable")
