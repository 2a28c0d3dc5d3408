"""The sandbox's mail server speaks SMTP, keeps what came, and fails on request."""

import smtplib
from email.message import EmailMessage

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.notify import Mail
from reconciler.notify.delivery import Status
from reconciler.notify.smtp import Server
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW
from tests.unit.notify.world import NOW as THEN
from tests.unit.notify.world import sent_message


@pytest.fixture
def sandbox():
    clock = SandboxClock(NOW, frozen=True)
    with Sandbox(World({"mail": {}}), clock) as running:
        yield running


def port(sandbox):
    return int(sandbox.endpoint("mail").rpartition(":")[2])


def mail(subject="hello", text="first\n.second\n"):
    made = EmailMessage()
    made["From"], made["To"] = "bot@agency.example", "ops@agency.example"
    made["Subject"], made["Message-ID"] = subject, "<1@agency.example>"
    made.set_content(text)
    return made


def send(sandbox, *to):
    with smtplib.SMTP("127.0.0.1", port(sandbox), timeout=5) as client:
        return client.send_message(mail(), to_addrs=list(to or ["ops@agency.example"]))


def messages(sandbox):
    return httpx.get(f"{sandbox.control}/mail/messages").json()["messages"]


def fault(sandbox, operation, kind, **more):
    sandbox.inject(Fault(vendor="mail", operation=operation, kind=kind, **more))


def test_what_came_is_listed_as_it_was_sent(sandbox):
    assert sandbox.endpoint("mail").startswith("smtp://127.0.0.1:")
    send(sandbox, "ops@agency.example", "bo@agency.example")
    (kept,) = messages(sandbox)
    assert kept == {
        "at": NOW.isoformat(),
        "from": "bot@agency.example",
        "to": ["ops@agency.example", "bo@agency.example"],
        "id": "<1@agency.example>",
        "subject": "hello",
        "text": "first\r\n.second\r\n",
    }
    (effect,) = sandbox.ledger.effects("mail")
    assert (effect.operation, effect.key) == ("message", "<1@agency.example>")


@pytest.mark.parametrize(
    ("operation", "kind", "more", "error", "kept"),
    [
        ("connect", "status", {"status": 554}, smtplib.SMTPConnectError, 0),
        ("connect", "lost-before", {}, (smtplib.SMTPServerDisconnected, OSError), 0),
        ("mail", "throttle", {}, smtplib.SMTPSenderRefused, 0),
        ("rcpt", "status", {"status": 550}, smtplib.SMTPRecipientsRefused, 0),
        ("data", "status", {"status": 451}, smtplib.SMTPDataError, 0),
        ("data", "lost-before", {}, (smtplib.SMTPServerDisconnected, OSError), 0),
        ("data", "lost-after", {}, (smtplib.SMTPServerDisconnected, OSError), 1),
        ("data", "status-after", {"status": 451}, smtplib.SMTPDataError, 1),
        ("rcpt", "slow", {"seconds": 0.05}, None, 1),
    ],
)
def test_a_fault_meets_the_step_it_names_and_no_other(
    sandbox, operation, kind, more, error, kept
):
    fault(sandbox, operation, kind, **more)
    if error is None:
        send(sandbox)
    else:
        with pytest.raises(error):
            send(sandbox)
    assert len(messages(sandbox)) == kept
    send(sandbox)
    assert len(messages(sandbox)) == kept + 1


def test_one_of_two_recipients_is_refused(sandbox):
    fault(sandbox, "rcpt", "status", status=550, text="5.1.1 nobody here")
    refused = send(sandbox, "gone@agency.example", "ops@agency.example")
    assert refused == {"gone@agency.example": (550, b"5.1.1 nobody here")}
    assert messages(sandbox)[0]["to"] == ["ops@agency.example"]


def test_our_own_sender_is_understood(sandbox):
    server = Server("127.0.0.1", port(sandbox), "none", lambda: None, None)
    sender = Mail(server, "bot@agency.example", ["ops@agency.example"])
    done = sender.send(sent_message(), THEN)
    assert done.status is Status.DELIVERED
    assert messages(sandbox)[0]["subject"] == sent_message().subject


def test_what_came_outlives_a_restart(tmp_path):
    for _ in range(2):
        clock = SandboxClock(NOW, frozen=True)
        with Sandbox(World({"mail": {}}), clock, folder=tmp_path) as running:
            send(running)
    assert len(running.bench("mail").state["messages"]) == 2


def test_what_is_not_there_is_said(sandbox):
    for path in ("mail/pings", "nosuch/messages"):
        assert httpx.get(f"{sandbox.control}/{path}").status_code == 400
    with pytest.raises(ReconcilerError, match="everything is taken"):
        Sandbox(World({"mail": {"inbox": []}}), SandboxClock(NOW)).start()
