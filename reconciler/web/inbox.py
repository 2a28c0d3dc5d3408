"""
``POST /hooks/<provider>``: what its vendor really sent wakes a run, nothing else does.

| answer | when |
|---|---|
| 200 | taken, now or before |
| 400 | signed well, and not an event |
| 401 | not signed, signed by somebody else, or too long ago |
| 404, 405 | no such account; another method than POST |
| 413 | more than 256 KiB |
| 503 | it cannot be checked (now): the account's secret is missing |

Nothing of a body, a signature or an unknown name is repeated anywhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.errors import ProviderError
from reconciler.providers._webhook import Forged, Posted, Unreadable
from reconciler.web.door import Door

#: A body is not read any further.
MOST: Final = 256 * 1024
#: So many events are remembered; a repetition after that wakes one more run.
REMEMBERED: Final = 10_000

_STATUS: Final[Mapping[type[ProviderError], int]] = {Forged: 401, Unreadable: 400}
_SHUT: Final = "it cannot be checked now"


class Memory:
    """The events that were taken; thread-safe, bounded, gone with the process."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = Lock()

    def is_new(self, provider: str, event: str) -> bool:
        """Remember an event; False where it was known."""
        with self._lock:
            if (provider, event) in self._seen:
                return False
            self._seen[provider, event] = None
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
            return True


class Inbox:
    """
    Takes what the vendors send.

    Args:
        doors: Every account, by name.
        wake: Asks for a run; returns at once.
        well: Whether anybody would wake.
        clock: Our time, which signatures are compared with.
        say: One line of the log: words of ours and the account's name, nothing else.
    """

    def __init__(
        self,
        doors: Mapping[str, Door],
        wake: Callable[[], None],
        well: Callable[[], bool],
        clock: Callable[[], datetime],
        say: Callable[[str], None],
    ) -> None:
        self._doors = doors
        self._wake = wake
        self._well = well
        self._clock = clock
        self._say = say
        self._memory = Memory()
        self.app = Starlette(
            routes=[
                Route("/hooks/{provider}", self._hook, methods=["POST"]),
                Route("/healthz", self._health, methods=["GET"]),
            ],
            exception_handlers={Exception: self._broken},
        )
        self.app.router.redirect_slashes = False

    async def _health(self, _request: Request) -> Response:
        well = self._well()
        return JSONResponse({"ok": well}, 200 if well else 503)

    async def _broken(self, _request: Request, error: Exception) -> Response:
        self._say(f"a request broke: {type(error).__name__}")
        return _no(500, "something went wrong that should not")

    async def _hook(self, request: Request) -> Response:
        name = request.path_params["provider"]
        door = self._doors.get(name)
        if door is None:
            return _no(404, "there is no such account")
        try:
            body = await _body(request)
        except ClientDisconnect:
            return _no(400, "nobody is there any more")
        if body is None:
            return self._refused(name, 413, "more than 256 KiB")
        if door.verifier is None:
            self._say(f"{name}: refused with 503: {door.why}")
            return _no(503, _SHUT)
        # The names are lower case already; of several of one name the first counts.
        headers: dict[str, str] = {}
        for header, value in request.headers.items():
            headers.setdefault(header, value)
        posted = Posted(headers, body, self._clock())
        try:
            event = await run_in_threadpool(door.verifier.event, posted)
        except (Forged, Unreadable) as error:
            return self._refused(name, _STATUS[type(error)], error.what)
        except ProviderError as error:
            # What a vendor says is for nobody who may be anybody.
            self._say(f"{name}: cannot be checked now: {type(error).__name__}")
            return _no(503, _SHUT)
        if self._memory.is_new(name, event):
            self._say(f"{name}: an event; a run is asked for")
            self._wake()
        return JSONResponse({"ok": True})

    def _refused(self, name: str, status: int, why: str) -> Response:
        self._say(f"{name}: refused with {status}: {why}")
        return _no(status, why)


async def _body(request: Request) -> bytes | None:
    """Return the body as it came; None for one that is too long."""
    if int(request.headers.get("content-length", "0")) > MOST:
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            return None
    return body


def _no(status: int, why: str) -> Response:
    return JSONResponse({"ok": False, "error": why}, status)
