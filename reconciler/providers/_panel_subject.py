"""What a panel is asked for about one account, and what it says: the same of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.kinds.backup import Backup, Snapshot
from reconciler.model import Absent, Account, Unknown
from reconciler.model.backing import Backing, Source


class Unsuited(Rejected):
    """A panel cannot keep what is asked for."""


class Refused(Rejected):
    """An archive was read, and is no backup: damaged, too small, somebody else's."""


class Subject(NamedTuple):
    """
    What a panel backs up for one Backup.

    Attributes:
        uid: Of the Backup.
        site: The domain of the account, as the panel knows it.
        account: Its user, where it is declared.
        name: Of the one source: the panel makes one archive of everything.
    """

    uid: str
    site: str
    account: str | None
    name: str
    source: Source
    backing: Backing


def subject(want: Backup) -> Subject:
    """
    Return what the panel backs up for *want*.

    Raises:
        Unsuited: It is of no account, or has other sources than the panel's archive.
    """
    backing = want.makings.backing
    if backing is None:
        raise Unsuited(f"{want.ref} has no policy")
    panel = [(n, one) for n, one in backing.sources.items() if one.type == "panel"]
    if len(panel) != 1 or len(backing.sources) != 1:
        raise Unsuited(
            f"{want.ref}: a panel makes one archive of everything",
            hint="sources: {account: {type: panel}}, and nothing else",
        )
    place = next(iter(want.makings.places), None)
    if place is None or place.site is None:
        raise Unsuited(
            f"{want.ref}: a panel backs up its accounts",
            hint="of: HostingAccount/NAME",
        )
    ((name, source),) = panel
    return Subject(want.uid, place.site, place.account, name, source, backing)


class Mark(NamedTuple):
    """
    What tells an archive that was made from here from others.

    Attributes:
        slot: The time that it was due at (ISO 8601).
        key: A hash of the key of the order; ``body``: of what was asked for.
    """

    slot: str
    key: str
    body: str


class Made(NamedTuple):
    """An archive that was made from here; ``at``: what is newer is not in it."""

    name: str
    at: datetime


class Looked(NamedTuple):
    """
    What one look at a server has shown.

    Attributes:
        kept: By uid of the Backup, what is kept of it.
        ours: Likewise, the names of those that were made from here.
        snapshots: How many there are, of everybody; ``newest``: when that was made.
    """

    kept: Mapping[str, Sequence[Snapshot] | Absent | Unknown]
    ours: Mapping[str, Sequence[str]]
    snapshots: int = 0
    newest: datetime | None = None


@contextmanager
def surely(what: str) -> Iterator[None]:
    """From here on something has happened (*what*): what fails now is Ambiguous."""
    try:
        yield
    except Transient as error:
        raise Ambiguous(
            f"{what}; and now: {error.what}", request_id=error.request_id
        ) from None


def key_of(account: Account) -> str:
    """Return what opens the server; whoever only reads may have a key of its own."""
    told = account.secrets
    found = told.get("write") or told.get("drill")
    if found is None:
        what = f"{account.name} has no credentials.write: it cannot be asked"
        raise Rejected(what, hint="credentials: {write: ...}, as for its backups")
    return found
