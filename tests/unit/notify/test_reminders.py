"""What comes nearer is told at each of its lead times, once, and is over once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.kinds.certificate import TLS
from reconciler.kinds.domain import Phase
from reconciler.model import Severity
from tests.support.cards import method
from tests.unit.kinds.test_certificate import certificate, served
from tests.unit.kinds.test_certificate import state as tls
from tests.unit.kinds.test_payment_method import SHARE as CARD
from tests.unit.kinds.test_payment_method import live as card
from tests.unit.kinds.test_registration import HERE, domain
from tests.unit.kinds.test_registration import state as registered
from tests.unit.notify.world import NOW, Box, Post, channel, finding, plan

MANUAL = {"renewal": {"mode": "manual"}}


class Countdown:
    """One thing and its end; *every* so often somebody looks and tells."""

    def __init__(self, look, days):
        self.box = Box()
        self.post = Post(ops=(channel(), self.box))
        self.look, self.end = look, NOW + timedelta(days=days)

    def until(self, left, every):
        while self.post.now < self.end - timedelta(days=left):
            self.once()
            self.post.now += every

    def once(self):
        self.post.run(plan(findings=self.look(self.end, self.post.now)))

    @property
    def told(self):
        return [
            (
                round((self.end - m.notices[0].at) / timedelta(days=1)),
                m.notices[0].event,
            )
            for m in self.box.got
        ]


def of_domain(end, now, **spec):
    phase = Phase.GRACE if end <= now else Phase.ACTIVE
    have = registered(expires=end, auto_renew=False, phase=phase)
    found = domain(now, **MANUAL, **spec).findings({HERE: have}, now)
    return [one for one in found if one.code.startswith("domain-")]


def of_certificate(end, now):
    have = tls(served((end - now) / timedelta(days=1), now=now), now=now)
    return list(certificate().findings({TLS: have}, now))


def of_card(_end, now):
    found = method("pm_1", "Provider/x").findings({CARD: card(**SOON)}, now)
    return [one for one in found if one.code.startswith("payment-method-e")]


#: Ends with January 2027.
SOON = {"exp_month": 1, "exp_year": 2027}
CARDS = [
    (60, "window-opened"),
    (30, "window-opened"),
    (14, "urgent"),
    (7, "incident"),
    (0, "incident"),
]
DOMAIN = [
    (60, "window-opened"),
    (30, "window-opened"),
    (21, "urgent"),
    (14, "urgent"),
    (7, "incident"),
    (3, "incident"),
    (1, "incident"),
    (0, "incident"),
]
CERTIFICATE = [
    (30, "window-opened"),
    (14, "window-opened"),
    (7, "urgent"),
    (3, "incident"),
    (1, "incident"),
    (0, "incident"),
]


@pytest.mark.parametrize("every", [timedelta(hours=6), timedelta(days=1)])
@pytest.mark.parametrize(
    ("look", "steps"), [(of_domain, DOMAIN), (of_certificate, CERTIFICATE)]
)
def test_each_lead_time_is_told_once(look, steps, every):
    """However often somebody looks; and none of them is a relief."""
    down = Countdown(look, 62)
    down.until(-4, every)
    assert down.told == steps
    assert len(set(down.box.ids())) == len(steps)


def test_each_lead_time_of_a_card_is_told_once():
    down = Countdown(of_card, 0)
    down.end = card(**SOON).ends
    down.until(-4, timedelta(days=1))
    assert down.told == CARDS
    assert len(set(down.box.ids())) == len(CARDS)


def test_lead_times_that_were_slept_through_are_one():
    down = Countdown(of_domain, 62)
    down.until(50, timedelta(days=1))
    down.post.now = down.end - timedelta(days=13)
    down.once()
    assert down.told == [DOMAIN[0], (13, "urgent")]


def test_the_end_of_it_is_told_once():
    down = Countdown(of_domain, 62)
    down.until(5, timedelta(days=1))
    down.end += timedelta(days=365)
    down.until(340, timedelta(days=1))
    events = [m.notices[0].event for m in down.box.got]
    assert events == [event for _, event in DOMAIN[:5]] + ["healed"]


def test_the_next_year_is_told_again():
    down = Countdown(of_domain, 62)
    for _ in range(2):
        down.until(50, timedelta(days=1))
        down.end += timedelta(days=365)
    assert len(down.box.got) == 2
    assert len(set(down.box.ids())) == 2


def test_steps_are_those_of_the_inventory():
    down = Countdown(lambda *when: of_domain(*when, warnAt=["40d"]), 62)
    down.until(22, timedelta(days=1))
    assert down.told == [(40, "window-opened")]


@pytest.mark.parametrize("code", ["card-expires", "anything-expires"])
def test_any_kind_that_names_its_steps_is_reminded_of(code):
    def look(end, now):
        reached = [days for days in (60, 30, 7) if end - now <= timedelta(days=days)]
        lead = f"card/{min(reached)}d" if reached else ""
        return [finding(code, Severity.WARNING, lead=lead)] if reached else []

    down = Countdown(look, 62)
    down.until(1, timedelta(days=1))
    assert [days for days, _ in down.told] == [60, 30, 7]


def test_what_was_told_before_steps_were_known_is_no_relief_now():
    down = Countdown(lambda *_: [finding("domain-critical")], 5)
    down.once()
    down.look = of_domain
    down.once()
    assert [m.notices[0].event for m in down.box.got] == ["incident"] * 2
