"""The sandbox's settable clock, for an inventory whose accounts are all local."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from reconciler.kinds.provider import is_loopback

CONTROL = "RECONCILER_SANDBOX"
FOLDER = ".sandbox"
_PATH: Final = "/clock"
#: Seconds that an answer may take.
_PATIENCE: Final = 5.0


class SandboxTime(NamedTuple):
    """The time of a sandbox: reading it, and letting it pass without waiting."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]


def sandbox_time(root: Path, environ: Mapping[str, str]) -> SandboxTime | None:
    """
    Return the time of the sandbox that *root* uses, or None where none runs.

    The control endpoint is found in ``RECONCILER_SANDBOX`` or in the state folder.
    """
    control = environ.get(CONTROL) or _control(root / FOLDER / "sandbox.json")
    if not control or not is_loopback(control):
        return None
    dial = _Dial(control)
    try:
        dial.now()
    except (OSError, HTTPException, KeyError, ValueError):
        return None
    return SandboxTime(dial.now, dial.sleep)


class _Dial:
    """
    The sandbox's clock over one connection: it is asked several times per request.

    No proxy stands before loopback. A process that forked has a connection of its own.
    """

    def __init__(self, control: str) -> None:
        self._to = urlsplit(control)
        self._lock = Lock()
        self._line: HTTPConnection | None = None
        self._pid = os.getpid()

    def __del__(self) -> None:
        self._hang_up()

    def now(self) -> datetime:
        with self._lock:
            return datetime.fromisoformat(self._read()["now"])

    def sleep(self, seconds: float) -> None:
        body = json.dumps({"advance": seconds})
        with self._lock:
            self._hang_up()  # never sent twice, so never over a line that is old
            self._ask("PUT", body)

    def _read(self) -> Any:
        if self._line is not None and self._pid == os.getpid():
            try:
                return self._ask("GET")
            except (OSError, HTTPException):
                pass  # the other side hung up meanwhile
        self._hang_up()
        return self._ask("GET")

    def _ask(self, method: str, body: str | None = None) -> Any:
        if self._line is None:
            host, port = self._to.hostname or "", self._to.port
            self._line = HTTPConnection(host, port, timeout=_PATIENCE)
            self._pid = os.getpid()
        self._line.request(method, _PATH, body)
        with self._line.getresponse() as answer:
            if answer.status != 200:  # noqa: PLR2004  (HTTP)
                raise HTTPException(f"the sandbox answers {answer.status}")
            return json.load(answer)

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()


def _control(path: Path) -> str | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("control")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
