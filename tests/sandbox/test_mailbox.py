"""The sandbox's mailbox speaks POP3, and has what the mail server could not deliver."""

from __future__ import annotations

import poplib
import smtplib
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.notify.bounces import _Client
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW

LOGIN = ("bot@agency.example", "secret-canary")
WORLD = {"mail": {}, "mailbox": dict(zip(("user", "password"), LOGIN, strict=True))}


@pytest.fixture
def sandbox():
    with Sandbox(World(WORLD), SandboxClock(NOW, frozen=True)) as running:
        yield running


def port(sandbox, vendor):
    return int(sandbox.endpoint(vendor).rpartition(":")[2])


def send(sandbox, to="gone@acme.example", identity="<1@agency.example>"):
    made = EmailMessage()
    made["From"], made["To"] = "bot@agency.example", to
    made["Subject"], made["Message-ID"] = "hello", identity
    made.set_content("hello")
    with smtplib.SMTP("127.0.0.1", port(sandbox, "mail"), timeout=5) as client:
        client.send_message(made)


@contextmanager
def met(sandbox):
    client = _Client("127.0.0.1", port(sandbox, "mailbox"), timeout=5)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def opened(sandbox, login=LOGIN):
    with met(sandbox) as client:
        client.user(login[0])
        client.pass_(login[1])
        yield client


def count(sandbox):
    with opened(sandbox) as client:
        return client.stat()[0]


def fate(sandbox, fate, **more):
    data = {"address": "gone@acme.example", "fate": fate, **more}
    return httpx.post(f"{sandbox.control}/mail/fate", json=data)


def test_a_bounce_is_a_report_by_rfc_3464(sandbox):
    assert fate(sandbox, "bounced").status_code < 300
    send(sandbox, "fine@acme.example", "<0@agency.example>")
    send(sandbox)
    with opened(sandbox) as client:
        assert client.stat()[0] == 1
        _, lines, _ = client.retr(1)
        client.quit()
    mail = message_from_bytes(b"\r\n".join(lines))
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    _, status, heads = mail.get_payload()
    whole, recipient = status.get_payload()
    assert whole["Reporting-MTA"] == "dns; mail.sandbox.example"
    assert recipient["Final-Recipient"] == "rfc822; gone@acme.example"
    assert (recipient["Action"], recipient["Status"]) == ("failed", "5.1.1")
    assert heads.get_content_type() == "text/rfc822-headers"
    assert "<1@agency.example>" in heads.get_payload(decode=True).decode()


def test_it_comes_back_when_the_clock_says_so(sandbox):
    fate(sandbox, "bounced", after=600)
    send(sandbox)
    assert count(sandbox) == 0
    sandbox.clock.advance(timedelta(seconds=600))
    assert count(sandbox) == 1
    fate(sandbox, "delivered")
    send(sandbox)
    assert count(sandbox) == 1


def test_nobody_else_reads_and_nothing_is_deleted(sandbox):
    wrong = pytest.raises(poplib.error_proto, match="wrong user or password")
    with wrong, opened(sandbox, (LOGIN[0], "guess")):
        pass
    early = pytest.raises(poplib.error_proto, match="log in first")
    with met(sandbox) as client, early:
        client.stat()
    never = pytest.raises(poplib.error_proto, match="not here")
    with opened(sandbox) as client, never:
        client.dele(1)


def test_faults_meet_the_login(sandbox):
    sandbox.inject(Fault(vendor="mailbox", operation="login", kind="status"))
    with pytest.raises(poplib.error_proto, match="try again later"):
        count(sandbox)
    sandbox.inject(Fault(vendor="mailbox", operation="connect", kind="lost-before"))
    with pytest.raises((poplib.error_proto, OSError)):
        count(sandbox)
    assert count(sandbox) == 0


@pytest.mark.parametrize(
    "data", [{"fate": "lost", "address": "a@b.c"}, {"fate": "bounced"}]
)
def test_a_fate_that_is_none_is_refused(sandbox, data):
    assert httpx.post(f"{sandbox.control}/mail/fate", json=data).status_code >= 400


def test_a_mailbox_without_a_login_is_refused():
    with pytest.raises(ReconcilerError, match="user and password"):
        Sandbox(World({"mailbox": {}}), SandboxClock(NOW)).start()
