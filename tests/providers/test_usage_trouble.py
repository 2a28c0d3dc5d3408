"""What our own checks say of what is patched; nobody is asked for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from reconciler.errors import ReconcilerError
from reconciler.kinds.health_check import HealthState
from reconciler.model import Account, Makings, Ref, Unknown
from reconciler.model.patching import Patching
from reconciler.model.updates import TroubleState
from reconciler.providers.usage_trouble import UsageTrouble
from tests.support.backups import Life
from tests.support.updates import SITE, hosted

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
AGO = NOW - timedelta(minutes=20)


def state(phase="up", **more):
    given = {"at": NOW, "seen": NOW, "since": AGO, "phase": phase, "why": "", **more}
    return HealthState(**given)


def said(health, check=None):
    """Return what is said of an account, and what the book was asked for."""
    asked: list[Ref] = []

    def book(ref):
        asked.append(ref)
        return health()

    account = Account(
        name="usage",
        endpoint=None,
        identity=None,
        secrets={},
        clock=lambda: NOW,
        sleep=lambda _: None,
        cache=None,
        usage=SimpleNamespace(health=book),
    )
    want = hosted().joined(lambda: Makings(patching=Patching(check=check)))
    driver = UsageTrouble(account)
    assert driver.identity() is None
    driver.touched(want, None)
    return driver.observe([want]).states[SITE], asked


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (state(), TroubleState(seen=NOW)),
        (
            state("down", why="no answer"),
            TroubleState(seen=NOW, since=AGO, why="no answer"),
        ),
        (state("flapping"), TroubleState(seen=NOW, since=AGO)),
        # What is in doubt is as it was before.
        (state("suspect"), TroubleState(seen=AGO, doubt=True)),
        (state("unknown", seen=AGO), TroubleState(seen=AGO, doubt=True)),
        (None, TroubleState()),
    ],
)
def test_what_a_check_says(health, expected) -> None:
    found, asked = said(lambda: health, "shop")
    assert found == expected
    assert asked == [Ref("HealthCheck", "shop")]


def test_without_a_check_the_incident_of_the_thing_itself_is_asked_for() -> None:
    assert said(lambda: None)[1] == [Ref("HostingAccount", SITE)]


def test_books_that_cannot_be_read_are_unknown() -> None:
    def damaged():
        raise ReconcilerError("it is damaged")

    assert said(damaged)[0] == Unknown(why="it is damaged")


def test_of_a_backup_the_incident_of_what_it_is_of_counts_too() -> None:
    asked: list[Ref] = []

    def book(ref):
        asked.append(ref)
        return state("down", why="no answer") if ref.kind == "HostingAccount" else None

    account = Account(
        name="usage",
        endpoint=None,
        identity=None,
        secrets={},
        clock=lambda: NOW,
        sleep=lambda _: None,
        cache=None,
        usage=SimpleNamespace(health=book),
    )
    want = Life().want
    found = UsageTrouble(account).observe([want]).states["x"]
    assert found == TroubleState(seen=NOW, since=AGO, why="no answer")
    assert asked == [want.ref, Ref("HostingAccount", "x")]
