"""A place that keeps copies of backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar, Self

from pydantic import model_validator

from reconciler.kinds.backup_repository.spec import BackupRepositorySpec
from reconciler.kinds.backup_repository.state import (
    VAULT,
    Configure,
    Init,
    RepositoryChange,
    RepositoryState,
    VaultState,
)
from reconciler.model import (
    KEYS,
    OWN,
    PUBLIC,
    USAGE,
    Absent,
    FieldChange,
    Have,
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

    def shares(self) -> tuple[Share, ...]:
        """Return the repository, and the place where its settings are kept up."""
        if self.spec.provider is None or self.spec.bucket is None:
            return (self.kept,)
        return (self.kept, Share(self.spec.provider, VAULT))

    def diff(self, have: Have, now: datetime) -> Iterator[RepositoryChange]:
        """Yield what makes the repository, and what sets its place up."""
        del now
        if isinstance(have.get(self.kept), Absent):
            field = FieldChange(field="spec.url", after=self.spec.url)
            yield Init(share=self.kept, fields=(field,), because="is not there")

    def done(self, change: RepositoryChange, have: Have) -> bool | None:
        """Say whether *have* shows the effect."""
        state = have.get(change.share)
        match change, state:
            case Init(), Absent():
                return False
            case Init(), RepositoryState():
                return True
            case _:
                return None


KIND = BackupRepository
