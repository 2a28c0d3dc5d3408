"""A place that keeps copies of backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar, Final, Self

from pydantic import JsonValue, model_validator

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
    Ended,
    FieldChange,
    Finding,
    Have,
    Severity,
    Share,
    State,
)
from reconciler.model.repository import PANELS
from reconciler.model.resource import Resource

BACKUP = "backup"
#: What the repository was that somebody has seen in its place.
IDENTITY: Final = "identity"
_SHORT: Final = 8


class BackupRepository(Resource[RepositoryChange]):
    """A place that keeps copies; policies name it in ``copies``."""

    kind: ClassVar[str] = "BackupRepository"
    changes: ClassVar[tuple[type[RepositoryChange], ...]] = (Init, Configure)
    states: ClassVar[Mapping[str, type[State]]] = {
        BACKUP: RepositoryState,
        VAULT: VaultState,
    }
    recalls: ClassVar[bool] = True
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

    def missed(self, share: Share) -> bool:
        """Say that the place is asked for it alone: what is gone there, is gone."""
        return share != self.kept or self.spec.engine in PANELS

    @property
    def was(self) -> str | None:
        """What was in its place, as far as the record tells; None: nothing yet."""
        told = self.recorded.get(IDENTITY)
        return str(told) if told else None

    def diff(self, have: Have, now: datetime) -> Iterator[RepositoryChange]:
        """
        Yield what makes the repository, and what sets its place up.

        Where there was one, whatever git says of it by now, a person has to look first:
        its disk may not be mounted.
        """
        del now
        if self.vault is not None:
            state = have.get(self.vault)
            if isinstance(state, VaultState):
                yield from configure(self.spec, state, self.vault)
                yield from raised(self.spec, state, self.vault)
        if isinstance(have.get(self.kept), Absent):
            field = FieldChange(field="spec.url", after=self.spec.url)
            yield Init(
                share=self.kept,
                fields=(field,),
                because="is not there",
                hold=self._gone(),
            )

    def _gone(self) -> str | None:
        """Say what is gone with it; None where there was none yet."""
        if self.was is None:
            return None
        return f"there was a repository ({self.was[:_SHORT]}): is its place reachable?"

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield that it is gone, and what protects its place less than it should."""
        del now
        if isinstance(have.get(self.kept), Absent) and self.was is not None:
            message = (
                f"{self.spec.url} has no repository, and had one ({self.was[:_SHORT]}):"
                " it is never made anew by itself"
            )
            yield self.found("repository-gone", Severity.CRITICAL, message, "spec.url")
        state = have.get(self.vault) if self.vault is not None else None
        if isinstance(state, Absent):
            message = f"{self.spec.url} is not there: nobody makes a bucket from here"
            yield self.found("vault-missing", Severity.ERROR, message, "spec.url")
        elif isinstance(state, VaultState):
            for one in (*weak(self.spec, state), *thin(self.spec, state)):
                yield self.found(
                    one.code, one.severity, one.message, one.field, about=one.field
                )

    def remembers(
        self, change: RepositoryChange, ended: Ended, have: Have
    ) -> Mapping[str, JsonValue]:
        """Return what it is that was made."""
        state = have.get(self.kept)
        if not isinstance(change, Init) or ended.status != "applied":
            return {}
        told = state.identity if isinstance(state, RepositoryState) else ""
        return {IDENTITY: told or "?"}  # something is there now, whoever reads it

    def noticed(self, have: Have, now: datetime) -> Mapping[str, JsonValue]:
        """Return what is in its place, where that was not known yet."""
        del now
        state = have.get(self.kept)
        if self.was is not None or self.spec.engine in PANELS:
            return {}
        if not isinstance(state, RepositoryState) or not state.identity:
            return {}
        return {IDENTITY: state.identity}

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return *now* where it is not there: the record says whether it ever was."""
        return now if isinstance(have.get(self.kept), Absent) else None

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
