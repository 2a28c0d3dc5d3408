"""
The mailbox of a sender: what could not be delivered comes back to it (POP3, RFC 1939).

The world names who may read it: ``{mailbox: {user: ..., password: ...}}``. What comes
back is decided at the mail server beside it: ``POST /mail/fate``, an ``address`` and a
``fate``. ``bounced`` gives a report that says *failed* (RFC 3464), ``delayed`` one
that says so; with ``after``, so many seconds later than the mail itself. Everything is
only ever read: DELE is refused. A fault meets ``connect``, ``login`` or ``list``, as
``status`` (an ``-ERR``), ``lost-before`` (it hangs up) or ``slow``.
"""

from __future__ import annotations

import socketserver
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from threading import Thread
from typing import Any, Final

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.server import listen

_ACTIONS: Final = {"bounced": ("failed", "5.1.1"), "delayed": ("delayed", "4.4.1")}


def make(bench: Bench) -> Server:
    """Return the mailbox of *bench*."""
    if bench.world.keys() != {"user", "password"}:
        raise ReconcilerError("the world of a mailbox is its user and password")
    return _Mailbox(bench)


class _Mailbox:
    """Listens on a thread of its own, and on one for each who reads."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._running: _Tcp | None = None

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port."""
        session = type("Session", (_Session,), {"bench": self._bench})
        server = _Tcp((host, port), session, bind_and_activate=False)
        server.socket.close()
        server.socket = listen(host, port)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self._running = server
        bound: int = server.socket.getsockname()[1]
        return bound

    def stop(self) -> None:
        """Stop listening."""
        if self._running is not None:
            self._running.shutdown()
            self._running.server_close()
            self._running = None


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever reads may hang up at any time."""


class _Session(socketserver.StreamRequestHandler):
    """One who reads; the names of the methods are those of POP3."""

    bench: Bench
    timeout = 10.0

    def handle(self) -> None:
        """Talk until QUIT."""
        self._user, self._known = "", False
        self._mails: list[bytes] = []
        if not self._met("connect"):
            return
        self._say("+OK POP3 ready")
        for raw in iter(lambda: self.rfile.readline(512), b""):
            word, _, rest = raw.decode("utf-8", "replace").strip().partition(" ")
            if word.upper() == "QUIT":
                self._say("+OK bye")
                return
            if not self._answer(word.upper(), rest):
                return

    def _answer(self, word: str, rest: str) -> bool:
        if word == "USER":
            self._user = rest
            self._say("+OK")
        elif word == "PASS":
            return self._login(rest)
        elif not self._known:
            self._say("-ERR log in first")
        elif word == "STAT":
            self._say(f"+OK {len(self._mails)} {sum(map(len, self._mails))}")
        elif word == "LIST" and not rest:
            return self._list()
        elif word == "RETR" and rest.isdigit() and 0 < int(rest) <= len(self._mails):
            self._lines(self._mails[int(rest) - 1].split(b"\r\n"))
        else:
            self._say("-ERR not here")
        return True

    def _login(self, password: str) -> bool:
        if not self._met("login"):
            return False
        world = self.bench.world
        if (self._user, password) != (world["user"], world["password"]):
            self._say("-ERR [AUTH] wrong user or password")
            return True
        self._known, self._mails = True, _mails(self.bench)
        self._say("+OK")
        return True

    def _list(self) -> bool:
        if not self._met("list"):
            return False
        rows = enumerate(self._mails, 1)
        self._lines([f"{number} {len(mail)}".encode() for number, mail in rows])
        return True

    def _met(self, operation: str) -> bool:
        """Return whether it goes on after the fault that is in the way, if one is."""
        self.bench.ledger.count(self.bench.vendor, operation)
        fault = self.bench.faults.take(self.bench.vendor, operation)
        if fault is None:
            return True
        if fault.kind == "slow":
            time.sleep(fault.seconds)
            return True
        if fault.kind != "lost-before":
            self._say(f"-ERR {fault.text or '[SYS/TEMP] try again later'}")
        return False

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _lines(self, lines: list[bytes]) -> None:
        stuffed = (b"." + line if line.startswith(b".") else line for line in lines)
        self.wfile.write(b"\r\n".join([b"+OK", *stuffed, b".", b""]))


def _mails(bench: Bench) -> list[bytes]:
    """Return what has come back by now, the oldest first."""
    mail = bench.beside.get("mail")
    if mail is None:
        return []
    with mail.lock:
        rows = [row for row in mail.state["messages"] if row.get("fate")]
    now = bench.clock()
    return [
        report(row, row["fate"])
        for row in rows
        if datetime.fromisoformat(row["at"]) + timedelta(seconds=row["after"]) <= now
    ]


def report(row: Mapping[str, Any], fate: str) -> bytes:
    """Return what a mail server sends back about the message *row*."""
    action, status = _ACTIONS[fate]
    made = MIMEMultipart("report")
    made.set_param("report-type", "delivery-status")
    made["From"] = "MAILER-DAEMON@mail.sandbox.example"
    made["To"] = str(row["from"])
    made["Subject"] = "Delivery Status Notification"
    made["Date"] = format_datetime(datetime.fromisoformat(row["at"]))
    made.attach(MIMEText(f"This is what became of your message: {action}."))
    made.attach(_status(row, action, status))
    heads = EmailMessage()
    heads["Message-ID"] = row["id"]
    heads["Subject"] = row["subject"]
    part = MIMEText(heads.as_string().rstrip() + "\n", "rfc822-headers")
    made.attach(part)
    return made.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _status(row: Mapping[str, Any], action: str, status: str) -> Message:
    whole = Message()
    whole["Reporting-MTA"] = "dns; mail.sandbox.example"
    blocks: list[Message | str] = [whole]
    for address in row["to"]:
        block = Message()
        block["Final-Recipient"] = f"rfc822; {address}"
        block["Action"], block["Status"] = action, status
        blocks.append(block)
    part = Message()
    part["Content-Type"] = "message/delivery-status"
    part.set_payload(blocks)
    return part


EMULATOR = Emulator("mailbox", "", 18732, make, scheme="pop3")
