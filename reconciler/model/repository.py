"""Where copies of backups are: what a BackupRepository says, without its secrets."""

from __future__ import annotations

import posixpath
from datetime import timedelta
from typing import Annotated, Final, Literal, Self, get_args
from urllib.parse import unquote, urlsplit

from pydantic import Field, model_validator

from reconciler.model.base import Spec
from reconciler.model.calendar import Duration
from reconciler.model.money import Price

Engine = Literal["restic", "archive", "whm", "plesk"]
ENGINES: Final = frozenset(get_args(Engine))
#: Engines of panels: they keep, copy and forget by themselves.
PANELS: Final[frozenset[str]] = frozenset({"whm", "plesk"})
_PORTS: Final = {"http": 80, "https": 443}
LockMode = Literal["none", "append-only", "governance", "compliance"]


class FailureDomain(Spec):
    """
    What can be lost at once; two copies that share all of it are one.

    Attributes:
        provider: Who runs the machines.
        region: Where they are.
        account: Whose account it is: who takes it over has all that is in it.
    """

    provider: str
    region: str | None = None
    account: str | None = None


def lost_together(one: FailureDomain | None, other: FailureDomain | None) -> bool:
    """
    Say whether what destroys the one may destroy the other.

    Where nobody says what they are lost with, they are: what is unknown is not
    different. Another account alone saves nothing from a fire.
    """
    if one is None or other is None:
        return True
    if _word(one.provider) != _word(other.provider):
        return False
    if not one.region or not other.region:
        return True
    return _word(one.region) == _word(other.region)


def _word(text: str) -> str:
    return text.strip().casefold()


def whereabouts(engine: str, url: str, path: str | None) -> str:
    """
    Return one text for each place: however its address is written.

    *path* is a folder within it, but of a panel: its own address is all of it.
    """
    parts = urlsplit(url.removeprefix("s3:").removeprefix("rest:"))
    below = "" if engine in PANELS else path or ""
    folder = posixpath.normpath(f"/{unquote(parts.path).strip('/')}/{below.strip('/')}")
    if parts.scheme == "file":
        return folder
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # what is no address is told elsewhere
        port = None
    return f"{parts.hostname or ''}:{port}{folder}"


class Immutability(Spec):
    """
    What keeps a copy from being deleted by whoever has the keys.

    Attributes:
        mode: ``append-only``: the server takes no deletions; ``governance`` and
            ``compliance``: S3 Object Lock, the second of which nobody lifts.
        lasts: ``for`` in YAML: how long each object is locked.
        extend: Locks of what is still needed are renewed before they end.
    """

    mode: LockMode = "none"
    lasts: Annotated[Duration, Field(alias="for")] = timedelta(days=35)
    extend: bool = True

    @property
    def locks(self) -> bool:
        """Whether objects are locked by the storage itself."""
        return self.mode in {"governance", "compliance"}


Many = Annotated[int, Field(ge=1, le=1000)]


class PanelKeep(Spec):
    """
    How many backups the schedule of a panel keeps, of all its accounts; at least.

    A server has one schedule for everybody: what is more there stays.
    """

    daily: Many | None = None
    weekly: Many | None = None
    monthly: Many | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.daily, self.weekly, self.monthly) == (None, None, None):
            raise ValueError("write daily, weekly or monthly: how many are kept")
        return self


class Repository(Spec):
    """
    The public part of a BackupRepository.

    Attributes:
        panel: How many a panel keeps at least.
        escrow: Whether it has a second key, to prove that losing the first is no end.
        price: Of one TiB.
    """

    name: str
    engine: Engine
    domain: FailureDomain | None = None
    immutability: Immutability = Immutability()
    escrow: bool = False
    panel: PanelKeep | None = None
    price: Price | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.engine in {"whm", "plesk"} and self.immutability.mode != "none":
            raise ValueError(f"{self.engine} cannot lock what it keeps")
        return self
