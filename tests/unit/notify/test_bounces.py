"""Mail that came back: read from a real mailbox, hostile mail included."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.notify import Status
from reconciler.notify.bounces import Bounces, Box, Unread, reports
from reconciler.notify.smtp import Server, WatchedMail
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.sandbox.mailbox import report
from tests.unit.notify.test_smtp import CLIENT, one
from tests.unit.notify.world import NOW

LOGIN = ("bot@agency.example", "secret-canary")
WORLD = {"mail": {}, "mailbox": dict(zip(("user", "password"), LOGIN, strict=True))}
TO = "ann-canary@acme.example"
ROW = {
    "id": "<abc@agency.example>",
    "from": "bot@agency.example",
    "to": ["a@b.example"],
    "subject": "s",
    "at": NOW.isoformat(),
}


@pytest.fixture(scope="module")
def running():
    with Sandbox(World(WORLD), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running):
    running.clock.set(NOW, frozen=True)
    running.reset(World(WORLD))
    return running


def box(sandbox, login=LOGIN, tls="none"):
    port = int(sandbox.endpoint("mailbox").rpartition(":")[2])
    return Bounces(Box("127.0.0.1", port, tls, lambda: CLIENT, login, 2))


def mail(sandbox, **more):
    port = int(sandbox.endpoint("mail").rpartition(":")[2])
    server = Server("127.0.0.1", port, "none", lambda: CLIENT, None, 2)
    return WatchedMail(server, "bot@agency.example", [TO], box(sandbox, **more))


def fate(sandbox, fate, **more):
    sandbox.edit("mail", "fate", {"address": TO, "fate": fate, **more})


def test_what_is_taken_is_there_until_it_comes_back(sandbox):
    fate(sandbox, "bounced", after=600)
    taken = mail(sandbox).send(one(), NOW)
    assert taken.status is Status.ACCEPTED
    assert taken.id.startswith("<")
    assert mail(sandbox).check(taken.id, NOW).status is Status.ACCEPTED
    sandbox.clock.advance(timedelta(minutes=10))
    came = mail(sandbox).check(taken.id, NOW)
    assert came.status is Status.FAILED
    assert came.said == "came back: 5.1.1"
    assert mail(sandbox).find(one().id, NOW, NOW).status is Status.FAILED


def test_late_is_not_lost_and_a_mail_that_is_not_listed_may_have_been_sent(sandbox):
    fate(sandbox, "delayed")
    sender = mail(sandbox)
    taken = sender.send(one(), NOW)
    assert sender.check(taken.id, NOW).status is Status.ACCEPTED
    assert sender.find(one().id, NOW, NOW).status is Status.UNKNOWN


def test_the_mailbox_is_read_once_for_all_who_ask(sandbox):
    bounces = box(sandbox)
    for _ in range(3):
        assert bounces.why("<1@agency.example>") is None
    assert sandbox.ledger.requests()["mailbox"]["list"] == 1


@pytest.mark.parametrize("kind", ["status", "lost-before"])
@pytest.mark.parametrize("operation", ["connect", "login", "list"])
def test_a_mailbox_that_cannot_be_read_says_nothing(sandbox, operation, kind):
    sandbox.inject(Fault(vendor="mailbox", operation=operation, kind=kind, times=0))
    came = mail(sandbox).check("<1@agency.example>", NOW)
    assert came.status is Status.UNKNOWN
    assert came.said.startswith("the mailbox of bounces: ")


def test_wrong_credentials_are_said_and_not_shown(sandbox):
    sender = mail(sandbox, login=("bot@agency.example", "guess-canary"))
    said = sender.trouble()
    assert "wrong user or password" in said
    assert "canary" not in said
    assert mail(sandbox).trouble() is None
    with pytest.raises(Unread):
        box(sandbox, tls="tls").why("<1@agency.example>")
    assert "canary" not in repr(box(sandbox))


def test_a_report_names_what_it_is_about():
    assert [*reports(report(ROW, "bounced"))] == [
        ("<abc@agency.example>", "came back: 5.1.1")
    ]
    assert [*reports(report(ROW, "delayed"))] == []


WHOLE = b"""\
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Action: Failed
Status: 5.2.2 (full)

--x
Content-Type: message/rfc822

Message-ID: <abc@agency.example>
Subject: hello

text
--x--
"""


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (WHOLE, ["<abc@agency.example>"]),
        (WHOLE.replace(b"Failed", b"delivered"), []),
        (WHOLE.replace(b"multipart/report", b"multipart/mixed"), []),
        (WHOLE.replace(b"Message-ID", b"X-Other"), []),
        (WHOLE.replace(b"<abc@agency.example>", b"no id at all"), []),
        (WHOLE[:150], []),
        (b"", []),
        (b"\xff\xfe\x00" * 50, []),
        (b"Content-Type: multipart/report; boundary=\n\n--\n", []),
        (b"Content-Type: message/delivery-status\n\nAction: failed\n", []),
    ],
    ids=["whole", "delivered", "mixed", "no-id", "odd", "cut", "nil", "junk", "b", "s"],
)
def test_what_is_no_report_breaks_nothing(raw, found):
    assert [identity for identity, _ in reports(raw)] == found
