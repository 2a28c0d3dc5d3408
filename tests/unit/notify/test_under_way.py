"""What is taken is not there yet: followed, lost, found again, told by another once."""

from __future__ import annotations

import json
from itertools import product

import pytest

from reconciler.audit import Record
from reconciler.notify import Books, Status
from tests.unit.notify.world import Box, Phone, Post, channel, finding, plan

CRITICAL = plan(findings=[finding()])
KEY = "incident/domain-critical"
LOST = [Status.FAILED, Status.UNKNOWN]


def phone(name="sms", fallback=None, **spec):
    twilio = {
        "account": "AC" + "a" * 32,
        "from": "+31612345678",
        "to": {"env": "PHONE"},
        "credentials": {"username": {"env": "A"}, "password": {"env": "B"}},
    }
    more = {"type": "twilio", "webhook": None, "twilio": twilio, **spec}
    return channel(name, fallback, **more)


def pair(sms, second, **spec):
    return Post(
        sms=(phone(fallback="mail", **spec), sms),
        mail=(channel("mail", events=[]), second),
    )


def entry(post):
    return next(iter(post.books))[1].open[KEY]


def runs(post, number, made=CRITICAL, minutes=20):
    for _ in range(number):
        post.later(minutes=minutes)
        post.run(made)


def test_what_is_delivered_is_asked_for_until_then():
    sms, second = Phone(fates=[Status.ACCEPTED, Status.DELIVERED]), Box()
    post = pair(sms, second, confirmWithin="1h")
    post.run(CRITICAL)
    assert post.last.told[0].arrived
    assert entry(post).to == {"sms": "accepted"}
    assert entry(post).waits["to/sms"].id == "id-1"
    runs(post, 4)
    assert sms.asked == ["id-1"] * 2
    assert entry(post).to == {"sms": "sent"}
    assert entry(post).waits == {}
    assert len(sms.got) == 1
    assert second.got == []


def test_what_is_not_delivered_goes_by_the_fallback_once():
    sms, second = Phone(fates=[Status.FAILED]), Box()
    post = pair(sms, second)
    post.run(CRITICAL)
    runs(post, 3)
    assert len(sms.got) == len(second.got) == 1
    assert entry(post).to == {"sms": "by mail", "mail": "sent"}
    assert sms.got[0].notices[0].id == second.got[0].notices[0].id


@pytest.mark.parametrize("answer", [Status.ACCEPTED, Status.UNKNOWN, OSError("x")])
def test_what_nobody_confirms_goes_by_the_fallback_once(answer):
    class Mute(Phone):
        def check(self, identity, now):
            if isinstance(answer, Exception):
                raise answer
            return super().check(identity, now)._replace(status=answer)

    sms, second = Mute(), Box()
    post = pair(sms, second, confirmWithin="1h")
    post.run(CRITICAL)
    runs(post, 3)
    assert second.got == []
    runs(post, 3)
    assert len(second.got) == 1
    assert entry(post).to == {"sms": "by mail", "mail": "sent"}


def test_a_fallback_that_fails_is_tried_by_each_run_and_the_phone_is_not():
    sms, second = Phone(fates=[Status.FAILED] * 9), Box(Status.FAILED, Status.FAILED)
    post = pair(sms, second)
    post.run(CRITICAL)
    runs(post, 2)
    assert not post.last.told[0].arrived
    runs(post, 3)
    assert (len(sms.got), len(second.got)) == (1, 3)
    assert len(set(second.ids())) == 1


def test_a_phone_alone_that_was_not_reached_is_tried_by_the_next_run():
    sms = Phone(fates=[Status.FAILED, Status.DELIVERED])
    post = Post(sms=(phone(), sms))
    post.run(CRITICAL)
    runs(post, 1)
    assert not post.last.told[0].arrived
    assert len(sms.got) == 1
    runs(post, 3)
    assert len(sms.got) == 2
    assert entry(post).to == {"sms": "sent"}


def test_a_phone_alone_that_nobody_confirms_is_left_at_that_and_said():
    sms = Phone()
    post = Post(sms=(phone(), sms))
    post.run(CRITICAL)
    runs(post, 1)
    (told,) = post.last.told
    assert not told.arrived
    assert "nobody confirmed that it arrived" in told.sent.delivery.said
    runs(post, 3)
    assert post.last.told == ()
    assert len(sms.got) == 1


def test_a_phone_as_the_fallback_is_followed_too():
    """Mail is down, the phone takes it and loses it: from the start again."""
    first = Box(Status.FAILED, Status.DELIVERED)
    sms = Phone(fates=[Status.FAILED])
    post = Post(mail=(channel("mail", "sms"), first), sms=(phone(events=[]), sms))
    post.run(CRITICAL)
    assert entry(post).to == {"mail": "by sms", "sms": "accepted"}
    runs(post, 3)
    assert (len(first.got), len(sms.got)) == (2, 1)
    assert entry(post).to["mail"] == "sent"


def test_a_chain_of_phones_ends_with_the_last():
    one, two, mail = Phone(fates=[Status.FAILED]), Phone(fates=[Status.FAILED]), Box()
    post = Post(
        one=(phone("one", "two"), one),
        two=(phone("two", "mail", events=[]), two),
        mail=(channel("mail", events=[]), mail),
    )
    post.run(CRITICAL)
    runs(post, 4)
    assert [len(box.got) for box in (one, two, mail)] == [1, 1, 1]
    assert entry(post).to == {"one": "by mail", "two": "by mail", "mail": "sent"}


def test_that_it_is_over_is_followed_too():
    sms, second = Phone(fates=[Status.DELIVERED, Status.FAILED]), Box()
    post = pair(sms, second)
    post.run(CRITICAL)
    runs(post, 1)
    runs(post, 3, plan())
    assert [m.notices[0].event for m in sms.got] == ["incident", "healed"]
    assert [m.notices[0].event for m in second.got] == ["healed"]
    assert all(not book.open for _, book in post.books)


def test_what_is_over_before_it_was_lost_is_told_to_nobody_any_more():
    sms, second = Phone(fates=[Status.FAILED]), Box()
    post = pair(sms, second, events=["incident"])
    post.run(CRITICAL)
    runs(post, 3, plan())
    assert second.got == []
    assert all(not book.open for _, book in post.books)


def test_what_was_not_looked_at_is_followed_all_the_same():
    sms, second = Phone(fates=[Status.FAILED]), Box()
    post = pair(sms, second)
    post.run(CRITICAL)
    post.later(minutes=20)
    post.run(plan(), looked=lambda _ref: False)
    (mail,) = second.got
    assert mail.notices[0].event == "incident"
    assert "domain-critical of a.example" in mail.subject


def test_a_channel_that_is_gone_from_the_inventory_is_not_followed():
    post = Post(sms=(phone(), Phone()))
    post.run(CRITICAL)
    post.channels = {}
    runs(post, 2)
    assert entry(post).waits == {}


def test_what_is_under_way_survives_in_the_records():
    sms = Phone(fates=[Status.DELIVERED])
    post = pair(sms, Box())
    notes = post.run(CRITICAL)
    (note,) = notes
    facts = json.loads(json.dumps(note.data["facts"]))
    record = Record(kind="Domain", uid="uid-a.example", facts=facts)
    post.books = Books.read({("Domain", "uid-a.example"): record})
    runs(post, 2)
    assert len(sms.got) == 1
    assert entry(post).to == {"sms": "sent"}


class TestDeath:
    """A run dies between sending and recording; no phone rings twice for it."""

    def test_it_is_written_down_before_it_is_sent_and_only_for_phones(self):
        sms, second = Phone(), Box()
        post = pair(sms, second)
        post.run(CRITICAL)
        assert post.claims == 1
        mails = Post(ops=(channel(), Box()))
        mails.run(CRITICAL)
        assert mails.claims == 0

    def test_what_was_sent_is_found_and_followed(self):
        sms, second = Phone(fates=[Status.DELIVERED]), Box()
        post = pair(sms, second)
        post.run(CRITICAL, recorded=False)
        assert len(sms.got) == 1
        runs(post, 3)
        assert len(sms.got) == 1
        assert second.got == []
        assert entry(post).to == {"sms": "sent"}

    def test_what_was_not_sent_is_sent_now(self):
        sms = Phone(fates=[Status.DELIVERED])
        post = pair(sms, Box())
        post.run(CRITICAL, recorded=False)
        sms.got.clear()  # it died before that
        runs(post, 3)
        assert len(sms.got) == 1

    def test_where_nobody_can_tell_the_fallback_has_it(self):
        sms, second = Phone(known=False), Box()
        post = pair(sms, second)
        post.run(CRITICAL, recorded=False)
        runs(post, 3)
        assert (len(sms.got), len(second.got)) == (1, 1)

    def test_where_nobody_can_tell_and_nobody_else_is_there_it_is_sent_again(self):
        """Twice told is better than not."""
        sms = Phone(known=False, fates=[Status.DELIVERED])
        post = Post(sms=(phone(), sms))
        post.run(CRITICAL, recorded=False)
        runs(post, 3)
        assert len(sms.got) == 2
        assert len(set(sms.ids())) == 1

    def test_news_beside_it_do_not_hide_it(self):
        """What was one message then would be part of a digest now."""
        sms = Phone(fates=[Status.DELIVERED] * 9)
        post = pair(sms, Box())
        post.run(CRITICAL, recorded=False)
        names = [f"{n}.example" for n in range(6)]
        many = [finding(name="a.example"), *(finding(name=name) for name in names)]
        runs(post, 3, plan(findings=many))
        told = [notice.id for message in sms.got for notice in message.notices]
        assert len(told) == len(set(told)) == 7

    @pytest.mark.parametrize(
        ("lost", "died", "known"),
        list(product(["sms", "both", "neither"], [0, 1, 2], [True, False])),
    )
    def test_exactly_once_by_somebody_whenever_it_dies(self, lost, died, known):
        """
        The phone loses it or not, the second phone too or not, a run dies at each
        step: somebody has it, and nobody twice.
        """
        fates = [Status.DELIVERED if lost == "neither" else Status.FAILED]
        one = Phone(fates=fates * 9, known=known)
        two = Phone(fates=[Status.FAILED if lost == "both" else Status.DELIVERED] * 9)
        three = Box()
        post = Post(
            one=(phone("one", "two"), one),
            two=(phone("two", "three", events=[]), two),
            three=(channel("three", events=[]), three),
        )
        for number in range(8):
            post.run(CRITICAL, recorded=number != died)
            post.later(minutes=31)
        assert len(one.got) == 1
        assert len(two.got) <= 1
        assert len(set(three.ids())) <= 1
        reached = {
            "one": lost == "neither",
            "two": lost == "sms" and bool(two.got),
            "three": bool(three.got),
        }
        assert any(reached.values())


@pytest.mark.parametrize("status", LOST)
def test_a_phone_that_does_not_take_it_falls_back_at_once(status):
    sms, second = Phone(status), Box()
    post = pair(sms, second)
    post.run(CRITICAL)
    assert (len(sms.got), len(second.got)) == (1, 1)
    assert entry(post).to == {"sms": "by mail", "mail": "sent"}
    assert entry(post).waits == {}


def test_an_answer_that_was_lost_is_looked_for_before_it_is_sent_again():
    sms = Phone(Status.UNKNOWN, fates=[Status.DELIVERED])
    post = Post(sms=(phone(), sms))
    post.run(CRITICAL)
    assert not post.last.told[0].arrived
    runs(post, 3)
    assert len(sms.got) == 1
    assert entry(post).to == {"sms": "sent"}
