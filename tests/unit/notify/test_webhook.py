"""Signed JSON over real sockets: the standard's own example, and what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import ssl

import pytest
from starlette.responses import Response

from reconciler.model import Money, Severity
from reconciler.notify import Condition, Context, Hook, Line, Notice, Pulse, Status
from reconciler.notify import line as line_module
from reconciler.notify.line import NotSent
from reconciler.notify.message import message
from reconciler.notify.notice import Subject
from reconciler.notify.webhook import keys, signature
from tests.support.receivers import Receiver, authority
from tests.unit.notify.world import NOW

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"k" * 24).decode()


def notice(**more):
    subject = Subject("Domain", "a.example", "a.example")
    condition = Condition(
        "incident",
        Severity.CRITICAL,
        subject,
        "domain-critical",
        "ends sööner",
        ("<script>alert(1)</script>",),
        "reconciler explain Domain/a.example",
        Money.model_validate("15.00 USD"),
        NOW,
    )
    return Notice("f" * 32, NOW, "incident", condition._replace(**more))


def one():
    context = Context("main", "run-1", "c" * 40, "https://ci.example/1", NOW)
    return message("ops", [notice()], context)


def line(**more):
    return Line(ssl.create_default_context, loopback=True, **more)


def sent(receiver, secret=SECRET, url=None):
    return Hook(url or receiver.url, secret, line()).send(one(), NOW)


def test_the_signature_is_that_of_the_standard():
    """The vector of standard-webhooks' own libraries (test_webhook in each of them)."""
    made = signature(
        keys(SECRET),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_arrives_flat_and_signed():
    with Receiver() as receiver:
        delivery = sent(receiver, f"{SECRET} {OTHER}")
    assert delivery.status is Status.DELIVERED
    ((_, headers, body),) = receiver.got
    identity, stamp = f"msg_{one().id}", str(int(NOW.timestamp()))
    assert headers["webhook-id"] == identity
    assert headers["webhook-timestamp"] == stamp
    signed = f"{identity}.{stamp}.".encode() + body
    wanted = [
        base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        for key in keys(f"{SECRET} {OTHER}")
    ]
    assert headers["webhook-signature"] == " ".join(f"v1,{each}" for each in wanted)
    data = json.loads(body)
    assert all(not isinstance(value, (dict, list)) for value in data.values())
    text = data.pop("text")
    assert "$ reconciler explain Domain/a.example" in text
    assert data == {
        "format": "reconciler.notice/v1",
        "thread_id": "f" * 32,
        "source": None,
        "commit": "c" * 40,
        "event_id": "f" * 32,
        "event_ids": "f" * 32,
        "event_type": "incident",
        "occurred_at": "2026-11-22T06:00:00+00:00",
        "severity": "critical",
        "resource_kind": "Domain",
        "resource_name": "a.example",
        "summary": "ends sööner",
        "count": 1,
        "amount": "15.00",
        "currency": "USD",
        "due_date": "2026-11-22",
        "command": "reconciler explain Domain/a.example",
        "env": "main",
        "run": "run-1",
        "url": "https://ci.example/1",
    }


def test_without_a_secret_nothing_is_signed():
    with Receiver() as receiver:
        assert sent(receiver, None).status is Status.DELIVERED
    assert "webhook-signature" not in receiver.got[0][1]


@pytest.mark.parametrize(
    "secret",
    ["", " ", "hunter2-canary", "whsec_", "whsec_hunter2-canary", "whsec_YWJj"],
)
def test_a_secret_that_is_none_is_refused_and_not_shown(secret):
    with pytest.raises(ValueError, match="secret") as caught:
        keys(secret)
    assert "canary" not in str(caught.value)


async def _never(_request):
    await asyncio.sleep(5)
    return Response()


async def _hang_up(request):
    request.scope["extensions"] = {}
    raise ConnectionResetError


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (200, Status.DELIVERED, "200"),
        (204, Status.DELIVERED, "204"),
        ((202, "queued"), Status.DELIVERED, "202 queued"),
        ((200, '{"status": "success"}'), Status.DELIVERED, '200 {"status": "success"}'),
        ((200, "[1]"), Status.DELIVERED, "200 [1]"),
        ((200, '{"ok": false, "error": "no_channel"}'), Status.FAILED, "no_channel"),
        ((200, '{"success": false}'), Status.FAILED, "success"),
        ((200, '{"status": "ERROR"}'), Status.FAILED, "ERROR"),
        (400, Status.FAILED, "400"),
        (401, Status.FAILED, "401"),
        ((429, "slow down", {"Retry-After": "60"}), Status.FAILED, "429 slow down"),
        (500, Status.FAILED, "500"),
        (503, Status.FAILED, "503"),
        ((410, "gone"), Status.GONE, "410 gone"),
        ((302, "", {"Location": "http://127.0.0.1:1/"}), Status.FAILED, "302"),
    ],
)
def test_answers(answer, status, said):
    with Receiver(answer) as receiver:
        delivery = sent(receiver)
    assert delivery.status is status
    assert said in delivery.said
    assert len(receiver.got) == 1


def test_an_answer_that_does_not_come_is_unknown(monkeypatch):
    monkeypatch.setattr(line_module, "TIMEOUT", 0.2)
    with Receiver(_never) as receiver:
        delivery = sent(receiver)
    assert delivery[:3] == (Status.UNKNOWN, "the answer was lost: ReadTimeout", 0)


def test_nobody_there_is_a_failure():
    with Receiver() as receiver:
        url = receiver.url
    delivery = sent(None, url=url)
    assert delivery[:3] == (Status.FAILED, "not sent: ConnectError", 0)


def test_what_the_receiver_says_is_shown_without_the_secrets():
    with Receiver(lambda _: None) as receiver:
        receiver.answers = [(500, f"no {receiver.url} {SECRET}\x1b[31m\n{'x' * 900}")]
        delivery = sent(receiver)
    assert "secret-path-7f3a" not in delivery.said
    assert SECRET not in delivery.said
    assert len(delivery.said) <= 160
    assert delivery.said.isprintable()


def test_nothing_that_prints_it_shows_the_address():
    hook = Hook("https://hooks.example/canary", SECRET, line())
    assert "canary" not in repr(hook) + hook.identity
    assert hook.identity != Hook("https://hooks.example/other", SECRET, line()).identity


PRIVATE = (
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104
    "224.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[::]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "[2002:a00:1::]",
)


class TestGuard:
    """No address leads inside, whoever wrote it, and none is shown."""

    def check(self, url, *, loopback=False):
        with pytest.raises(NotSent) as caught:
            Line(ssl.create_default_context, loopback=loopback)._pinned(url)
        assert "canary" not in str(caught.value)
        return str(caught.value)

    @pytest.mark.parametrize("host", [*PRIVATE, "127.0.0.1", "[::1]", "localhost"])
    def test_inner_addresses(self, host):
        assert "no public address" in self.check(f"https://{host}/canary")

    @pytest.mark.parametrize("host", PRIVATE)
    def test_a_loopback_environment_opens_this_machine_alone(self, host):
        assert "no public address" in self.check(
            f"https://{host}/canary", loopback=True
        )

    @pytest.mark.parametrize(
        "url",
        [
            "http://192.0.2.1.example/canary",
            "https://user:canary@hooks.example/",
            "https:///canary",
            "canary",
            "",
            "https://[canary/",
            "https://hooks.example:canary/",
            "https://hooks.example/\r\ncanary: x",
        ],
    )
    def test_other_forms(self, url, monkeypatch):
        monkeypatch.setattr(
            line_module.socket,
            "getaddrinfo",
            lambda *_, **__: [(0, 0, 0, "", ("1.1.1.1", 0))],
        )
        self.check(url)

    @pytest.mark.parametrize("scheme", ["http", "ftp", "file"])
    def test_only_https(self, scheme):
        assert self.check(f"{scheme}://1.1.1.1/canary") == "the URL is not https"

    def test_one_inner_address_among_public_ones_is_enough(self, monkeypatch):
        rows = [(0, 0, 0, "", (ip, 0)) for ip in ("1.1.1.1", "10.0.0.1")]
        monkeypatch.setattr(line_module.socket, "getaddrinfo", lambda *_, **__: rows)
        assert "no public address" in self.check("https://hooks.example/canary")

    def test_the_connection_goes_to_the_address_that_was_checked(self, monkeypatch):
        """Another answer to a second look-up changes nothing: there is none."""
        asked = []

        def look(host, port, **_):
            asked.append(host)
            return [(0, 0, 0, "", ("1.1.1.1", port))]

        monkeypatch.setattr(line_module.socket, "getaddrinfo", look)
        made = Line(ssl.create_default_context, loopback=False)
        assert made._pinned("https://hooks.example:8443/a?b=c") == (
            "https://1.1.1.1:8443/a?b=c",
            "hooks.example:8443",
        )
        assert asked == ["hooks.example"]


class TestTls:
    def post(self, names, host):
        client, server = authority()
        served = Served(server(*names))
        with served:
            hook = Hook(
                f"https://{host}:{served.port}/x",
                None,
                Line(lambda: client, loopback=True),
            )
            return hook.send(one(), NOW)

    def test_the_certificate_is_that_of_the_name_and_not_of_the_address(self):
        assert self.post(["localhost"], "localhost").status is Status.DELIVERED

    def test_another_name_is_refused(self):
        delivery = self.post(["hooks.other.example"], "localhost")
        assert delivery[:3] == (Status.FAILED, "not sent: ConnectError", 0)


class Served:
    """The smallest https server: takes one request and says 200."""

    def __init__(self, context):
        import socket
        from threading import Thread

        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._context = context
        self._thread = Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(5)
        self._socket.close()

    def _serve(self):
        plain, _ = self._socket.accept()
        try:
            with self._context.wrap_socket(plain, server_side=True) as tls:
                got = b""
                while not _complete(got):  # closing over unread bytes is a reset
                    got += tls.recv(65536)
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except OSError:
            plain.close()


def _complete(got):
    head, end, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end and length and len(body) >= int(length[1]))


class TestPulse:
    def pauses(self):
        waited = []
        return waited, waited.append

    def test_a_beat_is_a_post(self):
        waited, sleep = self.pauses()
        with Receiver() as receiver:
            done = Pulse(receiver.url, line()).beat("run 1", sleep)
        assert done.arrived
        assert [(path, body) for path, _, body in receiver.got] == [
            ("/hooks/secret-path-7f3a", b"run 1")
        ]
        assert waited == []

    def test_a_failure_has_an_address_of_its_own(self):
        with Receiver() as receiver:
            Pulse(receiver.url + "/?a=b", line()).beat("x", print, failed=True)
        assert receiver.got[0][0] == "/hooks/secret-path-7f3a/fail"

    def test_it_is_tried_three_times(self):
        waited, sleep = self.pauses()
        with Receiver(500, 429, 200) as receiver:
            assert Pulse(receiver.url, line()).beat("x", sleep).arrived
        assert len(receiver.got) == 3
        assert waited == [0.5, 2.0]
        with Receiver(500) as receiver:
            assert not Pulse(receiver.url, line()).beat("x", sleep).arrived
        assert len(receiver.got) == 3

    def test_nobody_there_is_said_without_the_address(self):
        with Receiver() as receiver:
            url = receiver.url
        done = Pulse(url, line()).beat("x", lambda _: None)
        assert done.said == "not sent: ConnectError"
