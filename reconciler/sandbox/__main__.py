"""``python -m reconciler.sandbox FOLDER``: what ``process.up`` starts."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from threading import Event

from reconciler.errors import ReconcilerError
from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.process import STATUS, WORLD, Status
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.world import World


def main(folder: Path) -> int:
    """Serve the world in *folder* until told to stop; then write the state there."""
    wanted = json.loads((folder / WORLD).read_text(encoding="utf-8"))
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Sandbox(
            World.from_dict(wanted["world"]),
            SandboxClock(),
            ports=wanted["ports"],
            folder=folder,
        ) as sandbox:
            _announce(folder, sandbox)
            while not stop.wait(1.0):
                sandbox.save()
    except ReconcilerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _announce(folder: Path, sandbox: Sandbox) -> None:
    """Write the status in one step: whoever reads it reads all of it."""
    status = Status(
        pid=os.getpid(), endpoints=sandbox.endpoints(), control=sandbox.control
    )
    draft = folder / f"{STATUS}.new"
    draft.write_text(status.model_dump_json(indent=1), encoding="utf-8")
    draft.replace(folder / STATUS)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
