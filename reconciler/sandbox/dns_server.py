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
_HEAD: Final = 2


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
        wire = self._said(number, data)
        if wire is not None and len(wire) > _SMALL:
            # Cut off: the client asks again over TCP.
            cut = dns.message.make_response(dns.message.from_wire(data))
            cut.flags |= dns.flags.TC
            wire = cut.to_wire()
        if wire is not None:
            listening.sendto(wire, sender)

    def _tcp(self, number: int, listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(_TCP_PATIENCE)
            head = connection.recv(2, socket.MSG_WAITALL)
            if len(head) < _HEAD:
                return
            (length,) = struct.unpack("!H", head)
            wire = self._said(number, connection.recv(length, socket.MSG_WAITALL))
            if wire is not None:
                connection.sendall(struct.pack("!H", len(wire)) + wire)

    def _said(self, number: int, data: bytes) -> bytes | None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        try:
            answer = self._answer(number, query)
            return answer.to_wire(max_size=65535) if answer is not None else None
        except Exception:  # noqa: BLE001  (as a server does whose zone is broken)
            failed = dns.message.make_response(query)
            failed.set_rcode(dns.rcode.SERVFAIL)
            return failed.to_wire()


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
