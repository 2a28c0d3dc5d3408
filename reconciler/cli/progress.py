"""A sign of life on stderr while vendors take their time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from reconciler.report.words import count

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.engine import Accounts

#: Seconds after which silence looks like a program that hangs.
PAUSE = 10.0


@contextmanager
def reading(project: Project, accounts: Accounts) -> Iterator[None]:
    """Say which accounts are read, and that they still are."""
    if project.forsaken:
        project.say("the sandbox is down: `reconciler sandbox up` starts it")
    names = {share.provider for share in accounts.drivers}
    with alive(project, f"reading {count(len(names), 'account')}"):
        yield


@contextmanager
def alive(project: Project, what: str, pause: float = PAUSE) -> Iterator[None]:
    """Say *what* is begun, and again every *pause* seconds until it ends."""
    over, began = Event(), time.monotonic()

    def tick() -> None:
        while not over.wait(pause):
            project.say(f"{what} … {time.monotonic() - began:.0f} s")

    project.say(f"{what} …")
    thread = Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
