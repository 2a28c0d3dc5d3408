"""A real PowerDNS for tests, or a plain reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox.powerdns import PowerDnsServer, available


def real_powerdns(folder: Path) -> Iterator[PowerDnsServer]:
    """Yield a running server; skip where it is not installed, except in CI."""
    if not available():
        why = "pdns_server with its sqlite3 backend is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    server = PowerDnsServer(folder)
    server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        server.stop()
