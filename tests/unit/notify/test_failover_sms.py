"""
A phone that is not reached: the second channel has it, exactly once.

Real adapters and real sockets; what goes wrong is at the provider, at once or later,
and a run may die between sending and recording.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from starlette.responses import Response

from reconciler.notify import Hook
from reconciler.sandbox import Fault
from tests.support.phones import Phones, sns
from tests.support.receivers import Inbox, Receiver
from tests.unit.notify.test_failover import FAULTS as OTHERS
from tests.unit.notify.test_failover import hasten, mail
from tests.unit.notify.test_under_way import phone
from tests.unit.notify.test_webhook import SECRET, line
from tests.unit.notify.world import NOW, Post, channel, finding, plan

CRITICAL = plan(findings=[finding()])
NOWHERE = f"https://{'x' * 64}.example"


async def _never(_request):
    await asyncio.sleep(1)
    return Response()


def at(vendor, fate):
    def made(phones, _stack):
        phones.fate(vendor, fate)
        return getattr(phones, vendor)()

    return made


def faulty(vendor, kind, **more):
    def made(phones, _stack):
        phones.sandbox.inject(Fault(vendor=vendor, kind=kind, times=0, **more))
        return getattr(phones, vendor)()

    return made


def elsewhere(vendor, answer=None):
    def made(phones, stack):
        if answer is None:
            with Receiver() as gone:
                return getattr(phones, vendor)(endpoint=f"http://127.0.0.1:{gone.port}")
        there = stack.enter_context(Receiver(answer))
        return getattr(phones, vendor)(endpoint=f"http://127.0.0.1:{there.port}")

    return made


def _sns(answer):
    def made(_phones, stack):
        return sns(f"http://127.0.0.1:{stack.enter_context(Receiver(answer)).port}")

    return made


PUBLISHED = (
    "<PublishResponse><PublishResult><MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b"
    "</MessageId></PublishResult></PublishResponse>"
)
FAULTS = {
    "twilio: connection refused": elsewhere("twilio"),
    "twilio: 503 before": faulty("twilio", "status", status=503),
    "twilio: 502 after": faulty("twilio", "status-after", status=502),
    "twilio: the answer is lost": faulty("twilio", "lost-after"),
    "twilio: no answer": elsewhere("twilio", _never),
    "twilio: an answer that says nothing": faulty("twilio", "malformed"),
    "twilio: 429": faulty("twilio", "throttle"),
    "twilio: wrong credentials": lambda p, _: p.twilio(token="wrong"),
    "twilio: not our number": lambda p, _: p.twilio(sender="+15550000000"),
    "twilio: no such host": lambda p, _: p.twilio(endpoint=NOWHERE),
    "twilio: 201 with status failed": at("twilio", "failed-at-once"),
    "twilio: taken, then failed": at("twilio", "failed"),
    "twilio: taken, then undelivered": at("twilio", "undelivered"),
    "twilio: queued for ever": at("twilio", "queued"),
    "twilio: sent, never confirmed": at("twilio", "sent"),
    "vonage: connection refused": elsewhere("vonage"),
    "vonage: 500": faulty("vonage", "status", status=500),
    "vonage: the answer is lost": faulty("vonage", "lost-after"),
    "vonage: 200 with bad credentials": lambda p, _: p.vonage(secret="wrong"),
    "vonage: 200 over the quota": at("vonage", "status-9"),
    "vonage: 200 with nothing": elsewhere("vonage", (200, "{}")),
    "vonage: no such host": lambda p, _: p.vonage(endpoint=NOWHERE),
    "vonage: taken, then rejected": at("vonage", "rejected"),
    "vonage: buffered for ever": at("vonage", "buffered"),
    "sns: 403": _sns(
        (403, "<ErrorResponse><Error><Code>No</Code></Error></ErrorResponse>")
    ),
    "sns: taken, and nothing in the log": _sns((200, PUBLISHED)),
}


@pytest.fixture(scope="module")
def running():
    with Phones(NOW) as phones:
        yield phones


@pytest.fixture
def phones(running):
    running.reset(NOW)
    return running


def told(phones, post, died=None):
    """Six runs, half an hour apart; one of them may die before it records."""
    for number in range(6):
        phones.clock.set(post.now, frozen=True)
        post.run(CRITICAL, recorded=number != died)
        post.later(minutes=31)


@pytest.mark.parametrize("died", [None, 0, 1])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_second_channel_has_it_once(phones, fault, died, monkeypatch):
    hasten(monkeypatch, fault)
    with ExitStack() as stack, Receiver() as second:
        first = FAULTS[fault](phones, stack)
        post = Post(
            first=(phone("first", "second"), first),
            second=(channel("second", events=[]), Hook(second.url, SECRET, line())),
        )
        told(phones, post, died)
    ids = {headers["webhook-id"] for _, headers, _ in second.got}
    assert len(ids) == 1
    assert len(second.got) == 1 or died is not None
    entry = next(iter(post.books))[1].open["incident/domain-critical"]
    assert entry.to == {"first": "by second", "second": "sent"}
    assert entry.waits == {}
    for vendor in ("twilio", "vonage"):
        assert len(phones.sent(vendor)) <= 1


@pytest.mark.parametrize("fault", OTHERS)
def test_mail_and_hooks_across_a_death(fault, monkeypatch):
    """A repetition has the same id: whoever reads it knows it."""
    hasten(monkeypatch, fault)
    with ExitStack() as stack, Receiver() as second:
        post = Post(
            first=(channel("first", "second"), OTHERS[fault](stack)),
            second=(channel("second", events=[]), Hook(second.url, SECRET, line())),
        )
        for recorded in (False, True, True):
            post.run(CRITICAL, recorded=recorded)
            post.later(hours=1)
    assert len({headers["webhook-id"] for _, headers, _ in second.got}) == 1


@pytest.mark.parametrize("died", [None, 0, 1, 2])
@pytest.mark.parametrize("fault", ["mail: nobody there", "hook: 500"])
def test_a_phone_as_the_second_channel_rings_once(phones, fault, died):
    with ExitStack() as stack:
        post = Post(
            first=(channel("first", "second"), OTHERS[fault](stack)),
            second=(phone("second", events=[]), phones.twilio()),
        )
        told(phones, post, died)
    assert len(phones.sent("twilio")) == 1
    entry = next(iter(post.books))[1].open["incident/domain-critical"]
    assert entry.to == {"first": "by second", "second": "sent"}


@pytest.mark.parametrize("died", [None, 0, 1])
def test_one_provider_after_the_other_and_then_mail(phones, died):
    phones.fate("twilio", "undelivered")
    phones.fate("vonage", "rejected")
    with Inbox() as inbox:
        post = Post(
            first=(phone("first", "second"), phones.twilio()),
            second=(phone("second", "third", events=[]), phones.vonage()),
            third=(channel("third", events=[]), mail(inbox.port)),
        )
        told(phones, post, died)
    assert len(set(inbox.ids())) == 1
    assert (len(phones.sent("twilio")), len(phones.sent("vonage"))) == (1, 1)


@pytest.mark.parametrize("vendor", ["twilio", "vonage"])
@pytest.mark.parametrize("died", [None, 0, 1])
def test_the_second_is_not_used_where_the_phone_rings(phones, vendor, died):
    with Receiver() as second:
        post = Post(
            first=(phone("first", "second"), getattr(phones, vendor)()),
            second=(channel("second", events=[]), Hook(second.url, SECRET, line())),
        )
        told(phones, post, died)
    assert second.got == []
    assert len(phones.sent(vendor)) == 1
    entry = next(iter(post.books))[1].open["incident/domain-critical"]
    assert entry.to == {"first": "sent"}
