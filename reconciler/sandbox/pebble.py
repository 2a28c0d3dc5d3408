"""
A real Pebble on loopback: Let's Encrypt's test server for RFC 8555.

Debian's (2.4) has neither renewal information nor profiles, its certificates are good
for five years, and it refuses every twentieth nonce: what it lacks is played by
``sandbox/acme.py``. It asks one DNS server for everything.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler.errors import ReconcilerError
from reconciler.sandbox.powerdns import free_port
from reconciler.sandbox.tls_server import Authority, Wanted

_PLACES: Final = "/usr/bin:/usr/local/bin"
_PATIENCE: Final = 10.0
#: Its HTTPS certificate has begun by then, and no run of a test lasts longer.
_LASTS: Final = timedelta(days=80)


def program() -> str | None:
    """Return where Pebble is installed; None where it is not."""
    return shutil.which("pebble", path=_PLACES)


class PebbleServer:
    """
    One ``pebble`` process; nothing of it outlives the process.

    Args:
        folder: Where its own HTTPS certificate is put.
        dns: The address and port of the DNS server that it asks.
        environ: More of its switches, as in ``PEBBLE_WFE_NONCEREJECT``.
        settings: More of its configuration, as in ``externalAccountBindingRequired``.

    Attributes:
        trust: What its HTTPS is signed by, PEM.
    """

    def __init__(
        self,
        folder: Path,
        dns: str,
        environ: Mapping[str, str] | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._folder = folder
        self._dns = dns
        self._environ = {"PEBBLE_VA_NOSLEEP": "1", **(environ or {})}
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._management = 0
        self.port = 0
        self.trust = ""

    @property
    def directory(self) -> str:
        """The URL of its directory."""
        return f"https://localhost:{self.port}/dir"

    @property
    def trusted(self) -> Path:
        """The file of ``trust``."""
        return self._folder / "trust.pem"

    @property
    def log(self) -> str:
        """What it has written so far."""
        return (self._folder / "pebble.log").read_text(errors="replace")

    def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """
        Start it and return its port once it answers.

        Raises:
            ReconcilerError: It is not installed, or did not come up.
        """
        found = program()
        if found is None:
            raise ReconcilerError(
                "Pebble is not installed here", hint="install the package pebble"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port, self._management = port or free_port(host), free_port(host)
        self._write(host)
        with (self._folder / "pebble.log").open("wb") as log:
            self._process = subprocess.Popen(
                [found, "-config", "pebble.json", "-dnsserver", self._dns],
                cwd=self._folder,
                env={**_bare(), **self._environ},
                stdout=log,
                stderr=log,
            )
        self._wait()
        return self.port

    def _write(self, host: str) -> None:
        now = datetime.now(UTC)
        authority = Authority("Pebble's HTTPS", now)
        pair = authority.issue(Wanted(("localhost",), now + _LASTS))
        for name, data in zip(("cert.pem", "key.pem"), pair, strict=True):
            (self._folder / name).touch(mode=0o600)
            (self._folder / name).write_bytes(data)
        self.trust = authority.pem
        self.trusted.write_text(self.trust, encoding="ascii")
        settings = {
            "listenAddress": f"{host}:{self.port}",
            "managementListenAddress": f"{host}:{self._management}",
            "certificate": "cert.pem",
            "privateKey": "key.pem",
            "httpPort": 5002,
            "tlsPort": 5001,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            **self._settings,
        }
        text = json.dumps({"pebble": settings})
        (self._folder / "pebble.json").write_text(text, encoding="utf-8")

    def ask(self, path: str) -> bytes:
        """Read *path* of its management interface (``/roots/0``)."""
        return self._read(self._management, path)

    def _read(self, port: int, path: str) -> bytes:
        context = ssl.create_default_context(cadata=self.trust)
        url = f"https://localhost:{port}{path}"
        with urllib.request.urlopen(url, timeout=5, context=context) as answer:
            said: bytes = answer.read()
        return said

    def _wait(self) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self.running:
            try:
                self._read(self.port, "/dir")
            except OSError:
                time.sleep(0.02)
            else:
                return
        log = self.log
        self.stop()
        raise ReconcilerError(f"Pebble did not come up: {log[-256:].strip()}")

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop it and wait until it is so; nothing happens if it never started."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def _bare() -> dict[str, str]:
    """Return the environment without a proxy: everything is on this machine."""
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
