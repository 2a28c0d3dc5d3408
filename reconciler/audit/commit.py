"""Turning a batch into the lines, documents and message of one commit."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import Field, JsonValue, TypeAdapter

from reconciler.audit import derive, layout
from reconciler.audit.books import Base, Document
from reconciler.audit.entries import ERROR_LENGTH, Entry, Intent, Note, Outcome
from reconciler.audit.ledger import Ledger
from reconciler.audit.lines import Line, Stamp, canonical, digest
from reconciler.audit.message import message_of
from reconciler.audit.redact import Redact
from reconciler.audit.store import Batch, Lease
from reconciler.errors import AuditError

RUN_FILE = "000-run.json"
PLAN_FILE = "plan.json"
# What the journal is kept by: no free text, and nothing would be found without it.
_FIXED = frozenset(Intent.model_fields) & frozenset(Outcome.model_fields) | {
    *("type", "action_digest", "plan_digest", "body", "attempt", "op_class", "risk"),
    *("status", "how", "paid", "ceiling", "due"),
}
_PHASE_STEP = 10
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="type")])


class Pen(NamedTuple):
    """When something is written, and what may not be."""

    now: datetime
    redact: Redact


class Prepared(NamedTuple):
    """
    A commit to be made.

    Attributes:
        ledger: What it is made on top of.
        files: What it puts on the branch; None removes a path.
        changes: What it makes of the derived documents.
        applied: Where the applied ref goes; None leaves it.
    """

    ledger: Ledger
    message: str
    files: Mapping[str, bytes | None]
    changes: derive.Changes
    applied: str | None


def prepare(
    ledger: Ledger, lease: Lease, batch: Batch, used: Collection[str], pen: Pen
) -> Prepared | None:
    """
    Return the commit that records *batch* on top of *ledger*; None for nothing.

    What this run has written already is *used*, by file name.

    Raises:
        AuditError: An entry contradicts the journal.
    """
    base = batch.base if batch.base != ledger.base else None
    if not batch.entries and batch.plan is None and base is None:
        return None
    beside = dict(_beside(lease, batch, used, pen.redact))
    lines = _Lines(ledger, lease, pen)
    for note in _notes(lease, beside, ledger.base, base):
        lines.add(note)
    ledger.load(path for entry in batch.entries for path in derive.paths(entry))
    for entry in batch.entries:
        lines.add(entry)
    folder = layout.log_folder(lease.run.id, lease.run.started)
    files: dict[str, bytes | None] = {folder + name: b for name, b in beside.items()}
    log = f"{folder}{_number(used):03d}-{batch.phase}.jsonl"
    files[log] = b"".join(line + b"\n" for line in lines.written)
    for path, changed in lines.changes.items():
        files[path] = stored(changed) if changed else None
    moved = base.commit if base and base.commit != ledger.applied else None
    subject, end, trailers = message_of(lease.run, batch, base, lines.plans).partition(
        "\n"
    )
    message = f"{pen.redact(subject)}{end}{trailers}"
    return Prepared(ledger, message, files, lines.changes, moved)


def stored(document: Document) -> bytes:
    """Return a derived document as it is kept: canonical JSON and a newline."""
    return canonical(document.model_dump(mode="json", exclude_defaults=True)) + b"\n"


class _Lines:
    """The lines of one commit, each folded into the documents as it is added."""

    def __init__(self, ledger: Ledger, lease: Lease, pen: Pen) -> None:
        self.written: list[bytes] = []
        self.changes: derive.Changes = {}
        self._ledger, self._lease, self._pen = ledger, lease, pen
        self._seq, self._prev = ledger.lines, ledger.head or ""
        self.plans: dict[str, None] = {}
        self._begun: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Append *entry*; raises AuditError where it contradicts the journal."""
        if isinstance(entry, Note) and entry.time is None:
            entry = entry.model_copy(update={"time": self._pen.now})
        data = entry.model_dump(mode="json")
        masked = _masked(data, self._pen.redact)
        if masked != data:
            data, entry = masked, _ENTRY.validate_python(masked)
        self._refuse(entry)
        self._remember(entry)
        run = self._lease.run
        self._seq += 1
        stamp = Stamp(
            run.id, self._lease.fence, self._seq, self._prev, run.actor, run.commit
        )
        raw = canonical({**data, **stamp._asdict()})
        self._prev = digest(raw)
        self.written.append(raw)
        self.changes |= derive.fold(self._read, Line(entry, stamp, self._prev))

    def _refuse(self, entry: Entry) -> None:
        why = derive.refusal(self._read, entry)
        if isinstance(entry, Intent):
            self._begun.add(entry.id)
        elif isinstance(entry, Outcome) and entry.id in self._begun:
            why = f"{entry.id} has an outcome before its intent was committed"
        if not isinstance(entry, Note) and entry.env != self._lease.run.env:
            why = f"{entry.id} belongs to the environment {entry.env}"
        if why:
            raise AuditError(
                f"the journal refuses this {entry.type}: {why}",
                hint="nothing was recorded; observe and plan again",
            )

    def _remember(self, entry: Entry) -> None:
        if isinstance(entry, Outcome):
            begun = derive.open_intent(self._read, entry.id)
            if begun:
                self.plans[begun.intent.plan_digest] = None
        elif isinstance(entry, Intent):
            self.plans[entry.plan_digest] = None

    def _read(self, path: str) -> Document | None:
        if path in self.changes:
            return self.changes[path]
        return self._ledger.document(path)


def _beside(
    lease: Lease, batch: Batch, used: Collection[str], redact: Redact
) -> Iterator[tuple[str, bytes]]:
    run = lease.run
    if RUN_FILE not in used:
        about = {
            "id": run.id,
            "env": run.env,
            "actor": run.actor,
            "commit": run.commit,
            "started": run.started.isoformat(),
            "fence": lease.fence,
            "taken_from": lease.taken_from,
        }
        yield RUN_FILE, canonical(redact(about)) + b"\n"
    if batch.plan is not None:
        again = f"{_number(used):03d}-{PLAN_FILE}"
        name = again if PLAN_FILE in used else PLAN_FILE
        yield name, canonical(redact(dict(batch.plan))) + b"\n"


def _notes(
    lease: Lease, beside: Mapping[str, bytes], old: Base, new: Base | None
) -> Iterator[Note]:
    # Files beside the log are part of the chain by their hashes.
    for name, raw in beside.items():
        data: dict[str, JsonValue] = {"files": {name: hashlib.sha256(raw).hexdigest()}}
        if name == RUN_FILE:
            yield Note(event="run", data={**data, "taken_from": lease.taken_from})
        else:
            yield Note(event="plan", data=data)
    if new:
        yield derive.base_note(old, new)


def _masked(data: dict[str, JsonValue], redact: Redact) -> dict[str, JsonValue]:
    masked = {k: v if k in _FIXED else redact(v) for k, v in data.items()}
    error = masked.get("error")
    if isinstance(error, str):
        masked["error"] = error[:ERROR_LENGTH]
    return masked


def _number(used: Collection[str]) -> int:
    phases = (int(name.split("-")[0]) for name in used if name.endswith(".jsonl"))
    return max(phases, default=0) + _PHASE_STEP
