"""
A repository of archives: what is in it, and how snapshots come in, out and away.

::

    archive.json                 what it is: its id, the salt of its keys, signed
    data/<random>                a tar, compressed and sealed
    manifest/<random>            path, size, mode, time, SHA-256 of all in it, sealed
    index/<backup>/<id>.json     a snapshot, signed: what a listing needs, no secret

A snapshot is there once its index is; that is written last, at once, and only if nobody
wrote it before. Its id follows from the backup, the source and the slot: two runs that
make the same one do not make two. What a killed run leaves are objects that no index
names: they are removed a day later.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any, Final, cast

import zstandard

from reconciler.errors import Rejected, Transient
from reconciler.model.paths import plain
from reconciler.providers._archive_compare import content, same
from reconciler.providers._archive_open import Caps, Unpacker, members
from reconciler.providers._archive_seal import (
    Damaged,
    Keys,
    Opened,
    Sealer,
    Watched,
    WrongKey,
)
from reconciler.providers._archive_snap import (
    Config,
    Counted,
    Label,
    Snap,
    body_of,
    canonical,
    folder_of,
    index_of,
    line_of,
    short,
    signed_part,
    snap_of,
)
from reconciler.providers._archive_store import (
    ABANDONED,
    Gone,
    Store,
    Stored,
    Unreadable,
)
from reconciler.providers._archive_tree import Entry, Out, Packer

CONFIG: Final = "archive.json"
FORMAT: Final = 1
CANARY: Final = ".reconciler-canary"
_LEVEL: Final = 3
_BUFFER: Final = 1 << 18
_MOST_INDEX: Final = 1 << 20


class Archive:
    """
    One repository, opened with *keys*.

    Everything raises Damaged where what is kept was changed or cut short, WrongKey
    where the keys do not open it, Gone where an object is not there, and what the
    store raises.
    """

    def __init__(self, store: Store, keys: Keys) -> None:
        self.store = store
        self.keys = keys
        self._config: Config | None = None

    # -- the repository itself -------------------------------------------------------

    def config(self) -> Config:
        """Return what it is. Raises Gone where there is none."""
        return self._config or self.opened_by(self._small(CONFIG))

    def opened_by(self, content: bytes) -> Config:
        """Take *content* for what says what it is, as an older version of it does."""
        said, body = signed_part(content)
        try:
            if body["format"] != FORMAT:
                raise Damaged(f"is of format {body['format']}, not {FORMAT}")
            found = Config(str(body["id"]), bytes.fromhex(body["salt"]))
        except (KeyError, TypeError, ValueError):
            raise Damaged(f"{CONFIG} is not what is written here") from None
        self.keys.check(found.salt, canonical(body), said)
        self._config = found
        return found

    def init(self) -> bool:
        """Make it; False where it is there."""
        salt = secrets.token_bytes(16)
        body = {"format": FORMAT, "id": secrets.token_hex(16), "salt": salt.hex()}
        return self.store.put(CONFIG, self._with_signatures(salt, body))

    def _with_signatures(self, salt: bytes, body: Mapping[str, Any]) -> bytes:
        signed = self.keys.signatures(salt, canonical(body))
        return json.dumps({"signed": signed, "is": body}, sort_keys=True).encode()

    def _small(self, name: str) -> bytes:
        try:
            with self.store.read(name) as file:
                content = file.read(_MOST_INDEX + 1)
        except Unreadable as lost:  # which says nothing of who wrote it
            raise Transient(str(lost)) from None
        if len(content) > _MOST_INDEX:
            raise Damaged(f"{name} is too long")
        return content

    # -- listings --------------------------------------------------------------------

    def listed(self, backup: str | None = None) -> list[Stored]:
        """Return the indexes of *backup*, or all of them, without opening any."""
        return self.store.names(f"index/{folder_of(backup)}/" if backup else "index/")

    def snapshots(self, backup: str) -> list[Snap]:
        """Return the snapshots of *backup* that are ours, the oldest first."""
        self.config()
        found = []
        for stored in self.listed(backup):
            with suppress(Damaged, WrongKey, Gone):
                found.append(self.snapshot(stored))
        return sorted(found, key=lambda one: (one.added, one.id))

    def snapshot(self, stored: Stored) -> Snap:
        """Return what an index says, if who says it had a key."""
        self.config()
        return self.said(stored, self._small(stored.name))

    def said(self, stored: Stored, content: bytes) -> Snap:
        """Return what *content* of an index says, if who says it had a key."""
        said, body = signed_part(content)
        self.keys.check(self.config().salt, canonical(body), said)
        snap = snap_of(body, stored.at)
        if stored.name != index_of(snap.label.backup, snap.id):
            raise Damaged(f"{stored.name} is another one's index")
        return snap

    def find(self, backup: str, snapshot: str) -> Snap:
        """Return one snapshot. Raises Gone."""
        return self.snapshot(self.store.about(index_of(backup, snapshot)))

    def whole(self, snap: Snap) -> None:
        """See that the objects of *snap* are there. Raises Gone, Damaged."""
        if self.store.about(snap.data).size != snap.packed:
            raise Damaged(f"{snap.id[:12]}: its data is not as long as it was")
        self.store.about(snap.listing)

    def objects(self, snap: Snap) -> tuple[str, str, str]:
        """Return the names of all that *snap* is made of."""
        return (index_of(snap.label.backup, snap.id), snap.data, snap.listing)

    # -- in --------------------------------------------------------------------------

    def add(
        self,
        label: Label,
        pack: Callable[[Packer], None],
        approve: Callable[[Counted], None],
        *,
        canary: bytes = b"",
        before: Snap | None = None,
    ) -> Snap:
        """
        Write a snapshot, and give it its name if it is what it has to be.

        Args:
            label: Whose it is.
            pack: Adds everything.
            approve: Raises where that is not enough: then there is no snapshot.
            canary: A small file that has to come back.
            before: The one before: what is new is counted against it.
        """
        counted = Counted(self._lines(before) if before else None)
        name = secrets.token_hex(16)
        data, listing = f"data/{name}", f"manifest/{name}"
        with ExitStack() as stack:
            write = stack.enter_context(self._sealed(listing))
            out = stack.enter_context(self._sealed(data))

            def told(entry: Entry) -> None:
                counted.add(entry)
                write(json.dumps(entry).encode() + b"\n")

            with Packer(cast("IO[bytes]", Out(out)), told) as packer:
                if canary:
                    packer.content(CANARY, canary, int(label.at.timestamp()))
                pack(packer)
            approve(counted)
        stored = self.store.about(data)
        snap = Snap(
            id=label.id,
            label=label,
            added=stored.at,
            files=counted.files,
            size=counted.size,
            packed=stored.size,
            changed=counted.changed,
            manifest=counted.manifest,
            canary=hashlib.sha256(canary).hexdigest() if canary else "",
            data=data,
            listing=listing,
        )
        return self._named(snap)

    def _named(self, snap: Snap) -> Snap:
        """Write the index of *snap*; where there is one, that one counts."""
        salt = self.config().salt
        content = self._with_signatures(salt, body_of(snap))
        if not self.store.put(index_of(snap.label.backup, snap.id), content):
            with suppress(Rejected):  # who adds need not be who deletes: it is tidied
                for name in (snap.data, snap.listing):
                    self.store.remove(name)
        return self.find(snap.label.backup, snap.id)

    @contextmanager
    def _sealed(self, name: str) -> Iterator[Callable[[bytes], object]]:
        """Write an object: compressed and sealed."""
        salt = self.config().salt
        with self.store.writing(name) as file:
            sealer = Sealer(file.write, name, self.keys, salt)
            level = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
            with level.stream_writer(sealer, closefd=False) as writer:  # type: ignore[arg-type]
                yield writer.write
            sealer.finish()

    def take(self, other: Archive, snap: Snap) -> Snap:
        """Copy *snap* of *other*: opened with its keys, sealed with ours."""
        salt, name = self.config().salt, secrets.token_hex(16)
        data, listing = f"data/{name}", f"manifest/{name}"
        for theirs, ours in ((snap.listing, listing), (snap.data, data)):
            with other.store.read(theirs) as file, self.store.writing(ours) as out:
                sealer = Sealer(out.write, ours, self.keys, salt)
                opened = Opened(file, theirs, other.keys)
                while piece := opened.read(_BUFFER):
                    sealer.write(piece)
                sealer.finish()
        copied = snap._replace(
            data=data,
            listing=listing,
            packed=self.store.about(data).size,
            original=snap.original or snap.id,
        )
        return self._named(copied)

    # -- out -------------------------------------------------------------------------

    @contextmanager
    def _plain(
        self, name: str, look: Callable[[], None] = lambda: None
    ) -> Iterator[IO[bytes]]:
        """Open an object, sealed and compressed, from its beginning."""
        with self.store.read(name) as file:
            watched = Watched(file, look)
            yield io.BufferedReader(Opened(watched, name, self.keys), _BUFFER)

    def manifest(self, snap: Snap) -> Iterator[Entry]:
        """Yield what *snap* has, in order; at its end its digest was compared."""
        counted = Counted(None)
        with self._plain(snap.listing) as opened:
            reader = zstandard.ZstdDecompressor().stream_reader(opened, closefd=False)
            try:
                for line in io.BufferedReader(reader, _BUFFER):
                    entry = Entry(*json.loads(line))
                    counted.add(entry)
                    yield entry
            except (ValueError, TypeError, zstandard.ZstdError):
                raise Damaged("its manifest cannot be read") from None
            while opened.read(_BUFFER):
                pass
        if (counted.manifest, counted.files) != (snap.manifest, snap.files):
            raise Damaged("its manifest is another one's")

    def _lines(self, snap: Snap) -> frozenset[bytes] | None:
        """Return what *snap* has, in short; None where it cannot be read any more."""
        try:
            files = (one for one in self.manifest(snap) if one.kind == "f")
            # Old manifests have ./a: that is no other file.
            return frozenset(
                short(line_of(one._replace(path=plain(one.path)))) for one in files
            )
        except (Damaged, WrongKey, Gone):
            return None

    def verify(self, snap: Snap) -> int:
        """
        Read *snap* to its end, comparing every file; return how many bytes.

        Every password that opens the repository has to have signed it too: the one
        that is needed is the one that is left.
        """
        self._all_signed(snap)
        size = 0
        with (
            self._plain(snap.data) as opened,
            members(opened, "zst", _caps(snap)) as found,
        ):
            for kept, listed in zip_longest(
                content(found, CANARY), self.manifest(snap)
            ):
                size += same(kept, listed)
        return size

    def _all_signed(self, snap: Snap) -> None:
        """See that who signed one signed the other: else it opens half of them."""
        salt = self.config().salt
        said, body = signed_part(self._small(CONFIG))
        first = {*self.keys.strangers(salt, canonical(body), said)}
        ours = {slot for slot in self.keys.slots if slot in said} - first
        said, body = signed_part(self._small(index_of(snap.label.backup, snap.id)))
        strange = {*self.keys.strangers(salt, canonical(body), said)}
        if bad := first & {*said} - strange:
            raise Damaged(f"the repository is not signed by the {_or(bad)}")
        if bad := ours & (strange | (ours - {*said})):
            raise Damaged(f"not signed by the {_or(bad)}")

    def restore(
        self,
        snap: Snap,
        into: Path,
        wanted: Iterable[str] | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> Unpacker:
        """
        Write *snap* below *into*, or the *wanted* paths of it alone, with the canary.

        A part is read no further than is needed. *look* is called again and again.
        """
        left = None if wanted is None else {CANARY, *map(plain, wanted)}
        unpacker = Unpacker(into, ours=True)
        with (
            self._plain(snap.data, look) as opened,
            members(opened, "zst", _caps(snap)) as found,
        ):
            for member in found:
                if left is not None and member.entry.path not in left:
                    continue
                unpacker.add(member)
                if left is not None:
                    left.discard(member.entry.path)
                    if not left - {CANARY}:
                        break
        unpacker.finish()
        return unpacker

    # -- away ------------------------------------------------------------------------

    def remove(self, snap: Snap) -> None:
        """Remove *snap*: its index first, so that no listing shows half of it."""
        self.store.remove(index_of(snap.label.backup, snap.id))
        for name in (snap.data, snap.listing):
            self.store.remove(name)

    def tidy(self, now: datetime) -> int:
        """Remove what killed runs left; raise where an index is strange."""
        named = set()
        for stored in self.listed():
            snap = self.snapshot(stored)
            named |= {snap.data, snap.listing}
        lost = [
            one
            for prefix in ("data/", "manifest/")
            for one in self.store.names(prefix)
            if one.name not in named and one.at < now - ABANDONED
        ]
        for one in lost:
            self.store.remove(one.name)
        self.store.tidy(now - ABANDONED)
        return len(lost)


def _or(slots: Iterable[str]) -> str:
    return " or the ".join(sorted(slots))


def _caps(snap: Snap) -> Caps:
    """Return the most that *snap* can hold: folders and links are not counted."""
    return Caps(files=10_000_000, size=snap.size + len(CANARY) + _BUFFER)
