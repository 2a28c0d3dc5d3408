"""What the backups of all panels have in common: what they are of, and their drills."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.backup import Backup, DrillIt
from reconciler.model import Account, Receipt
from reconciler.model.backing import Backing, Source
from reconciler.providers._drill import drilled
from reconciler.providers._drill_port import Entry, digest
from reconciler.providers._panel_restorer import Fetch, PanelRestorer, Whose, files

_BLOCK: Final = 1 << 20


class Unsuited(Rejected):
    """A panel cannot keep what is asked for."""


class Subject(NamedTuple):
    """
    What a panel backs up for one Backup.

    Attributes:
        site: The domain of the account, as the panel knows it.
        account: Its user, where it is declared.
        name: Of the one source: the panel makes one archive of everything.
    """

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
    return Subject(place.site, place.account, name, source, backing)


def folder_of(backing: Backing) -> Path:
    """Return the folder that drills of *backing* use."""
    base = Path(tempfile.gettempdir()) / "reconciler-drills"
    return Path(backing.drills.scratch) if backing.drills.scratch else base


@contextmanager
def restorer_of(one: Subject, whose: Whose, fetch: Fetch) -> Iterator[PanelRestorer]:
    """Give what reads the archives of *one*; what it fetched is gone afterwards."""
    most = int(one.backing.drills.most)
    made = PanelRestorer(fetch, whose, folder_of(one.backing), most)
    with closing(made):
        yield made


def drill(
    change: DrillIt, want: Backup, restorer: PanelRestorer, account: Account
) -> Receipt:
    """Restore here, and look at what came back; see ``_drill.drilled``."""
    backing = subject(want).backing
    return drilled(
        change,
        want,
        restorer,
        folder_of(backing),
        account.clock,
        account.sleep,
        secrets=[*account.secrets.values()],
    )


def proven(
    one: Subject, snapshot: str, restorer: PanelRestorer
) -> dict[str, JsonValue]:
    """
    Return what a receipt says of an archive: all of it was read, and is enough.

    Raises:
        Rejected: It is damaged, somebody else's, or less than it has to be.
    """
    root = restorer.unpacked(snapshot)
    entries = [_entry(root, path) for path in files(root)]
    size = sum(entry.size for entry in entries)
    least, bytes_ = one.source.min_files, one.source.min_bytes
    if len(entries) < least:
        raise Rejected(f"{one.name}: {len(entries)} files, minFiles is {least}")
    if bytes_ is not None and size < bytes_:
        raise Rejected(f"{one.name}: {size} bytes, minBytes is {bytes_}")
    return {
        "snapshot": snapshot,
        "files": len(entries),
        "bytes": size,
        "manifest": digest(entries),
    }


def _entry(root: Path, path: str) -> Entry:
    whole = hashlib.sha256()
    with (root / path).open("rb") as file:
        while block := file.read(_BLOCK):
            whole.update(block)
    return Entry(path, (root / path).stat().st_size, whole.hexdigest())
