"""Files to what they want, the slow way: parse, apply defaults, validate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from reconciler.errors import InventoryError
from reconciler.inventory import defaults as defaults_of
from reconciler.inventory import secrets, written
from reconciler.inventory.complaint import Complaint
from reconciler.inventory.defaults import Defaults
from reconciler.inventory.heads import Origin
from reconciler.inventory.hidden import hidden
from reconciler.inventory.origin import Found, Layer, Places, place
from reconciler.inventory.parse import Fault, parse
from reconciler.inventory.rows import (
    Edge,
    target,
)
from reconciler.inventory.secrets import Allowed
from reconciler.inventory.sentences import Said, dotted, sentences
from reconciler.inventory.shape import (
    Shape,
    inexact,
    is_exact,
    leaves,
    named,
    shape_of,
)
from reconciler.inventory.shared import ACCOUNT, SHARED, Shared
from reconciler.inventory.source import MAX_BYTES, Source, blob_id
from reconciler.inventory.steps import by_name, in_list, is_leaf
from reconciler.inventory.written import Entry, Wrong
from reconciler.model import AnyResource, Ref
from reconciler.model.location import Location

_BROKEN = frozenset(("E104", "E105", "E110"))
_EXACT = {
    bool: "write true or false",
    int: "write a whole number",
    str: "write it as text",
}


class Want(NamedTuple):
    """An entry and its spec over the defaults; *origin* is the Site that makes it."""

    entry: Entry
    spec: Any
    origin: Origin | None = None

    @property
    def author(self) -> str:
        """The address of what was written: the entry's own, or its Site's."""
        return self.origin.site.written if self.origin else self.entry.address


class Draft:
    """
    One file, parsed.

    Attributes:
        blob: The git id of what was really read.
        wants: What it wants, as far as it could be understood.
        claims: Addresses in it that cannot be validated, but are there.
        text: All of it where not even its addresses are known.
        secrets: What must not be repeated.
        keep: Whether what comes of it may be cached.
    """

    def __init__(self, path: str, blob: str) -> None:
        self.path = path
        self.blob = blob
        self.wants: list[Want] = []
        self.claims: list[tuple[str, str]] = []
        self.text = ""
        self.secrets: list[str] = []
        self.keep = True
        self.complaints: list[Complaint] = []


class Reader:
    """Reads the files of one source for one set of kinds."""

    def __init__(
        self,
        source: Source,
        kinds: Mapping[str, type[AnyResource]],
        places: Places,
        allowed: Allowed,
    ) -> None:
        self.source = source
        self.kinds = kinds
        self.places = places
        self.allowed = allowed
        self._shapes = {name: shape_of(kind) for name, kind in kinds.items()}

    def draft(self, path: str, defaults: Sequence[Defaults]) -> Draft:
        """Return the parsed file; what is wrong with it is in ``complaints``."""
        draft, documents, skip = self._documents(path)
        for found, wrong in written.entries(documents, self.kinds):
            draft.complaints += self._wrong(path, wrong, skip)
            for entry in found:
                if self._touches(path, entry, skip):
                    draft.claims.append((entry.kind, _address(entry)))
                else:
                    spec = defaults_of.applied(entry.kind, entry.spec, defaults)
                    draft.wants.append(Want(entry, spec))
        return draft

    def defaults(self, path: str) -> tuple[Defaults, Draft]:
        """Return a ``_defaults.yaml``, with what is wrong in it by itself."""
        draft, documents, skip = self._documents(path)
        found, wrong = defaults_of.read(path, documents, self.kinds)
        draft.complaints += self._wrong(path, wrong, skip)
        for kind, partial in found.kinds.items():
            layer = Layer(path, partial.where, ("spec",), ("spec",), f"{kind} defaults")
            for said in self.partial(kind, partial.spec):
                node = self.places.find([layer], said.path)
                if node and node.node.last not in skip:
                    draft.complaints.append(self.complaint(said, [layer], "", {}))
        return found, draft

    def user(self, want: Want, path: str) -> str:
        """Return how messages name *want* as one that inherits something."""
        head = want.origin.site.head if want.origin else want.entry.head
        at = self.places.location(path, head, key=True)
        return f"{at.file}:{at.line} {want.author}"

    def _documents(self, path: str) -> tuple[Draft, list[Any], set[int]]:
        """Return the documents, and the lines that are wrong in themselves."""
        try:
            data = self.source.read(path)
        except InventoryError as error:
            draft = Draft(path, "")
            at = error.at or Location(path, 1, 1)
            draft.complaints.append(Complaint(error.shown_code, at, error.what))
            return draft, [], set()
        draft = Draft(path, blob_id(data))
        text = self._text(draft, data)
        if text is None:
            return draft, [], set()
        self._scan(draft, text)
        documents, faults = parse(text)
        draft.complaints += [_fault(path, each) for each in faults]
        if any(each.code in _BROKEN for each in faults):
            draft.text = text
            return draft, [], set()
        skip = {each.line for each in faults}
        if secrets.may_hide_cards(text):
            skip |= self._hidden_cards(draft, documents, text)
        if secrets.may_hold_card_fields(text):
            skip |= self._card_fields(draft, documents)
        return draft, documents, skip

    def _text(self, draft: Draft, data: bytes) -> str | None:
        """Return the text of a file that can be parsed at all."""
        start = Location(draft.path, 1, 1)
        if len(data) > MAX_BYTES:
            draft.complaints.append(Complaint("E102", start, "the file is over 1 MiB"))
            draft.text = data.decode(errors="replace")
            return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            at = _offset(draft.path, data[: error.start].decode(errors="replace"))
            draft.complaints.append(Complaint("E103", at, "the file is not UTF-8"))
            draft.text = data.decode(errors="replace")
            self._scan(draft, draft.text)
            return None
        if "\0" in text:
            at = _offset(draft.path, text[: text.index("\0")])
            draft.complaints.append(Complaint("E104", at, "a NUL in the file"))
            draft.text = text
            self._scan(draft, text)
            return None
        return text

    def _scan(self, draft: Draft, text: str) -> None:
        for leak in secrets.leaks(text):
            if self.allowed.has(leak.sha256):
                draft.keep = False
                continue
            at = Location(draft.path, leak.line, leak.column)
            draft.complaints.append(Complaint(leak.code, at, leak.what))
            draft.secrets.append(leak.text)

    def _hidden_cards(self, draft: Draft, documents: list[Any], text: str) -> set[int]:
        """Complain of the card numbers that only the parsed values show."""
        lines: set[int] = set()
        for at, found in hidden(draft.path, documents, text, self.places):
            if self.allowed.has(secrets.hashed(found)):
                draft.keep = False
                continue
            draft.complaints.append(Complaint("E151", at, secrets.CARD))
            draft.secrets.append(found)
            lines.add(at.line)
        return lines

    def _card_fields(self, draft: Draft, documents: list[Any]) -> set[int]:
        lines: set[int] = set()
        said = {one.at.line for one in draft.complaints if one.code == "E153"}
        for path in secrets.card_fields(documents):
            at = self.places.location(draft.path, path, key=True)
            if at.line in said:
                lines.add(at.line)
                continue
            what = f"{path[-1]} is a field for card data"
            draft.complaints.append(Complaint("E153", at, what))
            lines.add(at.line)
        return lines

    def _wrong(
        self, path: str, wrong: Iterable[Wrong], skip: set[int]
    ) -> Iterator[Complaint]:
        for each in wrong:
            at = self.places.location(path, each.where, key=each.code != "E122")
            if at.line not in skip:
                yield Complaint(each.code, at, each.what, each.hint)

    def _touches(self, path: str, entry: Entry, skip: set[int]) -> bool:
        """Say whether one of the lines *skip* lies in the entry."""
        if not skip:
            return False
        short = entry.head == entry.where
        node = self.places.node(path, entry.head if short else entry.head[:1])
        return node is None or any(node.start[0] <= line <= node.last for line in skip)

    def partial(self, kind: str, spec: dict[str, Any]) -> list[Said]:
        """Return what is wrong with a partial spec, whatever it is completed by."""
        data = {"metadata": {"name": "defaults.invalid"}, "spec": dict(spec)}
        return [
            each
            for each in self._refused(kind, data)
            if (each.code != "E121" or in_list(each.path))
            and (each.code != "E125" or is_leaf(data, each.path))
        ]

    def validated(
        self, entry: Entry, spec: Any
    ) -> tuple[list[Said], AnyResource | None, tuple[Edge, ...]]:
        """Return what is wrong with an entry, its resource and its references."""
        data = {"metadata": entry.metadata, "spec": spec}
        found: list[tuple[Shape, Any]] = []
        leaves(self._shapes[entry.kind], data, found)
        edges = {Edge(to.kind, target(name), to.edge) for to, name in named(found)}
        said, built = self._built(self.kinds[entry.kind], data, exact=is_exact(found))
        return said, built, tuple(sorted(edges))

    def _refused(self, kind: str, data: dict[str, Any]) -> list[Said]:
        return self._built(self.kinds[kind], data)[0]

    def _built(
        self, model: type[AnyResource], data: dict[str, Any], *, exact: bool = False
    ) -> tuple[list[Said], AnyResource | None]:
        said = [
            Said("E122", path, _EXACT[kind])
            for path, kind in (() if exact else inexact(shape_of(model), data))
        ]
        try:
            return said, model.model_validate(data, by_alias=True, by_name=False)
        except (ArithmeticError, AttributeError, LookupError, TypeError):
            # A kind that fails on what somebody wrote is a fault of the kind, but
            # whoever wrote it needs the place, and the errors of all other files.
            return [*said, Said("E125", (), "is not valid here")], None
        except ValidationError as error:
            known = [each.path for each in said]
            more = [
                each
                for each in sentences(error, model, data)
                if not any(each.path[: len(path)] == path for path in known)
            ]
            return said + more, None

    def complaint(
        self, said: Said, layers: Sequence[Layer], user: str, data: Any
    ) -> Complaint:
        """Place what is *said* in the layer it was written in."""
        found = self.places.find(layers, by_name(said.path, data))
        if found is None:
            first = layers[0]
            node = self.places.node(first.file, first.base)
            at = place(first.file, node, key=True)
            return Complaint(said.code, at, f"{first.name}: {said.what}", said.hint)
        key = said.code in {"E120", "E121"} or not found.exact
        at = place(found.layer.file, found.node, key=key)
        cause = f"{found.layer.name}: {dotted(found.path)}"
        what = f"{cause}: {said.text}"
        hint = said.hint or _where_to_look(said.code, found)
        inherited = None if found.layer.own or not user else user
        return Complaint(said.code, at, what, hint, inherited, cause)


def _where_to_look(code: str, found: Found) -> str | None:
    if code != "E125":
        return None
    kind = found.layer.name.replace("/", " ").split(" ")[0]
    if len(found.layer.shown) > 1 and found.layer.under == ("spec",):
        kind = str(found.layer.shown[-1])  # a part of a profile, or of ``with``
    return f"`reconciler schema {kind}` says what it accepts"


def _address(entry: Entry) -> str:
    return target(entry.name)


def _fault(path: str, each: Fault) -> Complaint:
    at = Location(path, each.line, each.column)
    return Complaint(each.code, at, each.text, each.hint)


def _offset(path: str, before: str) -> Location:
    line = before.count("\n") + 1
    return Location(path, line, len(before) - before.rfind("\n"))


def shared_of(want: Want, path: str) -> Shared | None:
    """Return what others are made from; it may yet prove to be wrong."""
    entry = want.entry
    if entry.kind not in SHARED or not isinstance(want.spec, dict):
        return None
    ref = Ref(entry.kind, entry.name)
    spec = want.spec
    if entry.kind == ACCOUNT:  # there are many, and nobody asks for more of one
        spec = {"plan": spec.get("plan")}
    made = want.origin is not None
    return Shared.written(ref, entry.metadata, spec, path, made=made)
