"""A place that keeps copies of backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar, Self

from pydantic import model_validator

from reconciler.kinds.backup_repository.panel import PREFIX, raised, thin
from reconciler.kinds.backup_repository.spec import BackupRepositorySpec
from reconciler.kinds.backup_repository.state import (
    VAULT,
    Configure,
    Init,
    RepositoryChange,
    RepositoryState,
    VaultState,
)
from reconciler.kinds.backup_repository.vault import configure, wanted, weak
from reconciler.model import (
    KEYS,
    OWN,
    PUBLIC,
    USAGE,
    Absent,
    FieldChange,
    Finding,
    Have,
    Severity,
    Share,
    State,
)
from reconciler.model.resource import Resource

BACKUP = "backup"


class BackupRepository(Resource[RepositoryChange]):
    """A place that keeps copies; policies name it in ``copies``."""

    kind: ClassVar[str] = "BackupRepository"
    changes: ClassVar[tuple[type[RepositoryChange], ...]] = (Init, Configure)
    states: ClassVar[Mapping[str, type[State]]] = {
        BACKUP: RepositoryState,
        VAULT: VaultState,
    }
    spec: BackupRepositorySpec

    @model_validator(mode="after")
    def _no_built_in_account(self) -> Self:
        if self.name in {PUBLIC, OWN, KEYS, USAGE}:
            raise ValueError(
                f"the account {self.name} is built in: choose another name"
            )
        return self

    @property
    def kept(self) -> Share:
        """The repository itself: it is an account of its engine."""
        return Share(self.name, BACKUP)

    @property
    def vault(self) -> Share | None:
        """The bucket or the panel it is in; None where nobody here sets it up."""
        if self.spec.provider is None:
            return None
        if self.spec.panel is not None:
            return Share(self.spec.provider, VAULT)
        if not wanted(self.spec):
            return None
        bucket = self.spec.url.startswith("s3:")
        return Share(self.spec.provider, VAULT) if bucket else None

    def shares(self) -> tuple[Share, ...]:
        """Return the repository, and the place where its settings are kept up."""
        return (self.kept,) if self.vault is None else (self.kept, self.vault)

    def diff(self, have: Have, now: datetime) -> Iterator[RepositoryChange]:
        """Yield what makes the repository, and what sets its place up."""
        del now
        if self.vault is not None:
            state = have.get(self.vault)
            if isinstance(state, VaultState):
                yield from configure(self.spec, state, self.vault)
                yield from raised(self.spec, state, self.vault)
        if isinstance(have.get(self.kept), Absent):
            field = FieldChange(field="spec.url", after=self.spec.url)
            yield Init(share=self.kept, fields=(field,), because="is not there")

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what protects the place less than it should."""
        del now
        state = have.get(self.vault) if self.vault is not None else None
        if isinstance(state, Absent):
            message = f"{self.spec.url} is not there: nobody makes a bucket from here"
            yield self.found("vault-missing", Severity.ERROR, message, "spec.url")
        elif isinstance(state, VaultState):
            for one in (*weak(self.spec, state), *thin(self.spec, state)):
                yield self.found(
                    one.code, one.severity, one.message, one.field, about=one.field
                )

    def done(self, change: RepositoryChange, have: Have) -> bool | None:
        """Say whether *have* shows the effect."""
        state = have.get(change.share)
        match change, state:
            case Init(), Absent():
                return False
            case Init(), RepositoryState():
                return True
            case Configure(), VaultState():
                live = state.settings
                return all(_set(live.get(one.field), one) for one in change.fields)
            case _:
                return None


def _set(live: object, change: FieldChange) -> bool:
    """Say whether *live* is what was set; a panel may keep more than that."""
    if change.field.startswith(PREFIX):
        after = change.after
        return isinstance(live, int) and isinstance(after, int) and live >= after
    return live == change.after


KIND = BackupRepository
