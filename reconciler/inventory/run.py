"""One run of the loader: which files to read, in what order, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import InventoryError
from reconciler.inventory import paths, stale
from reconciler.inventory.cache import Cache
from reconciler.inventory.complaint import Complaint
from reconciler.inventory.defaults import Defaults, above, is_defaults
from reconciler.inventory.heads import Head, layers, made_head
from reconciler.inventory.includes import SNIPPET, Snippet, wanted
from reconciler.inventory.index import Index, Slice
from reconciler.inventory.loaded import Loaded
from reconciler.inventory.origin import Layer, Places
from reconciler.inventory.parts import PROFILE, SITE
from reconciler.inventory.rows import Row, target
from reconciler.inventory.secrets import Allowed
from reconciler.inventory.shared import ACCOUNT, Shelf
from reconciler.inventory.source import Source
from reconciler.inventory.whole import Failed, Whole, claim
from reconciler.model import AnyResource, Ref
from reconciler.model.location import Location

if TYPE_CHECKING:
    from reconciler.inventory.reading import Draft, Reader, Want
    from reconciler.inventory.sites import Sites

Kinds = Callable[[], Mapping[str, type[AnyResource]]]
#: Rows of so many files are written to the cache at once.
_BATCH = 500
#: A tree is kept anew once more than this share of its files has changed.
_REKEEP = 0.02
_REKEEP_FILES = 20


class Waiting(NamedTuple):
    """A want that is made from something which has not been read yet."""

    draft: Draft
    want: Want
    slot: int


class Run:
    """
    Reads one source once.

    Attributes:
        complaints: What is wrong so far.
        secrets: What no message may repeat.
    """

    def __init__(
        self, source: Source, kinds: Kinds, store: Cache | None, allowed: Allowed
    ) -> None:
        self.source = source
        self.kinds = kinds
        self.complaints: list[Complaint] = []
        self.secrets: set[str] = set()
        self._store = store
        self._allowed = allowed
        self._places = Places(source)
        self._files: dict[str, str] = {}
        self._base = Index()
        self._index = self._base
        self._kept: dict[str, Slice] = {}
        self._defaults: dict[str, Defaults] = {}
        self._rows: dict[str, list[list[Row] | None]] = {}
        self._stored: set[str] = set()
        self._pending: dict[str, list[Row]] = {}
        self._shelf = Shelf(self._base, self._kept, self.rows_of)
        self._waiting: list[Waiting] = []
        self._whole = Whole()

    def loaded(self) -> Loaded:
        """Read everything; what is wrong is in ``complaints`` afterwards."""
        self._list()
        self._base = (self._store.tree() if self._store else None) or Index()
        self._index = self._base
        self._kept, changed = stale.compare(self._base, self._files)
        self._shelf = Shelf(self._base, self._kept, self.rows_of)
        old = stale.shared(self._base, self._kept)
        self._take(changed)
        moved = self._shelf.changed(old)
        again = sorted(stale.users(self._base, self._kept, moved))
        for path in again:
            self._kept.pop(path, None)
        self._take(again)
        self._finish_waiting()
        self._index = index = self._joined()
        loaded = Loaded(index, self._places, self.rows_of, self.kinds)
        self.complaints += self._whole.complaints(loaded)
        self._save(index, len(changed) + len(again))
        return loaded

    def rows_of(self, part: Slice) -> Sequence[Row]:
        """
        Return the rows of one file of the index.

        Raises:
            InventoryError: The file is not what it was when it was loaded.
        """
        fresh = self._rows.get(part.path)
        if fresh is None and self._store:
            kept = self._store.rows(self._key(part.path))
            fresh = [kept] if kept and self._same(part, kept) else None
        if fresh is None:
            self._read(part.path)
            self._finish_waiting()
            fresh = self._rows[part.path]
        rows = _flat(fresh)
        if self._same(part, rows):
            return rows
        at = Location(part.path, 1, 1)
        raise InventoryError("changed while it was being read", at=at, code="E101")

    def _same(self, part: Slice, rows: Sequence[Row]) -> bool:
        """Say whether *rows* are those that the index knows the digests of."""
        digests = map(self._index.digest, range(part.start, part.stop))
        return list(digests) == [row.digest for row in rows]

    def _finish_waiting(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                self._finish(*each)
                if len(self._pending) >= _BATCH:
                    self._flush()

    def _list(self) -> None:
        try:
            found = self.source.files()
        except InventoryError as error:
            at = error.at or Location("inventory", 1, 1)
            self.complaints.append(Complaint(error.shown_code, at, error.what))
            return
        self.complaints += paths.complaints(found)
        self._files = {path: found[path] for path in found if paths.sound(path)}

    def _take(self, files: Sequence[str]) -> None:
        """Get the rows of *files*, from the cache or by reading them."""
        for path in files:
            if is_defaults(path):
                self._default(path)
                self._rows[path] = []
                continue
            kept = self._store.rows(self._key(path)) if self._store else None
            if kept is not None and self._current(kept):
                self._rows[path] = [kept]
                self._stored.add(path)
                self._shelf.note_rows(path, kept)
            else:
                self._read(path)
            if len(self._pending) >= _BATCH:
                self._flush()

    def _current(self, rows: Iterable[Row]) -> bool:
        """Say whether what *rows* were made from is still what it was."""
        for row in rows:
            for address, digest in row.includes:
                found = self._shelf.find(Ref(*address.split("/", 1)))
                if found is None or found.digest != digest:
                    return False
        return True

    def _read(self, path: str) -> None:
        defaults = [self._default(each) for each in self._above(path)]
        draft = self._reader.draft(path, defaults)
        self.complaints += draft.complaints
        self.secrets.update(draft.secrets)
        self._whole.claims.update(claim(*each) for each in draft.claims)
        if draft.text:
            self._whole.broken.append(draft.text)
        self._rows[path] = [None] * len(draft.wants)
        self._note_wanted(draft)
        for slot, want in enumerate(draft.wants):
            if self._ready(want):
                self._finish(draft, want, slot)
            else:
                self._waiting.append(Waiting(draft, want, slot))
        self._keep(draft)

    def _finish(self, draft: Draft, want: Want, slot: int) -> None:
        row = self._row(draft, want)
        rows = None if row is None else [row]
        if rows and want.entry.kind == SITE:
            rows = self._expanded(draft, want, rows[0])
        elif want.entry.kind == PROFILE:
            faults = self._sites.profile(want, draft.path)
            self.complaints += faults
            if faults:
                self._whole.claims.add(claim(PROFILE, want.entry.name))
                rows = None
        self._rows[draft.path][slot] = rows
        if rows:
            self._keep(draft)

    def _row(self, draft: Draft, want: Want) -> Row | None:
        done = self._reader.finish(want, draft.path, self._shelf, self._layers)
        if isinstance(done, Row):
            return done
        self.complaints += done
        self._whole.claims.add(claim(want.entry.kind, want.entry.name))
        self._failed(draft, want)
        return None

    def _failed(self, draft: Draft, want: Want) -> None:
        """Have the references of *want* checked, although it is not used."""
        user = self._reader.user(want, draft.path)
        layers_of = self._layers(draft.path, want, ())
        self._whole.failed.append(Failed(want.entry.kind, want.spec, layers_of, user))

    def _expanded(self, draft: Draft, want: Want, row: Row) -> list[Row] | None:
        """Return the rows of a Site and of all it makes; None if one is wrong."""
        above_it = [self._default(each) for each in self._above(draft.path)]
        made = self._sites.made(want, draft.path, row, above_it)
        self.complaints += made.complaints
        rows = [self._row(draft, each) for each in made.wants]
        whole = [each for each in rows if each]
        if made.flawed or len(whole) < len(rows):
            done = zip(made.wants, rows, strict=True)
            kept = [each for each, built in done if built]
            for each in (want, *kept):
                self._failed(draft, each)
            self._whole.claims.update(claim(kind, row.name) for kind in self.kinds())
            return None
        return [self._sites.uses(row, want.spec), *whole]

    def _ready(self, want: Want) -> bool:
        """
        Say whether all that *want* is made from was read.

        A Site waits until everything was: what it makes may include anything. So does
        an account: its plans lead to others.
        """
        names = wanted(want.entry.kind, want.spec)
        waits = want.entry.kind in {SITE, ACCOUNT}
        return not waits and all(map(self._shelf.snippet, names))

    def _keep(self, draft: Draft) -> None:
        """Note the rows for the cache once the file is whole and without faults."""
        rows = self._rows[draft.path]
        sound = draft.keep and not draft.complaints and all(rows)
        if self._store and sound and draft.blob == self._files.get(draft.path):
            self._pending[draft.path] = _flat(rows)
            self._stored.add(draft.path)

    def _flush(self) -> None:
        """Write what is pending, and forget it: it can be asked for again."""
        if self._store:
            rows = {self._key(path): each for path, each in self._pending.items()}
            self._store.save(rows, None)
        self._pending.clear()

    def _save(self, index: Index, changed: int) -> None:
        self._flush()
        if self._store is None:
            return
        for path in self._stored:
            self._rows.pop(path, None)
        limit = max(_REKEEP * len(self._files), _REKEEP_FILES)
        if not self.complaints and (not self._base.slices or changed > limit):
            self._store.save({}, index)
            self._store.prune(map(self._key, self._files), len(self._files))

    def _key(self, path: str) -> str:
        """Return the key of a file's rows in the cache."""
        assert self._store is not None  # noqa: S101  (asked only where there is one)
        above_it = [self._files[each] for each in self._above(path)]
        return self._store.key(self._files[path], above_it)

    @cached_property
    def _default_files(self) -> frozenset[str]:
        return frozenset(filter(is_defaults, self._files))

    def _above(self, path: str) -> tuple[str, ...]:
        return above(path, self._default_files)

    @cached_property
    def _reader(self) -> Reader:
        from reconciler.inventory.reading import Reader  # noqa: PLC0415  (yaml)

        return Reader(self.source, self.kinds(), self._places, self._allowed)

    def _default(self, path: str) -> Defaults:
        if path not in self._defaults:
            self._defaults[path], draft = self._reader.defaults(path)
            self.complaints += draft.complaints
            self.secrets.update(draft.secrets)
        return self._defaults[path]

    def _joined(self) -> Index:
        """Return the index of all files, in their order."""
        if len(self._kept) == len(self._files) == len(self._base.slices):
            return self._base
        index = Index()
        index.take_tables(self._base.label_table, self._base.edge_table)
        neighbours: list[Slice] = []
        for path in sorted(self._files):
            part = self._kept.get(path)
            if neighbours and (not part or part.start != neighbours[-1].stop):
                index.copy(self._base, neighbours)
                neighbours = []
            if part:
                neighbours.append(part)
            else:
                stored = path in self._stored or is_defaults(path)
                blob = self._files[path] if stored else ""
                index.add(path, blob, _flat(self._rows[path]))
        if neighbours:
            index.copy(self._base, neighbours)
        return index

    def _note_wanted(self, draft: Draft) -> None:
        from reconciler.inventory.reading import shared_of  # noqa: PLC0415

        for want in draft.wants:
            if shared := shared_of(want, draft.path):
                self._shelf.note(shared)

    @cached_property
    def _sites(self) -> Sites:
        from reconciler.inventory.sites import Sites  # noqa: PLC0415  (yaml)

        files = sorted(self._default_files)
        return Sites(self._reader, self._places, self._shelf.find, files)

    def _layers(self, path: str, want: Want, used: Sequence[Snippet]) -> list[Layer]:
        entry, origin = want.entry, want.origin
        ref = Ref(entry.kind, target(entry.name).lower())
        head = Head(ref, entry.address, entry.head, entry.where)
        if origin:
            head = made_head(self._places, path, ref, origin.site)
        snippets = []
        for each in used:
            shared = self._shelf.find(Ref(SNIPPET, each.name))
            if shared:
                snippets.append((shared.path, each.name))
        files = sorted(self._default_files)
        return layers(self._places, path, head, snippets, files, origin)


def _flat(rows: Iterable[Sequence[Row] | None]) -> list[Row]:
    return [row for each in rows if each for row in each]
