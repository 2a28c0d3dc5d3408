"""
Files that came back, asked for as a browser asks: on a port of this machine alone.

Only what is a regular file is served, through no link. Nothing is run: a restored
program has the keys of production in it, and would use them.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final

from reconciler.model.backing import Expect, Source
from reconciler.providers._drill_files import Found, content, served
from reconciler.providers._drill_looks import Look, asked

_PATIENCE: Final = 10.0


class _Files(BaseHTTPRequestHandler):
    """Answers with the files of one source."""

    def __init__(self, source: Source, back: Found, *args: object) -> None:
        self._source, self._back = source, back
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        there = served(self._source, self.path, self._back.sizes)
        body = content(self._back, there[0]) if there else b""
        self.send_response(HTTPStatus.OK if there else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: what was asked is in the evidence."""


def visited(name: str, source: Source, back: Found) -> list[Look]:
    """Ask for every address that the policy expects an answer of."""
    wanted = [one for one in source.expect if one.http]
    if not wanted:
        return []
    with _server(source, back) as port:
        return [_visit(name, one, port) for one in wanted]


@contextmanager
def _server(source: Source, back: Found) -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), partial(_Files, source, back)) as server:
        worker = threading.Thread(target=server.serve_forever, args=(0.02,))
        worker.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            worker.join()


def _visit(name: str, expect: Expect, port: int) -> Look:
    check = asked(name, expect)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        line.request("GET", str(expect.http))
        answer = line.getresponse()
        body = answer.read()
    finally:
        line.close()
    if answer.status != expect.status:
        said = f"status {answer.status}"
        return Look(check, f"status {expect.status}", said, ok=False)
    if expect.contains and expect.contains.encode() not in body:
        return Look(check, "has the text of `contains`", "has not", ok=False)
    return Look(check, f"status {expect.status}", f"status {answer.status}", ok=True)
