"""What becomes of orders of a WHM server that were refused, lost or given up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.backup import Backup
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.providers.test_whm_orders import FILES, PART, House
from tests.support import panel_backups as panel
from tests.support.contract import NOW

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def house(running: Sandbox, tmp_path: Path) -> Iterator[House]:
    made = House(running, tmp_path)
    with closing(made.driver):
        yield made


def unread(house: House, want: Backup, key: str = "k") -> Path:
    """Have one made that cannot be unpacked here yet; return its folder."""
    before = {*house.orders}
    (house.base / "scratch").write_text("in the way")
    with pytest.raises(Ambiguous, match="is made; and now: "):
        house.driver.apply(want, panel.making(house.account), key)
    (house.base / "scratch").unlink()
    (folder,) = {*house.orders} - before
    return folder


def cut(folder: Path) -> None:
    archive = folder / "cpmove-shop.tar.gz"
    os.truncate(archive, archive.stat().st_size // 2)


def test_a_broken_archive_among_the_customers_files_is_no_refusal(running, tmp_path):
    name = "public_html/uploads/half.tar.gz"
    house = House(running, tmp_path, files={**FILES, name: "cut sho"})
    want = house.want(minFiles=6)
    with closing(house.driver):
        receipt = house.driver.apply(want, panel.making(house.account), "k")
        row = receipt.details["sources"]["account"]
        assert row["files"] == 6
        drill = panel.drilling(house.account, house.seen(want), row)
        assert house.driver.apply(want, drill, "d").details["verdict"] == "passed"


def test_what_is_too_little_is_forgotten_each_time(house):
    want = house.want(minFiles=9)
    for key in ("a", "b", "c"):
        with pytest.raises(Rejected, match="minFiles is 9"):
            house.driver.apply(want, panel.making(house.account), key)
        assert house.orders == []
        house.account.sleep(DAY.total_seconds())
    assert house.started() == 3


def test_what_is_damaged_is_forgotten_and_made_anew(house):
    want, order = house.want(), panel.making(house.account)
    cut(unread(house, want))
    with pytest.raises(Rejected, match="no whole archive"):
        house.driver.apply(want, order, "k")
    assert house.orders == []
    assert house.driver.apply(want, order, "k2").reference
    assert house.started() == 2


def test_what_could_not_be_taken_away_is_refused_and_known_as_ours(house, monkeypatch):
    want, order = house.want(), panel.making(house.account)
    cut(unread(house, want))

    real = shutil.rmtree

    def rmtree(path: Path, **more: Any) -> None:
        if Path(path).is_relative_to(house.mount):
            raise PermissionError(13, "Permission denied")
        real(path, **more)

    with monkeypatch.context() as held:
        held.setattr(shutil, "rmtree", rmtree)
        with pytest.raises(Rejected, match="no whole archive"):
            house.driver.apply(want, order, "k")
    (folder,) = house.orders
    assert [one.name for one in folder.iterdir()] == ["order.json"]
    house.account.sleep(2 * DAY.total_seconds())
    assert house.driver.apply(want, panel.making(house.account), "k2").reference
    assert folder not in house.orders


def test_what_had_a_receipt_is_never_forgotten(house):
    want, order = house.want(), panel.making(house.account)
    house.driver.apply(want, order, "k")
    (folder,) = house.orders
    cut(folder)
    for _ in range(2):
        with pytest.raises(Rejected, match="no whole archive"):
            house.driver.apply(want, order, "k")
        house.account.sleep(2 * DAY.total_seconds())
    house.driver.apply(want, panel.making(house.account), "later")
    assert folder in house.orders
    assert (folder / "cpmove-shop.tar.gz").exists()


def test_what_was_given_up_is_cleared_by_the_next_order_and_not_before(house):
    want = house.want()
    folder = unread(house, want)
    for key, waited in (("b", DAY - timedelta(hours=1)), ("c", timedelta(hours=2))):
        assert folder in house.orders
        house.account.sleep(waited.total_seconds())
        house.driver.apply(want, panel.making(house.account), key)
    assert folder not in house.orders
    assert len(house.orders) == len(house.seen(want).ours) == 2


def test_what_another_backup_gave_up_is_left_to_that(house):
    want = house.want()
    other = panel.backup("more", panel.backing(house.base / "s"), "whm", "shop")
    makings = other.makings.model_copy(update={"places": want.makings.places})
    folder = unread(house, want)
    house.account.sleep(2 * DAY.total_seconds())
    theirs = other.joined(lambda: makings)
    house.driver.apply(theirs, panel.making(house.account), "o")
    assert folder in house.orders


def test_what_the_server_is_at_still_is_not_cleared(running, tmp_path):
    house = House(running, tmp_path, takes=3 * DAY.total_seconds())
    want = house.want()
    with closing(house.driver):
        for key in ("a", "b"):
            with pytest.raises(Ambiguous, match="still making it"):
                house.driver.apply(want, panel.making(house.account), key)
            house.account.sleep(1.5 * DAY.total_seconds())
        assert len(house.orders) == 2


def test_a_refusal_of_the_first_asking_leaves_nothing(house):
    house.lose("status", status=403)
    with pytest.raises(Rejected):
        house.driver.apply(house.want(), panel.making(house.account), "k")
    assert house.orders == []
    assert house.started() == 0


def test_a_refusal_of_the_second_asking_says_nothing_of_the_first(house):
    """The server may be at the first, which shows late: its folder has to stay."""
    want, order = house.want(), panel.making(house.account)
    house.lose("lost-before")
    with pytest.raises(Ambiguous):
        house.driver.apply(want, order, "k")
    house.running.clock.advance(timedelta(minutes=20))
    house.lose("status", status=403)
    with pytest.raises(Ambiguous, match="refused when it was asked for again"):
        house.driver.apply(want, order, "k")
    (folder,) = house.orders
    assert (folder / "order.json").exists()
    assert house.driver.apply(want, order, "k").reference  # and in a while once more
    assert house.orders == [folder]


@pytest.mark.parametrize("whole", [False, True])
def test_one_that_was_killed_while_it_was_written_down_is_gone_on_with(house, whole):
    want, order = house.want(), panel.making(house.account)
    house.lose("lost-before")
    with pytest.raises(Ambiguous):
        house.driver.apply(want, order, "k")
    (folder,) = house.orders
    (folder / ".order.json").write_text('{"key')
    if not whole:
        (folder / "order.json").unlink()
    assert house.driver.apply(want, order, "k").reference
    assert house.started() == 1
    assert {one.name for one in folder.iterdir()} == {
        "order.json", "cpmove-shop.tar.gz",
    }  # fmt: skip


def test_what_lies_beside_half_an_order_is_not_taken_away(house):
    want, order = house.want(), panel.making(house.account)
    house.lose("lost-before")
    with pytest.raises(Ambiguous):
        house.driver.apply(want, order, "k")
    (folder,) = house.orders
    (folder / "order.json").rename(folder / ".order.json")
    (folder / "theirs").write_text("x")
    with pytest.raises(Rejected, match="not asked for from here"):
        house.driver.apply(want, order, "k")
    assert (folder / "theirs").exists()
