"""
What the schedule of a panel keeps less of than it has to. Pure.

A server has one schedule for all its accounts. It is only ever raised: what one
repository does not need somebody else may rely on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.kinds.backup_repository.spec import BackupRepositorySpec
from reconciler.kinds.backup_repository.state import Configure, VaultState
from reconciler.kinds.backup_repository.vault import Weak
from reconciler.model import FieldChange, OnDrift, Severity, Share

PREFIX: Final = "spec.panel."
KINDS: Final = ("daily", "weekly", "monthly")


def declared(spec: BackupRepositorySpec) -> dict[str, int]:
    """Return field -> how many are to be kept at least."""
    if spec.panel is None:
        return {}
    rows = ((name, getattr(spec.panel, name)) for name in KINDS)
    return {f"{PREFIX}{name}": many for name, many in rows if many is not None}


def raised(
    spec: BackupRepositorySpec, state: VaultState, share: Share
) -> Iterator[Configure]:
    """Yield what has the panel keep as many as is declared."""
    fields = tuple(
        FieldChange(field=name, before=live, after=many, on_drift=OnDrift.REVERT)
        for name, many in declared(spec).items()
        if isinstance(live := state.settings.get(name), int) and live < many
    )
    if fields:
        what = ", ".join(
            f"{one.before} {one.field.removeprefix(PREFIX)}" for one in fields
        )
        because = f"{what} backups are kept of every account"
        yield Configure(share=share, fields=fields, because=because)


def thin(spec: BackupRepositorySpec, state: VaultState) -> Iterator[Weak]:
    """Yield what the panel keeps too few of, or does not tell of."""
    for name, many in declared(spec).items():
        word, live = name.removeprefix(PREFIX), state.settings.get(name)
        if not isinstance(live, int):
            message = f"how many {word} backups it keeps cannot be read there"
            yield Weak("vault-unread", Severity.WARNING, message, name)
        elif live < many:
            message = f"it keeps {live} {word} backups of every account, not {many}"
            yield Weak("vault-weak", Severity.ERROR, message, name)
