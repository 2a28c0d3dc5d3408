"""
A real PowerDNS Authoritative Server on loopback, with its sqlite3 backend.

In the sandbox a gate stands before its API, which counts and breaks requests. The
world's part is::

    powerdns: {zones: [{name, nameservers: [...], rrsets: [{name, type, ttl, values}]}]}
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from starlette.types import Receive, Scope, Send

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.gate import Gate
from reconciler.sandbox.server import AsgiServer

_PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_SCHEMA = Path("/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql")
_PATIENCE = 10.0
_API = "/api/v1/servers/localhost"
API_KEY = "sandbox-powerdns"
SERVER_ID = "sandbox-pdns"


def _program() -> str | None:
    return shutil.which("pdns_server", path=_PLACES)


def available() -> bool:
    """Say whether a PowerDNS with its sqlite3 backend is installed here."""
    return _program() is not None and _SCHEMA.exists()


class PowerDnsServer:
    """
    One ``pdns_server`` process and its database.

    Args:
        folder: Where its database is; an existing one is kept.
        settings: More settings, by their names in ``pdns.conf``.

    Attributes:
        dns_port: Where it answers DNS, over UDP and TCP.
        api_port: Where it answers its HTTP API.
    """

    def __init__(
        self,
        folder: Path,
        api_key: str = API_KEY,
        server_id: str = SERVER_ID,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._api_key = api_key
        self._server_id = server_id
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.dns_port = 0
        self.api_port = 0

    @property
    def database(self) -> Path:
        """The sqlite3 database, which other programs may edit."""
        return self._folder / "pdns.sqlite3"

    @property
    def endpoint(self) -> str:
        """The URL of its API."""
        return f"http://127.0.0.1:{self.api_port}"

    def start(self, host: str, port: int) -> int:
        """
        Start it and return the port of its API once it answers.

        Raises:
            ReconcilerError: It is not installed, or did not come up.
        """
        program = _program()
        if program is None or not available():
            raise ReconcilerError(
                "PowerDNS is not installed here",
                hint="install pdns-server and pdns-backend-sqlite3",
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self.database.exists():
            with sqlite3.connect(self.database) as made:
                made.executescript(_SCHEMA.read_text(encoding="utf-8"))
            made.close()
        self.api_port = port or free_port(host)
        self.dns_port = free_port(host)
        log = (self._folder / "pdns.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [program, *self._arguments(host)], stdout=log, stderr=log
            )
        self._wait()
        return self.api_port

    def _arguments(self, host: str) -> list[str]:
        settings = {
            "config-dir": str(self._folder),
            "socket-dir": str(self._folder),
            "launch": "gsqlite3",
            "gsqlite3-database": str(self.database),
            "gsqlite3-pragma-synchronous": "0",
            "gsqlite3-dnssec": "yes",
            "local-address": host,
            "local-port": str(self.dns_port),
            "api": "yes",
            "api-key": self._api_key,
            "webserver": "yes",
            "webserver-address": host,
            "webserver-port": str(self.api_port),
            "webserver-allow-from": "127.0.0.0/8,::1",
            "server-id": self._server_id,
            "guardian": "no",
            "daemon": "no",
            "cache-ttl": "0",
            "query-cache-ttl": "0",
            "negquery-cache-ttl": "0",
            "zone-cache-refresh-interval": "0",
            "loglevel": "3",
            "security-poll-suffix": "",
            "version-string": "anonymous",
            **self._settings,
        }
        return [f"--{name}={value}" for name, value in settings.items()]

    def _wait(self) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._running():
            try:
                self.ask("GET", "")
            except OSError:
                time.sleep(0.02)
            else:
                return
        log = (self._folder / "pdns.log").read_text(errors="replace")
        self.stop()
        raise ReconcilerError(f"PowerDNS did not come up: {log[-256:].strip()}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask its API (below the server's own path) and return the answer."""
        request = urllib.request.Request(  # noqa: S310  (a URL of our own)
            f"{self.endpoint}{_API}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-API-Key": self._api_key},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            said = answer.read()
        return json.loads(said) if said else None

    def _running(self) -> bool:
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


def free_port(host: str) -> int:
    """Return a port that is free for UDP and TCP right now."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind((host, 0))
        port: int = tcp.getsockname()[1]
        udp.bind((host, port))
        return port


class _Gated:
    """A server in a folder of its own, behind a gate, filled from the bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._gate: AsgiServer | None = None
        self.server: PowerDnsServer | None = None

    def start(self, host: str, port: int) -> int:
        self._folder = tempfile.TemporaryDirectory(prefix="reconciler-pdns-")
        self.server = PowerDnsServer(Path(self._folder.name))
        self.server.start(host, 0)
        self.fill()
        behind = _Behind(self._bench, self.server)
        self._gate = AsgiServer(Gate(behind, self._bench, _operation))
        return self._gate.start(host, port)

    def fill(self) -> None:
        """Hold what the bench holds, and nothing else."""
        if self.server is None:
            return
        for zone in self.server.ask("GET", "/zones"):
            self.server.ask("DELETE", f"/zones/{zone['id']}")
        for zone in self._bench.state["zones"]:
            self.server.ask("POST", "/zones", zone_body(zone))

    def stop(self) -> None:
        if self._gate is not None:
            self._gate.stop()
        if self.server is not None:
            self.server.stop()
        if self._folder is not None:
            self._folder.cleanup()
        self.server = self._folder = self._gate = None


class _Behind:
    """Hands requests on to the real server and notes what had an effect."""

    def __init__(self, bench: Bench, server: PowerDnsServer) -> None:
        self._bench = bench
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        status, said = await asyncio.to_thread(
            self._hand_on, scope, message.get("body", b"")
        )
        kind = (b"content-type", b"application/json")
        length = (b"content-length", str(len(said)).encode())
        start = {"type": "http.response.start", "status": status}
        await send({**start, "headers": [kind, length]})
        await send({"type": "http.response.body", "body": said})

    def _hand_on(self, scope: Scope, body: bytes) -> tuple[int, bytes]:
        path, query = scope["path"], scope["query_string"].decode()
        request = urllib.request.Request(  # noqa: S310  (a URL of our own)
            f"{self._server.endpoint}{path}" + (f"?{query}" if query else ""),
            method=scope["method"],
            data=body or None,
            headers={
                "X-API-Key": dict(scope["headers"]).get(b"x-api-key", b"").decode()
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                status, said = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        operation = _operation(scope, body)
        if not operation.startswith(("list-", "get-")):
            given = json.loads(body).get("name", "") if body else ""
            name = str(given or path.rpartition("/")[2]).removesuffix(".")
            self._bench.effect(operation, name)
            self._bench.state["zones"] = _zones(self._server)
        return status, said


def _operation(scope: Scope, _: bytes) -> str:
    tail = scope["path"].removeprefix(_API).strip("/").split("/")
    if tail[0] != "zones":
        return f"get-{tail[0] or 'server'}"
    if len(tail) == 1:
        return "list-zones" if scope["method"] == "GET" else "create-zone"
    verbs = {"GET": "get", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
    return f"{verbs.get(scope['method'], 'other')}-zone"


def _zones(server: PowerDnsServer) -> list[dict[str, Any]]:
    found = []
    for listed in server.ask("GET", "/zones"):
        zone = server.ask("GET", f"/zones/{listed['id']}")
        apex = zone["name"]
        rrsets, hosts = [], []
        for rrset in zone["rrsets"]:
            values = [record["content"] for record in rrset["records"]]
            if (rrset["name"], rrset["type"]) == (apex, "NS"):
                hosts = [value.removesuffix(".") for value in values]
            elif rrset["type"] != "SOA":
                kept = {k: rrset[k] for k in ("name", "type", "ttl")}
                rrsets.append({**kept, "values": values})
        found.append(
            {"name": apex.removesuffix("."), "nameservers": hosts, "rrsets": rrsets}
        )
    return found


def zone_body(zone: Mapping[str, Any]) -> dict[str, Any]:
    """Return the zone as the API wants it; ``@`` and relative names are welcome."""
    apex = f"{zone['name']}."
    return {
        "name": apex,
        "kind": "Native",
        "soa_edit_api": "DEFAULT",
        "nameservers": [f"{host}." for host in zone.get("nameservers", ())],
        "rrsets": [_rrset(rrset, apex) for rrset in zone.get("rrsets", ())],
    }


def _rrset(given: Mapping[str, Any], apex: str) -> dict[str, Any]:
    name = str(given["name"])
    if name == "@":
        name = apex
    elif not name.endswith("."):
        name = f"{name}.{apex}"
    records = [{"content": v, "disabled": False} for v in given.get("values", ())]
    return {
        "name": name,
        "type": given["type"],
        "ttl": given.get("ttl", 300),
        "changetype": "REPLACE" if records else "DELETE",
        "records": records,
    }


def _make(bench: Bench) -> Server:
    if not bench.state:
        bench.state["zones"] = list(bench.world.get("zones", ()))
    gated = _RUNNING.setdefault(id(bench), _Gated(bench))
    gated.fill()
    return gated


def _edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """Change by hand: ``rrset`` {zone, name, type, ttl, values}; none removes it."""
    running = _RUNNING.get(id(bench))
    if thing != "rrset" or running is None or running.server is None:
        raise ReconcilerError(f"PowerDNS has no {thing} to change by hand here")
    apex = f"{data['zone']}."
    body = {"rrsets": [_rrset(data, apex)]}
    running.server.ask("PATCH", f"/zones/{apex}", body)
    bench.state["zones"] = _zones(running.server)
    bench.effect("by-hand", str(data["zone"]))


_RUNNING: WeakValueDictionary[int, _Gated] = WeakValueDictionary()
EMULATOR = Emulator("powerdns", "", 18715, _make, _edit)
