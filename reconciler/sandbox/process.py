"""The sandbox as a program in the background, found again by its folder."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import CONTROL_PORT, emulator
from reconciler.sandbox.world import World

STATUS: Final = "sandbox.json"
WORLD: Final = "world.json"
LOG: Final = "sandbox.log"
_PATIENCE: Final = 30.0
_LOG_END: Final = 400


class Status(BaseModel):
    """
    A running sandbox; what ``sandbox.json`` in its folder says.

    Attributes:
        pid: The program's process id.
        endpoints: The base URL of every vendor.
        control: The URL of the control endpoint.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    endpoints: dict[str, str]
    control: str


def up(
    folder: Path,
    world: World | Path | Mapping[str, Any],
    ports: Mapping[str, int] | None = None,
) -> Status:
    """
    Start a sandbox whose state is in *folder*, and return once it serves.

    A state left by an earlier one goes on; *world* is then only the beginning of
    vendors it does not know yet. If one is running already, it is left as it is.
    *ports* are by vendor, and ``control``; each one's fixed port otherwise.

    Raises:
        ReconcilerError: The world cannot be read, a port is taken, or it did not
            start; the log is in the folder.
    """
    running = status(folder)
    if running is not None:
        return running
    read = _read(world)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATUS).unlink(missing_ok=True)
    wanted = {"world": read.as_json(), "ports": _ports(read, ports or {})}
    (folder / WORLD).write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    return _ready(folder, _spawned(folder))


def _spawned(folder: Path) -> int:
    """Start the program in a process group of its own; return its process id."""
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    program = [sys.executable, "-m", "reconciler.sandbox", str(folder.resolve())]
    silence = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    into_log = [(os.POSIX_SPAWN_DUP2, log, number) for number in (1, 2)]
    try:
        return os.posix_spawn(
            sys.executable,
            program,
            os.environ,
            file_actions=[silence, *into_log],
            setpgroup=0,
        )
    finally:
        os.close(log)


def down(folder: Path) -> None:
    """
    Stop the sandbox of *folder*; its state stays. Does nothing if none runs.

    Raises:
        ReconcilerError: It does not stop.
    """
    running = status(folder)
    if running is not None:
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGTERM)
        _wait(lambda: _alive(running.pid, folder), "the sandbox does not stop")
    (folder / STATUS).unlink(missing_ok=True)


def status(folder: Path) -> Status | None:
    """Return the running sandbox of *folder*; None if there is none (any more)."""
    try:
        text = (folder / STATUS).read_text(encoding="utf-8")
        found = Status.model_validate_json(text)
    except (OSError, ValidationError):
        return None
    return found if _alive(found.pid, folder) else None


def _read(world: World | Path | Mapping[str, Any]) -> World:
    if isinstance(world, World):
        return world
    return World.load(world) if isinstance(world, Path) else World.from_dict(world)


def _ports(world: World, given: Mapping[str, int]) -> dict[str, int]:
    usual = {vendor: emulator(vendor).port for vendor in world.vendors}
    return {**usual, "control": CONTROL_PORT, **given}


def _ready(folder: Path, child: int) -> Status:
    until = time.monotonic() + _PATIENCE
    while not (over := _buried(child)) and time.monotonic() < until:
        if (found := status(folder)) is not None:
            return found
        time.sleep(0.02)
    if not over:
        os.kill(child, signal.SIGTERM)
    said = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    raise ReconcilerError(
        f"the sandbox did not start: {said.strip()[-_LOG_END:] or 'it says nothing'}",
        hint=f"its log is {folder / LOG}; another sandbox may use the same ports",
    )


def _buried(pid: int) -> bool:
    """Whether our child *pid* has ended; False for what is no child of ours."""
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return False


def _wait(running: Any, failure: str) -> None:
    until = time.monotonic() + _PATIENCE
    while running():
        if time.monotonic() > until:
            raise ReconcilerError(failure)
        time.sleep(0.02)


def _alive(pid: int, folder: Path) -> bool:
    """Whether *pid* runs and is still this folder's sandbox, not a later program."""
    if _buried(pid):
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    command = Path(f"/proc/{pid}/cmdline")
    try:
        return str(folder.resolve()).encode() in command.read_bytes()
    except OSError:
        return not Path("/proc/self").exists()
