"""An emulator that is spoken to without a socket: the same logic, in this thread."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message

from reconciler.model.driver import Answered, Sent
from reconciler.sandbox.emulator import Bench, Emulator


def inside(emulator: Emulator, bench: Bench) -> Callable[[Sent], Answered]:
    """Return the way to *emulator* over *bench*; raises TypeError if it is no ASGI."""
    app: ASGIApp | None = getattr(emulator.make(bench), "app", None)
    if app is None:
        raise TypeError(f"{emulator.name} is no ASGI application")
    return lambda sent: _asked(app, sent)


def _asked(app: ASGIApp, sent: Sent) -> Answered:
    url = urlsplit(sent.url)
    given = {name.lower(): value for name, value in sent.headers.items()}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": sent.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "headers": [
            (name.encode(), value.encode())
            for name, value in {"host": url.netloc, **given}.items()
        ],
    }
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": sent.body, "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    running = app(scope, receive, send).__await__()
    try:
        next(running)
    except StopIteration:
        pass
    else:
        raise AssertionError("an emulator inside a thread never waits")
    headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in said[1:])
    return Answered(said[0]["status"], headers, body)
