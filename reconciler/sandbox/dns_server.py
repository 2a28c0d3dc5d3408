"""Many small nameservers on loopback, over UDP and TCP, in one thread."""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.rcode

Answer = Callable[[int, dns.message.Message], dns.message.Message | None]
_TCP_PATIENCE: Final = 2.0
_SMALL: Final = 1232


class DnsServers:
    """
    A number of nameservers, each on a port of its own.

    Args:
        count: How many there are.
        answer: What the server of a number says to a question; None is silence.

    Attributes:
        ports: The port of each, over UDP and TCP.
    """

    def __init__(self, count: int, answer: Answer) -> None:
        self._count = count
        self._answer = answer
        self._select: selectors.DefaultSelector | None = None
        self._thread: Thread | None = None
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self.ports: list[int] = []

    def start(self, host: str) -> None:
        """Listen on *host*, at any free ports."""
        self._select = selectors.DefaultSelector()
        self._wake = socket.socketpair()
        self._select.register(self._wake[0], selectors.EVENT_READ, None)
        for number in range(self._count):
            udp, tcp = _pair(host)
            self._select.register(udp, selectors.EVENT_READ, (number, self._udp))
            self._select.register(tcp, selectors.EVENT_READ, (number, self._tcp))
            self.ports.append(udp.getsockname()[1])
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; nothing happens if they never started."""
        if self._thread is None or self._wake is None or self._select is None:
            return
        self._wake[1].send(b"x")
        self._thread.join()
        for key in list(self._select.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)  # noqa: S101
            key.fileobj.close()
        self._wake[1].close()
        self._select.close()
        self._thread, self.ports = None, []

    def _run(self) -> None:
        assert self._select is not None  # noqa: S101  (start made it)
        while True:
            for key, _ in self._select.select():
                if key.data is None:
                    return
                number, serve = key.data
                with suppress(OSError):
                    serve(number, key.fileobj)

    def _udp(self, number: int, listening: socket.socket) -> None:
        data, sender = listening.recvfrom(65535)
        answer = self._said(number, data)
        if answer is not None:
            wire = answer.to_wire()
            if len(wire) > _SMALL:  # the client asks again over TCP
                query = dns.message.from_wire(data)
                cut = dns.message.make_response(query)
                cut.flags |= dns.flags.TC
                wire = cut.to_wire()
            listening.sendto(wire, sender)

    def _tcp(self, number: int, listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(_TCP_PATIENCE)
            head = connection.recv(2, socket.MSG_WAITALL)
            (length,) = struct.unpack("!H", head)
            answer = self._said(number, connection.recv(length, socket.MSG_WAITALL))
            if answer is not None:
                wire = answer.to_wire()
                connection.sendall(struct.pack("!H", len(wire)) + wire)

    def _said(self, number: int, data: bytes) -> dns.message.Message | None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        try:
            return self._answer(number, query)
        except Exception:  # noqa: BLE001  (as a server does whose zone is broken)
            failed = dns.message.make_response(query)
            failed.set_rcode(dns.rcode.SERVFAIL)
            return failed


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Return sockets for UDP and TCP on one free port."""
    for _ in range(16):
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            tcp.bind((host, 0))
            udp.bind((host, tcp.getsockname()[1]))
        except OSError:
            tcp.close()
            udp.close()
        else:
            tcp.listen(16)
            return udp, tcp
    raise OSError("there is no port that is free for UDP and TCP")
