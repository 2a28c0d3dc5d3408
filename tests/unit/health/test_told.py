"""What ends without a word, and what a look leaves to plans."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.cli.health_notices import merged, over
from reconciler.health.memory import Book, Incident
from reconciler.model import Ref, Severity
from reconciler.notify import Books, Condition, Subject, turn

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SHOP = Subject("HealthCheck", "shop", "shop")


def incident(key, **more):
    root = Ref("Domain", "shop.example")
    fixed = {"checks": ("shop",), "why": "no answer", "lead": "shop"}
    return Incident(key, root, "reach", 1, 2, "critical", **fixed, **more)


def condition(about, subject=SHOP):
    return Condition("incident", Severity.CRITICAL, subject, about, "is down")


def books(*found):
    turned = turn(Books({}), found, lambda *_: False, NOW)
    told = [
        (one.subject, one.key, turned.of(one.subject).open[one.key]) for one in found
    ]
    return turned.entered(
        (s, key, entry.model_copy(update={"to": {"mail": "sent"}}))
        for s, key, entry in told
    )


def test_what_became_a_part_of_another_ends_without_a_word():
    before = books(condition("health/small"), condition("health/large"))
    book = Book(
        incidents={
            "small": incident("small", closed=3, merged="large"),
            "large": incident("large"),
        }
    )
    left = before.without(merged(book))
    assert set(left.of(SHOP).open) == {"incident/health/large"}
    assert left.of(SHOP).closed == 1


def test_a_look_ends_only_what_looks_have_told():
    other = Subject("Domain", "shop.example", "shop.example")
    before = books(
        condition("health/1"),
        condition("health/2"),
        condition("site-down"),
        condition("registration", other),
    )
    found = [condition("health/2")]
    after = turn(before, found, over(found), NOW)
    healed = {
        (subject.name, key)
        for subject, book in after
        for key, entry in book.open.items()
        if entry.healed
    }
    assert healed == {("shop", "incident/health/1")}
