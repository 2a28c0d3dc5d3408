"""Once per thing, step and channel: over runs, crashes, outages and fallbacks."""

from __future__ import annotations

import json
from threading import Event

import pytest

from reconciler.audit import Record
from reconciler.model import Decision, Severity, Verdict
from reconciler.notify import Books, Status, desk
from tests.unit.notify.world import (
    HOUR,
    NOW,
    Box,
    Post,
    action,
    channel,
    domain,
    finding,
    plan,
    renew,
    unread,
)

HELD = Verdict(Decision.HOLD, "ApprovalRule/money", "above 5 EUR", ("billing",))
CRITICAL = plan(findings=[finding()])


def held(name="a.example", cost="11.00 USD"):
    return action(renew(cost, expires=40), domain(name), verdicts=(HELD,))


def alone(**spec):
    box = Box()
    return box, Post(ops=(channel(**spec), box))


def test_a_thing_is_told_once():
    box, post = alone()
    assert post.run(CRITICAL)
    post.later(hours=6)
    assert post.run(CRITICAL) == []
    assert len(box.got) == 1


def test_each_channel_is_told():
    one, two = Box(), Box()
    post = Post(a=(channel("a"), one), b=(channel("b"), two))
    post.run(CRITICAL)
    assert len(one.got) == len(two.got) == 1
    assert one.got[0].notices[0].id == two.got[0].notices[0].id
    assert one.ids() != two.ids()


def test_after_a_crash_before_the_record_the_same_message_comes_once_more():
    box, post = alone()
    post.run(CRITICAL, recorded=False)
    post.later(hours=1)
    post.run(CRITICAL)
    post.run(CRITICAL)
    assert len(box.got) == 2
    assert len(set(box.ids())) == 1
    assert box.got[0].notices[0].id == box.got[1].notices[0].id


def test_what_is_over_is_told_once_to_who_was_told():
    box, post = alone()
    post.run(CRITICAL)
    post.later(hours=1)
    post.run(plan())
    post.run(plan())
    assert [m.notices[0].event for m in box.got] == ["incident", "healed"]
    assert "over: " in box.got[1].subject
    assert len(set(box.ids())) == 2


def test_what_comes_back_is_news():
    box, post = alone()
    for made in (CRITICAL, plan(), CRITICAL, plan()):
        post.run(made)
        post.later(hours=1)
    assert [m.notices[0].event for m in box.got] == ["incident", "healed"] * 2
    assert len(set(box.ids())) == 4


def test_what_comes_back_before_it_was_told_to_be_over_is_news_too():
    """Somebody else may have heard that it was over."""
    box = Box(Status.DELIVERED, Status.FAILED)
    post = Post(ops=(channel(), box))
    for made in (CRITICAL, plan(), CRITICAL, CRITICAL):
        post.run(made)
        post.later(hours=1)
    assert [m.notices[0].event for m in box.got] == ["incident", "healed", "incident"]
    assert len(set(box.ids())) == 3


def test_what_was_not_looked_at_is_not_over():
    box, post = alone()
    post.run(CRITICAL)
    post.run(plan(), looked=lambda _ref: False)
    post.run(plan(unknown=[unread()]))
    assert len(box.got) == 1
    post.run(CRITICAL)
    assert len(box.got) == 1


def test_a_hold_that_was_lifted_is_no_news():
    box, post = alone()
    post.run(plan(held()))
    post.run(plan())
    assert [m.notices[0].event for m in box.got] == ["held"]
    assert all(not book.open for _, book in post.books)


def test_another_result_is_another_hold():
    """What an approval binds to changed: a person has to look again."""
    box, post = alone()
    post.run(plan(held()))
    dearer = held()._replace(ceiling=None)
    post.run(plan(dearer))
    assert len(box.got) == 2
    assert len(set(box.ids())) == 2


def test_a_price_below_the_ceiling_is_no_news():
    box, post = alone()
    post.run(plan(held()))
    post.run(plan(held(cost="12.00 USD")))
    assert len(box.got) == 1


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNKNOWN, OSError("x")])
def test_what_did_not_arrive_is_tried_again_by_the_next_run(status):
    box = Box(status)
    post = Post(ops=(channel(), box))
    post.run(CRITICAL)
    assert not post.last.told[0].arrived
    post.run(CRITICAL)
    post.run(CRITICAL)
    assert len(box.got) == 2
    assert len(set(box.ids())) == 1


@pytest.mark.parametrize(
    "status", [Status.FAILED, Status.UNKNOWN, Status.GONE, ValueError("x")]
)
def test_the_fallback_is_used_at_once_and_once(status):
    first, second = Box(status), Box()
    post = Post(
        mail=(channel("mail", "hook"), first), hook=(channel("hook", events=[]), second)
    )
    post.run(CRITICAL)
    post.run(CRITICAL)
    assert len(first.got) == len(second.got) == 1
    assert post.last.told == ()
    entry = next(iter(post.books))[1].open["incident/domain-critical"]
    assert entry.to == {"mail": "by hook", "hook": "sent"}


def test_a_fallback_that_was_told_for_its_own_sake_is_not_told_again():
    first, second = Box(Status.FAILED), Box()
    post = Post(mail=(channel("mail", "hook"), first), hook=(channel("hook"), second))
    post.run(CRITICAL)
    post.run(CRITICAL)
    assert len(second.got) == 1
    assert len(first.got) == 1


def test_a_chain_of_fallbacks_ends():
    boxes = [Box(Status.FAILED, Status.FAILED) for _ in range(3)]
    names = ("a", "b", "c")
    post = Post(
        **{
            name: (channel(name, following, events=events), box)
            for name, following, events, box in zip(
                names,
                ("b", "c", None),
                (["incident"], [], []),
                boxes,
                strict=True,
            )
        }
    )
    post.run(CRITICAL)
    assert [len(box.got) for box in boxes] == [1, 1, 1]
    (told,) = post.last.told
    assert not told.arrived
    assert [name for name, _ in told.sent.tried] == ["a", "b"]
    post.run(CRITICAL)
    assert [len(box.got) for box in boxes] == [2, 2, 2]


def test_a_channel_that_cannot_be_used_falls_back():
    second = Box()
    post = Post(
        mail=(channel("mail", "hook"), None), hook=(channel("hook", events=[]), second)
    )
    post.run(CRITICAL)
    assert len(second.got) == 1


def test_gone_is_reported():
    post = Post(ops=(channel(), Box(Status.GONE)))
    post.run(CRITICAL)
    assert post.last.gone == {"ops"}


def test_events_and_severities_choose():
    calm, loud, held_only = Box(), Box(), Box()
    post = Post(
        calm=(channel("calm", minSeverity="critical"), calm),
        held=(channel("held", events=["held"]), held_only),
        loud=(channel("loud"), loud),
    )
    post.run(plan(held("b.example"), findings=[finding()]))
    assert len(calm.got) == 1
    assert [m.notices[0].event for m in held_only.got] == ["held"]
    assert len(loud.got) == 2


def test_unknown_is_told_when_it_lasts():
    box, post = alone()
    lost = plan(unknown=[unread()])
    for hours in range(0, 24, 6):
        post.now = NOW + hours * HOUR
        post.run(lost)
    assert box.got == []
    post.now = NOW + 24 * HOUR
    post.run(lost)
    post.later(hours=6)
    post.run(lost)
    assert len(box.got) == 1
    assert "since 2026-11-22 06:00" in box.got[0].subject
    post.run(plan())
    assert [m.notices[0].event for m in box.got] == ["unknown", "healed"]


def test_unknown_that_ended_begins_anew():
    box, post = alone()
    lost = plan(unknown=[unread()])
    post.run(lost)
    post.later(hours=20)
    post.run(plan())
    post.later(hours=20)
    post.run(lost)
    post.later(hours=20)
    post.run(lost)
    assert box.got == []


def test_an_outage_that_spreads_keeps_its_age():
    box, post = alone()
    post.run(plan(unknown=[unread()]))
    post.later(hours=25)
    post.run(plan(unknown=[unread(f"{c}.example") for c in "abcdef"]))
    (one,) = box.got
    assert "since 2026-11-22 06:00" in one.subject


def test_patience_is_the_channel_s():
    box, post = alone(unknownAfter="1h")
    lost = plan(unknown=[unread()])
    post.run(lost)
    post.later(hours=1)
    post.run(lost)
    assert len(box.got) == 1


def test_many_are_one_message_and_alarms_go_alone():
    box, post = alone()
    many = [held(f"{n}.example") for n in range(6)]
    post.run(
        plan(*many, findings=[finding(), finding("domain-expired", name="b.example")])
    )
    assert [len(m.notices) for m in box.got] == [1, 1, 6]
    digest = box.got[-1]
    assert digest.subject.startswith(
        "[reconciler main] WARNING 6 notices, first Domain/"
    )
    assert digest.data["event_type"] == "digest"
    assert digest.data["count"] == 6
    assert len(digest.data["event_ids"].split(",")) == 6


def test_few_are_told_each():
    box, post = alone()
    post.run(plan(*[held(f"{n}.example") for n in range(5)]))
    assert [len(m.notices) for m in box.got] == [1] * 5


def test_a_storm_of_one_sort_is_one_message():
    box, post = alone()
    storm = [finding(name=f"{n}.example", message="is gone") for n in range(400)]
    post.run(plan(findings=storm))
    assert len(box.got) == 1
    assert "and 380 more" in box.got[0].text


def test_quiet_hours_hold_back_what_is_no_alarm():
    box, post = alone(quietHours="21:00-08:00", timeZone="Europe/Amsterdam")
    post.run(plan(held(), findings=[finding(name="b.example")]))  # 07:00 there
    assert [m.notices[0].event for m in box.got] == ["incident"]
    post.later(hours=1)
    post.run(plan(held(), findings=[finding(name="b.example")]))
    assert [m.notices[0].event for m in box.got] == ["incident", "held"]


def test_what_there_is_no_time_for_is_left_to_the_next_run():
    box, post = alone()
    post.run(CRITICAL, in_time=lambda: False)
    assert box.got == []
    post.run(CRITICAL)
    assert len(box.got) == 1


def test_a_receiver_that_never_ends_stops_no_run(monkeypatch):
    over = Event()

    class Endless(Box):
        def send(self, message, now):
            over.wait(30)
            return super().send(message, now)

    monkeypatch.setattr(desk, "LIMIT", 0.05)
    box = Endless()
    post = Post(ops=(channel(), box))
    post.run(CRITICAL)
    assert box.got == []  # it has not ended yet
    over.set()
    assert post.last.told[0].sent.delivery.status is Status.UNKNOWN


def test_that_it_is_over_is_not_told_when_it_is_old():
    box = Box(Status.DELIVERED, *[Status.FAILED] * 9)
    post = Post(ops=(channel(), box))
    post.run(CRITICAL)
    post.run(plan())
    post.later(days=4)
    post.run(plan())
    assert len(box.got) == 2
    assert all(not book.open for _, book in post.books)


def test_a_channel_that_does_not_want_good_news_leaves_nothing_open():
    box, post = alone(events=["incident"])
    post.run(CRITICAL)
    post.run(plan())
    assert len(box.got) == 1
    assert all(not book.open for _, book in post.books)


def test_urgency_is_told_after_a_hold():
    """The same renewal, first held, then near its date: two steps, two notices."""
    box, post = alone()
    post.run(plan(held()))
    near = action(renew(expires=10), verdicts=(HELD,))
    post.run(plan(near))
    assert [m.notices[0].event for m in box.got] == ["held", "urgent"]


class TestKept:
    """What is remembered goes through the records of the audit branch and back."""

    def through(self, notes, records=None):
        records = dict(records or {})
        for note in notes:
            kind, uid = note.data["kind"], note.data["uid"]
            facts = json.loads(json.dumps(note.data["facts"]))
            old = records.get((kind, uid), Record(kind=kind, uid=uid))
            merged = {k: v for k, v in {**old.facts, **facts}.items() if v is not None}
            records[kind, uid] = old.model_copy(update={"facts": merged})
        return records

    def test_books_are_the_same_again(self):
        box, post = alone()
        made = plan(held(), findings=[finding()], unknown=[unread("c.example")])
        records = self.through(post.run(made))
        again = Books.read(records)
        assert list(again) == list(post.books)
        post.books = again
        assert post.run(made) == []
        assert len(box.got) == 2

    def test_what_is_over_leaves_only_a_number(self):
        _, post = alone()
        records = self.through(post.run(CRITICAL))
        records = self.through(post.run(plan()), records)
        (record,) = records.values()
        assert record.facts == {"notices": {"name": "a.example", "closed": 1}}

    @pytest.mark.parametrize(
        "facts",
        [
            {"notices": 5},
            {"notices": {"name": "a", "open": {"x": {}}}},
            {"notices": {"open": {}}},
            {"unread": {"a": "yesterday"}},
            {"unread": []},
        ],
    )
    def test_what_cannot_be_read_is_forgotten(self, facts):
        records = {("Domain", "a"): Record(kind="Domain", uid="a", facts=facts)}
        assert list(Books.read(records)) == []

    def test_no_message_text_or_address_is_kept(self):
        _, post = alone()
        (note,) = post.run(CRITICAL)
        entry = note.data["facts"]["notices"]["open"]["incident/domain-critical"]
        assert set(entry) == {"number", "at", "severity", "summary", "to"}
        assert entry["severity"] == Severity.CRITICAL
