"""A real nginx for tests, or a plain reason why there is none; and what it serves."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from reconciler.sandbox.nginx import NginxServer, program
from tests.support.contract import NOW


def real_nginx(
    folder: Path, sites: Mapping[str, Sequence[str]]
) -> Iterator[NginxServer]:
    """Yield a running server; skip where it is not installed, except in CI."""
    if program() is None:
        why = "nginx is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    folder.mkdir(parents=True, exist_ok=True)
    server = NginxServer(folder, sites, NOW)
    server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        server.stop()


def served(server: NginxServer, name: str) -> str:
    """Return the fingerprint of what is served for *name*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", server.port), 5) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        found = secured.getpeercert(binary_form=True)
    assert found
    return hashlib.sha256(found).hexdigest()


def serves_soon(server: NginxServer, name: str, wanted: str) -> bool:
    """Whether *wanted* is served for *name* soon: old workers finish first."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if served(server, name) == wanted:
            return True
        time.sleep(0.01)
    return False
