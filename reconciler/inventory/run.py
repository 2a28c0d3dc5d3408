"""One run of the loader: which files to read, in what order, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import InventoryError
from reconciler.inventory import lints, paths, stale
from reconciler.inventory.cache import Cache
from reconciler.inventory.complaint import Complaint
from reconciler.inventory.defaults import Defaults, above, is_defaults
from reconciler.inventory.includes import wanted
from reconciler.inventory.index import Index, Slice
from reconciler.inventory.loaded import Loaded
from reconciler.inventory.origin import Places
from reconciler.inventory.parts import PROFILE, SITE
from reconciler.inventory.rows import Row
from reconciler.inventory.secrets import Allowed
from reconciler.inventory.shared import ACCOUNT, SHARED, SUBSCRIPTION, Shared, Shelf
from reconciler.inventory.source import Source
from reconciler.inventory.whole import Failed, Whole, claim
from reconciler.model import AnyResource, Ref
from reconciler.model.location import Location

if TYPE_CHECKING:
    from reconciler.inventory.finishing import Tree
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
    again: bool = False


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
        taken = self._take_all(changed)
        self._finish_waiting()
        self._index = index = self._joined()
        loaded = Loaded(index, self._places, self.rows_of, self.kinds)
        self.complaints += self._whole.complaints(loaded)
        if taken or len(self._kept) != len(self._base.slices):
            # What is as it was when it was kept was right then.
            self.complaints += lints.complaints(loaded)
        self._save(index, taken)
        return loaded

    def _take_all(self, changed: Sequence[str]) -> int:
        """Take what changed, and what is made from what changed; return how many."""
        taken = 0
        while True:
            self._take(changed)
            taken += len(changed)
            moved: Iterable[Ref] = ()
            if self._kept:  # what is gone has moved, too
                moved = self._shelf.changed(stale.shared(self._base, self._kept))
            changed = sorted(stale.users(self._base, self._kept, moved))
            if not changed:
                return taken
            for path in changed:
                self._kept.pop(path, None)

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
            # Terms are made from the accounts that Sites make.
            waiting.sort(key=lambda one: one.want.entry.kind == SUBSCRIPTION)
            for each in waiting:
                self._finish(each)
                self._flush_some()

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
        """
        Get the rows of *files*, from the cache or by reading them.

        What is not in the cache is read first: then it is known what the rest, which
        may be made from it, would be made from.
        """
        known: dict[str, list[Row]] = {}
        for path in files:
            if is_defaults(path):
                self._default(path)
                self._rows[path] = []
                continue
            kept = self._store.rows(self._key(path)) if self._store else None
            if kept is not None:
                known[path] = kept
                self._shelf.note_rows(path, (row for row in kept if not row.site))
        for path in files:
            if path not in known and not is_defaults(path):
                self._read(path)
                self._flush_some()
        for path, kept in known.items():
            if self._current(path, kept):
                self._rows[path] = [kept]
                self._stored.add(path)
                self._shelf.note_rows(path, kept)
            else:
                self._read(path)
                self._flush_some()

    def _current(self, path: str, rows: Sequence[Row]) -> bool:
        """Say whether what *rows* were made from is still what it was."""
        own: dict[Ref, Shared] = {}
        for row in rows:
            if row.site and row.kind in SHARED:
                own[Ref(row.kind, row.name)] = Shared.of_row(row, path)
        for row in rows:
            for address, digest in row.includes:
                ref = Ref(*address.split("/", 1))
                found = own.get(ref) or self._shelf.find(ref)
                if (found.digest if found else "") != digest:
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
        self._note(draft.wants, path)
        for slot, want in enumerate(draft.wants):
            waiting = Waiting(draft, want, slot)
            if self._ready(want):
                self._finish(waiting)
            else:
                self._waiting.append(waiting)
        self._keep(draft)

    def _finish(self, waiting: Waiting) -> None:
        draft, want, slot, _ = waiting
        row = self._row(draft, want)
        rows = None if row is None else [row]
        if rows and want.entry.kind == SITE:
            rows = self._expanded(waiting, rows[0])
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
        done = self._tree.finished(self._reader, want, draft.path)
        draft.keep = draft.keep and done.whole
        if done.row is not None:
            return done.row
        self.complaints += done.complaints
        self._whole.claims.add(claim(want.entry.kind, want.entry.name))
        self._failed(draft, want)
        return None

    def _failed(self, draft: Draft, want: Want) -> None:
        """Have the references of *want* checked, although it is not used."""
        user = self._reader.user(want, draft.path)
        layers_of = self._tree.layers(draft.path, want, ())
        self._whole.failed.append(Failed(want.entry.kind, want.spec, layers_of, user))

    def _expanded(self, waiting: Waiting, row: Row) -> list[Row] | None:
        """Return the rows of a Site and of all it makes; None if one is wrong."""
        draft, want, _, again = waiting
        above_it = [self._default(each) for each in self._above(draft.path)]
        made = self._sites.made(want, draft.path, row, above_it)
        self._note(made.wants, draft.path)
        if not again and any(map(self._covers_unseen, made.wants)):
            # It covers an account of a Site that comes later, or is not there at all.
            self._waiting.append(waiting._replace(again=True))
            return None
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
        an account, whose plans lead to others, and a subscription, whose customer does.
        """
        names = wanted(want.entry.kind, want.spec)
        waits = want.entry.kind in {SITE, ACCOUNT, SUBSCRIPTION}
        return not waits and all(map(self._shelf.snippet, names))

    def _covers_unseen(self, want: Want) -> bool:
        """Say whether *want* covers an account that was not seen yet."""
        if want.entry.kind != SUBSCRIPTION or not isinstance(want.spec, dict):
            return False
        covers = want.spec.get("covers")
        named = covers if isinstance(covers, list) else ()
        accounts = (
            Ref(ACCOUNT, each.partition("/")[2])
            for each in named
            if isinstance(each, str) and each.startswith(f"{ACCOUNT}/")
        )
        return not all(map(self._shelf.find, accounts))

    def _keep(self, draft: Draft) -> None:
        """Note the rows for the cache once the file is whole and without faults."""
        rows = self._rows[draft.path]
        sound = draft.keep and not draft.complaints and all(rows)
        if self._store and sound and draft.blob == self._files.get(draft.path):
            self._pending[draft.path] = _flat(rows)
            self._stored.add(draft.path)

    def _flush_some(self) -> None:
        if len(self._pending) >= _BATCH:
            self._flush()

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

    def _note(self, wants: Iterable[Want], path: str) -> None:
        from reconciler.inventory.reading import shared_of  # noqa: PLC0415

        for want in wants:
            if shared := shared_of(want, path):
                self._shelf.note(shared)

    @cached_property
    def _sites(self) -> Sites:
        from reconciler.inventory.sites import Sites  # noqa: PLC0415  (yaml)

        files = sorted(self._default_files)
        return Sites(self._reader, self._places, self._shelf.find, files)

    @cached_property
    def _tree(self) -> Tree:
        from reconciler.inventory.finishing import Tree  # noqa: PLC0415  (slow)

        return Tree(self._places, self._shelf, sorted(self._default_files))


def _flat(rows: Iterable[Sequence[Row] | None]) -> list[Row]:
    return [row for each in rows if each for row in each]
