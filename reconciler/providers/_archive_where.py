"""Where the archives of one repository are, and who may do what to them."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from reconciler.errors import Rejected
from reconciler.kinds.backup import Backup
from reconciler.model import Account
from reconciler.model.repository import Immutability
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_seal import Keys
from reconciler.providers._archive_store import Folder, Store

WRITE: Final = "write"
MAINTAIN: Final = "maintain"
DRILL: Final = "drill"
_SLOTS: Final = {"password": "password", "escrow": "escrowKey"}


def keys_of(account: Account) -> Keys:
    """Return the passwords of a repository."""
    told = account.secrets
    return Keys({slot: told[name] for slot, name in _SLOTS.items() if name in told})


def store_of(account: Account, role: str) -> Store:
    """
    Return the place of a repository, as *role* may use it.

    Raises:
        Rejected: There are no keys for that.
    """
    url = account.settings.get("url", account.endpoint or "")
    below = account.settings.get("path", "")
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Folder(Path(unquote(parts.path)) / below)
    keys = account.secrets.get(role)
    if role == DRILL and keys is None:
        keys = account.secrets.get(WRITE)
    if parts.scheme == "s3" and keys is not None:
        return Bucket(account, url, below, keys)
    if parts.scheme == "s3":
        raise Rejected(
            f"{account.name} has no credentials.{role}: it cannot be done",
            hint=f"credentials: {{{role}: ...}}, a secret KEY:SECRET",
        )
    raise Rejected("an archive is in a folder (file:///folder) or in a bucket (s3:...)")


def immutability(want: Backup, repository: str) -> Immutability:
    """Return what keeps the copy in *repository* from being deleted."""
    found = (one for one in want.makings.repositories if one.name == repository)
    one = next(found, None)
    return one.immutability if one else Immutability()
