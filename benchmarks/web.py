"""A real nginx with many names on one port, and the public internet around it."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from reconciler.sandbox import AsgiServer, Sandbox, SandboxClock, World
from reconciler.sandbox.tls_server import Authority, Wanted

ADDRESS = "192.0.2.80"
_PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_HEAD = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
worker_processes 2;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    server_names_hash_max_size 4096;
    server_names_hash_bucket_size 128;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
"""
_SITE = """\
    server {{
        listen 127.0.0.1:{port} ssl backlog=1024;
        server_name {name};
        ssl_certificate {folder}/{name}.pem;
        ssl_certificate_key {folder}/{name}.pem;
        return 204;
    }}
"""


def program() -> str | None:
    """Return the path of nginx, where it is installed."""
    return shutil.which("nginx", path=_PLACES)


class Nginx:
    """One nginx that serves a certificate of its own for each of *names*."""

    def __init__(self, folder: Path, names: Sequence[str], now: datetime) -> None:
        self.folder, self.names = folder, names
        self._now = now
        self.authority = Authority("Benchmark Authority", now)
        self.port = _free_port()
        self.chains = {name: self.renew(name) for name in names}
        sites = "".join(
            _SITE.format(
                folder=folder,
                name=name,
                port=self.port,
            ).replace(" backlog=1024", " backlog=1024" if name == names[0] else "")
            for name in names
        )
        config = _HEAD.format(folder=folder) + sites + "}\n"
        (folder / "nginx.conf").write_text(config)

    def renew(self, name: str, days: int = 60) -> bytes:
        """Put another certificate into the file of *name*; return it as PEM."""
        wanted = Wanted((name,), self._now + timedelta(days=days))
        chain, key = self.authority.issue(wanted)
        (self.folder / f"{name}.pem").write_bytes(chain + key)
        return chain

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the block ends."""
        argv = [str(program()), "-c", str(self.folder / "nginx.conf")]
        argv += ["-p", str(self.folder)]
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
            try:
                self._wait()
                yield
            finally:
                process.terminate()

    def reload(self) -> None:
        """Have it read its files anew; it returns at once and takes its time."""
        argv = [str(program()), "-c", str(self.folder / "nginx.conf")]
        argv += ["-p", str(self.folder), "-s", "reload"]
        subprocess.run(argv, check=True, stderr=subprocess.DEVNULL)

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("nginx does not start")


@contextmanager
def internet(names: Sequence[str], nginx: Nginx, now: datetime) -> Iterator[str]:
    """Yield the endpoint of an internet in which *names* lead to *nginx*."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(
        target=_dns, args=(theirs, list(names), now), daemon=True
    )
    child.start()
    endpoint = ours.recv()
    with urllib.request.urlopen(f"{endpoint}/routes") as answer:
        routes = json.load(answer)
    routes["routes"][f"{ADDRESS}:443"] = f"127.0.0.1:{nginx.port}"
    routes["authorities"] = nginx.authority.pem
    front = AsgiServer(_says(routes))
    port = front.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        front.stop()
        ours.send("stop")
        child.join()


def _says(routes: Any) -> Any:
    from starlette.responses import JSONResponse

    return JSONResponse(routes)


def _dns(line: Connection, names: Sequence[str], now: datetime) -> None:
    """Answer for *names*, in a process of its own, until told to stop."""
    zone = names[0].partition(".")[2]
    hosts = ["ns1.host.example", "ns2.host.example"]
    records = {f"{name.partition('.')[0]}/A": [ADDRESS] for name in names}
    part = {
        "registrations": {zone: {"expires": 100, "nameservers": hosts}},
        "zones": {zone: {"nameservers": hosts, "records": records}},
        "names": {},
    }
    with Sandbox(World({"public": part}), SandboxClock(now, frozen=True)) as sandbox:
        line.send(sandbox.endpoint("public"))
        line.recv()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port
