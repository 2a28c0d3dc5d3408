"""
Three years of certificates: nothing expires, and each protection is there for a reason.

The decisions are the product's, the issuers a model. Then one protection after the
other is taken away, and the same story has to get worse: a simulation in which nothing
can go wrong shows nothing.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.kinds.certificate import decision, failure, renewal
from reconciler.kinds.certificate.budget import Budgets
from reconciler.kinds.certificate.failure import Failover
from reconciler.kinds.certificate.renewal import Renewal
from reconciler.sandbox.certifying import (
    LIFETIMES,
    START,
    Authority,
    Estate,
    Outage,
    Recall,
    Setup,
    thirty_days,
    three_years,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORT = 160 * HOUR


def played(setup, **fields):
    return Estate(setup._replace(**fields)).played()


def two(lifetime, *outages, days=60, certificates=40, **fields):
    """The first of two issuers suggests what *fields* say, and goes down."""
    first = Authority("first", lifetime, outages=outages, **fields)
    second = Authority("second", lifetime, suggests=False)
    return Setup((first, second), certificates, days=days)


def alone(setup):
    return setup._replace(authorities=setup.authorities[:1])


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_three_years_in_which_nothing_expires(lifetime):
    found = played(three_years(lifetime, certificates=12))
    assert found.expired == 0
    assert found.refused == 0
    if lifetime == SHORT:  # the others may have nothing due while an issuer is down
        assert found.failed > 100
    least = 3 * 365 * DAY / lifetime
    assert least < found.renewals < least * 2.2


@pytest.mark.parametrize(("lifetime", "more"), [(45 * DAY, 1.8), (SHORT, 2.0)])
def test_thirty_days_before_the_end_are_wrong_for_what_is_short(lifetime, more):
    setup = three_years(lifetime, certificates=12)._replace(days=365)
    ours = played(setup)
    fixed = played(three_years(lifetime, certificates=12, rule=thirty_days), days=365)
    assert fixed.renewals > more * ours.renewals


def test_thirty_days_before_the_end_know_of_no_recall():
    ours = played(three_years(90 * DAY, certificates=12), days=400)
    fixed = played(three_years(90 * DAY, certificates=12, rule=thirty_days), days=400)
    assert fixed.revoked > 1000
    assert ours.revoked < 100


def test_the_same_seed_is_the_same_story():
    first, again = (
        played(three_years(90 * DAY, certificates=12), days=365) for _ in range(2)
    )
    assert first == again
    other = played(three_years(90 * DAY, certificates=12), days=365, seed=2)
    assert other != first


# -- without each protection -------------------------------------------------------------


def test_without_chance_all_come_at_once(monkeypatch):
    def story():
        return two(45 * DAY, suggests=False, days=40, certificates=60)

    ours = played(story())
    monkeypatch.setattr(renewal, "scattered", lambda *_: timedelta(0))
    assert (ours.peak, played(story()).peak) == (pytest.approx(14, abs=6), 60)


def test_without_the_emergency_a_late_suggestion_is_followed_to_the_end(monkeypatch):
    def story():
        return two(90 * DAY, days=120, late=30 * DAY - HOUR)

    assert played(story()).expired == 0
    for module in (renewal, decision):
        monkeypatch.setattr(module, "emergency", lambda life, *_: life.ends + DAY)
    assert played(story()).expired > 10


def test_without_a_second_issuer_an_outage_is_the_end():
    outage = Outage(START + 468 * HOUR, 120 * HOUR)
    assert played(two(SHORT, outage)).expired == 0
    assert played(alone(two(SHORT, outage))).expired > 5


def test_with_more_patience_than_time_a_second_issuer_is_no_help(monkeypatch):
    outage = Outage(START + 468 * HOUR, 120 * HOUR)
    monkeypatch.setattr(failure, "patience", lambda failover, *_: failover.after)
    monkeypatch.setattr(failure, "_LITTLE", failure._LITTLE * 0)
    slow = Failover(attempts=3, after=4 * DAY)
    assert played(two(SHORT, outage), failover=slow).expired > 5


def test_without_suggestions_what_is_revoked_is_served_for_longer():
    recall = Recall(START + 20 * DAY, START + 21 * DAY + HOUR)
    ours = played(two(90 * DAY, recall=recall))
    deaf = played(two(90 * DAY, recall=recall), renewal=Renewal(ari=False))
    assert deaf.revoked > 4 * ours.revoked
    assert deaf.revoked >= 40 * 5


def test_without_budgets_the_limits_of_an_issuer_are_met(monkeypatch):
    """Eighty names of one domain fail over: fifty a week, and none is asked for more."""

    def story():
        outage = Outage(START + 20 * DAY, 9 * DAY)
        return two(SHORT, outage, days=30, certificates=80)._replace(shared=1.0)

    ours = played(story())
    assert ours.refused == 0
    monkeypatch.setattr(Budgets, "ask", lambda *_, **__: None)
    assert played(story()).refused > 20


def test_without_a_pause_an_issuer_that_is_down_is_asked_in_every_run(monkeypatch):
    def story():
        return alone(two(90 * DAY, Outage(START + 50 * DAY, 20 * DAY), days=75))

    ours = played(story())
    monkeypatch.setattr(failure, "_BACKOFF", (timedelta(0),))
    assert played(story()).failed > 2 * ours.failed


def test_an_installation_that_is_not_tried_again_is_the_end():
    """It was renewed, it is not due, and the old one is served until it expires."""

    def story():
        return two(45 * DAY, days=160, certificates=60)

    assert played(story()).expired == 0
    assert played(story(), retries=False).expired > 0


def test_without_rest_an_issuer_that_recalls_for_ever_is_obeyed_in_every_run(
    monkeypatch,
):
    def story():
        setup = two(90 * DAY, certificates=4)
        monkeypatch.setattr(
            setup.authorities[0],
            "suggestion",
            lambda one, now: renewal.Ari(now - HOUR, now - HOUR / 2, now, now),
        )
        return setup

    ours = played(story())
    assert ours.renewals < 20
    for module in (renewal, decision):
        monkeypatch.setattr(module, "rest", lambda *_: timedelta(0))
    assert played(story()).renewals > 200
