"""A vendor's JSON API as a table of operations; shared by our own emulators."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path
from starlette.status import HTTP_204_NO_CONTENT
from starlette.types import Receive, Scope, Send

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.gate import Gate, whole
from reconciler.sandbox.server import AsgiServer

_FORM = "application/x-www-form-urlencoded"


class Call(NamedTuple):
    """
    One request, read.

    Attributes:
        state: What the vendor knows; an older copy where the read is to be stale.
        json: The body: a mapping, None where there is none or it is no JSON.
        items: The body where it is a list, otherwise None.
        body: The body as it was sent, for vendors that take forms.
        method: GET, POST ...
        where: The path of the request, as it was sent.
        asked: Every parameter of the query in order; ``query`` has the last of each.
    """

    bench: Bench
    state: dict[str, Any]
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    json: Mapping[str, Any] | None
    fault: Fault | None
    items: Sequence[Any] | None = None
    body: bytes = b""
    method: str = "GET"
    where: str = ""
    asked: Sequence[tuple[str, str]] = ()

    @property
    def faulty(self) -> str:
        """The kind of fault this request meets, or nothing."""
        return self.fault.kind if self.fault else ""

    @property
    def form(self) -> dict[str, str]:
        """The fields of a body that is a form, each once; empty where it is none."""
        if not self.headers.get("content-type", "").startswith(_FORM):
            return {}
        text = self.body.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True))


class Answer(NamedTuple):
    """What the vendor says; *data* is sent as JSON, or as it is where it is bytes."""

    status: int
    data: Any
    headers: Mapping[str, str] = {}


class Operation(NamedTuple):
    """
    One entry of the table; the first that fits serves a request.

    Attributes:
        when: Headers (lower-case names) a request must have beside method and path.
    """

    name: str
    methods: tuple[str, ...]
    path: str
    serve: Callable[[Call], Answer]
    when: Mapping[str, str] = {}


#: Names what a request asks for, from the operation's name, its path and its body.
Named = Callable[[str, str, bytes], str]


def rest(
    bench: Bench,
    operations: Sequence[Operation],
    unknown: Answer,
    named: Named | None = None,
) -> AsgiServer:
    """
    Return a server of *operations*; whatever else is asked gets *unknown*.

    Where one door leads to many rooms, *named* says which one a request is for.
    """
    api = Api(bench, operations, unknown, named)
    return AsgiServer(Gate(api, bench, api.name))


class Api:
    """The application of a table of operations; whatever else is asked is unknown."""

    def __init__(
        self,
        bench: Bench,
        operations: Sequence[Operation],
        unknown: Answer,
        named: Named | None = None,
    ) -> None:
        self._bench = bench
        self._named = named
        self._table: dict[str, list[tuple[Operation, re.Pattern[str]]]] = {}
        for one in operations:
            for method in one.methods:
                entry = (one, _pattern(one.path))
                self._table.setdefault(method, []).append(entry)
        self._unknown = unknown

    def name(self, scope: Scope, body: bytes) -> str:
        """Return the operation of a request."""
        found = self._find(scope)
        if found is None:
            return "unknown"
        name = found[0].name
        return self._named(name, scope["path"], body) if self._named else name

    def _find(self, scope: Scope) -> tuple[Operation, dict[str, str]] | None:
        """Return what serves a request; whoever names it asks, and who serves it."""
        if _FOUND not in scope:
            scope[_FOUND] = self._looked_up(scope)
        found: tuple[Operation, dict[str, str]] | None = scope[_FOUND]
        return found

    def _looked_up(self, scope: Scope) -> tuple[Operation, dict[str, str]] | None:
        for operation, pattern in self._table.get(scope["method"], ()):
            match = pattern.match(scope["path"])
            if match and _has(scope, operation.when):
                return operation, match.groupdict()
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = self._find(scope)
        body = await whole(receive)
        answer = self._unknown
        if found:
            operation, path = found
            with self._bench.lock:
                answer = operation.serve(self._call(scope, path, body))
        headers = dict(answer.headers)
        await _response(answer, headers)(scope, receive, send)

    def _call(self, scope: Scope, path: dict[str, str], body: bytes) -> Call:
        fault: Fault | None = scope.get("fault")
        stale = fault is not None and fault.kind == "stale"
        sent = scope["query_string"].decode("latin-1")
        asked = parse_qsl(sent, keep_blank_values=True) if sent else []
        data = _json(body)
        return Call(
            bench=self._bench,
            state=fault.snapshot if fault and stale else self._bench.state,
            path=path,
            query=dict(asked),
            headers=_headers(scope),
            json=data if isinstance(data, dict) else None,
            fault=fault,
            items=data if isinstance(data, list) else None,
            body=body,
            method=scope["method"],
            where=scope["path"],
            asked=asked,
        )


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by their names in lower case, as every server gives them."""
    pairs = scope["headers"]
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


def _response(answer: Answer, headers: dict[str, str]) -> Response:
    if answer.status == HTTP_204_NO_CONTENT:
        return Response(status_code=answer.status, headers=headers)
    if isinstance(answer.data, bytes):
        return Response(answer.data, answer.status, headers)
    return JSONResponse(answer.data, answer.status, headers)


#: Under which name a request remembers what serves it.
_FOUND: Final = "reconciler.operation"


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return compile_path(path)[0]


def _has(scope: Scope, wanted: Mapping[str, str]) -> bool:
    if not wanted:
        return True
    sent = _headers(scope)
    return all(sent.get(name) == value for name, value in wanted.items())


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
