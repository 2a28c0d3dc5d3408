"""
A real nginx on loopback that serves certificates from a folder.

Each of its sites begins with a certificate that signed itself, as a machine that was
just set up has one: nginx does not start without.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler.errors import ReconcilerError
from reconciler.sandbox.panel_sites import issued

_PLACES: Final = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_PATIENCE: Final = 10.0
_STOPGAP: Final = "stopgap"


def program() -> str | None:
    """Return where nginx is; None where it is not installed."""
    return shutil.which("nginx", path=_PLACES)


class NginxServer:
    """
    One nginx and its folder.

    Args:
        folder: Where everything of it is.
        sites: Place of a certificate -> the names that are served with it; the first
            site also serves whoever names nobody.
        now: Its stopgap certificates end a day later.

    Attributes:
        port: Where it serves HTTPS.
    """

    def __init__(
        self, folder: Path, sites: Mapping[str, Sequence[str]], now: datetime
    ) -> None:
        self._folder = folder
        self._sites = sites
        self._now = now
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def tls(self) -> Path:
        """The folder of its certificates."""
        return self._folder / "tls"

    @property
    def endpoint(self) -> str:
        """The same, as a Provider has it."""
        return self.tls.resolve().as_uri()

    @property
    def configuration(self) -> Path:
        """Its main file."""
        return self._folder / "nginx.conf"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of its Provider."""
        found = program() or "nginx"
        return {"program": found, "configuration": str(self.configuration.resolve())}

    @property
    def pid(self) -> int:
        """The number of its first process."""
        assert self._process is not None, "it was not started"  # noqa: S101
        return self._process.pid

    def start(self, host: str, port: int) -> int:
        """
        Start it and return its port once it accepts connections.

        Raises:
            ReconcilerError: It is not installed, or did not come up.
        """
        found = program()
        if found is None:
            raise ReconcilerError("nginx is not installed here", hint="nginx-light")
        self.port = port or _free_port(host)
        for place, names in self._sites.items():
            self._stopgap(place, tuple(names))
        self.configure(host)
        log = self._folder / "error.log"
        self._process = subprocess.Popen(
            [found, "-e", str(log), "-c", str(self.configuration.resolve())]
        )
        self._wait(host)
        return self.port

    def configure(self, host: str, more: str = "") -> None:
        """Write its main file; *more* comes into the part for HTTP."""
        root = self._folder.resolve()
        temporary = "\n".join(
            f"{kind}_temp_path {root}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        servers = "\n".join(
            self._server(host, place, names) for place, names in self._sites.items()
        )
        text = (
            f"daemon off;\npid {root}/nginx.pid;\nerror_log {root}/error.log notice;\n"
            "worker_processes 1;\nevents { worker_connections 256; }\n"
            f"http {{\naccess_log off;\n{temporary}\n{servers}\n{more}\n}}\n"
        )
        self.configuration.write_text(text, encoding="utf-8")

    def _server(self, host: str, place: str, names: Sequence[str]) -> str:
        where = self.tls.resolve() / place
        return (
            f"server {{ listen {host}:{self.port} ssl; server_name {' '.join(names)}; "
            f"ssl_certificate {where}/fullchain.pem; "
            f"ssl_certificate_key {where}/privkey.pem; return 204; }}"
        )

    def _stopgap(self, place: str, names: tuple[str, ...]) -> None:
        link = self.tls / place
        if link.exists():
            return
        first = tuple(name for name in names if not name.startswith("*.")) or names
        ends = self._now + timedelta(days=1)
        pem, key = issued(first, ends, first[0])
        version = self.tls / ".versions" / place / _STOPGAP
        for folder in (self.tls, *reversed(version.relative_to(self.tls).parents)):
            (self.tls / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        version.mkdir(mode=0o700)
        (version / "fullchain.pem").write_text(pem, encoding="ascii")
        (version / "privkey.pem").touch(mode=0o600)
        (version / "privkey.pem").write_text(key, encoding="ascii")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(".versions") / place / _STOPGAP)

    def _wait(self, host: str) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                break
            with suppress(OSError):
                socket.create_connection((host, self.port), 1).close()
                return
            time.sleep(0.01)
        self.stop()
        log = self._folder / "error.log"
        said = log.read_text(errors="replace") if log.exists() else ""
        raise ReconcilerError(f"nginx did not start: {said.strip()[-300:]}")

    def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def _free_port(host: str) -> int:
    with socket.socket() as found:
        found.bind((host, 0))
        port: int = found.getsockname()[1]
    return port
