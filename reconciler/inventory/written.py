"""Documents to entries: the long form and the short form become the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from reconciler.inventory.complaint import did_you_mean, shown
from reconciler.inventory.node import Path, Step

API_VERSION = "reconciler/v1"
#: Keys of a short-form entry that belong to the metadata: YAML key -> field.
ENTRY_KEYS = ("labels", "uid", "protected", "movedFrom")
_ENVELOPE = ("apiVersion", "kind", "metadata", "spec")


class Entry(NamedTuple):
    """
    One resource as written in one file.

    Attributes:
        where: The path of the spec in the file: document number, then keys.
        head: The path of what names the resource.
        metadata: As in the long form.
        spec: The resource's own fields, without defaults and includes.
    """

    kind: str
    name: str
    where: Path
    head: Path
    metadata: dict[str, Any]
    spec: Any

    @property
    def address(self) -> str:
        """``Kind/name``, as written."""
        return f"{self.kind}/{shown(self.name)}"

    def path_in_file(self, path: Path) -> Path:
        """Return where *path* (``metadata`` or ``spec`` and on) is in the file."""
        if path[:1] == ("spec",):
            return (*self.where, *path[1:])
        if path == ("metadata",) or path[:2] == ("metadata", "name"):
            return self.head
        if self.head == self.where:
            return (*self.where, *path[1:])
        return (*self.head[:1], *path)


class Wrong(NamedTuple):
    """
    Something wrong with a document as such.

    Attributes:
        where: The path in the file.
        what: Begins with an address, where there is one.
    """

    code: str
    where: Path
    what: str
    hint: str | None = None


def entries(
    documents: list[Any], kinds: Collection[str]
) -> Iterator[tuple[list[Entry], list[Wrong]]]:
    """Yield the entries of each document, and what is wrong with it."""
    first = True
    for number, document in enumerate(documents):
        if document is None:
            continue
        yield _document(document, number, kinds, first=first)
        first = False


def _document(
    document: Any, number: int, kinds: Collection[str], *, first: bool
) -> tuple[list[Entry], list[Wrong]]:
    if not isinstance(document, dict):
        return [], [Wrong("E113", (number,), "the document is not a mapping")]
    wrong = list(version(document, number, first=first))
    if "kind" in document or "metadata" in document or "spec" in document:
        found, more = _long(document, number, kinds)
        return ([found] if found else []), wrong + more
    found_entries: list[Entry] = []
    for key, value in document.items():
        if key == "apiVersion":
            continue
        entry = _short(key, value, number, kinds)
        if isinstance(entry, Entry):
            found_entries.append(entry)
        else:
            wrong.append(entry)
    return found_entries, wrong


def version(document: dict[str, Any], number: int, *, first: bool) -> Iterator[Wrong]:
    """Yield what is wrong with the document's apiVersion."""
    if "apiVersion" not in document:
        if first:
            yield Wrong("E114", (number,), "apiVersion is missing")
    elif document["apiVersion"] != API_VERSION:
        what = f"apiVersion is not {API_VERSION}"
        yield Wrong("E114", (number, "apiVersion"), what)


def no_such_kind(kind: Any, where: Path, kinds: Collection[str]) -> Wrong:
    """Return the complaint about a kind that nobody has."""
    word = shown(kind) if isinstance(kind, str) else "what is written here"
    known = f"the kinds are {', '.join(sorted(kinds))}"
    hint = did_you_mean(word, kinds, known)
    return Wrong("E116", where, f"{word} is no kind", hint)


def _short(key: str, value: Any, number: int, kinds: Collection[str]) -> Entry | Wrong:
    kind, slash, name = key.partition("/")
    where: Path = (number, key)
    if not slash:
        hint = f"write {kind}/NAME" if kind in kinds else None
        if not hint:
            hint = did_you_mean(key, ("apiVersion", *(f"{k}/" for k in kinds)), "")
        return Wrong("E117", where, f"{shown(key)!r} is not Kind/name", hint or None)
    if kind not in kinds:
        return no_such_kind(kind, where, kinds)
    if not name:
        return Wrong("E130", where, f"{kind}/ has no name after the slash")
    if value is not None and not isinstance(value, dict):
        what = f"{kind}/{shown(name)}: write a mapping of fields"
        return Wrong("E122", where, what)
    spec = dict(value or {})
    metadata = {part: spec.pop(part) for part in ENTRY_KEYS if part in spec}
    return Entry(kind, name, where, where, {"name": name, **metadata}, spec)


def _long(
    document: dict[str, Any], number: int, kinds: Collection[str]
) -> tuple[Entry | None, list[Wrong]]:
    wrong = [
        Wrong(
            "E120",
            (number, key),
            f"{shown(key)} is no field of a document",
            did_you_mean(key, _ENVELOPE, f"the fields are {', '.join(_ENVELOPE)}"),
        )
        for key in document
        if key not in _ENVELOPE
    ]
    kind, metadata = document.get("kind"), document.get("metadata")
    if kind is None:
        what = "kind is missing beside metadata and spec"
        return None, [*wrong, Wrong("E121", (number,), what)]
    if not isinstance(kind, str) or kind not in kinds:
        return None, [*wrong, no_such_kind(kind, (number, "kind"), kinds)]
    if metadata is None:
        what = f"{kind}: metadata is missing"
        return None, [*wrong, Wrong("E121", (number,), what)]
    if not isinstance(metadata, dict):
        what = f"{kind}: metadata: write a mapping of fields"
        return None, [*wrong, Wrong("E122", (number, "metadata"), what)]
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        return None, [*wrong, _nameless(kind, metadata, number)]
    spec = document.get("spec")
    head: tuple[Step, ...] = (number, "metadata", "name")
    if spec is not None and not isinstance(spec, dict):
        what = f"{kind}/{shown(name)}: spec: write a mapping of fields"
        return None, [*wrong, Wrong("E122", (number, "spec"), what)]
    entry = Entry(kind, name, (number, "spec"), head, dict(metadata), dict(spec or {}))
    return entry, wrong


def _nameless(kind: str, metadata: dict[str, Any], number: int) -> Wrong:
    if "name" in metadata:
        where: Path = (number, "metadata", "name")
        return Wrong("E130", where, f"{kind}: metadata.name: write text", "quote it")
    return Wrong("E121", (number, "metadata"), f"{kind}: metadata.name is missing")
