"""HTTP for tests, without loading certificates for each request."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def web(method: str, url: str, **more: Any) -> httpx.Response:
    """Send one request on a connection of its own."""
    with httpx.Client(verify=_TLS, trust_env=False, timeout=5) as client:
        return client.request(method, url, **more)
