"""Whether a backup was restored and verified, by the records of this environment."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.model import Proof, Ref, unproven

if TYPE_CHECKING:
    from reconciler.audit import Ledger
    from reconciler.inventory import Inventory
    from reconciler.kinds.backup import Backup


class Proofs:
    """
    Answers for the Backups that *inventory* declares, by what *ledger* records of them.

    What no document says any more proves nothing: nobody would notice that it stopped.
    """

    def __init__(self, inventory: Inventory, ledger: Ledger) -> None:
        self._inventory = inventory
        self._ledger = ledger

    def __call__(self, ref: Ref, now: datetime) -> Proof | str:
        """
        Return the proof about *ref*, or why there is none.

        Each of its Backups has to be proven: one has the files, another the database.
        The proof is that of the one that was restored longest ago.
        """
        told = [self._told(one, now) for one in self._backups.get(ref, ())]
        found = [one for one in told if isinstance(one, Proof)]
        if found and len(found) == len(told):
            return min(found, key=lambda one: one.verified)
        lacking = "; ".join(one for one in told if isinstance(one, str))
        return lacking or unproven(ref, now)

    @cached_property
    def _backups(self) -> dict[Ref, list[Backup]]:
        from reconciler.kinds.backup import Backup

        found: dict[Ref, list[Backup]] = {}
        for one in self._inventory.of(Backup.kind):
            if isinstance(one, Backup):
                found.setdefault(one.of, []).append(one)
        return found

    def _told(self, one: Backup, now: datetime) -> Proof | str:
        from reconciler.kinds.backup import proven

        backing = one.makings.backing
        if backing is None:
            return f"{one.ref} has no policy"
        recorded = self._ledger.record(one.kind, one.uid).facts
        found = proven(recorded, backing, now, one.spec.accept, one.whence)
        return found if isinstance(found, Proof) else f"{one.ref}: {found}"
