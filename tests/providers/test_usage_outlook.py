"""What a plan is told of forecasts: fresh ones, old ones, none, and broken books."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.audit.outlooks import Book, Outlooks
from reconciler.audit.shelf import Files
from reconciler.kinds.hosting_account import ChangePlan
from reconciler.model import Account, Metadata, Unknown
from reconciler.model.usage import STALE, OutlookState
from reconciler.providers.usage_outlook import DRIVER
from tests.support.contract import NOW, MemoryCache
from tests.support.hosted import hosted

SHOP, CAFE = hosted("shop.example"), hosted("cafe.example")


class Other:
    """Something of another kind that is called as an account is."""

    kind, name = "Server", "shop.example"
    metadata = Metadata(name=name)

    @property
    def ref(self):
        return SHOP.ref._replace(kind=self.kind)


def driver(data, now=NOW):
    files = Files(frozenset(), lambda _: {"outlooks.json": data} if data else {})
    book = Book(lambda: files)
    return DRIVER(
        Account(
            "usage",
            None,
            None,
            {},
            lambda: now,
            lambda _: None,
            MemoryCache(),
            usage=book,
        )
    )


def books(*states):
    return Outlooks(None).written(dict(states), lambda _: True)


def seen(data, now=NOW, wants=(SHOP,)):
    return driver(data, now).observe(wants).states["shop.example"]


def test_a_forecast_is_told_as_it_was_kept():
    kept = OutlookState(at=NOW, source="whm-1", doubt="all alike")
    assert seen(books((SHOP.ref, kept)), NOW + STALE) == kept


def test_an_old_one_proves_nothing():
    found = seen(
        books((SHOP.ref, OutlookState(at=NOW))), NOW + STALE + timedelta(minutes=1)
    )
    assert isinstance(found, Unknown)
    assert (found.later, "nobody probes" in found.why) == (False, True)


@pytest.mark.parametrize("data", [None, books((CAFE.ref, OutlookState(at=NOW)))])
def test_what_nobody_foresaw_is_not_looked_at_yet(data):
    found = seen(data)
    assert (isinstance(found, Unknown), found.later) == (True, True)


def test_without_books_nobody_knows():
    bare = Account("usage", None, None, {}, lambda: NOW, lambda _: None, MemoryCache())
    (found,) = DRIVER(bare).observe([SHOP]).states.values()
    assert (isinstance(found, Unknown), found.later) == (True, True)


def test_broken_books_are_a_failed_read_of_each():
    found = driver(b"{}").observe([SHOP, CAFE]).states
    assert {one.why.split(":")[0] for one in found.values()} == {
        "outlooks.json is no file of forecasts"
    }
    assert not any(one.later for one in found.values())


def test_two_of_one_name_are_told_nothing():
    """What was seen goes by name: an account must not be scaled as its machine is."""
    kept = books((SHOP.ref, OutlookState(at=NOW)), (Other().ref, OutlookState(at=NOW)))
    found = seen(kept, wants=(SHOP, Other()))
    assert (isinstance(found, Unknown), "rename" in found.why) == (True, True)


def test_nothing_can_be_done_there():
    one = driver(None)
    assert (one.can, one.identity(), one.lists) == ({}, None, False)
    with pytest.raises(NotImplementedError):
        one.apply(SHOP, ChangePlan(share=SHOP.share, fields=(), because=""), "key")
