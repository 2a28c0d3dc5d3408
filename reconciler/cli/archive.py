"""Every invoice as a file: written once, never over another."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.cli.invoice_sheet import issued, sheet
from reconciler.errors import ReconcilerError
from reconciler.model import OWN, Share
from reconciler.model.billing import Papers

if TYPE_CHECKING:
    from pydantic import JsonValue

    from reconciler.audit import Note
    from reconciler.cli.project import Project
    from reconciler.engine import Accounts, Journal, Scope
    from reconciler.kinds.subscription import Invoiced, Subscription
    from reconciler.model import AnyDriver

#: What the fact that an invoice was archived begins with.
ARCHIVED: Final = "archived/"
ENVIRON: Final = "RECONCILER_ARCHIVE"
#: What can be the name of a file on every machine.
_NUMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PDF: Final = b"%PDF-"


class Archive:
    """
    Files what a run invoiced, and what earlier runs could not file.

    Nothing here stops a run: what cannot be filed is said, and tried again.

    Attributes:
        filed: The path below the folder, by number.
        troubles: What could not be filed, and why.

    Raises:
        ReconcilerError: ReportLab is not installed, which draws them.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        from reconciler.report.invoice_pdf import can_draw

        if OWN in project.accounts_declared and not can_draw():
            raise ReconcilerError(
                "invoices cannot be archived: ReportLab, which draws them, is not "
                "installed",
                hint="pip install 'reconciler[pdf]'; or leave --archive out",
                code="E612",
            )
        self.filed: dict[str, str] = {}
        self.troubles: list[str] = []
        self._project = project
        self._folder = folder

    def file(self, journal: Journal, scope: Scope, accounts: Accounts) -> None:
        """File every invoice that is not filed yet, and record it."""
        from reconciler.audit import Batch

        past = scope.recalling(lambda: journal.ledger)
        notes = [*self._notes(journal, past, accounts)]
        if not notes:
            return
        try:
            journal.record(Batch(entries=notes, phase="archived"))
        except ReconcilerError as error:
            self.troubles.append(f"what was archived is not recorded: {error.what}")

    def _notes(
        self, journal: Journal, scope: Scope, accounts: Accounts
    ) -> Iterator[Note]:
        from reconciler.engine.carry_out import remembered

        for want, one, number, driver in _to_file(scope, accounts):
            try:
                path, digest = self._written(want, one, number, driver)
            except ReconcilerError as error:
                self.troubles.append(f"{number} of {want.ref}: {error.what}")
                continue
            except OSError as error:
                why = error.strerror or type(error).__name__
                self.troubles.append(f"{number} of {want.ref}: {why}")
                continue
            self.filed[number] = path
            at = journal.clock().isoformat()
            fact: JsonValue = {"at": at, "path": path, "sha256": digest}
            facts = {f"{ARCHIVED}{number}": fact}
            yield remembered("archived", want.kind, want.uid, facts)

    def _written(
        self, want: Subscription, one: Invoiced, number: str, driver: AnyDriver
    ) -> tuple[str, str]:
        """
        Return where the invoice is now, and the hash of its bytes.

        Of ours there is one way to write it. A gateway may draw its own anew each
        time, so that what an earlier run got stays.
        """
        from reconciler.report.invoice_pdf import pdf

        theirs = _paper(driver.paper(one.id)) if isinstance(driver, Papers) else None
        raw = theirs or pdf(sheet(self._project, want, one))
        name = f"{one.provider}-{number}" if theirs else number
        path = f"{issued(self._project, one).year:04d}/{name}.pdf"
        target = self._folder / path
        there = raw if write_once(target, raw) else target.read_bytes()
        if there != raw and not theirs:
            raise ReconcilerError(
                f"{path} is there already, and is another: it is left as it is",
                hint="compare it with what the audit log says of the number",
                code="E612",
            )
        return path, sha256(there).hexdigest()

    def lines(self) -> Iterator[str]:
        """Yield what was filed, and what was not."""
        for number, path in sorted(self.filed.items()):
            yield f"archived    {number}  {path}"
        for trouble in self.troubles:
            yield f"NOT ARCHIVED {trouble}"

    def report(self) -> dict[str, Any]:
        """Return the same as data."""
        return {"filed": self.filed, "troubles": self.troubles}


def _paper(raw: bytes) -> bytes:
    """Return what a gateway handed out; raise where that is no PDF."""
    if not raw.startswith(_PDF):
        raise ReconcilerError("what the gateway handed out is no PDF", code="E612")
    return raw


def _to_file(
    scope: Scope, accounts: Accounts
) -> Iterator[tuple[Subscription, Invoiced, str, AnyDriver]]:
    """Yield what is to be archived and is not yet: ours, and what has papers."""
    from reconciler.kinds.subscription import BILLING, Subscription

    for want in scope.leaders():
        terms = want.spec.terms if isinstance(want, Subscription) else None
        if not isinstance(want, Subscription) or terms is None:
            continue
        if "archive" not in terms.invoicing.deliver:
            continue
        for one in want.books.invoiced():
            driver = accounts.drivers.get(Share(one.provider, BILLING))
            number = one.number or ""
            if driver is None or not _NUMBER.fullmatch(number):
                continue
            if not driver.numbers and not isinstance(driver, Papers):
                continue
            if f"{ARCHIVED}{number}" not in want.recorded:
                yield want, one, number, driver


def write_once(target: Path, raw: bytes) -> bool:
    """
    Write *target*, all of it or nothing; return False where it was there before.

    It is readable by its owner alone: it says who pays what.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, target)  # unlike a rename, this never replaces anything
    except FileExistsError:
        return False
    finally:
        with suppress(OSError):
            Path(name).unlink()
    return True
