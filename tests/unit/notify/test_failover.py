"""The second channel gets it, whatever becomes of the first: real adapters, real faults."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from starlette.responses import Response

from reconciler.notify import Hook, Mail, Status
from reconciler.notify import line as line_module
from reconciler.notify.smtp import Server
from tests.support.receivers import Inbox, Receiver, authority, hang_up, sleepy
from tests.unit.notify.test_smtp import TO, closed_port
from tests.unit.notify.test_webhook import SECRET, line
from tests.unit.notify.world import Post, channel, finding, plan

CLIENT, CERTIFIED = authority()


async def _never(_request):
    await asyncio.sleep(5)
    return Response()


def mail(port, tls="none", patience=15.0):
    server = Server("localhost", port, tls, lambda: CLIENT, None, patience)
    return Mail(server, "reconciler@agency.example", TO)


def mailed(stack, tls="none", certificate=None, patience=15.0, **faults):
    inbox = stack.enter_context(Inbox(starttls=certificate))
    for name, value in faults.items():
        setattr(inbox, name, value)
    return mail(inbox.port, tls, patience)


def hasten(monkeypatch, fault):
    """Wait less long, only where that is all there is to see: everybody else may be slow."""
    if fault.endswith("no answer"):
        monkeypatch.setattr(line_module, "TIMEOUT", 0.3)


def posted(stack, answer):
    return Hook(stack.enter_context(Receiver(answer)).url, SECRET, line())


FAULTS = {
    "mail: nobody there": lambda s: mail(s.enter_context(closed_port())),
    "mail: sender refused": lambda s: mailed(s, at_mail="554 go away"),
    "mail: all recipients refused": lambda s: mailed(
        s, refuse=dict.fromkeys(TO, "550 no")
    ),
    "mail: greylisted": lambda s: mailed(s, at_data="451 4.7.1 later"),
    "mail: taken for spam": lambda s: mailed(s, at_data="554 5.7.1 spam"),
    "mail: hangs up after the message": lambda s: mailed(s, hang=hang_up),
    "mail: answers too late": lambda s: mailed(s, patience=0.3, hang=sleepy),
    "mail: no STARTTLS": lambda s: mailed(s, tls="starttls"),
    "mail: certificate of another": lambda s: mailed(
        s, tls="starttls", certificate=CERTIFIED("other.example")
    ),
    "hook: nobody there": lambda s: Hook(
        f"http://127.0.0.1:{s.enter_context(closed_port())}/", SECRET, line()
    ),
    "hook: 500": lambda s: posted(s, 500),
    "hook: 429": lambda s: posted(s, (429, "slow down")),
    "hook: 302": lambda s: posted(s, (302, "", {"Location": "https://1.1.1.1/"})),
    "hook: 410": lambda s: posted(s, 410),
    "hook: 401": lambda s: posted(s, 401),
    "hook: 200 that says no": lambda s: posted(s, (200, '{"ok": false}')),
    "hook: no answer": lambda s: posted(s, _never),
    "hook: inside": lambda _: Hook("https://169.254.169.254/latest", SECRET, line()),
    "hook: not https": lambda _: Hook("http://1.1.1.1/", SECRET, line()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fallback_has_it_at_once_and_once(fault, monkeypatch):
    hasten(monkeypatch, fault)
    with ExitStack() as stack, Receiver() as second:
        first = FAULTS[fault](stack)
        post = Post(
            first=(channel("first", "second"), first),
            second=(channel("second", events=[]), Hook(second.url, SECRET, line())),
        )
        post.run(plan(findings=[finding()]))
        post.later(hours=1)
        post.run(plan(findings=[finding()]))
    assert len(second.got) == 1
    entry = next(iter(post.books))[1].open["incident/domain-critical"]
    assert entry.to == {"first": "by second", "second": "sent"}


def test_the_first_is_not_doubled_where_it_works():
    with Inbox() as inbox, Receiver() as second:
        post = Post(
            first=(channel("first", "second"), mail(inbox.port)),
            second=(channel("second", events=[]), Hook(second.url, SECRET, line())),
        )
        post.run(plan(findings=[finding()]))
    assert len(inbox.mails) == 1
    assert second.got == []
    assert post.last.told[0].sent.delivery.status is Status.DELIVERED
