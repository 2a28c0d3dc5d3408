"""Published limits as buckets of tokens, against a plain model of them."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.inventory.suffixes import shipped
from reconciler.kinds.certificate.budget import Budgets, Ordered
from reconciler.model.limits import Limits

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
REGISTERED = shipped().registered


def names(*texts):
    return frozenset(texts)


def ordered(at, *texts, **fields):
    return Ordered(at, "le", names(*texts), **fields)


def budgets(before=(), **limits):
    made = {"le": Limits.model_validate(limits, by_name=False)}
    return Budgets(before, made, REGISTERED)


def ask(found, *texts, now=NOW, replaces=False):
    return found.ask("le", names(*texts), now, replaces=replaces)


def test_three_hundred_orders_in_three_hours():
    orders = [ordered(NOW, f"s{n}.example") for n in range(300)]
    assert ask(budgets(orders[:299]), "new.example") is None
    refused = ask(budgets(orders), "new.example")
    assert refused.until == NOW + timedelta(seconds=36)
    assert refused.why == "300/3h orders of one account"
    later = NOW + timedelta(seconds=36)
    assert ask(budgets(orders), "new.example", now=later) is None


def test_fifty_certificates_under_one_registered_domain():
    orders = [ordered(NOW, f"s{n}.shop.co.uk") for n in range(50)]
    found = budgets(orders)
    refused = ask(found, "new.shop.co.uk", "other.example")
    assert refused.until - NOW == timedelta(days=7) / 50
    assert refused.why == "50/7d certificates under shop.co.uk"
    assert ask(found, "new.other.co.uk") is None
    assert ask(budgets(orders[:49]), "new.shop.co.uk") is None


def test_five_certificates_for_the_same_names_whatever_their_order():
    orders = [ordered(NOW, "a.example", "b.example") for _ in range(5)]
    refused = ask(budgets(orders), "b.example", "a.example")
    assert refused.until - NOW == timedelta(days=7) / 5
    assert refused.why == "5/7d certificates for the same names"
    assert ask(budgets(orders), "a.example") is None


def test_five_failures_of_one_name_an_hour():
    fails = [
        ordered(NOW, "a.example", "b.example", issued=False, failed=names("a.example"))
        for _ in range(5)
    ]
    refused = ask(budgets(fails), "a.example", "c.example")
    assert refused.until == NOW + timedelta(minutes=12)
    assert refused.why == "5/1h failed validations of a.example"
    assert ask(budgets(fails), "b.example") is None


def test_a_renewal_of_the_same_names_is_counted_by_its_names_alone():
    first = [ordered(NOW - 60 * DAY, f"s{n}.one.example") for n in range(40)]
    again = [one._replace(at=NOW) for one in first]
    found = budgets([*first, *again], domain="20/7d", orders="30/3h")
    assert ask(found, "s1.one.example") is None
    assert ask(found, "new.example") is None  # the renewals took none of the orders


def test_what_names_the_one_that_it_replaces_is_counted_nowhere():
    orders = [ordered(NOW, "a.example", replaces=True) for _ in range(99)]
    assert ask(budgets(orders), "a.example") is None
    full = [ordered(NOW, "a.example") for _ in range(5)]
    assert ask(budgets(full), "a.example", replaces=True) is None
    assert ask(budgets(full), "a.example").until > NOW


def test_an_order_without_a_certificate_is_an_order_all_the_same():
    failed = [ordered(NOW, f"s{n}.x.example", issued=False) for n in range(3)]
    found = budgets(failed, orders="3/3h", domain="3/7d")
    assert ask(found, "n.x.example").until == NOW + HOUR
    assert ask(found, "n.x.example", now=NOW + HOUR) is None


def test_each_issuer_has_its_own_and_none_is_none():
    orders = [ordered(NOW, "a.example") for _ in range(9)]
    assert budgets(orders).ask("other", names("a.example"), NOW, replaces=False) is None
    free = budgets(orders, names="none")
    assert ask(free, "a.example") is None


def test_of_several_limits_the_one_that_lasts_longest_is_told():
    fails = [
        ordered(NOW, "a.example", issued=False, failed=names("a.example"))
        for _ in range(5)
    ]
    assert ask(budgets(fails, orders="5/5h"), "a.example").until == NOW + HOUR
    assert ask(budgets(fails, orders="5/1h"), "a.example").until - NOW == HOUR / 5
    soon = ask(budgets(fails, orders="60/1h"), "a.example")
    assert soon.why == "5/1h failed validations of a.example"


def test_a_copy_keeps_what_is_added_to_itself():
    found = budgets([ordered(NOW, "a.example") for _ in range(4)])
    copy = found.fork()
    copy.add(ordered(NOW, "a.example"))
    assert ask(copy, "a.example") is not None
    assert ask(found, "a.example") is None


def test_how_often_it_was_issued_in_the_week_before():
    found = budgets(ordered(NOW - n * DAY, "a.example") for n in (1, 3, 7, 8))
    assert found.lately(names("a.example"), NOW) == 3
    assert found.lately(names("a.example"), NOW - DAY) == 3
    assert found.lately(names("a.example"), NOW, 2 * DAY) == 1
    assert found.lately(names("b.example"), NOW) == 0


class Plain:
    """A bucket as one would explain it: tokens that drop in, one by one."""

    def __init__(self, count, per):
        self.count, self.drop, self.tokens, self.at = count, per / count, count, None

    def take(self, now):
        if self.at is not None:
            self.tokens = min(self.count, self.tokens + (now - self.at) / self.drop)
        self.at = now
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True


@pytest.mark.parametrize("seed", range(5))
def test_it_allows_exactly_what_a_plain_bucket_does(seed):
    chance, now = random.Random(seed), NOW  # noqa: S311  (no secret)
    plain, found = Plain(6, DAY), budgets(names="6/1d")
    allowed = 0
    for _ in range(400):
        now += timedelta(minutes=chance.choice([0, 7, 61, 239, 240, 900]))
        said = ask(found, "a.example", now=now)
        assert (said is None) is plain.take(now)
        if said is None:
            found.add(ordered(now, "a.example"))
            allowed += 1
        else:
            assert ask(found, "a.example", now=said.until) is None
            just = said.until - timedelta(microseconds=2)
            assert ask(found, "a.example", now=just) is not None
    assert 100 < allowed < 400


def test_a_hundred_thousand_orders_are_counted_in_a_moment():
    orders = [ordered(NOW, f"www.s{n}.example", f"s{n}.example") for n in range(30_000)]
    found = budgets(orders)
    started = time.process_time()
    assert ask(found, "new.example") is not None
    assert time.process_time() - started < 2.5  # 0.5 s here, for 30,000
