"""What is recorded, as of one commit of the audit branch; read as it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from pydantic import ValidationError

from reconciler.audit import derive, layout
from reconciler.audit.books import (
    Approvals,
    Base,
    Document,
    Glass,
    Head,
    Month,
    OpenIntent,
    Record,
    Spend,
)
from reconciler.audit.series import Series
from reconciler.errors import Tampered


class LastRun(NamedTuple):
    """The run that recorded something last, and when."""

    id: str
    time: datetime


class Documents(Protocol):
    """Where the derived documents of one commit (or of none) are read from."""

    commit: str | None

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return the contents of those of *paths* that exist."""

    def folder(self, folder: str) -> Mapping[str, bytes]:
        """Return all documents of one folder."""

    def at(self, commit: str) -> Documents:
        """Return the documents of another commit."""


class Ledger:
    """
    A read view of the journal.

    What is open is read at once, records and spend when they are asked for: a
    plan of many resources calls ``records()``, which reads them all together.

    Attributes:
        tip: The commit of the audit branch; None where nothing was ever recorded.
        applied: What the remote's (or the local) applied ref points to.
    """

    def __init__(
        self,
        snapshot: Documents,
        *,
        applied: str | None = None,
        known: Mapping[str, Document | None] | None = None,
        whole: Iterable[str] = (),
    ) -> None:
        self._snapshot = snapshot
        self._known: dict[str, Document | None] = dict(known or {})
        self._whole = set(whole)
        self.tip = snapshot.commit
        self.applied = applied

    @property
    def head(self) -> str | None:
        """The hash of the last line: whoever remembers it can prove a rewriting."""
        head = self._head()
        return head.head if head else None

    @property
    def lines(self) -> int:
        """How many lines were ever written."""
        head = self._head()
        return head.lines if head else 0

    @property
    def fence(self) -> int:
        """The fencing token of the last line."""
        head = self._head()
        return head.fence if head else 0

    @property
    def last_run(self) -> LastRun | None:
        """The run that recorded something last."""
        head = self._head()
        return LastRun(head.run, head.time) if head else None

    @property
    def open(self) -> Mapping[str, OpenIntent]:
        """What was begun and never seen to end, by intent, oldest first."""
        found = [d for d in self._folder(layout.OPEN) if isinstance(d, OpenIntent)]
        found.sort(key=lambda begun: (begun.first, begun.intent.id))
        return {begun.intent.id: begun for begun in found}

    @property
    def base(self) -> Base:
        """What was last applied; without a commit where nothing ever was."""
        found = self.document(layout.BASE)
        return found if isinstance(found, Base) else Base()

    @property
    def approvals(self) -> Mapping[str, tuple[str, ...]]:
        """Who approved what, by action digest, in the order they did."""
        found = self.document(layout.APPROVALS)
        return found.by if isinstance(found, Approvals) else {}

    @property
    def authors(self) -> Mapping[str, tuple[str, ...]]:
        """Whose work an approved action is, where whoever recorded it found out."""
        found = self.document(layout.APPROVALS)
        return found.authors if isinstance(found, Approvals) else {}

    @property
    def glass(self) -> Glass:
        """Who broke the glass, for what and when."""
        found = self.document(layout.GLASS)
        return found if isinstance(found, Glass) else Glass()

    def record(self, kind: str, uid: str) -> Record:
        """Return what is known of one resource; an empty record if nothing is."""
        return derive.record(self.document, kind, uid)

    def records(self) -> Mapping[tuple[str, str], Record]:
        """Return every record by kind and uid, read at once."""
        found = [d for d in self._folder(layout.RECORDS) if isinstance(d, Record)]
        return {(known.kind, known.uid): known for known in found}

    def series(self, name: str) -> Series:
        """Return a series of numbers, as far as it was given."""
        return derive.series(self.document, name)

    def spend(self, now: datetime) -> Spend:
        """Return what was spent or reserved in the month of *now* and the last one."""
        first = now.astimezone(UTC).replace(day=1)
        months = (f"{first - timedelta(days=1):%Y-%m}", f"{first:%Y-%m}")
        found = [self.document(layout.spend_path(month)) for month in months]
        return Spend(now, (month for month in found if isinstance(month, Month)))

    def document(self, path: str) -> Document | None:
        """Return the derived document at *path*; None where there is none."""
        if path not in self._known:
            if any(path.startswith(folder) for folder in self._whole):
                return None
            self.load([path])
        return self._known[path]

    def load(self, paths: Iterable[str]) -> None:
        """Read some documents at once, to be asked for later."""
        wanted = [path for path in paths if path not in self._known]
        found = self._snapshot.read(wanted)
        for path in wanted:
            raw = found.get(path)
            self._known[path] = None if raw is None else _document(path, raw)

    def after(
        self, commit: str, changes: derive.Changes, applied: str | None
    ) -> Ledger:
        """Return the ledger as of *commit*, which made *changes* to this one."""
        return Ledger(
            self._snapshot.at(commit),
            applied=applied,
            known={**self._known, **changes},
            whole=self._whole,
        )

    def over(self, snapshot: Documents) -> Ledger:
        """Return the same ledger, which reads from a copy of what it has read from."""
        return Ledger(
            snapshot, applied=self.applied, known=self._known, whole=self._whole
        )

    def _head(self) -> Head | None:
        found = self.document(layout.HEAD)
        if isinstance(found, Head):
            return found
        if self.tip is not None:
            # Beginning a second chain would hide whatever was there.
            raise _not_as_written(layout.HEAD)
        return None

    def _folder(self, folder: str) -> list[Document]:
        if folder not in self._whole:
            for path, raw in self._snapshot.folder(folder).items():
                if path not in self._known:
                    self._known[path] = _document(path, raw)
            self._whole.add(folder)
        known = self._known.items()
        return [d for path, d in known if d is not None and path.startswith(folder)]


def _document(path: str, raw: bytes) -> Document:
    try:
        return layout.model_of(path).model_validate_json(raw)
    except (ValidationError, KeyError):
        raise _not_as_written(path) from None


def _not_as_written(path: str) -> Tampered:
    return Tampered(
        f"{path} on the audit branch is not what was written",
        hint="run reconciler audit verify, then reconciler audit rebuild",
    )
