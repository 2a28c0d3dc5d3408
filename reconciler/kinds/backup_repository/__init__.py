"""Where copies of backups are, and how that place has to be set up."""

from reconciler.kinds.backup_repository.repository import BackupRepository
from reconciler.kinds.backup_repository.spec import BackupRepositorySpec, Bucket
from reconciler.kinds.backup_repository.state import (
    VAULT,
    Configure,
    Init,
    RepositoryChange,
    RepositoryState,
    VaultState,
)

__all__ = [
    "VAULT",
    "BackupRepository",
    "BackupRepositorySpec",
    "Bucket",
    "Configure",
    "Init",
    "RepositoryChange",
    "RepositoryState",
    "VaultState",
]

KIND = BackupRepository
