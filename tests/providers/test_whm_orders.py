"""Backups that a WHM server makes because it is asked to, each in its own folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.kinds.backup import Backup, CopyState
from reconciler.model import Absent, Account, Change, Unknown
from reconciler.providers import _whm_orders
from reconciler.providers.whm_backup import WhmBackup
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.testing import Case
from tests.support import panel_backups as panel
from tests.support.contract import NOW, SandboxContract, account

FILES = {"public_html/index.php": "<?php // WordPress", "mail/cur/1": "From: a"}
SHOP: dict[str, Any] = {
    "domain": "shop.example",
    "files": FILES,
    "databases": {"shop_wp": "CREATE TABLE a (b int);\n-- Dump completed\n"},
    "takes": 40.0,
}
PART: dict[str, Any] = {
    "hostname": "whm1.agency.example",
    "tokens": [{"user": "root", "token": "whm-sandbox-token", "rights": ["all"]}],
    "accounts": {"shop": SHOP, "other": {"domain": "other.example"}},
}
SECRETS = {
    "write": "root:whm-sandbox-token",
    "maintain": "root:whm-sandbox-token",
}
START = "start_background_pkgacct"
INDEX = {"expect": [{"path": "homedir/public_html/index.php", "contains": "WordPress"}]}


def world(mount: Path, **shop: Any) -> World:
    accounts = {**PART["accounts"], "shop": {**SHOP, **shop}}
    backup = {"daily": 3, "mount": str(mount)}
    return World({"whm": {**PART, "accounts": accounts, "backup": backup}})


def mounted(base: Path) -> Path:
    (base / "mount" / "reconciler").mkdir(parents=True)
    return base / "mount"


class TestWhmBackupOrders(SandboxContract):
    driver = WhmBackup
    vendor = "whm"
    part = PART
    secrets: ClassVar = SECRETS
    extra = "nothing that is kept is listed by name"
    listing = "backup_set_list_combined"
    operations: ClassVar = {"back-up": START}

    @pytest.fixture(autouse=True)
    def folder(self) -> Iterator[None]:
        with tempfile.TemporaryDirectory() as base:
            self.base = Path(base)
            yield

    def start(self) -> Account:
        shutil.rmtree(self.base / "mount", ignore_errors=True)
        mount = mounted(self.base)
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(world(mount, takes=0.0))
        return account(self.sandbox, "whm", SECRETS, settings={"path": str(mount)})

    def wants(self) -> list[Backup]:
        return [panel.backup("shop.example", panel.backing(), "whm")]

    def missing(self) -> Backup:
        return panel.backup("missing.example", panel.backing(), "whm")

    def wrong(self, account: Account) -> Account:
        return account._replace(secrets={**SECRETS, "write": "root:not-a-token"})

    def other(self, change: Change) -> Change:
        return change.model_copy(update={"details": {**change.details, "nonce": "x"}})

    def effects(self, name: str) -> int:
        found = self.sandbox.ledger.effects(self.vendor, name)
        return len([one for one in found if one.operation == "back-up"])

    def shows(self, driver: Any, case: Case) -> bool:
        """A backup is never shown as done by what is listed: here it may be."""
        seen = driver.observe([case.want]).states[case.want.name]
        return isinstance(seen, CopyState) and bool(seen.ours)

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert isinstance(seen.states["missing.example"], Absent)
        assert isinstance(seen.states["shop.example"], CopyState)
        assert not seen.unmanaged

    def test_declares_every_verb_it_is_asked_for_and_offers_what_it_declares(
        self,
    ) -> None:
        """Drills and prunes want a receipt first: they have tests of their own."""
        account = self.start()
        cases = self.cases(self.made(account), account)
        verbs = {case.change.verb for case in cases}
        assert verbs == {*self.driver.can} - {"drill", "prune"}

    def test_after_applying_there_is_nothing_left_to_do(self) -> None:
        for case, driver, _ in self.each():
            receipt = driver.apply(case.want, case.change, "key-1")
            assert receipt.reference
            assert self.effects(case.want.name) == 1
            assert self.shows(driver, case)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


class House:
    """One server, whose backup folder is mounted here."""

    def __init__(self, running: Sandbox, base: Path, **shop: Any) -> None:
        self.running, self.base = running, base
        self.mount = mounted(base)
        running.clock.set(NOW, frozen=True)
        running.reset(world(self.mount, **shop))
        settings = {"url": running.endpoint("whm"), "path": str(self.mount)}
        self.account = account(running, "whm", SECRETS, settings=settings)
        self.driver = WhmBackup(self.account)

    @property
    def orders(self) -> list[Path]:
        return sorted((self.mount / "reconciler").glob("*/*"))

    def want(self, **source: Any) -> Backup:
        policy = panel.backing(self.base / "scratch", source=source)
        return panel.backup("shop.example", policy, "whm", "shop")

    def seen(self, want: Backup) -> CopyState:
        state = self.driver.observe([want]).states[want.name]
        assert isinstance(state, CopyState)
        return state

    def started(self) -> int:
        found = self.running.ledger.effects("whm", "shop.example")
        return len([one for one in found if one.operation == "back-up"])

    def lose(self, kind: str, operation: str = START, **more: Any) -> None:
        fault = Fault(vendor="whm", operation=operation, kind=kind, **more)
        self.running.inject(fault)


@pytest.fixture
def house(running: Sandbox, tmp_path: Path) -> Iterator[House]:
    made = House(running, tmp_path)
    with closing(made.driver):
        yield made


def slow(running: Sandbox, tmp_path: Path, seconds: float) -> House:
    return House(running, tmp_path, takes=seconds)


def test_it_is_made_read_restored_and_looked_at(house):
    want = house.want(**INDEX, minFiles=5)
    receipt = house.driver.apply(want, panel.making(house.account), "k")
    row = receipt.details["sources"]["account"]
    assert row["files"] == 5
    assert len(row["manifest"]) == 64
    assert receipt.details["at"] == NOW.isoformat()  # when it was asked for
    (one,) = house.seen(want).snapshots
    assert (one.id, one.at) == (row["snapshot"], NOW)
    assert house.seen(want).ours == (one.id,)
    (folder,) = house.orders
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(p.name for p in folder.iterdir()) == [
        "cpmove-shop.tar.gz", "order.json",
    ]  # fmt: skip
    drill = panel.drilling(house.account, house.seen(want), row)
    done = house.driver.apply(want, drill, "d").details
    assert (done["verdict"], done["why"]) == ("passed", "")
    assert "account/manifest" in {each["check"] for each in done["checks"]}
    assert [*(house.base / "scratch").iterdir()] == []


def test_it_counts_against_no_quota_and_is_not_in_the_home(house):
    house.driver.apply(house.want(), panel.making(house.account), "k")
    (effect,) = [
        one for one in house.running.ledger.effects("whm", "shop.example")
        if one.operation == "back-up"
    ]  # fmt: skip
    where = effect.details["tarroot"]
    assert where == f"/backup/reconciler/shop/{house.orders[0].name}"


@pytest.mark.parametrize("kind", ["lost-after", "status-after"])
def test_a_lost_answer_never_has_it_made_twice(house, kind):
    more = {"status": 502} if kind == "status-after" else {}
    house.lose(kind, **more)
    want, order = house.want(), panel.making(house.account)
    with pytest.raises(Ambiguous):
        house.driver.apply(want, order, "k")
    assert house.started() == 1
    with pytest.raises(Ambiguous):  # nobody polls what nobody knows the name of
        house.driver.apply(want, order, "k")
    assert house.seen(want).snapshots == ()
    house.running.clock.advance(timedelta(hours=2))
    # The server goes on by itself: whatever is asked of it shows that.
    _poke(house)
    first = house.driver.apply(want, order, "k")
    assert house.driver.apply(want, order, "k").reference == first.reference
    assert house.started() == 1


def _poke(house: House) -> None:
    from reconciler.sandbox import whm_pkgacct

    bench = house.running.bench("whm")
    with bench.lock:
        whm_pkgacct.ended(bench.state, bench.clock())


def test_one_that_never_left_is_sent_again_after_a_quarter_of_an_hour(house):
    house.lose("lost-before")
    want, order = house.want(), panel.making(house.account)
    with pytest.raises(Ambiguous):
        house.driver.apply(want, order, "k")
    assert house.started() == 0
    began = house.account.clock()
    assert house.driver.apply(want, order, "k").reference
    assert house.started() == 1
    assert house.account.clock() - began >= timedelta(minutes=15)


def test_one_that_takes_long_is_gone_on_with_by_the_next_run(running, tmp_path):
    house = slow(running, tmp_path, 3600.0)
    want, order = house.want(), panel.making(house.account)
    with closing(house.driver):
        with pytest.raises(Ambiguous, match="the server is still making it"):
            house.driver.apply(want, order, "k")
        assert house.seen(want).snapshots == ()
        # Another order of the same account waits, and is not sent.
        later = panel.making(house.account, "2026-11-22T09:20:00+00:00")
        with pytest.raises(Transient, match="is being made already"):
            house.driver.apply(want, later, "other")
        assert house.started() == 1
        house.account.sleep(1200)
    fresh = WhmBackup(house.account)  # another run: what it knows is on the disk
    with closing(fresh):
        assert fresh.apply(want, order, "k").details["sources"]
    assert house.started() == 1


def test_what_fails_leaves_nothing_and_is_made_anew(running, tmp_path):
    house = House(running, tmp_path, spoils=True)
    want, order = house.want(), panel.making(house.account)
    with closing(house.driver):
        with pytest.raises(Rejected, match="task ended: FAILED"):
            house.driver.apply(want, order, "k")
        assert house.orders == []
        running.edit("whm", "account", {"user": "shop", "spoils": False})
        assert house.driver.apply(want, order, "k2").reference
    assert house.started() == 2


def test_what_is_less_than_it_has_to_be_is_no_backup_and_made_over(house):
    want, order = house.want(minFiles=6), panel.making(house.account)
    with pytest.raises(Rejected, match="5 files, minFiles is 6"):
        house.driver.apply(want, order, "k")
    assert house.seen(want).snapshots == ()
    files = {**FILES, "public_html/a": "b"}
    house.running.edit("whm", "account", {"user": "shop", "files": files})
    row = house.driver.apply(want, order, "k2").details["sources"]["account"]
    assert row["files"] == 6
    assert len(house.orders) == 1


def _elsewhere(house: House) -> None:
    bench = house.running.bench("whm")
    with bench.lock:
        there = house.base / "elsewhere"
        (there / "reconciler").mkdir(parents=True)
        bench.state["backups"]["mount"] = str(there)


def test_a_folder_that_is_not_the_servers_own_is_found_out(house, monkeypatch):
    """The server packs into its own folder, and here nothing ever arrives."""
    _elsewhere(house)
    bench = house.running.bench("whm")
    real = _whm_orders.Orders._ask

    def ask(self: Any, order: Any) -> Any:
        with bench.lock:
            there = Path(bench.state["backups"]["mount"], "reconciler", "shop")
        (there / order.folder.name).mkdir(parents=True)
        return real(self, order)

    monkeypatch.setattr(_whm_orders.Orders, "_ask", ask)
    with pytest.raises(Rejected, match="it is not in") as caught:
        house.driver.apply(house.want(), panel.making(house.account), "k")
    assert "path has to be where" in str(caught.value)
    assert house.orders == []


def test_without_its_folder_nothing_is_made_and_nobody_knows(house):
    shutil.rmtree(house.mount / "reconciler")
    state = house.driver.observe([house.want()]).states["shop.example"]
    assert isinstance(state, Unknown)
    assert "is it mounted? once, on the server: mkdir" in state.why
    with pytest.raises(Transient, match="is it mounted") as caught:
        house.driver.apply(house.want(), panel.making(house.account), "k")
    assert "mkdir -m 700 /backup/reconciler" in str(caught.value)
    assert house.started() == 0
    # Of what the panel's own schedule makes that says nothing.
    policy = panel.backing(schedule={"cron": "0 2 * * *", "by": "panel"})
    theirs = panel.backup("shop.example", policy, "whm", "shop")
    assert house.seen(theirs).snapshots == ()


def test_no_room_is_said_before_anything_is_asked(house, monkeypatch):
    monkeypatch.setattr(house.driver._orders, "_left", lambda _: 2**30)
    with pytest.raises(Rejected, match="twice the account, and 1 GiB"):
        house.driver.apply(house.want(), panel.making(house.account), "k")
    assert house.started() == 0
    assert house.orders == []


def test_an_answer_that_cannot_be_written_down_is_no_failure(house, monkeypatch):
    """It has begun: whoever says otherwise would begin it again."""
    real, calls = _whm_orders.write, []

    def write(order: Any) -> Any:
        calls.append(order.session)
        if order.session:
            raise Transient("the disk is full")
        return real(order)

    monkeypatch.setattr(_whm_orders, "write", write)
    with pytest.raises(Ambiguous, match="was asked for; and now: the disk is full"):
        house.driver.apply(house.want(), panel.making(house.account), "k")
    assert house.started() == 1


def test_what_cannot_be_unpacked_here_is_made_once(house, monkeypatch):
    want, order = house.want(), panel.making(house.account)
    (house.base / "scratch").write_text("in the way")
    with pytest.raises(Ambiguous, match="is made; and now: "):
        house.driver.apply(want, order, "k")
    (house.base / "scratch").unlink()
    assert house.driver.apply(want, order, "k").reference
    assert house.started() == 1


def made(house: House, want: Backup, days: int) -> list[str]:
    for _ in range(days):
        house.driver.apply(
            want, panel.making(house.account), str(house.account.clock())
        )
        house.account.sleep(86_400)
    return list(house.seen(want).ours)


def test_only_what_was_made_from_here_is_taken_away(house):
    want = house.want()
    ids = made(house, want, 3)
    listed = {one.id for one in house.seen(want).snapshots}
    scheduled = sorted(listed - set(ids))
    assert len(scheduled) == 3
    done = house.driver.apply(want, panel.pruning(ids[:1], ids[1:]), "p")
    assert done.details == {"pruned": ids[:1], "left": 2}
    assert {one.id for one in house.seen(want).snapshots} == listed - {ids[0]}
    # Again is as good as once; and what is left tells that it happened.
    assert (
        house.driver.apply(want, panel.pruning(ids[:1], ids[1:]), "p").details["left"]
        == 2
    )
    early = house.account.clock()
    change = panel.pruning(ids[:1], ids[1:])
    assert house.driver.happened(want, change, "p", early) is None
    house.account.sleep(3600)
    assert house.driver.happened(want, change, "p", early) is True
    assert house.driver.happened(want, panel.pruning(ids, []), "p", early) is False


@pytest.mark.parametrize("wrong", ["scheduled", "gone", "none", "both", "path"])
def test_a_prune_that_is_not_as_it_was_decided_deletes_nothing(house, wrong):
    want = house.want()
    ids = made(house, want, 2)
    scheduled = next(o.id for o in house.seen(want).snapshots if o.id not in ids)
    change = {
        "scheduled": panel.pruning([scheduled], ids),
        "gone": panel.pruning(ids[:1], ["shop.20200101T000000Z-00000000"]),
        "none": panel.pruning([], ids),
        "both": panel.pruning(ids[:1], ids),
        "path": panel.pruning(["../../x.20200101T000000Z-00000000"], ids),
    }[wrong]
    before = house.seen(want).snapshots
    with pytest.raises(ProviderError):
        house.driver.apply(want, change, "p")
    assert house.seen(want).snapshots == before


def test_without_somebody_who_may_delete_nothing_ever_is(house):
    want = house.want()
    ids = made(house, want, 2)
    bare = house.account._replace(secrets={"write": SECRETS["write"]})
    with closing(WhmBackup(bare)) as driver:
        state = driver.observe([want]).states["shop.example"]
        assert isinstance(state, CopyState)
        assert state.ours == ()  # so that nobody plans it
        assert len(state.snapshots) == 4
        with pytest.raises(Rejected, match=r"no credentials\.maintain"):
            driver.apply(want, panel.pruning(ids[:1], ids[1:]), "p")
    assert list(house.seen(want).ours) == ids


def test_two_backups_of_one_account_have_folders_of_their_own(house):
    first, order = house.want(), panel.making(house.account)
    other = panel.backup("more", panel.backing(house.base / "s"), "whm", "shop")
    places = {"places": first.makings.places}
    makings = other.makings.model_copy(update=places)
    second = other.joined(lambda: makings)
    house.driver.apply(first, order, "a")
    house.driver.apply(second, order, "b")
    assert len(house.orders) == 2
    assert len(house.seen(first).ours) == len(house.seen(second).ours) == 1


def test_what_somebody_put_there_is_not_written_over(house):
    order = panel.making(house.account)
    house.lose("lost-before")
    with pytest.raises(Ambiguous):
        house.driver.apply(house.want(), order, "k")
    (folder,) = house.orders
    (folder / "order.json").write_text("{")
    with pytest.raises(Rejected, match="not asked for from here"):
        house.driver.apply(house.want(), order, "k")
    assert (folder / "order.json").read_text() == "{"
    assert house.started() == 0


def test_an_archive_is_not_followed_out_of_its_folder(house):
    want, order = house.want(), panel.making(house.account)
    house.driver.apply(want, order, "k")
    (folder,) = house.orders
    (folder / "cpmove-shop.tar.gz").rename(house.base / "away.tar.gz")
    (folder / "cpmove-shop.tar.gz").symlink_to(house.base / "away.tar.gz")
    assert house.seen(want).ours == ()
    with pytest.raises(Rejected, match="is gone"):
        house.driver.apply(want, order, "k")


def test_a_server_that_is_down_hides_nothing_from_whoever_restores(house):
    want = house.want()
    (made_,) = made(house, want, 1)
    listed = {one.id for one in house.seen(want).snapshots}
    assert len(listed) == 2
    house.lose("status", "backup_set_list_combined", status=503, times=0)
    state = house.driver.observe([want]).states["shop.example"]
    assert isinstance(state, Unknown)  # for a plan nobody knows
    back = house.driver.restorer(want)
    assert {one.id for one in back.snapshots("drill")} == listed
    assert len(back.listing("account", made_, "drill")) == 5
    elsewhere = house.account._replace(settings={"url": "x"})
    with closing(WhmBackup(elsewhere)) as driver, pytest.raises(Transient):
        driver.restorer(want).snapshots("drill")


def test_one_strange_name_blinds_nobody(house):
    policy = panel.backing(house.base / "scratch")
    strange = panel.backup("a.example", policy, "whm", "../../etc")
    found = house.driver.observe([strange, house.want()]).states
    assert isinstance(found["a.example"], Unknown)
    assert "no name of a user" in found["a.example"].why
    assert isinstance(found["shop.example"], CopyState)


def test_what_was_made_of_an_account_that_is_gone_stays(house):
    want = house.want()
    (made_,) = made(house, want, 1)
    with house.running.bench("whm").lock:
        state = house.running.bench("whm").state
        del state["accounts"]["shop"]
        state["backups"]["dates"].clear()
    assert [one.id for one in house.seen(want).snapshots] == [made_]


def test_nothing_of_it_is_secret(house):
    house.driver.apply(house.want(), panel.making(house.account), "key-of-the-order")
    (folder,) = house.orders
    told = (folder / "order.json").read_text()
    assert "whm-sandbox-token" not in told
    assert "key-of-the-order" not in told
    assert json.loads(told)["whole"] is True
