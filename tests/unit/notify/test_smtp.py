"""Mail over real sockets, to a server that takes, refuses, hangs up, lies or sleeps."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager

import pytest

from reconciler.notify import Context, Mail, Status
from reconciler.notify.message import message
from reconciler.notify.smtp import Server
from tests.support.receivers import Inbox, authority, hang_up, sleepy
from tests.unit.notify.test_webhook import notice
from tests.unit.notify.world import NOW

TO = ("ops-canary@agency.example", "boss-canary@agency.example")
CLIENT, SERVER = authority()


def mail(
    port, tls="none", login=None, context=CLIENT, to=TO, host="127.0.0.1", timeout=5
):
    server = Server(host, port, tls, lambda: context, login, timeout)
    return Mail(server, "reconciler@agency.example", to)


def one(**more):
    context = Context("main", "run-1", "c" * 40, "https://ci.example/1", NOW)
    return message("ops", [notice(**more)], context)


def sent(inbox, made=None, **more):
    return mail(inbox.port, **more).send(made or one(), NOW)


def test_a_mail_arrives_whole():
    with Inbox() as inbox:
        delivery = sent(inbox)
    assert delivery[:3] == (Status.DELIVERED, "250 2.0.0 taken as 4711", 0)
    (taken,) = inbox.mails
    assert taken["Message-ID"] == f"<{one().id}@agency.example>"
    assert (
        taken["Subject"] == "[reconciler main] CRITICAL Domain/a.example: ends sööner"
    )
    assert taken["Auto-Submitted"] == "auto-generated"
    assert taken["Date"] == "Sun, 22 Nov 2026 06:00:00 +0000"
    assert taken["To"] == ", ".join(TO)
    assert taken.to == list(TO)
    assert "$ reconciler explain Domain/a.example" in inbox.text()
    html = taken.get_body(("html",)).get_content()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_the_message_id_is_the_same_again():
    with Inbox() as inbox:
        sent(inbox)
        sent(inbox)
    assert len(set(inbox.ids())) == 1


def test_lines_that_are_dots_survive():
    with Inbox() as inbox:
        sent(inbox, one(details=("a", ".", "..b", ". c")))
    text = inbox.text()
    assert "  .\n" in text.replace("\r\n", "\n")
    made = one()._replace(text=".\n.hidden\n..\nend\n")
    with Inbox() as inbox:
        sent(inbox, made)
    assert inbox.text().replace("\r\n", "\n") == ".\n.hidden\n..\nend\n"


def test_a_subject_cannot_hold_another_header():
    with Inbox() as inbox:
        sent(inbox, one(summary="x\r\nBcc: thief@evil.example\r\n\r\nhello"))
    (taken,) = inbox.mails
    assert taken["Bcc"] is None
    assert "Bcc: thief@evil.example hello" in taken["Subject"]


@pytest.mark.parametrize(
    "address",
    [
        "ops@agency.example\r\nBcc: thief@evil.example",
        "ops@agency.example>, <thief@evil.example",
        "ops@agency.example thief@evil.example",
        "Ops <ops@agency.example>",
        "ops",
        "",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_shown(address):
    with pytest.raises(ValueError, match=r"^recipient 1 is no mail address$"):
        mail(25, to=(address,))
    with pytest.raises(ValueError, match=r"^the sender is no mail address$"):
        Mail(Server("127.0.0.1", 25, "none", lambda: CLIENT), address, TO)


def test_a_refused_recipient_is_counted_and_the_others_have_it():
    with Inbox() as inbox:
        inbox.refuse[TO[0]] = f"550 5.1.1 <{TO[0]}>: unknown user"
        delivery = sent(inbox)
    assert delivery.status is Status.DELIVERED
    assert delivery.refused == 1
    assert inbox.mails[0].to == [TO[1]]
    assert "550 5.1.1 <[redacted]>: unknown user" in delivery.said


def test_all_recipients_refused_is_a_failure():
    with Inbox() as inbox:
        inbox.refuse = dict.fromkeys(TO, "550 no such user")
        delivery = sent(inbox)
    assert delivery[:3] == (Status.FAILED, "550 no such user", 2)


@pytest.mark.parametrize("where", ["at_mail", "at_data"])
@pytest.mark.parametrize("reply", ["451 4.7.1 greylisted", "554 5.7.1 spam"])
def test_a_refusal_keeps_the_reply(where, reply):
    with Inbox() as inbox:
        setattr(inbox, where, reply)
        delivery = sent(inbox)
    assert delivery[:3] == (Status.FAILED, reply, 0)


@pytest.mark.parametrize("lost", [hang_up, sleepy])
def test_a_lost_answer_is_unknown(lost):
    with Inbox() as inbox:
        inbox.hang = lost
        delivery = sent(inbox, timeout=0.3)
    assert delivery.status is Status.UNKNOWN
    assert delivery.said.startswith("the answer was lost: ")


def test_nobody_there_is_a_failure():
    with closed_port() as port:
        delivery = mail(port).send(one(), NOW)
    assert delivery[:3] == (Status.FAILED, "not handed over: ConnectionRefusedError", 0)


@contextmanager
def closed_port():
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def test_a_server_that_says_nothing_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        delivery = mail(mute.getsockname()[1], timeout=0.2).send(one(), NOW)
    assert delivery.status is Status.FAILED
    assert delivery.said == "not handed over: SMTPServerDisconnected"


@pytest.mark.parametrize("kind", ["tls", "starttls"])
class TestTls:
    def test_a_good_certificate_is_taken(self, kind):
        with Inbox(**{kind: SERVER("localhost")}) as inbox:
            delivery = sent(inbox, tls=kind, host="localhost")
        assert delivery.status is Status.DELIVERED

    def test_a_certificate_for_another_name_is_refused(self, kind):
        with Inbox(**{kind: SERVER("mail.other.example")}) as inbox:
            delivery = sent(inbox, tls=kind, host="localhost")
        assert delivery.status is Status.FAILED
        assert "certificate is not good for its name" in delivery.said
        assert inbox.mails == []

    def test_an_authority_nobody_knows_is_refused(self, kind):
        stranger = ssl.create_default_context()
        with Inbox(**{kind: SERVER("localhost")}) as inbox:
            delivery = sent(inbox, tls=kind, host="localhost", context=stranger)
        assert delivery.status is Status.FAILED
        assert inbox.mails == []


def test_without_starttls_nothing_is_sent():
    with Inbox() as inbox:
        delivery = sent(inbox, tls="starttls", host="localhost")
    assert delivery.status is Status.FAILED
    assert "does not offer what is wanted" in delivery.said
    assert inbox.mails == []


def test_a_login_is_used_and_a_wrong_one_is_not_shown():
    known = (b"robot-canary", b"hunter2-canary")
    way = {"tls": "starttls", "host": "localhost"}
    with Inbox(login=known, starttls=SERVER("localhost")) as inbox:
        good = sent(inbox, login=("robot-canary", "hunter2-canary"), **way)
        delivery = sent(inbox, login=("robot-canary", "wrong-canary"), **way)
        nobody = sent(inbox, **way)
    assert good.status is Status.DELIVERED
    assert delivery.status is nobody.status is Status.FAILED
    assert delivery.said.startswith("not handed over: 535")
    assert nobody.said.startswith("530")
    assert "canary" not in delivery.said + nobody.said


def test_nothing_that_prints_it_shows_who_gets_it():
    made = mail(25, login=("robot-canary", "hunter2-canary"))
    assert "canary" not in repr(made)
    assert "canary" not in made.identity
    assert made.identity != mail(25, to=TO[:1]).identity
