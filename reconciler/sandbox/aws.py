"""
AWS: Route 53, STS, S3, EC2 and others by moto; the rest by emulators of our own.

moto knows 7 of the 36 operations of Route 53 Domains, takes 20 domains at most and
never forgets a duplicate request (``aws_domains.py``); what it takes as a certificate,
ACM does not (``aws_acm.py``). The world's part is::

    aws: {account: "123456789012", accessKeyId: sandbox, domains: {...}, zones: [...],
          certificates: [...], buckets: [...], instances: [...]}
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.sandbox import aws_acm, aws_locks, aws_machines, aws_stores, registrar
from reconciler.sandbox.aws_domains import Registrar
from reconciler.sandbox.aws_zones import Zones, memory
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.gate import Gate
from reconciler.sandbox.server import AsgiServer

ACCOUNT = "123456789012"
_TARGET = "Route53Domains_v20140515."
_WRONG = "210987654321"
_ACCOUNT = b"x-moto-account-id"
_EFFECTS = frozenset({"CreateHostedZone", "ChangeResourceRecordSets"})
_JSON = "application/x-amz-json-1.1"
_ERROR = (
    '<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error>'
    "<Type>Sender</Type><Code>{0}</Code><Message>{1}</Message></Error>"
    "<RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ErrorResponse>"
)
_EC2_ERROR = (
    "<Response><Errors><Error><Code>{0}</Code><Message>{1}</Message></Error></Errors>"
    "<RequestID>01234567-89ab-cdef-0123-456789abcdef</RequestID></Response>"
)
_IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>arn:aws:iam::{0}:{1}</Arn>"
    "<UserId>AIDAEXAMPLE</UserId><Account>{0}</Account></GetCallerIdentityResult>"
    "<ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>"
    "</ResponseMetadata></GetCallerIdentityResponse>"
)


def operation(scope: Scope, body: bytes) -> str:
    """Name the operation of a request, as the AWS documentation does."""
    headers = dict(scope["headers"])
    target: str = headers.get(b"x-amz-target", b"").decode()
    if target:
        return target.rpartition(".")[2]
    if aws_stores.signed_for(scope)[1] == "s3":
        return aws_stores.operation(scope)
    if "/operation/" in scope["path"]:
        return str(scope["path"]).rpartition("/")[2]
    if b"Action=" in body:
        return body.partition(b"Action=")[2].partition(b"&")[0].decode()
    return _route53(scope["method"], scope["path"])


def _route53(method: str, path: str) -> str:
    parts = path.strip("/").split("/")[1:]
    if parts[:1] != ["hostedzone"]:
        return "unknown"
    if len(parts) == 1:
        return {"GET": "ListHostedZones"}.get(method, "CreateHostedZone")
    if parts[-1] == "rrset":
        return {"GET": "ListResourceRecordSets"}.get(method, "ChangeResourceRecordSets")
    return {"GET": "GetHostedZone"}.get(method, "DeleteHostedZone")


class _Aws:
    """Sends each request to whom it is for."""

    def __init__(self, bench: Bench, registrar: Registrar, moto: ASGIApp) -> None:
        self._bench = bench
        self._registrar = registrar
        self._acm = aws_acm.Acm(bench)
        self._moto = moto

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = message.get("body", b"")
        target = dict(scope["headers"]).get(b"x-amz-target", b"").decode()
        fault = scope.get("fault")
        if not self._known(scope):
            text = "The security token included in the request is invalid."
            await _refuse(scope, send, 403, "InvalidClientTokenId", text)
        elif target.startswith(_TARGET):
            with self._bench.lock:
                status, said = self._registrar.answer(
                    target.removeprefix(_TARGET), json.loads(body or b"{}"), fault
                )
            await _say(send, status, json.dumps(said), _JSON)
        elif target.startswith(aws_acm.TARGET):
            region, _ = aws_stores.signed_for(scope)
            asked = json.loads(body or b"{}")
            name = target.removeprefix(aws_acm.TARGET)
            with self._bench.lock:
                status, said = self._acm.answer(name, asked, region, fault)
            await _say(send, status, json.dumps(said), _JSON)
        elif operation(scope, body) == "GetCallerIdentity":
            wrong = fault is not None and fault.kind == "wrong-account"
            account = _WRONG if wrong else self._bench.state["account"]
            who = self._bench.state.get("principal", "user/reconciler")
            await _say(send, 200, _IDENTITY.format(account, who), "text/xml")
        elif not await self._kept(scope, body, send):
            await self._pass_on(scope, body, send)

    async def _kept(self, scope: Scope, body: bytes, send: Send) -> bool:
        """Answer where S3 keeps what moto lets go; say whether it was that."""
        if aws_stores.signed_for(scope)[1] != "s3":
            return False
        with self._bench.lock:
            told = aws_locks.answer(self._bench, scope, body)
        if told is None:
            return False
        if told.code:
            await _refuse(scope, send, told.status, told.code, told.text)
        else:
            if (name := operation(scope, body)).partition(":")[0] in aws_stores.EFFECTS:
                self._bench.effect(name, _stored(scope, body))
            await _say(send, told.status, told.text, "application/xml")
        return True

    def _known(self, scope: Scope) -> bool:
        """Signatures are not checked, access keys are."""
        given = dict(scope["headers"]).get(b"authorization", b"").decode()
        return f"Credential={self._bench.state['access_key']}/" in given

    async def _pass_on(self, scope: Scope, body: bytes, send: Send) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        name, (region, service) = operation(scope, body), aws_stores.signed_for(scope)
        machines = aws_machines.Instances(self._bench)
        if service == aws_machines.EC2:
            with self._bench.lock:
                refused = machines.refused(name, body, region)
            if refused is not None:
                await _refuse(scope, send, 400, refused.code, refused.text)
                return
        elif name == aws_machines.MEASURED:
            with self._bench.lock:
                machines.measure(region)
        account = memory(self._bench).encode()
        scope = {**scope, "headers": [*scope["headers"], (_ACCOUNT, account)]}
        said: list[Message] = []

        async def keep(message: Message) -> None:
            said.append(message)

        await self._moto(scope, receive, keep)
        aws_locks.stamp(self._bench, scope, said[0])
        if said[0]["status"] < 300 and name.partition(":")[0] in aws_stores.EFFECTS:
            self._bench.effect(name, _stored(scope, body))
        elif said[0]["status"] < 300 and name in _EFFECTS:
            zones = Zones(self._bench)
            zones.tidy()
            self._bench.state["zones"] = zones.as_json()
            self._bench.effect(name, zones.name_of(scope["path"]) or _asked(body))
        elif said[0]["status"] < 300 and name in aws_machines.EFFECTS:
            self._bench.effect(name, machines.after(name, body, region))
        for message in said:
            await send(message)


def _stored(scope: Scope, body: bytes) -> str:
    """Return the object or the secret that a request is about."""
    if b"x-amz-target" not in dict(scope["headers"]):
        return str(scope["path"]).lstrip("/")
    asked = json.loads(body or b"{}")
    return str(asked.get("Name") or asked.get("SecretId"))


def _asked(body: bytes) -> str:
    """Return the name in a request for a new zone."""
    name = body.partition(b"<Name>")[2].partition(b"</Name>")[0].decode()
    return name.removesuffix(".")


async def _say(
    send: Send,
    status: int,
    text: str,
    kind: str,
    more: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    body = text.encode()
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", b"01234567-89ab-cdef-0123-456789abcdef"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Gate(Gate):
    """Refuses in the words of AWS: XML for Route 53 and STS, JSON for domains."""

    async def _faulty(
        self, fault: Fault, scope: Scope, body: bytes, send: Send
    ) -> None:
        if fault.kind == "status-after":
            await self._answer(scope, body)
        if fault.kind not in {"status", "status-after", "throttle"}:
            await super()._faulty(fault, scope, body, send)
            return
        busy = fault.kind == "throttle"
        status = 429 if busy else fault.status
        code = "Throttling" if busy else "InternalFailure" if status >= 500 else "Bad"
        await _refuse(scope, send, status, code, fault.text or "sandbox fault", fault)


async def _refuse(
    scope: Scope,
    send: Send,
    status: int,
    code: str,
    text: str,
    fault: Fault | None = None,
) -> None:
    after = fault.retry_after if fault else None
    more = [] if after is None else [(b"retry-after", str(after).encode())]
    if b"x-amz-target" in dict(scope["headers"]):
        said = json.dumps({"__type": code, "message": text})
        await _say(send, status, said, _JSON, more)
    else:
        ec2 = aws_stores.signed_for(scope)[1] == aws_machines.EC2
        form = _EC2_ERROR if ec2 else _ERROR
        await _say(send, status, form.format(code, escape(text)), "text/xml", more)


class _Server(AsgiServer):
    """Has moto forget what only this server could show."""

    def __init__(self, app: ASGIApp, bench: Bench) -> None:
        super().__init__(app)
        self._bench = bench

    def stop(self) -> None:
        super().stop()
        Zones(self._bench).forget()
        aws_stores.Stores(self._bench).forget()
        aws_machines.Instances(self._bench).forget()


def _make(bench: Bench) -> Server:
    from a2wsgi import WSGIMiddleware
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        create_backend_app,
    )

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL + 1)
    if not bench.state:
        bench.state.update(
            account=str(bench.world.get("account", ACCOUNT)),
            access_key=str(bench.world.get("accessKeyId", "sandbox")),
            zones=list(bench.world.get("zones", ())),
        )
    domains = Registrar(bench)
    Zones(bench).restore(bench.state["zones"])
    aws_stores.Stores(bench).restore(bench.world.get("buckets", ()))
    aws_machines.Instances(bench).restore(bench.world.get("instances", ()))
    wsgi: Any = DomainDispatcherApplication(create_backend_app)
    moto: Any = WSGIMiddleware(wsgi)
    return _Server(_Gate(_Aws(bench, domains, moto), bench, operation), bench)


def _edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change by hand: ``domain`` and ``price`` as at every registrar.

    ``record`` takes {zone, record}, ``operations`` {delay, outcome}, ``certificate``
    what ``Acm.by_hand`` does.
    """
    if thing == "certificate":
        aws_acm.Acm(bench).by_hand(data)
        return
    if thing == "record":
        zones = Zones(bench)
        zones.by_hand(data)
        bench.state["zones"] = zones.as_json()
        bench.effect("by-hand", str(data["zone"]))
    elif thing == "operations":
        Registrar(bench).by_hand(data)
    else:
        registrar.edit(bench, thing, data)


EMULATOR = Emulator("aws", "", 18713, _make, _edit)
