"""A restore by hand, written into the audit log: after it, as far as that can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from reconciler.audit import Batch, Note
from reconciler.engine import Journal
from reconciler.errors import ReconcilerError
from reconciler.kinds.backup import RESTORES, restores

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.cli.restore_choice import Choice
    from reconciler.cli.restored import Done

#: So many restores by hand the record keeps; the log has all of them.
_KEPT: Final = 10


def recorded(project: Project, done: Done, choice: Choice) -> str:
    """Write it into the audit log; return why that could not be done."""
    try:
        run = project.run(project.git.head)
        with Journal(project.journal(), run, project.clock) as journal:
            note = _note(project, done, choice, journal)
            journal.record(Batch(entries=(note,), phase="restored"))
    except ReconcilerError as error:
        return error.what
    return ""


def _note(project: Project, done: Done, choice: Choice, journal: Journal) -> Note:
    want = done.asked.want
    row: dict[str, JsonValue] = {
        "at": project.clock().isoformat(),
        "by": project.actor,
        "copy": ", ".join(done.copies),
        "snapshots": {name: one.snapshot.id for name, one in done.taken.items()},
        "of": min(offer.at for offer in done.taken.values()).isoformat(),
        "into": str(done.into),
        "only": [*choice.only],
        "key": "escrow" if choice.key == "escrow" else "password",
        "files": done.back.restored.files,
        "bytes": done.back.restored.bytes,
        "milliseconds": round(done.back.restored.fetched * 1000),
        "verdict": done.verdict,
        "why": done.back.wrong,
        "leftOut": dict[str, JsonValue](done.left_out),
        "missing": list[JsonValue](sorted(done.missing)),
    }
    rows = restores(journal.ledger.record(want.kind, want.uid).facts)
    kept: list[JsonValue] = [*rows, row]
    about: dict[str, JsonValue] = {
        "kind": want.kind,
        "uid": want.uid,
        "name": want.name,
        "facts": {RESTORES: kept[-_KEPT:]},
    }
    return Note(event="restored", data={**about, **row})
