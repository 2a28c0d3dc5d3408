"""What failed orders mean: backoff, another issuer, and rehearsals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from reconciler.kinds.certificate.failure import (
    Attempt,
    Failover,
    Fault,
    Issuing,
    fault,
    rehearse,
    standing,
)
from reconciler.kinds.certificate.renewal import Lifetime, Reason

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
#: Ninety days, thirty of them left.
LIFE = Lifetime(NOW - 60 * DAY, NOW + 30 * DAY)
FIRST = Issuing("first", rehearses=True)


def tried(*faults, every=6 * HOUR, since=NOW, **fields):
    return tuple(
        Attempt(since + n * every, "first", one, **fields)
        for n, one in enumerate(faults)
    )


def stands(attempts, now=NOW, life=LIFE, reason=Reason.ARI, failover=None):
    return standing(FIRST, attempts, failover or Failover(), life, reason, now)


@pytest.mark.parametrize(
    ("code", "whose"),
    [
        ("urn:ietf:params:acme:error:serverInternal", Fault.ISSUER),
        ("serverInternal", Fault.ISSUER),
        ("503", Fault.ISSUER),
        ("timeout", Fault.ISSUER),
        ("urn:ietf:params:acme:error:rateLimited", Fault.LIMIT),
        ("paused", Fault.PAUSED),
        ("urn:ietf:params:acme:error:unauthorized", Fault.VALIDATION),
        ("urn:ietf:params:acme:error:dns", Fault.VALIDATION),
        ("urn:ietf:params:acme:error:caa", Fault.VALIDATION),
        ("urn:ietf:params:acme:error:rejectedIdentifier", Fault.REQUEST),
        ("404", Fault.REQUEST),
        ("urn:example:never-heard-of", Fault.REQUEST),
    ],
)
def test_whose_fault_it_was(code, whose):
    assert fault(code) is whose
    assert whose.theirs is (whose in {Fault.ISSUER, Fault.LIMIT, Fault.PAUSED})


@pytest.mark.parametrize(
    ("failures", "wait"),
    [
        (1, timedelta(minutes=1)),
        (2, timedelta(minutes=10)),
        (3, timedelta(minutes=100)),
        (4, DAY),
        (60, DAY),
    ],
)
def test_it_is_left_alone_for_longer_each_time(failures, wait):
    attempts = tried(*[Fault.VALIDATION] * failures, every=HOUR)
    assert stands(attempts).ready == attempts[-1].at + wait


def test_near_the_end_eight_attempts_fit_into_what_is_left():
    for left, wait in ((16 * HOUR, 2 * HOUR), (2 * HOUR, HOUR), (-DAY, HOUR)):
        attempts = tried(*[Fault.VALIDATION] * 5, every=-HOUR)
        last = attempts[-1].at
        life = Lifetime(NOW - 90 * DAY, last + left)
        assert stands(attempts, life=life).ready == last + wait
    many = tried(*[Fault.VALIDATION] * 51, every=-HOUR)
    life = Lifetime(NOW - 90 * DAY, NOW - 52 * HOUR)
    assert stands(many, life=life).ready == many[-1].at + DAY


@pytest.mark.parametrize("reason", [Reason.REVOKED, Reason.EXPIRED])
def test_what_does_harm_already_is_tried_every_hour(reason):
    attempts = tried(*[Fault.ISSUER] * 5)
    assert stands(attempts, reason=reason).ready == attempts[-1].at + HOUR


def test_who_says_when_is_asked_then():
    attempts = tried(Fault.LIMIT, retry_after=NOW + 5 * HOUR)
    assert stands(attempts).ready == NOW + 5 * HOUR
    assert not stands(attempts).out
    assert stands(tried(Fault.LIMIT, retry_after=NOW + 25 * HOUR)).out


def test_after_three_faults_of_its_own_and_a_day_another_one_is_asked():
    three = tried(*[Fault.ISSUER] * 3)
    assert not stands(three, NOW + 23 * HOUR).out
    found = stands(three, NOW + DAY)
    assert found.out
    assert found.why == "failed 3 times, last by issuer"
    assert NOW + DAY in found.turns
    assert not stands(three[:2], NOW + 2 * DAY).out
    patient = Failover.model_validate({"attempts": 4, "after": "2d"}, by_name=False)
    assert not stands(three, NOW + 2 * DAY, failover=patient).out


def test_it_takes_less_where_less_is_left():
    six_days = Lifetime(NOW - 80 * HOUR, NOW + 80 * HOUR)
    three = tried(*[Fault.ISSUER] * 3, every=4 * HOUR)
    assert not stands(three, NOW + 9 * HOUR, life=six_days).out
    assert stands(three, NOW + 10 * HOUR, life=six_days).out
    once = tried(Fault.ISSUER, since=NOW + 55 * HOUR)  # of 160 hours 24 are left at 56
    assert not stands(once, NOW + 55 * HOUR, life=six_days).out
    assert stands(once, NOW + 56 * HOUR, life=six_days).out
    # Of a first certificate nothing is left to lose: it keeps its patience.
    assert not stands(three, NOW + 10 * HOUR, life=None).out
    assert stands(three, NOW + DAY, life=None).out


@pytest.mark.parametrize("ours", [Fault.VALIDATION, Fault.REQUEST])
def test_another_issuer_is_never_asked_for_what_is_our_fault(ours):
    attempts = tried(*[ours] * 30)
    assert not stands(attempts, LIFE.ends - HOUR).out
    mixed = tried(*[Fault.ISSUER] * 9, ours)
    assert not stands(mixed, LIFE.ends - HOUR).out


def test_a_pause_is_lifted_by_a_person_alone():
    found = stands(tried(Fault.PAUSED))
    assert found.out
    assert "until a person acts" in found.why


def test_another_issuers_failures_are_none_of_its_own():
    other = Attempt(NOW, "second", Fault.ISSUER)
    assert stands((other,) * 9) == standing(
        FIRST, (), Failover(), LIFE, Reason.ARI, NOW
    )


@pytest.mark.parametrize("fields", [{"attempts": 0}, {"after": "3"}, {"after": 24}])
def test_what_is_no_failover(fields):
    with pytest.raises(ValidationError):
        Failover.model_validate(fields, by_name=False)


# -- rehearsals ----------------------------------------------------------------------------


def rehearsed(attempts, *, fresh=False, reason=Reason.ARI, issuer=FIRST):
    return rehearse(issuer, attempts, reason, fresh=fresh)


def test_new_names_are_tried_at_the_staging_server_first():
    assert rehearsed((), fresh=True)
    assert not rehearsed(())
    assert not rehearsed((), fresh=True, issuer=Issuing("plain"))
    good = tried(None, rehearsal=True)
    assert not rehearsed(good, fresh=True)
    assert stands(good).ready == NOW
    bad = tried(Fault.VALIDATION, rehearsal=True)
    assert rehearsed(bad, fresh=True)
    assert stands(bad).ready == NOW + timedelta(minutes=1)


def test_after_a_failed_validation_it_is_rehearsed_and_then_done():
    failed = tried(Fault.VALIDATION)
    assert rehearsed(failed)
    good = (*failed, Attempt(NOW + HOUR, "first", None, rehearsal=True))
    assert not rehearsed(good)
    assert stands(good).ready == NOW + HOUR
    again = (*good, Attempt(NOW + 2 * HOUR, "first", Fault.VALIDATION))
    assert rehearsed(again)
    assert stands(again).ready == NOW + 2 * HOUR + timedelta(minutes=10)
    assert not rehearsed(tried(Fault.ISSUER))


def test_a_staging_server_that_is_down_holds_nothing_up():
    down = tried(Fault.ISSUER, rehearsal=True, retry_after=NOW + 9 * DAY)
    assert not rehearsed(down, fresh=True)
    found = stands(down)
    assert found.ready == NOW
    assert not found.out


@pytest.mark.parametrize("reason", [Reason.EMERGENCY, Reason.EXPIRED])
def test_where_it_presses_nothing_is_rehearsed(reason):
    assert not rehearsed((), fresh=True, reason=reason)
    assert not rehearsed(tried(Fault.VALIDATION), reason=reason)
