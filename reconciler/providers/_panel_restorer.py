"""
What a drill, and a person who restores, ask of an archive that a panel made.

There is no safe way to have a panel restore into another account: it would overwrite
the one it is of. So the archive is fetched and unpacked here, as what anybody may have
made. It comes back as a person sees it: of cPanel ``homedir/`` and ``mysql/``, of Plesk
the folders of the archive, with the panel's own parts unpacked and without the time in
their names (``domains/shop.example/user-data/httpdocs/index.php``). Nothing was written
down when the panel's own schedule made it: what is proven of it is that it is whole,
whose it is, and what the policy expects.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.errors import Transient
from reconciler.kinds.backup import Snapshot
from reconciler.providers._archive_open import Caps, Hostile, TooMuch
from reconciler.providers._archive_seal import Damaged
from reconciler.providers._drill_files import hashed
from reconciler.providers._drill_port import Entry, Key, Restored
from reconciler.providers._drill_scratch import SPARE, Unfit, free, prepared, scratch
from reconciler.providers._panel_archive import PanelArchive, links, unpacked
from reconciler.providers._panel_subject import Refused

#: So many files at most: an archive of a panel says nothing of how many it has.
_FILES: Final = 2_000_000
#: A description is shorter.
_DESCRIBED: Final = 1 << 24

#: Puts the archive of a snapshot into a file.
Fetch = Callable[[str, Path], None]
#: Lists what there is of the account.
List = Callable[[], Sequence[Snapshot]]


class Whose(NamedTuple):
    """
    Whose archive it has to be.

    Attributes:
        panel: ``cpanel`` or ``plesk``.
        owner: What the archive itself calls the account.
    """

    panel: str
    owner: str


class _Room:
    """Whether the folder that archives are unpacked in is gone again."""

    destroyed: bool | None = None


class PanelRestorer:
    """
    One account's archives, each fetched once.

    Args:
        folder: Where they are unpacked, in a folder that is gone after ``close``.
        most: Bytes that may come out of one; None: as many as there is room for.
    """

    streams = True

    def __init__(
        self, fetch: Fetch, whose: Whose, folder: Path, most: int | None, listed: List
    ) -> None:
        self._fetch = fetch
        self._whose = whose
        self._listed = listed
        self._folder = folder
        self._most = most
        self._open = ExitStack()
        self._roots: dict[str, Path] = {}
        self._dumps: dict[str, Mapping[str, Sequence[str]]] = {}
        self._gone: dict[str, int] = {}

    def close(self) -> None:
        """Take away what was fetched."""
        self._open.close()
        self._roots = {}

    def snapshots(self, key: Key) -> Sequence[Snapshot]:
        """Return what the panel keeps of the account: one key opens all of it."""
        del key
        return self._listed()

    def listing(self, source: str, snapshot: str, key: Key) -> Sequence[Entry]:
        """Return all files of *snapshot*."""
        del source, key
        root = self.unpacked(snapshot)
        return [Entry(one, (root / one).stat().st_size) for one in files(root)]

    def entries(self, source: str, snapshot: str) -> Sequence[Entry]:
        """Return all files of *snapshot*, as they are in it now."""
        del source
        root = self.unpacked(snapshot)
        return [
            Entry(one, (root / one).stat().st_size, hashed(root / one))
            for one in files(root)
        ]

    def manifest(self, source: str, snapshot: str, key: Key) -> None:
        """Return nothing: nothing was written down when the panel made it."""
        del source, snapshot, key

    def dumps(self, snapshot: str) -> Mapping[str, Sequence[str]]:
        """Return the dumps that the panel made, by the name of their database."""
        self.unpacked(snapshot)
        return self._dumps[snapshot]

    def restore(
        self,
        snapshots: Mapping[str, str],
        into: Path,
        files: Mapping[str, Sequence[str]] | None,
        key: Key,
        seconds: float,
    ) -> Restored:
        """Put the files that were unpacked where the drill looks; no links."""
        del key
        begun = time.monotonic()
        many = size = gone = 0
        for source, snapshot in snapshots.items():
            root = self.unpacked(snapshot)
            wanted = None if files is None else files.get(source, ())
            for path in _some(root, wanted):
                if time.monotonic() - begun > seconds:
                    raise Transient("restoring took too long")
                there = into / source / path
                there.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(root / path, there, follow_symlinks=False)
                many, size = many + 1, size + there.stat().st_size
            if wanted is None:  # which of them a part would have, nobody can say
                gone += self._gone[snapshot] + sum(1 for _ in links(root))
        taken = time.monotonic() - begun
        return Restored(many, size, 0.0, taken, f"{self._whose.panel} archive", gone)

    def unpacked(self, snapshot: str) -> Path:
        """
        Return the folder that *snapshot* is unpacked in.

        Raises:
            Refused: It is damaged, or somebody else's.
            Rejected: It is gone.
            Transient: It cannot be fetched or unpacked here: that says nothing of it.
        """
        if snapshot not in self._roots:
            room = _Room()
            made = self._open.enter_context(scratch(prepared(self._folder), room))
            archive = made.room("archive") / "archive"
            into = made.room("unpacked")
            with self._believed(snapshot):
                self._fetch(snapshot, archive)
                found = unpacked(archive, into, Caps(_FILES, self._cap()))
                archive.unlink()
            if not _is(found, self._whose):
                what = f"is of {found.owner or 'nobody'} ({found.panel})"
                wanted = f"{self._whose.owner} ({self._whose.panel})"
                raise Refused(f"{snapshot}: {what}, not of {wanted}")
            inside = found.home.parent if found.panel == "cpanel" else found.home
            self._roots[snapshot], self._gone[snapshot] = inside, found.left_out
            self._dumps[snapshot] = {
                name: [one.relative_to(inside).as_posix() for one in dumps]
                for name, dumps in found.databases.items()
            }
        return self._roots[snapshot]

    def _cap(self) -> int:
        """Return how many bytes may come out of one."""
        here = max(0, free(self._folder) - SPARE)
        return here if self._most is None else min(self._most, here)

    @contextmanager
    def _believed(self, snapshot: str) -> Iterator[None]:
        """What is too much for this machine says nothing of the archive."""
        try:
            yield
        except TooMuch as error:
            raise Unfit(
                f"{snapshot}: {error}",
                hint=f"drills.most, and room in {self._folder}",
            ) from None
        except (Damaged, Hostile) as error:
            raise Refused(f"{snapshot}: {error}") from None
        except OSError as error:
            raise Unfit(f"{self._folder}: {error.strerror}") from None


def roomy_for(folder: Path, size: int) -> None:
    """Raise Unfit where *folder* has no room for *size* bytes more."""
    if (here := free(folder)) < size + SPARE:
        raise Unfit(
            f"{folder} has {here} bytes left, and the archive has {size}",
            hint="drills.scratch: a folder with more room",
        )


def _is(found: PanelArchive, whose: Whose) -> bool:
    """Say whether it is *whose*; Plesk says it by a folder, or in its description."""
    if (found.panel, found.owner) == whose:
        return True
    if found.panel != "plesk" or whose.panel != "plesk" or found.owner:
        return False
    named = f'name="{whose.owner}"'
    return any(
        named in one.read_text("utf-8", "replace")
        for one in found.home.rglob("backup_info_*.xml")
        if one.is_file() and not one.is_symlink() and one.stat().st_size < _DESCRIBED
    )


def files(root: Path) -> Iterator[str]:
    """Yield every file below *root*, by its path; links are none."""
    for folder, below, names in os.walk(root):
        below.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink():
                yield path.relative_to(root).as_posix()


def _some(root: Path, wanted: Sequence[str] | None) -> Iterator[str]:
    yield from files(root) if wanted is None else wanted
