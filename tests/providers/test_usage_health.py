"""What a plan is told of checks: what is kept, that nobody looked, and broken books."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.errors import ReconcilerError
from reconciler.kinds.health_check import KEPT, HealthState, Uptime
from reconciler.model import Account, Change, Severity, Share, Unknown
from reconciler.providers.usage_health import DRIVER
from tests.support.contract import NOW, MemoryCache
from tests.support.health import check

SHOP, CAFE = check("shop"), check("cafe", "Domain/cafe.example")


def state(**fields):
    said = {"at": NOW, "phase": "up", "since": NOW, "seen": NOW, **fields}
    return HealthState.model_validate(said)


class Books:
    def __init__(self, found):
        self.found = found

    def outlook(self, ref):
        raise AssertionError(ref)

    def health(self, ref):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found.get(str(ref))


def driver(books):
    cache = MemoryCache()
    account = Account(
        "usage", None, None, {}, lambda: NOW, lambda _: None, cache, usage=books
    )
    return DRIVER(account)


def test_it_reports_what_is_kept():
    seen = driver(Books({"HealthCheck/shop": state()})).observe([SHOP, CAFE]).states
    assert seen["shop"] == state()
    assert isinstance(seen["cafe"], Unknown)
    assert seen["cafe"].later


def test_nobody_keeps_anything():
    (seen,) = driver(None).observe([SHOP]).states.values()
    assert seen.later


def test_broken_books_are_unknown_and_no_guess():
    books = Books(ReconcilerError("what is kept cannot be read", code="E675"))
    (seen,) = driver(books).observe([SHOP]).states.values()
    assert (seen.why, seen.later) == ("what is kept cannot be read", False)


def test_it_only_reads():
    made = driver(None)
    change = Change(verb="touch", share=Share("a", "b"), fields=(), because="x")
    made.touched(SHOP, change)
    assert not made.can
    with pytest.raises(NotImplementedError):
        made.apply(SHOP, change, "key")


DOWN = {"phase": "down", "why": "no answer", "incident": "i", "root": "Provider/whm-1"}


@pytest.mark.parametrize(
    ("fields", "code", "severity", "said"),
    [
        (DOWN, "site-down", Severity.CRITICAL, "Provider/whm-1 is down since"),
        ({**DOWN, "others": 3}, "site-down", Severity.CRITICAL, "3 more checks"),
        ({**DOWN, "lead": False}, "site-down", Severity.INFO, "a part of Provider/whm-1"),
        ({**DOWN, "maintenance": True}, "site-down", Severity.INFO, "is down"),
        ({**DOWN, "phase": "recovering"}, "site-down", Severity.CRITICAL, "begins to answer"),
        ({"phase": "flapping"}, "site-flapping", Severity.WARNING, "comes and goes"),
        ({"seen": NOW - timedelta(minutes=16)}, "check-unknown", Severity.WARNING, "nobody knows"),
        ({"seen": None, "since": NOW - timedelta(hours=1)}, "check-unknown", Severity.WARNING, "at all"),
    ],
)  # fmt: skip
def test_findings(fields, code, severity, said):
    (found,) = SHOP.findings({KEPT: state(**fields)}, NOW)
    assert (found.code, found.severity) == (code, severity)
    assert said in found.message


@pytest.mark.parametrize(
    ("burning", "severity"),
    [("fast", "error"), ("slow", "error"), ("steadily", "warning")],
)
def test_a_budget_that_burns(burning, severity):
    want = check("shop", slo={"target": "99%"})
    budget = {"allowed": 25920, "spent": 25000, "burning": burning, "rate": 1510}
    (found,) = want.findings({KEPT: state(budget=budget)}, NOW)
    assert (found.code, str(found.severity)) == ("slo-burning", severity)
    assert "15.1 times faster" in found.message
    assert "15m 20s left" in found.message


@pytest.mark.parametrize("fields", [{"phase": "suspect"}, {"phase": "up"}])
def test_nothing_to_say(fields):
    assert list(SHOP.findings({KEPT: state(**fields)}, NOW)) == []
    assert list(SHOP.findings({KEPT: Unknown(why="x", later=True)}, NOW)) == []


def test_it_is_quiet_until_nobody_came():
    have = {KEPT: state()}
    until = SHOP.quiet_until(have, NOW)
    assert list(SHOP.findings(have, until - timedelta(seconds=1))) == []
    (found,) = SHOP.findings(have, until)
    assert found.code == "check-unknown"
    assert SHOP.quiet_until(have, until) is None


def test_its_story_has_no_figure_without_what_is_unknown():
    month = Uptime(up=8000, down=1000, unknown=1000, maintenance=600)
    chapters = SHOP.story({KEPT: state(month=month)}, NOW)
    told = {one.title: one.lines for one in chapters}
    assert told["thirty days"] == (
        "up 88.888% of the time that is known",
        "unknown for 16m 40s: at least 80.000% in all",
        "maintenance for 10m 0s, which does not count",
    )
    (nothing,) = SHOP.story({}, NOW)
    assert nothing.lines == ("reconciler health check",)
