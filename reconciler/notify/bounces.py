"""
Mail that came back: a mailbox is read by POP3 (RFC 1939), and nothing in it is changed.

What came back says so in a report (RFC 3464) with the head of what it is about, whose
Message-ID is ours. A report that only says *delayed* is none. Anybody who has a mail
can send such a report about it: at worst, the same is told by another channel too.
"""

from __future__ import annotations

import contextlib
import poplib
import re
import ssl
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any, Final, NamedTuple

from reconciler.notify.body import one_line
from reconciler.notify.line import shown

_TIMEOUT: Final = 15.0
#: So many of the newest messages are looked at, none of them larger than this.
_MOST, _LARGEST = 500, 256 * 1024
_ID = re.compile(r"<[^<>\s]{1,200}>")


class Unread(Exception):
    """The mailbox cannot be read; the text says why and holds no secret."""


class Box(NamedTuple):
    """
    A mailbox.

    Attributes:
        tls: ``tls`` or ``none``.
        context: Makes the context that verifies, when it is needed.
        login: User name and password.
    """

    host: str
    port: int
    tls: str
    context: Callable[[], ssl.SSLContext]
    login: tuple[str, str]
    timeout: float = _TIMEOUT

    def __repr__(self) -> str:
        return f"Box({self.host}:{self.port})"


class _Client(poplib.POP3):
    """Lets go of the connection where the server's first word is a refusal."""

    file: Any = None
    sock: Any = None

    def __init__(self, *where: Any, **more: Any) -> None:
        try:
            super().__init__(*where, **more)
        except BaseException:
            self.close()
            raise


class _TlsClient(_Client, poplib.POP3_SSL):
    """The same, with TLS from the first byte on."""


class Bounces:
    """What came back to one mailbox; it is read once, when somebody asks first."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._known: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"Bounces({self._box!r})"

    def why(self, identity: str) -> str | None:
        """
        Return why the message of that Message-ID came back; None: it did not.

        Raises:
            Unread: The mailbox cannot be read.
        """
        if self._known is None:
            self._known = dict(self._read())
        return self._known.get(identity)

    def trouble(self) -> str | None:
        """Return why the mailbox cannot be read now; None where it can."""
        try:
            with self._opened() as client:
                client.stat()
        except (poplib.error_proto, OSError) as error:
            return f"the mailbox of bounces: {self._why(error)}"
        return None

    def _read(self) -> Iterator[tuple[str, str]]:
        try:
            with self._opened() as client:
                yield from self._reports(client)
        except (poplib.error_proto, OSError) as error:
            raise Unread(f"the mailbox of bounces: {self._why(error)}") from None

    def _reports(self, client: poplib.POP3) -> Iterator[tuple[str, str]]:
        _, listed, _ = client.list()
        sizes = [(int(a), int(b)) for a, b in (row.split()[:2] for row in listed)]
        for number, size in sizes[-_MOST:]:
            if size <= _LARGEST:
                _, lines, _ = client.retr(number)
                yield from reports(b"\r\n".join(lines))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[poplib.POP3]:
        box = self._box
        client: poplib.POP3
        if box.tls == "tls":
            context = box.context()
            client = _TlsClient(
                box.host, box.port, timeout=box.timeout, context=context
            )
        else:
            client = _Client(box.host, box.port, timeout=box.timeout)
        try:
            client.user(box.login[0])
            client.pass_(box.login[1])
            yield client
        finally:
            with contextlib.suppress(poplib.error_proto, OSError):
                client.quit()
            client.close()

    def _why(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "the server's certificate is not good for its name"
        if isinstance(error, poplib.error_proto):
            said = error.args[0] if error.args else ""
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
            return shown(str(text), self._box.login)
        return type(error).__name__


def reports(raw: bytes) -> Iterator[tuple[str, str]]:
    """Yield the Message-IDs that a mail says to have failed, each with its status."""
    mail = message_from_bytes(raw)
    if mail.get_content_type() != "multipart/report":
        return
    parts = list(mail.walk())
    status = next(filter(None, map(_failed, parts)), None)
    for part in parts if status else ():
        if found := _ID.search(_about(part)):
            yield found[0], str(status)


def _failed(part: Message) -> str | None:
    """Return the status of the first recipient that a delivery-status gives up."""
    if part.get_content_type() != "message/delivery-status":
        return None
    for block in _inner(part):
        if str(block.get("Action", "")).strip().lower() == "failed":
            status = str(block.get("Status", "")).strip()[:16]
            return f"came back: {one_line(status) or 'failed'}"
    return None


def _about(part: Message) -> str:
    """Return the Message-ID of the mail that a part of a report shows."""
    heads: Message | None = None
    if part.get_content_type() == "message/rfc822":
        heads = next(iter(_inner(part)), None)
    elif part.get_content_type() == "text/rfc822-headers":
        raw = part.get_payload(decode=True)
        heads = message_from_bytes(raw) if isinstance(raw, bytes) else None
    return str(heads.get("Message-ID", "")) if heads is not None else ""


def _inner(part: Message) -> list[Message]:
    found = part.get_payload()
    listed = found if isinstance(found, list) else []
    return [one for one in listed if isinstance(one, Message)]
