"""What a cloud shows of a machine, and what it offers in its place."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import AwareDatetime

from reconciler.model import Frozen, Money, State

SERVER: Final = "server"


class Offer(Frozen):
    """
    A size, as the cloud describes it.

    Attributes:
        cores: How many; ``memory`` and ``disk`` are in bytes. None for a disk: it does
            not come with the size.
        monthly: What it costs in a month where the machine is; None: nobody quotes it.
        available: Whether a machine can get it there now.
    """

    cores: int
    memory: int
    disk: int | None = None
    monthly: Money | None = None
    available: bool = True


class ServerState(State):
    """
    One machine, as its cloud shows it.

    Attributes:
        machine: The cloud's id of it, and ``name`` what it is called there.
        status: ``other``: on its way between the two, or something that is neither.
        disk: The disk that it starts from, in bytes; None where it was not read.
        disk_grows: Whether that can be made larger without another size.
        volumes: Its other disks by name, in bytes.
        busy: What the cloud still does to it; nothing else is done meanwhile.
        since: When it was stopped by us.
        ours: It was stopped by us for a change, and has not been started again.
        offers: The sizes that matter for it, by name: its own, and those of its ladder.
        storage: What one GiB of disk costs in a month; None: nobody quotes it.
    """

    machine: str
    name: str
    size: str
    status: Literal["running", "off", "other"]
    region: str | None = None
    disk: int | None = None
    disk_grows: bool = False
    volumes: dict[str, int] = {}
    busy: str | None = None
    since: AwareDatetime | None = None
    ours: bool = False
    offers: dict[str, Offer] = {}
    storage: Money | None = None
