"""
A bucket as a REST server of this machine, so that restic can copy from it.

Restic takes one pair of S3 keys, and a copy is in another account with keys of its own.
So the one that is copied from is served here, on a loopback address and for one process
that knows a password of its own, as who only reads it. Nothing is ever written.

Source: restic's design, "REST Backend": ``GET /TYPE/`` lists names and sizes (version
2), ``GET /TYPE/NAME`` takes a range, ``HEAD`` says how long it is.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from reconciler.errors import ProviderError
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_store import Gone
from reconciler.providers._restic import Repo

_V2: Final = "application/vnd.x.restic.rest.v2"
_TYPES: Final = frozenset({"data", "index", "keys", "locks", "snapshots"})
_NAME: Final = re.compile(r"/(?:(config)|([a-z]+)/([0-9a-f]{64})?)")
_RANGE: Final = re.compile(r"bytes=\d+-\d*")
_BUFFER: Final = 1 << 18
_USER: Final = "copy"


@contextmanager
def relayed(bucket: Bucket, repo: Repo) -> Iterator[Repo]:
    """Give *repo*, which is in *bucket*, as one that needs no S3 keys."""
    password = secrets.token_urlsafe(24)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.bucket, server.password = bucket, f"{_USER}:{password}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}
    )
    thread.start()
    try:
        host, port = str(server.server_address[0]), int(server.server_address[1])
        where = f"rest:http://{_USER}:{password}@{host}:{port}/"
        kept = {"RESTIC_PASSWORD": repo.environ["RESTIC_PASSWORD"]}
        yield Repo(
            repo.name,
            {**kept, "RESTIC_REPOSITORY": where},
            (*repo.secrets, password),
            ((host, port),),
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Serves one bucket to who knows the password."""

    daemon_threads = True
    bucket: Bucket
    password: str


class _Handler(BaseHTTPRequestHandler):
    """Answers one question."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *told: object) -> None:
        """Say nothing: a request is nobody's business."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        try:
            if not self._known():
                self._end(HTTPStatus.UNAUTHORIZED)
                return
            found = _NAME.fullmatch(self.path.partition("?")[0])
            if found is None or (found[2] or "data") not in _TYPES:
                self._end(HTTPStatus.NOT_FOUND)
            elif found[2] and not found[3]:
                self._list(found[2])
            else:
                self._object(_placed(found), body=body)
        except Gone:
            self._end(HTTPStatus.NOT_FOUND)
        except ProviderError:
            self._end(HTTPStatus.BAD_GATEWAY)

    def _known(self) -> bool:
        told = self.headers.get("Authorization", "").removeprefix("Basic ")
        wanted = base64.b64encode(self.server.password.encode()).decode()
        return hmac.compare_digest(told.encode(), wanted.encode())

    def _list(self, kind: str) -> None:
        rows = [
            {"name": one.name.rpartition("/")[2], "size": one.size}
            for one in self.server.bucket.names(f"{kind}/")
        ]
        self._end(HTTPStatus.OK, json.dumps(rows).encode(), kind=_V2)

    def _object(self, name: str, *, body: bool) -> None:
        bucket = self.server.bucket
        if not body:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", str(bucket.about(name).size))
            self.end_headers()
            return
        asked = self.headers.get("Range", "")
        more: dict[str, Any] = {"Range": asked} if _RANGE.fullmatch(asked) else {}
        bucket.about(name)
        said = bucket.ask("get_object", Key=bucket.key(name), **more)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if more else HTTPStatus.OK)
        self.send_header("Content-Length", str(said["ContentLength"]))
        self.end_headers()
        with said["Body"] as content:
            while piece := content.read(_BUFFER):
                self.wfile.write(piece)

    def _end(self, status: HTTPStatus, content: bytes = b"", kind: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if kind:
            self.send_header("Content-Type", kind)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _placed(found: re.Match[str]) -> str:
    """Return where an object is: packs are in folders of their first two digits."""
    if found[1]:
        return found[1]
    inner = f"{found[3][:2]}/" if found[2] == "data" else ""
    return f"{found[2]}/{inner}{found[3]}"
