"""
A real Prometheus on loopback, over a past that was written for it.

``promtool`` (of the same Debian package) makes blocks from a text in the OpenMetrics
format: what was measured in the weeks before is there at once, and nobody waits for a
scrape.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Final

from reconciler.errors import ReconcilerError
from reconciler.sandbox.powerdns import free_port

_PLACES: Final = "/usr/bin:/usr/local/bin"
_PATIENCE: Final = 60.0
_NOTHING: Final = "scrape_configs: []\n"


def program(name: str = "prometheus") -> str | None:
    """Return where Prometheus, or its ``promtool``, is; None where it is not."""
    return shutil.which(name, path=_PLACES)


class PrometheusServer:
    """
    One ``prometheus`` process; nothing of it outlives the process.

    Args:
        folder: Where its data is put.
        past: What it has measured, in the OpenMetrics text format.
    """

    def __init__(self, folder: Path, past: str) -> None:
        self._folder = folder
        self._past = past
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """
        Start it and return its port once it answers.

        Raises:
            ReconcilerError: It is not installed, or did not come up.
        """
        found, tool = program(), program("promtool")
        if found is None or tool is None:
            raise ReconcilerError(
                "Prometheus is not installed here",
                hint="install the package prometheus",
            )
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        self._write(tool, data)
        self.port = port or free_port(host)
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    found,
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={data}",
                    "--storage.tsdb.retention.time=100y",
                    f"--web.listen-address={host}:{self.port}",
                ],
                cwd=self._folder,
                env=_bare(),
                stdout=log,
                stderr=log,
            )
        self._wait()
        return self.port

    def _write(self, tool: str, data: Path) -> None:
        (self._folder / "prometheus.yml").write_text(_NOTHING, encoding="utf-8")
        past = self._folder / "past.txt"
        past.write_text(self._past, encoding="utf-8")
        made = subprocess.run(
            [tool, "tsdb", "create-blocks-from", "openmetrics", str(past), str(data)],
            env=_bare(),
            capture_output=True,
            check=False,
        )
        if made.returncode:
            said = made.stderr.decode(errors="replace")[-256:].strip()
            raise ReconcilerError(f"promtool cannot read the past: {said}")

    def _wait(self) -> None:
        url = f"{self.endpoint}/-/ready"
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self.running:
            try:
                with urllib.request.urlopen(url, timeout=5):  # noqa: S310  (loopback)
                    return
            except OSError:
                time.sleep(0.02)
        log = (self._folder / "prometheus.log").read_text(errors="replace")
        self.stop()
        raise ReconcilerError(f"Prometheus did not come up: {log[-256:].strip()}")

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
