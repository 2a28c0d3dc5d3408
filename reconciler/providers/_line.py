"""
The connections of one account: httpx's transport, and nothing of its client.

A client keeps cookies, follows addresses, asks for proxies and passwords. None of that
is wanted here, and each costs as much as the request itself where many are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ssl import SSLContext
from typing import IO, Any, Final

import httpx

from reconciler.model.driver import Answered, Sent

#: What every request says, unless it says it otherwise.
_USUAL: Final = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "connection": "keep-alive",
    "user-agent": f"python-httpx/{httpx.__version__}",
}


class Line:
    """
    Open connections, used again; thread-safe.

    Every method raises what httpx does.
    """

    def __init__(self, tls: SSLContext, timeout: httpx.Timeout) -> None:
        self._transport = httpx.HTTPTransport(verify=tls, trust_env=False)
        self._told = {"timeout": timeout.as_dict()}

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def request(
        self, method: str, url: str, headers: Mapping[str, str], **more: Any
    ) -> httpx.Request:
        """Return a request; *more* is its body and its query, as httpx takes them."""
        names = {name.lower() for name in headers}
        usual = {name: said for name, said in _USUAL.items() if name not in names}
        sent = {**usual, **headers}
        return httpx.Request(method, url, headers=sent, extensions=self._told, **more)

    def send(self, request: httpx.Request) -> Answered:
        """Send it; return the whole answer."""
        response = self._transport.handle_request(request)
        try:
            return _answered(response, response.read())
        finally:
            response.close()

    def save(self, sent: Sent, most: int, into: IO[bytes]) -> Answered:
        """Send it; write the body, cut after *most* bytes, and return the rest."""
        request = self.request(sent.method, sent.url, sent.headers, content=sent.body)
        response = self._transport.handle_request(request)
        size = 0
        try:
            for part in response.iter_bytes():
                into.write(part)
                size += len(part)
                if size > most:
                    break
        finally:
            response.close()
        return _answered(response, b"")

    def carry(self, sent: Sent, most: int) -> Answered:
        """Send it; return no more of a body than shows that *most* is not all."""
        request = self.request(sent.method, sent.url, sent.headers, content=sent.body)
        response = self._transport.handle_request(request)
        try:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > most:
                    break
        finally:
            response.close()
        return _answered(response, b"".join(parts))


def _answered(response: httpx.Response, body: bytes) -> Answered:
    return Answered(response.status_code, _named(response.headers.raw), body)


def _named(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by their lower-case names; what comes twice is joined."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), _text(value)
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
