"""The gate every request to an emulator passes: it counts, and it breaks things."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.faults import Fault

Naming = Callable[[Scope, bytes], str]


class Gate:
    """
    An ASGI application around a vendor's own.

    It must be the outermost one: a lost answer closes the connection under it.
    ``scope["fault"]`` tells the application of a fault that only it can play
    (``stale``, ``wrong-account``, ``empty``, ``duplicate-page``).

    Args:
        app: The vendor's application (WSGI through ``a2wsgi.WSGIMiddleware``).
        operation: Names the vendor's operation of a request.
    """

    def __init__(self, app: ASGIApp, bench: Bench, operation: Naming) -> None:
        self._app = app
        self._bench = bench
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        body = await whole(receive)
        operation = self._operation(scope, body)
        self._bench.ledger.count(self._bench.vendor, operation)
        fault = self._bench.faults.take(self._bench.vendor, operation)
        if fault is None:
            await self._app(scope, _given(body), send)
        else:
            await self._faulty(fault, {**scope, "fault": fault}, body, send)

    async def _faulty(
        self, fault: Fault, scope: Scope, body: bytes, send: Send
    ) -> None:
        match fault.kind:
            case "status":
                await _refuse(send, fault, fault.status)
            case "throttle":
                await _refuse(send, fault, 429)
            case "lost-before":
                await _hang_up(send)
            case "slow":
                await asyncio.sleep(fault.seconds)
                await self._app(scope, _given(body), send)
            case "status-after" | "lost-after" | "malformed":
                answer = await self._answer(scope, body)
                await _spoil(fault, answer, send)
            case _:
                await self._app(scope, _given(body), send)

    async def _answer(self, scope: Scope, body: bytes) -> list[Message]:
        """Let the effect happen and keep the answer back."""
        said: list[Message] = []

        async def keep(message: Message) -> None:
            said.append(message)

        await self._app(scope, _given(body), keep)
        return said


async def _spoil(fault: Fault, answer: list[Message], send: Send) -> None:
    if fault.kind == "lost-after":
        await _hang_up(send)
    elif fault.kind == "status-after":
        await _refuse(send, fault, fault.status)
    else:
        status = answer[0]["status"]
        await _say(send, status, b'{"status": "SUCC', [])


async def _refuse(send: Send, fault: Fault, status: int) -> None:
    text = fault.text or "sandbox fault"
    body = json.dumps({"status": "ERROR", "message": text}).encode()
    headers = [(b"content-type", b"application/json")]
    if fault.retry_after is not None:
        headers.append((b"retry-after", str(fault.retry_after).encode()))
    await _say(send, status, body, headers)


async def _say(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def _hang_up(send: Send) -> None:
    """Close the connection without a word, as a router does that has died."""
    cycle = getattr(send, "__self__", None)  # uvicorn's request-response cycle
    assert cycle is not None, "the gate is not the outermost application"  # noqa: S101
    cycle.message_event.clear()
    cycle.transport.abort()
    await cycle.message_event.wait()  # set when the connection is really gone


async def whole(receive: Receive) -> bytes:
    """Return the body of a request."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _given(body: bytes) -> Receive:
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": body, "more_body": False}]
    )

    async def receive() -> Message:
        with suppress(StopIteration):
            return next(messages)
        return {"type": "http.disconnect"}

    return receive
