"""
The inbox on a socket: one request per connection, and not for long.

uvicorn waits for ever for the first request of a connection. Here a connection ends
after ``LIFE`` seconds whatever it is doing, and there are ``MOST`` at a time.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from threading import current_thread, main_thread
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.errors import ReconcilerError

#: Seconds.
LIFE: Final = 10.0
#: Connections.
MOST: Final = 128


class Server(uvicorn.Server):
    """
    Serves one application until it is told to leave, or gets SIGINT or SIGTERM.

    Args:
        ready: Called once requests are served.
        life: Seconds that a connection may last.
    """

    def __init__(
        self, app: ASGIApp, *, ready: Callable[[], None], life: float = LIFE
    ) -> None:
        config = uvicorn.Config(
            app,
            http=_brief(life),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST,
            headers=[("Connection", "close")],
        )
        super().__init__(config)
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: asyncio.Event | None = None

    def leave(self) -> None:
        """Stop; from any thread."""
        if self._loop is not None and self._leaving is not None:
            self._loop.call_soon_threadsafe(self._leaving.set)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on *sockets* until it is over."""
        asyncio.run(self._serve(sockets))

    async def main_loop(self) -> None:
        """Wait for the end."""
        # uvicorn sets them once a second, to tell the time; nobody asks us for that.
        self.server_state.default_headers = self.config.encoded_headers
        self._loop = asyncio.get_running_loop()
        self._leaving = asyncio.Event()
        if current_thread() is main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._loop.add_signal_handler(number, self._leaving.set)
        self._ready()
        await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and hang up on everybody."""
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _brief(life: float) -> type[H11Protocol]:
    class Brief(H11Protocol):
        """Hangs up after *life* seconds."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._end = self.loop.call_later(life, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            self._end.cancel()
            super().connection_lost(exc)

    return Brief


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises ReconcilerError where that cannot be."""
    made: socket.socket | None = None
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = rows[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(MOST)
    except (OSError, OverflowError, UnicodeError) as error:
        if made is not None:
            made.close()
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ReconcilerError(
            f"port {port} on {host} cannot be used: {why}",
            hint="give another --port, or another --host of this machine",
            code="E610",
        ) from None
    return made
