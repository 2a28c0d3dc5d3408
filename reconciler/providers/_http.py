"""
The one module to ask vendors by: what an answer, or none, means for the caller.

Nothing but this and what it is made of imports httpx in this package. TLS is always
verified, a redirect is never followed, and neither proxies nor passwords are taken
from the environment.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from json import dumps
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError, create_default_context
from threading import Lock
from typing import IO, Any, Final, NamedTuple
from urllib.parse import urlencode

import httpx

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.model.driver import Answered, Sent
from reconciler.providers._limit import Limit
from reconciler.providers._line import Line
from reconciler.providers._reply import (
    UNREADABLE,
    Moved,
    Reply,
    Words,
    reply_of,
    retry_after,
    says_nothing,
)
from reconciler.providers._said import named, shown

__all__ = ["PATIENCE", "TRIES", "Http", "Moved", "Reply", "Words", "authorities"]
#: A read is asked this often at most, and a request that was told to wait too.
TRIES: Final = 4
#: The longest one is willing to wait for a single request, all pauses together.
PATIENCE: Final = 60.0
#: The longest body that is taken as it comes, in bytes.
MOST: Final = 1 << 20
_FIRST_PAUSE: Final = 0.5
_CONNECT: Final = 10.0
_TIMEOUT: Final = 20.0

#: What can only happen before a request has left this machine.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    ConnectionRefusedError,
)


@cache
def _tls(scheme: str, trust: str | None = None) -> SSLContext:
    """
    Return the one context of all connections: it verifies, and is dear to make.

    A server on this machine that is spoken to without TLS gets one that trusts
    nobody, which costs nothing: it is never used, and would refuse if it were. Where
    *trust* is declared, nobody else is trusted.
    """
    if scheme == "http":
        return SSLContext(PROTOCOL_TLS_CLIENT)
    if trust is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return create_default_context(cadata=trust)
    except (SSLError, ValueError):
        raise Rejected(
            "what it is trusted by holds no certificate",
            hint="trust: a file of certificates (PEM)",
        ) from None


def authorities() -> list[bytes]:
    """Return the certificates of all authorities that are trusted here, as DER."""
    return _tls("https").get_ca_certs(binary_form=True)


class _Asked(NamedTuple):
    """One request, before it is known how it travels."""

    method: str
    url: str
    json: Any
    content: str | None
    params: Mapping[str, str | int] | None
    headers: Mapping[str, str]

    def by(self, line: Line) -> httpx.Request:
        """Return it as *line* sends it."""
        body = {"json": self.json, "content": self.content, "params": self.params}
        return line.request(self.method, self.url, self.headers, **body)

    def by_wire(self) -> Sent:
        """Return it as a simulation carries it."""
        headers = dict(self.headers)
        body = (self.content or "").encode()
        if self.json is not None:
            body = dumps(self.json).encode()
            headers["Content-Type"] = "application/json"
        query = f"?{urlencode(self.params, doseq=True)}" if self.params else ""
        return Sent(self.method, self.url + query, headers, body)


class Http:
    """
    One account's connection to its vendor; thread-safe.

    Args:
        base: The base URL; the account's ``endpoint`` replaces it.
        limits: The vendor's own limits; the account's come on top.
        hidden: What must never be shown, beside the account's secrets.
        jitter: A random number in [0, 1).
    """

    def __init__(
        self,
        account: Account,
        base: str,
        words: Words,
        *,
        headers: Mapping[str, str],
        limits: Mapping[str, float] | None = None,
        hidden: tuple[str, ...] = (),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.base = (account.endpoint or base).rstrip("/")
        self._account = account
        self._words = words
        self._headers = dict(headers)
        declared = {**(limits or {}), **account.limits}
        self._limit = Limit(declared, account.clock, account.sleep)
        self._timeout = httpx.Timeout(
            declared.get("timeoutSeconds", _TIMEOUT), connect=_CONNECT
        )
        self._hidden = (*account.secrets.values(), *hidden)
        self._jitter = jitter
        self._lock = Lock()
        self._line: Line | None = None
        self._counts: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"Http({self._account.name})"

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            line.close()

    def shown(self, text: str) -> str:
        """Return what may be shown of *text*: cut, and without any secret."""
        return shown(text, self._hidden)

    def hide(self, secret: str) -> None:
        """Never show *secret*: one that the vendor gave, as an access token."""
        with self._lock:
            self._hidden = (*self._hidden, secret)

    def counts(self) -> dict[str, int]:
        """Return how many requests were sent by operation, and begin anew."""
        with self._lock:
            counted, self._counts = dict(self._counts), Counter()
        return counted

    def call(  # noqa: PLR0913  (all that a request is, by name)
        self,
        method: str,
        path: str,
        *,
        operation: str,
        effect: bool,
        key: str | None = None,
        json: Mapping[str, Any] | Sequence[Any] | None = None,
        form: str | None = None,
        text: str | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        plain: bool = False,
    ) -> Reply:
        """
        Ask the vendor for *operation* and return its answer.

        A request with an *effect* (it changes or costs something) is sent again
        only where nothing can have happened: it never left, or the vendor said that
        it did not look at it (429). A read is, after a lost answer, too. *key* is
        sent as ``Idempotency-Key``, *json* as the body, or *form* or *text* (JSON, or
        what *headers* call it), which are encoded already, *params* as the query of
        *path*, *headers* beside the account's own; *operation* is what people call it.
        The answer is JSON, or *plain* text.

        Raises:
            Transient: Nothing happened: not sent, told to wait for too long, or a
                read that kept failing.
            Ambiguous: *effect*, and nobody knows: no answer, a server error, an
                answer that cannot be read, a redirect.
            ProviderError: What ``words.refused`` made of the answer.
        """
        sent = {**self._headers, **(headers or {})}
        if key:
            sent["Idempotency-Key"] = key
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if text is not None:
            sent.setdefault("Content-Type", "application/json")
        content = form if text is None else text
        asked = _Asked(method, self.base + path, json, content, params, sent)
        request = asked.by_wire() if self._account.wire else asked.by(self._opened())
        waited = 0.0
        for number in range(TRIES):
            reply, failure = self._once(request, operation, effect=effect, plain=plain)
            if failure is None:
                assert reply is not None  # noqa: S101  (one of the two is there)
                return reply
            pause = self._pause(reply, failure, number)
            waited += pause or 0.0
            if pause is None or number == TRIES - 1 or waited > PATIENCE:
                raise failure
            self._account.sleep(pause)
        raise AssertionError  # pragma: no cover  (the last round returns or raises)

    def once(
        self,
        method: str,
        url: str,
        *,
        operation: str,
        effect: bool,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        most: int = MOST,
    ) -> Answered:
        """
        Send one request to a whole *url*; return the answer as it is, whatever it says.

        For protocols that sign each request anew, so that none may be sent twice, and
        for what is no JSON. The names of the headers come in lower case.

        Raises:
            Transient: It was not sent; or it was a read, and the answer was lost or
                is longer than *most* bytes.
            Ambiguous: *effect*, and the answer was lost.
        """
        self._limit.wait()
        with self._lock:
            self._counts[operation] += 1
        sent = Sent(method, url, {**self._headers, **(headers or {})}, body)
        try:
            found = self._carried(sent, most)
        except _NOT_SENT as error:
            raise Transient(f"{operation}: not sent: {_kind(error)}") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            lost = Ambiguous if effect else Transient
            what = f"{operation}: the answer was lost: {_kind(error)}"
            raise lost(what) from None
        if len(found.body) > most:
            raise Transient(f"{operation}: the answer is longer than {most} bytes")
        return found

    def save(
        self,
        url: str,
        into: IO[bytes],
        *,
        operation: str,
        body: bytes,
        headers: Mapping[str, str],
        most: int,
    ) -> Answered:
        """
        Send one read (POST) to a whole *url*; write the body of the answer *into*.

        Raises:
            Transient: It was not sent, the answer was lost, or is longer than *most*.
        """
        self._limit.wait()
        with self._lock:
            self._counts[operation] += 1
        sent = Sent("POST", url, {**self._headers, **headers}, body)
        try:
            found = self._opened().save(sent, most, into)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            what = f"{operation}: the answer was lost: {_kind(error)}"
            raise Transient(what) from None
        if into.tell() > most:
            raise Transient(f"{operation}: the answer is longer than {most} bytes")
        return found

    def _carried(self, sent: Sent, most: int) -> Answered:
        """Return the answer to *sent*; no more of its body than shows its excess."""
        if self._account.wire is not None:
            status, headers, body = self._account.wire(sent)
            return Answered(status, {k.lower(): v for k, v in headers.items()}, body)
        return self._opened().carry(sent, most)

    def _opened(self) -> Line:
        with self._lock:
            if self._line is None:
                scheme = self.base.partition(":")[0]
                self._line = Line(_tls(scheme, self._account.trust), self._timeout)
            return self._line

    def _once(
        self,
        request: httpx.Request | Sent,
        operation: str,
        *,
        effect: bool,
        plain: bool,
    ) -> tuple[Reply | None, ProviderError | None]:
        """Return a success, or a failure after which it may be asked again."""
        self._limit.wait()
        with self._lock:
            self._counts[operation] += 1
        lost = Ambiguous if effect else Transient
        try:
            response = self._sent(request)
        except _NOT_SENT as error:
            return None, Transient(f"{operation}: not sent: {_kind(error)}")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return None, lost(f"{operation}: the answer was lost: {_kind(error)}")
        reply = reply_of(response, self._words, plain=plain)
        reply = reply._replace(request_id=named(reply.request_id, self._hidden))
        return self._judged(reply, operation, lost)

    def _sent(self, request: httpx.Request | Sent) -> Answered:
        if isinstance(request, httpx.Request):
            return self._opened().send(request)
        assert self._account.wire is not None  # noqa: S101  (see ``call``)
        return self._account.wire(request)

    def _judged(
        self, reply: Reply, operation: str, lost: type[Ambiguous | Transient]
    ) -> tuple[Reply, ProviderError | None]:
        text, number = self._text(reply, operation), reply.request_id
        if reply.status == httpx.codes.TOO_MANY_REQUESTS:
            return reply, Transient(text, request_id=number)
        if says_nothing(reply):
            return reply, lost(text, request_id=number)
        if httpx.codes.is_redirect(reply.status):
            if lost is Ambiguous:
                raise Ambiguous(text, request_id=number)
            raise Moved(text, reply.headers.get("location", ""), number)
        refusal = self._words.refused(reply, text)
        if refusal is not None:
            raise refusal
        return reply, None

    def _text(self, reply: Reply, operation: str) -> str:
        unreadable = reply.data is UNREADABLE
        said = "cannot be read" if unreadable else self._words.said(reply.data)
        about = f"{operation}: answer {reply.status}"
        return self.shown(f"{about} {said}" if said else about)

    def _pause(
        self, reply: Reply | None, failure: ProviderError, number: int
    ) -> float | None:
        """Return how long to wait before asking again; None is *do not*."""
        if not isinstance(failure, Transient):
            return None
        told = self._told(reply) if reply else None
        if told is not None:
            return told
        return self._jitter() * _FIRST_PAUSE * 2.0**number

    def _told(self, reply: Reply) -> float | None:
        """Return the wait the vendor asks for, by any of the usual ways."""
        now = self._account.clock()
        if (after := reply.headers.get("retry-after")) is not None:
            return retry_after(after, now)
        in_body = None if reply.data is UNREADABLE else self._words.wait(reply.data)
        if in_body is not None:
            return in_body
        reset = reply.headers.get("x-ratelimit-reset", "")
        if reply.status == httpx.codes.TOO_MANY_REQUESTS and reset.isdigit():
            return max(0.0, int(reset) - now.timestamp())
        return None


def _kind(error: Exception) -> str:
    """Name the failure; its own text may hold a URL or what was sent."""
    return type(error).__name__
