"""
Mail, one recipient's fate at a time (RFC 5321).

``smtplib`` alone says what it could not do for some recipients only by an exception
whose text may hold anything; here each answer of the server is looked at. A message
that left without an answer is unknown, never a failure: its Message-ID is the same
when it is sent again.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, NamedTuple

from reconciler.kinds.notification_channel import ADDRESS
from reconciler.model import sha256
from reconciler.notify.bounces import Bounces, Unread
from reconciler.notify.delivery import Delivery, Status
from reconciler.notify.line import shown
from reconciler.notify.message import Message

_TIMEOUT: Final = 15.0
_READY, _GO_ON = 250, 354
_FORWARDED: Final = 251
_V6: Final = 4


class Server(NamedTuple):
    """
    Where mail is handed over.

    Attributes:
        tls: ``starttls``, ``tls`` or ``none``.
        context: Makes the context that verifies, when it is needed.
        login: User name and password; None does not log in.
    """

    host: str
    port: int
    tls: str
    context: Callable[[], ssl.SSLContext]
    login: tuple[str, str] | None = None
    timeout: float = _TIMEOUT

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port})"


class Mail:
    """
    One set of recipients behind one server.

    Args:
        server: Where mail is handed over.
        sender: The address it comes from.
        recipients: The addresses it goes to; never shown.

    Raises:
        ValueError: One of the addresses is none.
    """

    def __init__(self, server: Server, sender: str, recipients: Sequence[str]) -> None:
        for number, address in enumerate((sender, *recipients)):
            if not ADDRESS.fullmatch(address):
                who = f"recipient {number}" if number else "the sender"
                raise ValueError(f"{who} is no mail address")
        self._server = server
        self._sender = sender
        self._recipients = tuple(recipients)
        self._hidden = (*recipients, *(server.login or ()))

    def __repr__(self) -> str:
        return f"Mail({self._server!r})"

    @property
    def identity(self) -> str:
        """Changes with the server and the recipients, and does not tell them."""
        return sha256(["smtp", self._server.host, *self._recipients])[:16]

    def send(self, message: Message, now: datetime) -> Delivery:
        """Hand *message* over; see ``Sender.send``."""
        data = self._made(message, now)
        try:
            client = self._opened()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return Delivery(Status.FAILED, f"not handed over: {self._why(error)}")
        try:
            return self._handed(client, data)
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()

    def trouble(self) -> str | None:
        """Return why no mail could be handed over now; None where it could."""
        try:
            client = self._opened()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return self._why(error)
        with contextlib.suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()
        return None

    def identified(self, message: str) -> str:
        """Return the Message-ID of our message of that id."""
        return f"<{message}@{self._sender.rpartition('@')[2]}>"

    def _made(self, message: Message, now: datetime) -> bytes:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = self.identified(message.id)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text, cte="quoted-printable")
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
        return mail.as_bytes()

    def _opened(self) -> smtplib.SMTP:
        to = self._server
        client: smtplib.SMTP
        # The name is replaced below: looking up our own can take seconds.
        if to.tls == "tls":
            client = smtplib.SMTP_SSL(
                to.host,
                to.port,
                local_hostname="localhost",
                timeout=to.timeout,
                context=to.context(),
            )
        else:
            client = smtplib.SMTP(
                to.host, to.port, local_hostname="localhost", timeout=to.timeout
            )
        try:
            client.local_hostname = _literal(client)
            client.ehlo_or_helo_if_needed()
            if to.tls == "starttls":
                client.starttls(context=to.context())
                client.ehlo_or_helo_if_needed()
            if to.login:
                client.login(*to.login)
        except BaseException:
            client.close()
            raise
        return client

    def _handed(self, client: smtplib.SMTP, data: bytes) -> Delivery:
        refused: list[str] = []
        try:
            code, reply = client.mail(self._sender)
            if code != _READY:
                return self._failed(code, reply)
            for recipient in self._recipients:
                code, reply = client.rcpt(recipient)
                if code not in {_READY, _FORWARDED}:
                    refused.append(self._shown(code, reply))
            if len(refused) == len(self._recipients):
                return Delivery(Status.FAILED, refused[0], len(refused))
            code, reply = client.docmd("DATA")
            if code != _GO_ON:
                return self._failed(code, reply)
        except (smtplib.SMTPException, OSError) as error:
            return Delivery(Status.FAILED, f"not handed over: {self._why(error)}")
        try:
            client.send(_stuffed(data))
            code, reply = client.getreply()
        except (smtplib.SMTPException, OSError) as error:
            why = f"the answer was lost: {type(error).__name__}"
            return Delivery(Status.UNKNOWN, why)
        if code != _READY:
            return self._failed(code, reply)
        said = self._shown(code, reply)
        if refused:
            said = f"{len(refused)} recipients refused ({refused[0]}); others: {said}"
        return Delivery(Status.DELIVERED, said, len(refused))

    def _failed(self, code: int, reply: bytes) -> Delivery:
        return Delivery(Status.FAILED, self._shown(code, reply))

    def _shown(self, code: int, reply: bytes) -> str:
        return shown(f"{code} {reply.decode('utf-8', 'replace')}", self._hidden)

    def _why(self, error: Exception) -> str:
        if isinstance(error, smtplib.SMTPResponseException):
            raw = error.smtp_error
            reply = raw if isinstance(raw, bytes) else str(raw).encode()
            return self._shown(error.smtp_code, reply)
        if isinstance(error, ssl.SSLCertVerificationError):
            return "the server's certificate is not good for its name"
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return "the server does not offer what is wanted (STARTTLS or AUTH)"
        return type(error).__name__


class WatchedMail(Mail):
    """The same, whose sender's mailbox is looked into for what came back."""

    def __init__(
        self, server: Server, sender: str, recipients: Sequence[str], bounces: Bounces
    ) -> None:
        super().__init__(server, sender, recipients)
        self._bounces = bounces

    def send(self, message: Message, now: datetime) -> Delivery:
        """Hand *message* over: it is there when it has not come back."""
        done = super().send(message, now)
        if done.status is not Status.DELIVERED:
            return done
        return done._replace(status=Status.ACCEPTED, id=self.identified(message.id))

    def check(self, identity: str, now: datetime) -> Delivery:
        """Look whether it came back; see ``Tracked.check``."""
        del now
        try:
            why = self._bounces.why(identity)
        except Unread as error:
            return Delivery(Status.UNKNOWN, str(error), id=identity)
        if why is not None:
            return Delivery(Status.FAILED, why, id=identity)
        return Delivery(Status.ACCEPTED, "has not come back", id=identity)

    def find(self, message: str, since: datetime, now: datetime) -> Delivery | None:
        """Return that nobody can tell: mail is not listed anywhere."""
        del since
        came = self.check(self.identified(message), now)
        return came if came.status is Status.FAILED else Delivery(Status.UNKNOWN)

    def trouble(self) -> str | None:
        """Return why mail could not be sent, or what came back not be seen."""
        return super().trouble() or self._bounces.trouble()


def _literal(client: smtplib.SMTP) -> str:
    """Return our own address as EHLO takes it (RFC 5321, 4.1.3)."""
    assert client.sock is not None  # noqa: S101  (it is connected)
    name = client.sock.getsockname()
    return f"[IPv6:{name[0]}]" if len(name) == _V6 else f"[{name[0]}]"


def _stuffed(data: bytes) -> bytes:
    """Return *data* as DATA wants it: dots doubled, ended by a dot (4.5.2)."""
    ended = data if data.endswith(b"\r\n") else data + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended) + b".\r\n"
