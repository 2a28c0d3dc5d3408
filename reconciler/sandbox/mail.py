"""
A mail server that takes everything and delivers nothing: what came is to be read.

``GET /mail/messages`` of the control endpoint lists it. It speaks SMTP (RFC 5321)
without TLS, on loopback. A fault names a step of the dialogue: ``connect`` (refused, or
hung up on), ``mail``, ``rcpt`` and ``data``, as ``status`` (550, 451 ...), ``throttle``
(421), ``slow``, ``lost-before`` and, once the whole message came, ``lost-after`` (it is
kept, and no reply is sent) or ``status-after`` (it is kept, and refused).

``POST /mail/fate`` with an ``address`` says what becomes of what is taken for it from
now on: ``delivered``, ``bounced`` or ``delayed``; the mailbox beside it has reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from threading import Thread
from typing import Any, Final, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.faults import Fault
from reconciler.sandbox.server import listen

_HOST: Final = "mail.sandbox.example"
_TAKEN: Final = "250 2.0.0 taken"
_PATIENCE: Final = 10.0
#: What the server says where the fault brings no words of its own.
_WORDS: Final = {4: "4.3.0 try again later", 5: "5.7.1 not taken here"}


def make(bench: Bench) -> Server:
    """Return the mail server over *bench*."""
    if bench.world:
        raise ReconcilerError("the world of mail is empty: everything is taken")
    bench.state.setdefault("messages", [])
    bench.state.setdefault("fates", {})
    return _Mail(bench)


class _Mail:
    """Listens on a thread of its own."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._running: (
            tuple[asyncio.AbstractEventLoop, Thread, asyncio.Server] | None
        ) = None

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port."""
        listening = listen(host, port)
        bound: int = listening.getsockname()[1]
        loop = asyncio.new_event_loop()
        thread = Thread(target=loop.run_forever, daemon=True)
        thread.start()
        made = loop.create_server(lambda: self._session(loop), sock=listening)
        server = asyncio.run_coroutine_threadsafe(made, loop).result(_PATIENCE)
        self._running = loop, thread, server
        return bound

    def stop(self) -> None:
        """Stop listening, hang up on everybody, and wait until it is so."""
        if self._running is None:
            return
        loop, thread, server = self._running
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        self._running = None

    def _session(self, loop: asyncio.AbstractEventLoop) -> asyncio.BaseProtocol:
        fault = _met(self._bench, "connect")
        if fault is not None and fault.kind in _REFUSALS:
            return _Refusal(fault)
        return SMTP(_Handler(self._bench), hostname=_HOST, loop=loop)


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Refusal(asyncio.Protocol):
    """Somebody who opens the door only to shut it."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say no (RFC 5321, 3.1), or nothing at all."""
        out = cast("asyncio.Transport", transport)
        if self._fault.kind == "lost-before":
            out.abort()
            return
        out.write(f"{_reply(self._fault)}\r\n".encode())
        out.close()


class _Handler:
    """What aiosmtpd asks at each step of the dialogue; the names are its own."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def handle_MAIL(  # noqa: N802
        self,
        server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take a sender, unless a fault is in the way."""
        if refused := await self._step("mail", server):
            return refused
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take a recipient, unless a fault is in the way."""
        if refused := await self._step("rcpt", server):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep the message, unless a fault comes before that."""
        fault = _met(self._bench, "data")
        if refused := await _before(fault, server):
            return refused
        number = self._keep(envelope)
        if fault is not None and fault.kind == "lost-after":
            _hang_up(server)
        if fault is not None and fault.kind == "status-after":
            return _reply(fault)
        return f"{_TAKEN} as {number}"

    async def _step(self, operation: str, server: SMTP) -> str:
        return await _before(_met(self._bench, operation), server)

    def _keep(self, envelope: Envelope) -> int:
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode()
        mail = message_from_bytes(raw, policy=default)
        subject = str(mail.get("Subject", "")).strip()
        identity = str(mail.get("Message-ID", ""))
        kept = {
            "at": self._bench.clock().isoformat(),
            "from": envelope.mail_from,
            "to": list(envelope.rcpt_tos),
            "id": identity,
            "subject": subject,
            "text": _text(mail),
        }
        with self._bench.lock:
            fates = self._bench.state["fates"]
            lost = [fates[to] for to in envelope.rcpt_tos if to in fates]
            kept |= lost[0] if lost else {}
            messages = self._bench.state["messages"]
            messages.append(kept)
            number = len(messages)
        self._bench.effect("message", subject, key=identity)
        return number


_REFUSALS: Final = frozenset({"status", "throttle", "lost-before"})


def _met(bench: Bench, operation: str) -> Fault | None:
    bench.ledger.count(bench.vendor, operation)
    return bench.faults.take(bench.vendor, operation)


async def _before(fault: Fault | None, server: SMTP) -> str:
    """Return the refusal that *fault* is at this step; empty where it goes on."""
    if fault is None:
        return ""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    if fault.kind == "lost-before":
        _hang_up(server)
        return _reply(fault)
    return _reply(fault) if fault.kind in {"status", "throttle"} else ""


def _reply(fault: Fault) -> str:
    code = 421 if fault.kind == "throttle" else fault.status
    return f"{code} {fault.text or _WORDS.get(code // 100, 'no')}"


def _hang_up(server: SMTP) -> None:
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body is not None else ""


def look(bench: Bench, thing: str) -> Any:
    """Return what came: ``messages``, the oldest first."""
    if thing != "messages":
        raise ReconcilerError("a mail server has messages")
    return bench.state["messages"]


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """Change what becomes of mail to an address."""
    fate = data.get("fate")
    if thing != "fate" or fate not in _FATES or not data.get("address"):
        raise ReconcilerError(f"a fate is one of {', '.join(_FATES)}, of an address")
    address = str(data["address"])
    bench.state["fates"].pop(address, None)
    if fate != "delivered":
        after = float(data.get("after", 0))
        bench.state["fates"][address] = {"fate": fate, "after": after}


_FATES: Final = ("delivered", "bounced", "delayed")

EMULATOR = Emulator("mail", "", 18705, make, edit, look, scheme="smtp")
