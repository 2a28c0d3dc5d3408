"""Who gets notices in tests: a mail server and an HTTP server that can misbehave."""

from __future__ import annotations

import asyncio
import time
from email import message_from_bytes
from email.parser import BytesHeaderParser
from email.policy import default
from functools import cached_property
from threading import Thread

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from reconciler.sandbox.server import AsgiServer


class Mail:
    """
    A message as it came, read when somebody looks: no more than its head, for that.

    Attributes:
        to: Whom it was for, by what was said at RCPT.
    """

    def __init__(self, raw, to):
        self._raw, self.to = raw, to

    @cached_property
    def _head(self):
        return BytesHeaderParser(policy=default).parsebytes(self._raw)

    @cached_property
    def _whole(self):
        return message_from_bytes(self._raw, policy=default)

    def __getitem__(self, name):
        return self._head[name]

    def __contains__(self, name):
        return name in self._head

    def __getattr__(self, name):
        return getattr(self._whole, name)

    def __str__(self):
        return str(self._whole)


class Inbox:
    """
    A mail server on loopback; what it took is in ``mails``.

    Attributes:
        refuse: Recipient -> the reply it gets at RCPT.
        at_mail, at_data: The reply at MAIL and after the message; None takes it.
        hang: Called after the whole message came, before any reply.
    """

    def __init__(self, *, login=None, tls=None, starttls=None):
        self.mails, self.refuse, self.login = [], {}, login
        self.at_mail = self.at_data = self.hang = None
        self._tls, self._more = tls, {}
        if starttls:
            self._more |= {"tls_context": starttls, "require_starttls": True}
        if login:
            self._more |= {
                "authenticator": self._authenticate,
                "auth_required": True,  # over TLS alone: ``starttls`` goes with it
            }
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        made = self._loop.create_server(self._session, "127.0.0.1", 0, ssl=self._tls)
        self._server = asyncio.run_coroutine_threadsafe(made, self._loop).result(5)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _session(self):
        return SMTP(self, hostname="mail.agency.example", loop=self._loop, **self._more)

    async def _end(self):
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _authenticate(self, _server, _session, _envelope, mechanism, data):
        assert mechanism in {"LOGIN", "PLAIN"}
        assert isinstance(data, LoginPassword)
        good = (data.login, data.password) == self.login
        return AuthResult(success=good, handled=False)

    async def handle_MAIL(self, _server, _session, envelope, address, options):  # noqa: N802
        if self.at_mail:
            return self.at_mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802
        if self.hang:
            self.hang(server)
        if self.at_data:
            return self.at_data
        self.mails.append(Mail(envelope.content, list(envelope.rcpt_tos)))
        return "250 2.0.0 taken as 4711"

    def ids(self):
        return [mail["Message-ID"] for mail in self.mails]

    def subjects(self):
        return [mail["Subject"] for mail in self.mails]

    def text(self, number=-1):
        return self.mails[number].get_body(("plain",)).get_content()


def hang_up(server: SMTP):
    """End the connection after the message came, with no reply."""
    server.transport.abort()


def sleepy(_server: SMTP):
    """Answer too late."""
    time.sleep(0.6)


class Receiver:
    """
    An HTTP server on loopback; what it got is in ``got``: (path, headers, body).

    ``answers`` are given in turn, the last one for ever: a status, or (status, body,
    headers), or a callable of the request.
    """

    def __init__(self, *answers):
        self.answers, self.got = list(answers) or [200], []
        self._server = AsgiServer(
            Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])
        )

    def __enter__(self):
        self.port = self._server.start("127.0.0.1", 0)
        return self

    def __exit__(self, *_):
        self._server.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hooks/secret-path-7f3a"

    async def _take(self, request):
        body = await request.body()
        self.got.append((request.url.path, dict(request.headers), body))
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if callable(answer):
            return await answer(request)
        if isinstance(answer, int):
            return Response(status_code=answer)
        status, text, *headers = answer
        return Response(text, status_code=status, headers=headers[0] if headers else {})


def authority():
    """Return an authority of its own, and a function that makes server contexts."""
    import ssl

    made = trustme.CA()

    def server(*names):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.issue_cert(*names).configure_cert(context)
        return context

    client = ssl.create_default_context()
    made.configure_trust(client)
    return client, server
