"""An ASGI application on a real socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp

from reconciler.errors import ReconcilerError

_PATIENCE = 10.0


class AsgiServer:
    """Serves one application; starts and stops within a few milliseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._running: tuple[_Server, Thread] | None = None

    def start(self, host: str, port: int) -> int:
        """
        Listen and return the port once requests are served.

        Raises:
            ReconcilerError: The port is taken.
        """
        listening = listen(host, port)
        config = uvicorn.Config(
            self.app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        server = _Server(config)
        thread = Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        if not server.ready.wait(_PATIENCE):
            raise ReconcilerError(f"the server on port {port} does not start")
        self._running = server, thread
        bound: int = listening.getsockname()[1]
        return bound

    def stop(self) -> None:
        """Stop listening, hang up on everybody, and wait until it is so."""
        if self._running is not None:
            server, thread = self._running
            server.leave()
            thread.join()
        self._running = None


class _Server(uvicorn.Server):
    """Waits for a signal instead of looking ten times a second whether to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: asyncio.Event | None = None

    def leave(self) -> None:
        """Stop; from any thread."""
        if self._loop is not None and self._leaving is not None:
            self._loop.call_soon_threadsafe(self._leaving.set)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._leaving = asyncio.Event()
        self.ready.set()
        await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
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


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise ReconcilerError where the port is taken."""
    # With the protocol named, asyncio turns Nagle's algorithm off (40 ms a request).
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(128)
    except OSError as error:
        made.close()
        raise ReconcilerError(
            f"port {port} on {host} cannot be used: {error.strerror}",
            hint="is another sandbox up? stop it, or give other ports",
        ) from error
    return made
