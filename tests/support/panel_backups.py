"""Backups that panels keep: what is wanted of them, and what a drill is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.kinds.backup import (
    BACKUP,
    BackUp,
    Backup,
    CopyState,
    DrillIt,
    PruneOld,
)
from reconciler.kinds.backup_repository import BackupRepository
from reconciler.model import Account, FieldChange, Makings, Metadata, Place, Share
from reconciler.model.backing import Backing
from reconciler.model.repository import Repository


def backing(scratch: Path | None = None, **more: Any) -> Backing:
    """Return a policy of one archive of a panel, made here unless it is said."""
    source = {"type": "panel", **more.pop("source", {})}
    told = {
        "objectives": {"rpo": "26h", "rto": "2h"},
        "schedule": {"cron": "15 2 * * *"},
        "sources": more.pop("sources", {"account": source}),
        "copies": ["main"],
        "drills": {"scratch": str(scratch)} if scratch else {},
        **more,
    }
    return Backing.model_validate(told)


def backup(
    site: str, policy: Backing, engine: str = "plesk", account: str | None = None
) -> Backup:
    """Return the backup of one account, with all that the inventory puts into it."""
    place = Place(
        target=f"HostingAccount/{site}",
        provider="panel-1",
        family="hosting",
        account=account,
        site=site,
    )
    found = Backup.model_validate(
        {
            "metadata": Metadata(name=site),
            "spec": {"of": f"HostingAccount/{site}", "policy": "nightly"},
        }
    )
    keeper = Repository.model_validate({"name": "main", "engine": engine})
    made = Makings(backing=policy, places=(place,), repositories=(keeper,))
    return found.joined(lambda: made)


def repository(engine: str, url: str) -> BackupRepository:
    """Return the place that a panel is."""
    spec = {"engine": engine, "url": url, "credentials": {"write": {"env": "KEY"}}}
    return BackupRepository.model_validate({"metadata": {"name": "main"}, "spec": spec})


def making(account: Account, slot: str | None = None) -> BackUp:
    """Return the order of one backup, now or of a slot."""
    at = slot or account.clock().isoformat()
    return BackUp(
        share=Share("main", BACKUP),
        fields=(FieldChange(field="spec.schedule", after=at),),
        because="due",
        generation=at,
        details={"slot": at, "nonce": "n"},
    )


def pruning(ids: list[str], kept: list[str]) -> PruneOld:
    """Return the order to take *ids* away, decided on while *kept* were there, too."""
    return PruneOld(
        share=Share("main", BACKUP),
        fields=(FieldChange(field="spec.keep", before=tuple(ids)),),
        because="old",
        generation="main/x",
        details={"ids": [*ids], "kept": [*kept]},
    )


def drilling(account: Account, state: CopyState, row: Any = None, **more: Any) -> Any:
    """Return the order of a drill of the newest snapshot."""
    newest = state.snapshots[-1]
    told = row or {"snapshot": newest.id}
    details = {
        "drill": "full",
        "snapshots": {"account": told["snapshot"]},
        "files": None,
        "seed": "s",
        "escrow": False,
        "at": (account.clock() - timedelta(hours=1)).isoformat(),
        "receipt": {"account": {k: v for k, v in told.items() if k != "snapshot"}},
        "before": {},
        **more,
    }
    return DrillIt(
        share=Share("main", BACKUP),
        fields=(FieldChange(field="spec.drills.full", after="now"),),
        because="due",
        generation="full/first",
        details=details,
    )
