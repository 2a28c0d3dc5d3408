"""
One archive that a WHM server was asked for, as it is written down beside it.

The order is in the folder before it is sent, so that an answer that is lost, and a run
that is killed, leave what the next one goes on with.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.errors import Rejected, Transient
from reconciler.model import sha256

ORDER: Final = "order.json"
#: Where it is written before it is whole: alone, it is an order that was never sent.
FRESH: Final = f".{ORDER}"
NAME: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_KINDS: Final = (".tar.gz", ".tar")


class Order(NamedTuple):
    """
    One archive that was asked for.

    Attributes:
        folder: The one of its own.
        key, body: As its mark has them.
        begun: When it was asked for first; ``asked``: last.
        session: What the server calls its task; empty where nobody knows.
        whole: The archive was read to its end, and is enough.
    """

    folder: Path
    user: str
    key: str
    body: str
    begun: datetime
    asked: datetime
    session: str = ""
    whole: bool = False

    @property
    def name(self) -> str:
        """What it is called here."""
        return f"{self.user}.{self.folder.name}"

    @property
    def archive(self) -> Path | None:
        """The archive, where there is one."""
        found = (self.folder / f"cpmove-{self.user}{kind}" for kind in _KINDS)
        return next((o for o in found if o.is_file() and not o.is_symlink()), None)

    @property
    def size(self) -> int | None:
        """How many bytes the archive has; None where nobody can tell."""
        with suppress(OSError):
            return self.archive.stat().st_size if self.archive else None
        return None


def ours(name: str) -> bool:
    """Say whether *name* is one that was made from here."""
    return NAME.fullmatch(name.rpartition(".")[2]) is not None


def cleared(folder: Path, user: str) -> None:
    """Take away an earlier try, which has ended and is not whole; and nothing else."""
    old = read(folder, user)
    strange = present(folder) if old is None else old.whole
    if strange:
        raise Rejected(f"{folder} has something that was not asked for from here")
    emptied(folder)


def present(folder: Path) -> set[str]:
    """Return the names in *folder*, without what was not written down to its end."""
    return {one.name for one in folder.iterdir()} - {FRESH}


def emptied(folder: Path) -> None:
    """Take *folder* away, the order last: what is left half gone is known as ours."""
    for path in [one for one in folder.iterdir() if one.name != ORDER]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.rmtree(folder)


def belongs(name: str, user: str, uid: str) -> bool:
    """Say whether *name* was made from here, of this account and this Backup."""
    whose, _, folder = name.rpartition(".")
    return ours(name) and whose == user and folder.endswith(f"-{short(uid)}")


def short(uid: str) -> str:
    """Return what tells the Backup *uid* from others of the same account."""
    return sha256(uid)[:8]


def write(order: Order) -> Order:
    """Write *order* down in its folder, all of it at once; return it."""
    told = order._asdict() | {
        "begun": order.begun.isoformat(),
        "asked": order.asked.isoformat(),
    }
    del told["folder"], told["user"]
    there, fresh = order.folder / ORDER, order.folder / FRESH
    with reached(order.folder):
        fresh.write_text(json.dumps(told), encoding="utf-8")
        fresh.replace(there)
    return order


def read(folder: Path, user: str) -> Order | None:
    """Return what was asked for in *folder*; None where nothing was written down."""
    with reached(folder):
        try:
            told = json.loads((folder / ORDER).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
    try:
        return _order(folder, user, told)
    except (KeyError, TypeError, ValueError):
        return None


def _order(folder: Path, user: str, told: Mapping[str, object]) -> Order:
    return Order(
        folder,
        user,
        str(told["key"]),
        str(told["body"]),
        datetime.fromisoformat(str(told["begun"])),
        datetime.fromisoformat(str(told["asked"])),
        str(told["session"]),
        told["whole"] is True,
    )


@contextmanager
def reached(folder: Path) -> Iterator[None]:
    """What the file system does not give says nothing of what is in it."""
    try:
        yield
    except OSError as error:
        raise Transient(f"{folder}: {error.strerror}") from None
