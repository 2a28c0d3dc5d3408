"""The file of forecasts: one line each, the younger wins, no other file is believed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from reconciler.audit.layout import kept
from reconciler.audit.outlooks import FORMAT, PATH, Book, Outlooks, outlooks, renew
from reconciler.audit.shelf import Files, Shelf
from reconciler.errors import AuditError
from reconciler.model.ref import Ref
from reconciler.model.usage import Outlook, OutlookState
from tests.unit.audit.readings import CAFE, SHOP, at
from tests.unit.audit.world import git

NOW = at("2026-11-28T10:00")


def state(when=NOW, **more):
    one = Outlook(
        metric="disk",
        limit=10.0,
        current=5.0,
        peak=6.123456789,
        probability=0.25,
        horizon=1209600,
    )
    return OutlookState(at=when, source="whm-1", outlooks=(one,), **more)


def everything(_ref):
    return True


def test_what_is_foreseen_is_one_line_of_json_for_each():
    data = Outlooks(None).written({SHOP: state(), CAFE: state()}, everything)
    assert json.loads(data)["format"] == FORMAT
    assert len(data.splitlines()) == 4 - 1
    again = Outlooks(data)
    assert list(again) == [CAFE, SHOP]
    assert again[SHOP].outlooks[0].peak == 6.1235
    assert again.written({}, everything) == data
    assert again.written({}, CAFE.__eq__).count(b"\n") == 2
    assert again.get(Ref("Server", "x")) is None


def test_how_often_it_is_looked_is_known_when_it_is_asked_and_not_kept():
    data = Outlooks(None).written({SHOP: state()}, everything)
    asked = []

    def pace():
        asked.append(1)
        return timedelta(hours=3)

    files = Files(frozenset({PATH}), lambda names: dict.fromkeys(names, data))
    book = Book(lambda: files, pace=pace)
    assert (asked, book.outlook(CAFE)) == ([], None)
    found = book.outlook(SHOP)
    assert found is not None
    assert (found.pace, book.outlook(SHOP)) == (timedelta(hours=3), found)
    assert len(asked) == 1
    assert b"pace" not in data
    unasked = Book(lambda: files).outlook(SHOP)
    assert unasked is not None
    assert unasked.pace == timedelta(days=1)


def test_hours_are_kept_and_a_book_from_before_there_were_any_is_read():
    (one,) = state().outlooks
    told = one.model_copy(update={"chances": (0.25,), "soon": (0.0, 0.1234567)})
    new = state().model_copy(update={"outlooks": (told,)})
    data = Outlooks(None).written({SHOP: new, CAFE: state()}, everything)
    assert data.count(b"soon") == 1
    kept = Outlooks(data)
    assert kept[SHOP].outlooks[0].soon == (0.0, 0.12346)
    assert kept[CAFE].outlooks[0].soon == ()


def test_chances_are_kept_and_a_book_from_before_there_were_any_is_read():
    (one,) = state().outlooks
    told = one.model_copy(update={"chances": (0.01, 0.256789)})
    new = state().model_copy(update={"outlooks": (told,)})
    data = Outlooks(None).written({SHOP: new, CAFE: state()}, everything)
    assert data.count(b"chances") == 1
    kept = Outlooks(data)
    assert kept[SHOP].outlooks[0].chances == (0.01, 0.25679)
    assert kept[CAFE].outlooks[0].chances == ()


def test_a_book_is_read_once_and_when_it_is_asked():
    asked = []

    def files():
        asked.append(1)
        data = Outlooks(None).written({SHOP: state()}, everything)
        return Kept(data)

    book = Book(files)
    assert asked == []
    assert (book.outlook(SHOP), book.outlook(CAFE), book.health(SHOP)) == (
        Outlooks(files().read([PATH])[PATH])[SHOP],
        None,
        None,
    )
    assert len(asked) == 2


class Kept:
    names = frozenset([PATH])

    def __init__(self, data):
        self._data = data

    def read(self, _names):
        return {PATH: self._data}


def test_the_younger_forecast_stays(remote, cloned):
    one, two = (Shelf(cloned(), kept("outlook", "main")) for _ in range(2))
    assert renew(one, {SHOP: state(NOW)}, NOW, everything)
    late = NOW - timedelta(hours=1)
    renew(two, {SHOP: state(late), CAFE: state(late)}, NOW, everything)
    found = outlooks(one.files())
    assert (found[SHOP].at, found[CAFE].at) == (NOW, late)
    assert renew(one, {}, NOW, SHOP.__eq__)
    assert list(outlooks(two.files())) == [SHOP]
    assert git(remote, "rev-list", "--count", "reconciler/outlook/main") == "1"
    assert (
        git(remote, "ls-tree", "-r", "--name-only", "reconciler/outlook/main") == PATH
    )


GOOD = Outlooks(None).written({SHOP: state()}, everything).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        GOOD[:-4],
        GOOD.replace("/v1", "/v2"),
        GOOD.replace('"HostingAccount/', '"'),
        GOOD.replace('":{', '"{'),
        "\udcff",
    ],
)
def test_another_file_is_an_error(text):
    with pytest.raises(AuditError) as stopped:
        Outlooks(text.encode("utf-8", "surrogateescape"))
    assert stopped.value.shown_code == "E661"


@pytest.mark.parametrize(
    "change", [('"limit"', '"limits"'), ('"at":"2026', '"at":"26'), ("10.0", '"x"')]
)
def test_a_forecast_that_cannot_be_read_is_an_error_when_it_is_asked_for(change):
    found = Outlooks(GOOD.replace(*change).encode())
    with pytest.raises(AuditError, match=r"HostingAccount/shop\.example"):
        found.get(SHOP)
